//! Features of recorded events, computed as they are when events arrive.

use std::collections::HashMap;
use std::path::Path;

use aim_domain::action::{ObservedAction, Outcome};
use aim_domain::event::ACTION_PERFORMED;
use aim_domain::id::{AgentId, EventId, OrganizationId};
use aim_domain::name::{ActionName, Resource};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{Dataset, DatasetError, Label, Row};
use crate::BehaviourProfile;
use crate::evaluation::{EvaluationError, Label as RunLabel, Run, at, each_line};

/// Most agents of a recording: a profile of some kilobytes is held for each.
const AGENTS_MAX: usize = 100_000;

/// Computes the features of every action in a file of CloudEvents (one JSON object a line, plain or
/// gzip), each agent's in the order of the file, by [`BehaviourProfile::observe`].
///
/// With `runs`, the actions of a benign run are labelled as fine and those of a hijacked one as
/// risk, known from the run's last action on; runs that were attacked in vain or are excluded stay
/// without a label.
///
/// # Errors
/// [`DatasetError`] naming the line that is no action.
pub fn replay(
    events: &Path,
    runs: Option<&[Run]>,
    created: DateTime<Utc>,
) -> Result<Dataset, DatasetError> {
    let mut dataset = Dataset::empty();
    let mut sessions: Vec<Option<String>> = Vec::new();
    let mut profiles: HashMap<String, BehaviourProfile> = HashMap::new();
    each_line(events, |line, text| {
        let event: Event = serde_json::from_slice(text).map_err(|e| at(events, line, &e))?;
        if event.kind != ACTION_PERFORMED {
            return Ok(());
        }
        let (entity, action) = event.observed().map_err(|e| at(events, line, &e))?;
        if profiles.len() >= AGENTS_MAX && !profiles.contains_key(&entity) {
            return Err(at(events, line, &"more agents than a recording may have"));
        }
        let profile = profiles.entry(entity.clone()).or_default();
        let observation = profile.observe(&action);
        sessions.push(action.session);
        dataset.rows.push(Row {
            entity,
            event_time: action.time,
            created_time: created,
            features: observation.features.0.to_vec(),
            label: None,
        });
        Ok(())
    })?;
    if dataset.rows.is_empty() {
        return Err(DatasetError::Recording(EvaluationError::Empty {
            path: events.to_owned(),
            what: "actions",
        }));
    }
    if let Some(runs) = runs {
        label_runs(&mut dataset, &sessions, runs)?;
    }
    Ok(dataset)
}

/// Gives each row the label of its run.
fn label_runs(
    dataset: &mut Dataset,
    sessions: &[Option<String>],
    runs: &[Run],
) -> Result<(), EvaluationError> {
    let mut labels: HashMap<&str, Option<bool>> = HashMap::new();
    for run in runs {
        let label = match run.label {
            RunLabel::Benign => Some(false),
            RunLabel::Hijacked => Some(true),
            RunLabel::AttackedNotHijacked | RunLabel::Exclude => None,
        };
        if labels.insert(&run.session, label).is_some() {
            return Err(EvaluationError::RepeatedSession(run.session.clone()));
        }
    }
    let mut ends: HashMap<&str, DateTime<Utc>> = HashMap::new();
    for (row, session) in dataset.rows.iter().zip(sessions) {
        let Some(session) = session else { continue };
        let end = ends.entry(session).or_insert(row.event_time);
        *end = (*end).max(row.event_time);
    }
    for (row, session) in dataset.rows.iter_mut().zip(sessions) {
        let session = session.as_deref().unwrap_or_default();
        let label = labels.get(session).copied().flatten();
        row.label = label.zip(ends.get(session)).map(|(is_risk, time)| Label {
            is_risk,
            time: *time,
        });
    }
    Ok(())
}

/// The part of a CloudEvent that counts here.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    id: String,
    time: Option<DateTime<Utc>>,
    data: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Action {
    action: String,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    arguments: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    outcome: Option<Outcome>,
}

impl Event {
    /// Who acted, and what was done.
    fn observed(self) -> Result<(String, ObservedAction), String> {
        let time = self.time.ok_or("`time` is missing")?;
        let data = self.data.ok_or("`data` is missing")?;
        if self.source.is_empty() {
            return Err("`source` is missing".to_owned());
        }
        let action: Action = serde_json::from_value(data).map_err(|error| error.to_string())?;
        let name = ActionName::parse(action.action).map_err(|error| format!("`action` {error}"))?;
        let resource = action.resource.filter(|resource| !resource.is_empty());
        let resource = resource.map(Resource::parse).transpose();
        let entity = self.source.strip_prefix("urn:aim:agent:");
        let entity = entity.unwrap_or(&self.source).to_owned();
        let organization = OrganizationId::from_uuid(Uuid::nil());
        let observed = ObservedAction {
            event: EventId::produced(organization, &self.source, &self.id),
            organization,
            agent: AgentId::from_uuid(Uuid::nil()),
            time,
            action: name,
            resource: resource.map_err(|error| format!("`resource` {error}"))?,
            session: action.session,
            task: action.task,
            arguments: action.arguments,
            outcome: action.outcome.unwrap_or(Outcome::Unknown),
            declared_risk: None,
            granted: None,
        };
        Ok((entity, observed))
    }
}
