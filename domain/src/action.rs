//! What an agent does or wants to do, and how its kind is recognized.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{AgentId, EventId, OrganizationId};
use crate::location::Location;
use crate::mcp::McpStanding;
use crate::name::{ActionName, Resource};
use crate::risk::RiskLevel;
use crate::trace::TraceContext;

mod address;
mod class;
mod hints;
mod overrides;

pub use address::{is_web_address, outside_hosts};
pub use class::{ActionClass, classify};
pub use hints::{ToolAnnotations, classify_annotated};
pub use overrides::{ACTION_CLASS_OVERRIDES_MAX, ActionClassOverride, ActionClasses};

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was tried and failed.
    Error,
    /// We refused it; it was not done.
    Denied,
    /// It was allowed; whether it was done is not reported yet.
    Unknown,
}

impl Outcome {
    /// Its name on the wire and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

/// An action as observed: the one shape that features, detectors and trust are computed from,
/// whether it came from our own decision or from a fleet's topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedAction {
    /// Identity of the event; the same event has the same id however often it arrives.
    pub event: EventId,
    /// Owner of the agent.
    pub organization: OrganizationId,
    /// Who did it.
    pub agent: AgentId,
    /// When it was done, by the producer's clock (event time).
    pub time: DateTime<Utc>,
    /// What was done.
    pub action: ActionName,
    /// What it was done to.
    pub resource: Option<Resource>,
    /// The run it belongs to, if the producer has runs.
    pub session: Option<String>,
    /// The job the run is for, if the producer names jobs.
    pub task: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the caller said of its risk, if anything.
    pub declared_risk: Option<RiskLevel>,
    /// Whether a grant covered it when it was decided; `None` where nobody asked first.
    pub granted: Option<bool>,
    /// Where it came from, if that is known.
    pub location: Option<Location>,
    /// Read or write, and how risky, by what was known when it was admitted.
    pub class: ActionClass,
    /// How much data it moved, in and out together, where its producer says so.
    pub bytes: Option<u64>,
    /// Whether its tool is said to have to do with things outside.
    pub is_open_world: bool,
    /// What others said of the MCP server that it called, where they said anything.
    #[serde(default)]
    pub server: Option<McpStanding>,
    /// The span that it was done in, where its producer says so. Nothing is learned from it.
    #[serde(skip)]
    pub trace: Option<TraceContext>,
}
