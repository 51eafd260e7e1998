//! What a recording consists of.

use serde::Deserialize;

/// One action of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEvent {
    /// The run it belongs to.
    pub session: String,
    /// The job the run is for.
    pub task: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub resource: Option<String>,
    /// The values of its arguments as text, a line each.
    pub arguments: String,
    /// Whether it failed.
    pub is_error: bool,
}

/// One run of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// Names its events.
    pub session: String,
    /// Who acted.
    pub agent: String,
    /// What the agent runs on.
    pub model: String,
    /// The family of jobs.
    pub suite: String,
    /// The job, within its suite.
    pub task: String,
    /// How it was attacked, or `none`.
    pub attack: String,
    /// What the attacker wanted; empty without an attack.
    pub injection: String,
    /// What became of it.
    pub label: Label,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Nobody attacked it.
    Benign,
    /// It was attacked and reached the attacker's goal.
    Hijacked,
    /// It was attacked and did not.
    AttackedNotHijacked,
    /// Not to be judged.
    Exclude,
}
