//! What fleets and our own servers send, from short descriptions.

use std::sync::Arc;

use aim_domain::action::Outcome;
use aim_domain::event::{
    ACTION_PERFORMED, ActionResultReported, Fact, NewEvent, VerificationRecorded,
};
use aim_domain::id::{EventId, VerificationId};
use aim_domain::name::ActionName;
use aim_domain::risk::RiskLevel;
use aim_domain::verification::Decision;
use aim_eventlog::{EventSink, MemoryLog, Record, Topic, record_of};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::clock::beginning;
use crate::faults::Origins;
use crate::site::{Member, Site};

/// Members that send events; the others ask us.
pub(crate) const SENDERS: usize = 4;

/// One thing to send.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    /// An action, so many seconds after (or, within bounds, before) the agent's newest.
    Action {
        agent: usize,
        seconds: i64,
        action: &'static str,
        ok: bool,
    },
    /// An action that happened too long before the agent's newest.
    Late { agent: usize },
    /// A signed action once more, counted from the newest.
    Again { back: usize },
    /// Something that nobody can apply.
    Bad { agent: usize, kind: usize },
    /// We answered an agent.
    Answered { agent: usize, denied: bool },
    /// An agent reported a result to us.
    Reported { agent: usize, ok: bool },
    /// The relay sends its newest records once more.
    RelayedAgain { count: usize },
}

/// Records in order, and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Post {
    pub(crate) records: Vec<Record>,
    /// Identities of the actions that can be applied.
    pub(crate) timely: Vec<EventId>,
    /// How many of the records were sent before.
    pub(crate) repeated: u64,
    /// How many of the records cannot be applied.
    pub(crate) bad: u64,
    pub(crate) origins: Arc<Origins>,
}

struct Writer<'a> {
    site: &'a Site,
    /// Whether what was sent before is sent again.
    repeats: bool,
    newest: Vec<DateTime<Utc>>,
    has_acted: Vec<bool>,
    /// Actions that may be sent again, and whether each came too late.
    actions: Vec<(Record, bool)>,
    relayed: Vec<Record>,
    origins: Origins,
    post: Post,
}

/// Writes what `all` describes; without `repeats` nothing is sent twice.
pub(crate) fn write(site: &Site, all: &[Sent], repeats: bool) -> Post {
    let mut writer = Writer {
        site,
        repeats,
        newest: vec![beginning(); site.members.len()],
        has_acted: vec![false; site.members.len()],
        actions: Vec::new(),
        relayed: Vec::new(),
        origins: Origins::new(),
        post: Post::default(),
    };
    for (number, sent) in all.iter().enumerate() {
        writer.write(number, sent);
    }
    writer.post.origins = Arc::new(writer.origins);
    writer.post
}

impl Post {
    /// Appends everything to a new log.
    pub(crate) async fn to_log(&self, site: &Site) -> anyhow::Result<MemoryLog> {
        let log = site.log();
        log.append(self.records.clone()).await?;
        Ok(log)
    }
}

impl Writer<'_> {
    fn write(&mut self, number: usize, sent: &Sent) {
        match *sent {
            Sent::Action {
                agent,
                seconds,
                action,
                ok,
            } => {
                let time = self.newest[agent] + TimeDelta::seconds(seconds);
                let outcome = if ok { "ok" } else { "error" };
                self.act(number, agent, time, action, outcome, false);
            }
            Sent::Late { agent } => {
                // Nothing is too late for an agent that has not acted yet.
                let is_late = self.has_acted[agent];
                let time = self.newest[agent] - TimeDelta::seconds(3_601);
                self.act(number, agent, time, "files:read", "ok", is_late);
            }
            Sent::Again { back } if self.repeats => {
                let at = self.actions.len().checked_sub(1 + back);
                if let Some((record, is_late)) = at.map(|at| self.actions[at].clone()) {
                    self.post.bad += u64::from(is_late);
                    self.post.repeated += u64::from(!is_late);
                    self.post.records.push(record);
                }
            }
            Sent::Bad { agent, kind } => {
                let member = &self.site.members[agent];
                let record = bad(member, number, kind);
                self.post.bad += 1;
                self.post.records.push(record);
            }
            Sent::Answered { agent, denied } => self.tell(number, agent, |member| {
                answered(member, number, denied).into()
            }),
            Sent::Reported { agent, ok } => {
                self.tell(number, agent, |member| reported(member, number, ok).into());
            }
            Sent::RelayedAgain { count } if self.repeats => {
                let from = self.relayed.len().saturating_sub(count);
                let again = self.relayed[from..].to_vec();
                self.post.repeated += again.len() as u64;
                self.post.records.extend(again);
            }
            Sent::Again { .. } | Sent::RelayedAgain { .. } => {}
        }
    }

    fn act(
        &mut self,
        number: usize,
        agent: usize,
        time: DateTime<Utc>,
        action: &str,
        outcome: &str,
        is_late: bool,
    ) {
        if !is_late {
            let newest = self.newest[agent].max(time);
            self.newest[agent] = if self.has_acted[agent] { newest } else { time };
            self.has_acted[agent] = true;
        }
        let member = &self.site.members[agent];
        let payload = action_event(member, number, time, action, outcome);
        let record = fleet_record(member, payload.clone(), Some(member.sign(&payload)));
        if is_late {
            self.post.bad += 1;
        } else {
            let source = format!("urn:aim:agent:{}", member.name);
            let id = EventId::produced(member.organization, &source, &number.to_string());
            self.post.timely.push(id);
        }
        self.actions.push((record.clone(), is_late));
        self.post.records.push(record);
    }

    fn tell(&mut self, number: usize, agent: usize, fact: impl FnOnce(&Member) -> Fact) {
        let member = &self.site.members[agent];
        self.newest[agent] += TimeDelta::seconds(40);
        let event = NewEvent {
            id: EventId::from_uuid(Uuid::from_u128(0xe000 + number as u128)),
            organization: member.organization,
            agent: member.id,
            time: self.newest[agent],
            trace: None,
            fact: fact(member),
        };
        let record = record_of(&event);
        let origin = i64::try_from(self.origins.len() + 1).unwrap_or(i64::MAX);
        self.origins.insert(record.payload.clone(), origin);
        self.relayed.push(record.clone());
        self.post.records.push(record);
    }
}

/// The bytes of an action's event.
pub(crate) fn action_event(
    member: &Member,
    number: usize,
    time: DateTime<Utc>,
    action: &str,
    outcome: &str,
) -> Vec<u8> {
    let event = json!({
        "specversion": "1.0",
        "id": number.to_string(),
        "source": format!("urn:aim:agent:{}", member.name),
        "type": ACTION_PERFORMED,
        "time": time.to_rfc3339(),
        "data": {
            "action": action,
            "resource": format!("/data/{}", number % 7),
            "outcome": outcome,
        },
    });
    event.to_string().into_bytes()
}

/// A record as a fleet sends it.
pub(crate) fn fleet_record(
    member: &Member,
    payload: impl Into<Bytes>,
    signature: Option<String>,
) -> Record {
    Record {
        topic: Topic::Actions,
        key: member.id.to_string(),
        event_id: EventId::from_uuid(Uuid::nil()),
        organization: Some(member.organization),
        event_type: ACTION_PERFORMED.to_owned(),
        payload: payload.into(),
        signature,
    }
}

fn bad(member: &Member, number: usize, kind: usize) -> Record {
    let good = action_event(member, number, beginning(), "files:read", "ok");
    let signature = member.sign(&good);
    match kind {
        0 => fleet_record(member, format!("\u{0} no event {number}"), Some(signature)),
        1 => fleet_record(member, good[..good.len() / 2].to_vec(), Some(signature)),
        2 => fleet_record(member, good, None),
        3 => fleet_record(member, good, Some(member.sign(b"something else"))),
        _ => Record {
            topic: Topic::Events,
            ..fleet_record(member, format!("{{\"half {number}\":"), None)
        },
    }
}

fn answered(member: &Member, number: usize, denied: bool) -> VerificationRecorded {
    VerificationRecorded {
        class: None,
        policies: Vec::new(),
        approval_expires_at: None,
        mcp_server: None,
        verification: VerificationId::from_uuid(Uuid::from_u128(number as u128)),
        agent: member.id,
        action: ActionName::parse("mail:send").unwrap_or_else(|_| unreachable!()),
        resource: None,
        session: None,
        task: None,
        risk: RiskLevel::Medium,
        decision: if denied {
            Decision::Denied
        } else {
            Decision::Allowed
        },
        reasons: Vec::new(),
        granted: !denied,
        trust: None,
        location: None,
    }
}

fn reported(member: &Member, number: usize, ok: bool) -> ActionResultReported {
    ActionResultReported {
        verification: VerificationId::from_uuid(Uuid::from_u128(number as u128)),
        agent: member.id,
        action: ActionName::parse("mail:send").unwrap_or_else(|_| unreachable!()),
        outcome: if ok { Outcome::Ok } else { Outcome::Error },
        mcp_server: None,
    }
}
