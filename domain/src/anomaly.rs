//! What detectors find.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::EventId;
use crate::policy::PolicyRef;

/// What was unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AnomalyKind {
    /// Many more actions in a window than the learned rate explains.
    RateSpike,
    /// Active in an hour of the week in which the agent is not.
    OffHours,
    /// A write action that the agent never did before.
    FirstSeenWrite,
    /// A write to a resource that the agent never wrote to before.
    FirstSeenResource,
    /// Contact with a host outside that the agent never had contact with before.
    NewDomain,
    /// An action that no grant covers.
    CapabilityDrift,
    /// Many actions that fail.
    FailureBurst,
    /// An action from a country that the agent never acted from before.
    NewCountry,
    /// Two actions farther apart than anybody travels in the time between them.
    ImpossibleTravel,
    /// The organization's model takes the action for a risk.
    ModelRisk,
    /// An action that hardly ever comes after the one before it, nor for the job, nor at all.
    UnusualSequence,
    /// Far more data moved in a window than usual.
    VolumeSpike,
    /// Far more different things done in an hour than usual.
    WideSpread,
    /// One action on one target far more often in a minute than usual.
    DeedBurst,
    /// What the agent does has become something else.
    BehaviourDrift,
    /// Busier or quieter than at this time of day.
    RhythmBreak,
    /// Several signs that are small by themselves.
    CombinedSigns,
    /// A policy wants somebody to look.
    PolicyAlert,
    /// A policy stopped the agent.
    PolicyQuarantine,
    /// A policy that only watches would have raised an alert or stopped the agent.
    PolicyWatched,
    /// An MCP server is not what was approved.
    McpDrift,
    /// What an MCP server says of itself looks like an order to models.
    McpPoisonedText,
    /// A tool is named like a tool of another MCP server.
    McpShadowedTool,
}

impl AnomalyKind {
    /// Whether it is what policies say, and not what a detector found.
    #[must_use]
    pub const fn is_of_policies(self) -> bool {
        matches!(
            self,
            Self::PolicyAlert | Self::PolicyQuarantine | Self::PolicyWatched
        )
    }
}

/// How bad, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a look today.
    High,
    /// Act now; the agent is quarantined.
    Critical,
}

/// One measured fact behind a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was measured, in words with its unit.
    pub label: String,
    /// What it was.
    pub observed: String,
    /// What was expected, where something was.
    pub expected: Option<String>,
}

/// A detector's finding about one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was unusual.
    pub kind: AnomalyKind,
    /// How bad.
    pub severity: Severity,
    /// How unusual, 0 (as always) to 1.
    pub score: f64,
    /// One sentence for a person.
    pub summary: String,
    /// The facts behind it.
    pub evidence: Vec<Evidence>,
    /// The event that it was found in.
    pub event: EventId,
    /// When that happened.
    pub time: DateTime<Utc>,
    /// The policies that say so, where policies do.
    pub policies: Vec<PolicyRef>,
}

/// Least severity of a detector's finding that a person must look at.
pub const ALERT_FROM: Severity = Severity::High;

impl Finding {
    /// Whether a person must look at it: what a policy says and what is wrong with an MCP server in any
    /// case, what a detector found when it is bad enough.
    #[must_use]
    pub fn raises_alert(&self) -> bool {
        match self.kind {
            AnomalyKind::PolicyAlert | AnomalyKind::PolicyQuarantine => true,
            AnomalyKind::PolicyWatched => false,
            // Nobody registers an MCP server to look away.
            _ if self.is_of_server() => true,
            _ => self.severity >= ALERT_FROM,
        }
    }

    /// Whether the agent is stopped for it: when a policy says so, and when a detector's finding is
    /// critical.
    #[must_use]
    pub fn quarantines(&self) -> bool {
        match self.kind {
            AnomalyKind::PolicyQuarantine => true,
            AnomalyKind::PolicyAlert | AnomalyKind::PolicyWatched => false,
            _ if self.is_of_server() => false,
            _ => self.severity == Severity::Critical,
        }
    }

    /// Whether it is about an MCP server.
    const fn is_of_server(&self) -> bool {
        matches!(
            self.kind,
            AnomalyKind::McpDrift | AnomalyKind::McpPoisonedText | AnomalyKind::McpShadowedTool
        )
    }
}
