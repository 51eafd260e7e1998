//! An engaged kill switch.

use aim_domain::kill_switch::KillSwitch as Row;
use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

/// An engaged kill switch: every verification is denied until a person releases it.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct KillSwitch {
    /// Why.
    reason: String,
    /// By whom, as `user:<id>`.
    engaged_by: String,
    /// Since when.
    engaged_at: DateTime<Utc>,
}

impl From<Row> for KillSwitch {
    fn from(row: Row) -> Self {
        Self {
            reason: row.reason,
            engaged_by: row.engaged_by,
            engaged_at: row.engaged_at,
        }
    }
}
