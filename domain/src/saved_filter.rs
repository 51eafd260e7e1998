//! Filters of lists that people keep under a name.

use serde::{Deserialize, Serialize};

/// Most filters that one person keeps, and that an organization keeps for everybody.
pub const SAVED_FILTERS_MAX: u64 = 100;
/// Most bytes of one, as JSON.
pub const SAVED_FILTER_MAX_BYTES: usize = 4_096;
/// Most bytes of its name.
pub const SAVED_FILTER_NAME_MAX: usize = 100;

/// A list whose filters can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FilteredList {
    /// `agents`.
    Agents,
    /// `verifications`.
    Verifications,
    /// `approvals`.
    Approvals,
    /// `alerts`.
    Alerts,
    /// `anomalies`.
    Anomalies,
    /// `mcpServers`.
    McpServers,
}
