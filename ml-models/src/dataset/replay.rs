//! Features of recorded actions, computed as they are when actions arrive.

use std::collections::HashMap;

use aim_domain::action::ObservedAction;
use aim_domain::id::EventId;
use chrono::{DateTime, Utc};

use super::{Dataset, DatasetError, Label, Row};
use crate::BehaviourProfile;
use crate::evaluation::{EvaluationError, Label as RunLabel, Run};
use crate::model::ROWS_MAX;

/// Most agents of a recording: a profile of some kilobytes is held for each.
const AGENTS_MAX: usize = 100_000;

/// Turns actions into rows, each by [`BehaviourProfile::observe`] of its agent's profile.
#[derive(Debug)]
pub struct Replay {
    created: DateTime<Utc>,
    dataset: Dataset,
    sessions: Vec<Option<String>>,
    events: Vec<EventId>,
    labels: HashMap<EventId, Label>,
    profiles: HashMap<String, BehaviourProfile>,
}

impl Replay {
    /// Nothing observed yet; `created` is when rows are said to be computed.
    #[must_use]
    pub fn new(created: DateTime<Utc>) -> Self {
        Self {
            created,
            dataset: Dataset::empty(),
            sessions: Vec::new(),
            events: Vec::new(),
            labels: HashMap::new(),
            profiles: HashMap::new(),
        }
    }

    /// With what somebody has said of single events; that holds before the labels of runs.
    #[must_use]
    pub fn with_labels(mut self, labels: HashMap<EventId, Label>) -> Self {
        self.labels = labels;
        self
    }

    /// Adds the row of an action of the agent named `entity`, in the order they happened.
    ///
    /// # Errors
    /// [`DatasetError::Full`] when there are more agents or actions than are held in memory.
    pub fn observe(&mut self, entity: &str, action: &ObservedAction) -> Result<(), DatasetError> {
        let is_new = !self.profiles.contains_key(entity);
        if self.dataset.rows.len() >= ROWS_MAX || (is_new && self.profiles.len() >= AGENTS_MAX) {
            return Err(DatasetError::Full {
                rows: ROWS_MAX,
                agents: AGENTS_MAX,
            });
        }
        let profile = self.profiles.entry(entity.to_owned()).or_default();
        let observation = profile.observe(action);
        self.sessions.push(action.session.clone());
        self.events.push(action.event);
        self.dataset.rows.push(Row {
            entity: entity.to_owned(),
            event_time: action.time,
            created_time: self.created,
            features: observation.features.0.to_vec(),
            label: None,
        });
        Ok(())
    }

    /// The rows.
    ///
    /// With `runs`, the actions of a benign run are labelled as fine and those of a hijacked one as
    /// risk, known from the run's last action on. Runs that were attacked in vain or are excluded
    /// stay without a label: some of their actions were what the attacker wanted.
    ///
    /// # Errors
    /// [`EvaluationError::RepeatedSession`] when two runs have the same session.
    pub fn finish(self, runs: Option<&[Run]>) -> Result<Dataset, DatasetError> {
        let mut dataset = self.dataset;
        if let Some(runs) = runs {
            label(&mut dataset, &self.sessions, runs)?;
        }
        for (row, event) in dataset.rows.iter_mut().zip(&self.events) {
            row.label = self.labels.get(event).copied().or(row.label);
        }
        Ok(dataset)
    }
}

/// Gives each row the label of its run.
fn label(
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
