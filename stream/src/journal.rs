//! What profiles learned in a batch that did not write them, as bytes.
//!
//! Learning is a pure function of profile and steps, so that a profile as it was written and the
//! steps since then give the profile as it was in memory, to the bit. What was judged and found in
//! those steps is on disk already and is not looked at again.

use aim_domain::action::{ActionClass, ObservedAction, Outcome};
use aim_domain::id::{AgentId, EventId, OrganizationId};
use aim_domain::location::Location;
use aim_domain::mcp::McpStanding;
use aim_domain::name::{ActionName, Resource};
use aim_domain::risk::RiskLevel;
use aim_domain::trust::Feedback;
use aim_ml_models::BehaviourProfile;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::batch::{Lesson, Step};

/// Version of the encoding; another one is passed over.
const VERSION: u8 = 4;

/// A step as noted.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note<'a> {
    pub(crate) agent: AgentId,
    pub(crate) organization: OrganizationId,
    /// Which of its agent's steps it is, counted from 1.
    pub(crate) number: i64,
    #[serde(borrow)]
    lesson: Noted<'a>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Noted<'a> {
    #[serde(borrow)]
    Action(Action<'a>),
    Result(i64, Outcome),
    Rating(Feedback),
}

/// Everything of an action that a profile may learn from.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Action<'a> {
    micros: i64,
    action: &'a str,
    resource: Option<&'a str>,
    session: Option<&'a str>,
    task: Option<&'a str>,
    outcome: Outcome,
    declared_risk: Option<RiskLevel>,
    granted: Option<bool>,
    location: Option<Location>,
    class: ActionClass,
    bytes: Option<u64>,
    is_open_world: bool,
    server: Option<McpStanding>,
}

impl<'a> Action<'a> {
    fn of(action: &'a ObservedAction) -> Self {
        // Each by name: whoever adds one decides here whether profiles learn from it.
        let ObservedAction {
            event: _,
            organization: _,
            agent: _,
            time,
            action,
            resource,
            session,
            task,
            outcome,
            declared_risk,
            granted,
            location,
            class,
            bytes,
            is_open_world,
            server,
            trace: _,
        } = action;
        Self {
            micros: time.timestamp_micros(),
            action: action.as_str(),
            resource: resource.as_ref().map(Resource::as_str),
            session: session.as_deref(),
            task: task.as_deref(),
            outcome: *outcome,
            declared_risk: *declared_risk,
            granted: *granted,
            location: *location,
            class: *class,
            bytes: *bytes,
            is_open_world: *is_open_world,
            server: *server,
        }
    }

    fn observed(&self, note: &Note<'_>) -> Option<ObservedAction> {
        Some(ObservedAction {
            event: EventId::from_uuid(uuid::Uuid::nil()),
            organization: note.organization,
            agent: note.agent,
            time: time(self.micros)?,
            action: ActionName::parse(self.action).ok()?,
            resource: self.resource.and_then(|text| Resource::parse(text).ok()),
            session: self.session.map(str::to_owned),
            task: self.task.map(str::to_owned),
            outcome: self.outcome,
            declared_risk: self.declared_risk,
            granted: self.granted,
            location: self.location,
            class: self.class,
            bytes: self.bytes,
            is_open_world: self.is_open_world,
            server: self.server,
            trace: None,
        })
    }
}

fn time(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

impl Note<'_> {
    /// Has the profile learn it again; `None` when it cannot have been written by us.
    pub(crate) fn teach(&self, profile: &mut BehaviourProfile) -> Option<()> {
        match &self.lesson {
            Noted::Action(action) => {
                profile.observe(&action.observed(self)?);
            }
            Noted::Result(micros, outcome) => profile.observe_result(*outcome, time(*micros)?),
            Noted::Rating(feedback) => profile.heed(*feedback),
        }
        Some(())
    }
}

/// Adds a step to a row; an empty row begins with the version. `None` when it has no encoding,
/// which no step leads to.
pub(crate) fn note(row: &mut Vec<u8>, step: &Step) -> Option<()> {
    if row.is_empty() {
        row.push(VERSION);
    }
    let lesson = match &step.lesson {
        Lesson::Action { action, .. } => Noted::Action(Action::of(action)),
        Lesson::Result { outcome, time } => Noted::Result(time.timestamp_micros(), *outcome),
        Lesson::Rating(feedback) => Noted::Rating(*feedback),
        // Its score is kept, so that its profile is written.
        Lesson::Recalculation => return Some(()),
    };
    let note = Note {
        agent: step.agent,
        organization: step.organization,
        number: step.number,
        lesson,
    };
    *row = postcard::to_extend(&note, std::mem::take(row)).ok()?;
    Some(())
}

/// The steps of a row, in order; `None` when it is damaged. A row that a process of another version
/// left when it died has none: like a profile of another version it must not stop the stream, and what
/// is lost is what some agents did last.
pub(crate) fn read(row: &[u8]) -> Option<Vec<Note<'_>>> {
    let (version, mut rest) = row.split_first()?;
    if *version != VERSION {
        tracing::warn!(version, "a journal of another version is passed over");
        return Some(Vec::new());
    }
    let mut notes = Vec::new();
    while !rest.is_empty() {
        let (note, after) = postcard::take_from_bytes(rest).ok()?;
        notes.push(note);
        rest = after;
    }
    Some(notes)
}

#[cfg(test)]
mod tests {
    use aim_domain::action::classify;
    use aim_domain::trace::TraceContext;
    use aim_eventlog::{Partition, Topic};

    use super::*;

    #[test]
    fn a_trace_is_not_learned_from() {
        let noted = |trace: Option<TraceContext>| {
            let nobody = uuid::Uuid::nil();
            let action = ObservedAction {
                event: EventId::from_uuid(nobody),
                organization: OrganizationId::from_uuid(nobody),
                agent: AgentId::from_uuid(nobody),
                time: DateTime::UNIX_EPOCH,
                action: ActionName::parse("files:read").unwrap(),
                resource: None,
                session: None,
                task: None,
                outcome: Outcome::Ok,
                declared_risk: None,
                granted: None,
                location: None,
                class: classify("files:read"),
                bytes: None,
                is_open_world: false,
                server: None,
                trace,
            };
            let (topic, number) = (Topic::Actions, 0);
            let step = Step {
                agent: action.agent,
                organization: action.organization,
                partition: Partition { topic, number },
                number: 1,
                trace,
                lesson: Lesson::Action {
                    action: Box::new(action),
                    delivery: None,
                },
                said: Vec::new(),
                violation: None,
            };
            let mut row = Vec::new();
            note(&mut row, &step).unwrap();
            row
        };
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = TraceContext::parse(text);
        assert!(trace.is_some());
        assert_eq!(noted(trace), noted(None));
    }

    #[test]
    fn another_version_is_passed_over_and_damage_is_not() {
        assert_eq!(read(&[VERSION]), Some(Vec::new()));
        assert_eq!(read(&[VERSION - 1, 1, 2, 3]), Some(Vec::new()));
        assert_eq!(read(&[VERSION + 1]), Some(Vec::new()));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[VERSION, 1, 2, 3]), None);
    }
}
