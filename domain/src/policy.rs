//! Policies: what an organization says of actions beyond grants, trust and risk.
//!
//! A policy is a [`Rule`] over the facts of one decision, within a [`PolicyScope`], with an [`Effect`].
//! All that match count: forbidding wins over everything, then quarantine, then asking a person, then
//! an alert. Priority only orders what is named first. What cannot be evaluated denies.

mod cedar;
mod defaults;
mod events;
mod network;
mod replay;
mod rule;
mod scope;
mod set;
mod text;
mod verdict;
mod window;

pub use cedar::{
    CEDAR_COST, CEDAR_MAX_BYTES, CEDAR_SCHEMA, CEDAR_STATEMENT_COST, CEDAR_STATEMENTS_MAX,
    CedarError, CedarRule,
};
pub use defaults::defaults;
pub use events::{ObservedEvent, RateWindow};
pub use network::{ADDRESSES_MAX, AddressPattern, AddressPatternError};
pub use replay::{AgentNow, Draft, RecordedDecision, Replayed};
pub use rule::{PATTERNS_MAX, Rule, RuleError};
pub use scope::{PolicyScope, SCOPE_MAX};
pub use set::{POLICIES_MAX, Policies, SLICE_MAX, StoredPolicy};
pub use text::{
    APPROVERS_MAX, NOTIFY_MAX, POLICY_DESCRIPTION_MAX, POLICY_NAME_MAX, PRIORITY_MAX, PolicyText,
};
pub use verdict::{HITS_OF_A_KIND, PolicyHit, PolicyRef, PolicyVerdict};
pub use window::{DayOfWeek, TimeWindow, WINDOWS_MAX, WhenTime, WindowError, Zone, ZoneError};

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::agent::AgentType;
use crate::id::AgentId;
use crate::mcp::McpCall;
use crate::risk::RiskLevel;
use crate::trust::TrustScore;

/// What a policy does when it matches, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Effect {
    /// Nothing changes for the agent; an alert is raised.
    Alert,
    /// A person has to agree.
    RequireApproval,
    /// The action is denied, the agent quarantined, and an alert raised.
    Quarantine,
    /// The action is denied.
    Forbid,
}

/// Whether a policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PolicyMode {
    /// Its effect takes place.
    Enforced,
    /// It is recorded what it would have done.
    Shadow,
    /// It is not asked.
    Disabled,
}

/// What a policy may look at: the facts of one decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolicyContext<'a> {
    /// Who asks.
    pub agent: AgentId,
    /// What kind of program that is.
    pub agent_type: AgentType,
    /// What people filed it under.
    pub tags: &'a [String],
    /// What it wants to do.
    pub action: &'a str,
    /// To what.
    pub resource: Option<&'a str>,
    /// The risk that counts.
    pub risk: RiskLevel,
    /// The trust that counts; `None` is not scored yet.
    pub trust: Option<TrustScore>,
    /// Whether a grant or a delegation covers it.
    pub is_granted: bool,
    /// Where the request came from, where that is known.
    pub address: Option<IpAddr>,
    /// When it is asked.
    pub at: DateTime<Utc>,
    /// The MCP server that it calls a tool of, where it does.
    pub mcp: Option<McpCall<'a>>,
}
