//! Capabilities that agents ask for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::capability::Pattern;
use crate::id::{AgentId, CapabilityGrantId, CapabilityRequestId, OrganizationId};

/// How long a request waits for a person, in seconds: a week.
pub const CAPABILITY_REQUEST_SECONDS: i64 = 7 * 24 * 3_600;
/// Most requests of one agent that wait.
pub const CAPABILITY_REQUESTS_MAX: u64 = 20;
/// Longest grant that can be asked for, in seconds: a year.
pub const CAPABILITY_REQUEST_LIFE_MAX: u32 = 365 * 24 * 3_600;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CapabilityRequestStatus {
    /// A person has to answer.
    Pending,
    /// It was granted.
    Approved,
    /// A person said no.
    Rejected,
    /// Nobody answered in time.
    Expired,
}

/// What an agent asks to be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityRequest {
    /// The row.
    pub id: CapabilityRequestId,
    /// Whose.
    pub organization: OrganizationId,
    /// Who asks.
    pub agent: AgentId,
    /// For what.
    pub capability: Pattern,
    /// On which resources; `None` is all of them.
    pub resource: Option<Pattern>,
    /// For how long, in seconds; `None` is until revoked.
    pub life_seconds: Option<u32>,
    /// What for.
    pub reason: String,
    /// What became of it.
    pub status: CapabilityRequestStatus,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it waits.
    pub expires_at: DateTime<Utc>,
    /// Who answered, as `user:<id>`.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// Why.
    pub decided_reason: Option<String>,
    /// The grant that came of it.
    pub grant: Option<CapabilityGrantId>,
}

impl CapabilityRequest {
    /// The request as it is at `now`: what nobody answered in time is expired, whether that is written
    /// yet or not.
    #[must_use]
    pub fn at(mut self, now: DateTime<Utc>) -> Self {
        if self.status == CapabilityRequestStatus::Pending && self.expires_at <= now {
            self.status = CapabilityRequestStatus::Expired;
        }
        self
    }
}
