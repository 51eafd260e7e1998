//! The kill switch: a person stops one agent, or all of an organization, at once.
//!
//! It stands beside an agent's status: neither reinstating an agent nor anything the product does by
//! itself releases it. Only a person does.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An engaged kill switch; a released one is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillSwitch {
    /// Why.
    pub reason: String,
    /// By whom, as `user:<id>`.
    pub engaged_by: String,
    /// Since when.
    pub engaged_at: DateTime<Utc>,
}
