//! What actions are taken for.

use aim_domain::action::{ActionClassOverride as Row, classify};
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::enums::RiskLevel;
use super::super::id::global_id;

/// What your organization says an action is, whatever its name or its tool's annotations say.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ActionClassOverride {
    /// Global id.
    id: ID,
    /// Exactly this action.
    action: String,
    /// Whether it changes something or sends something out.
    is_write: bool,
    /// The least risk it has, whatever its caller declares.
    risk: RiskLevel,
    /// Why.
    reason: String,
    /// By whom, as `user:<id>`.
    set_by: String,
    /// Since when.
    set_at: DateTime<Utc>,
}

impl From<Row> for ActionClassOverride {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("ActionClassOverride", row.id),
            action: row.action.to_string(),
            is_write: row.class.is_write,
            risk: row.class.risk.into(),
            reason: row.reason,
            set_by: row.set_by,
            set_at: row.set_at,
        }
    }
}

connection!(
    ActionClassOverrideConnection,
    ActionClassOverrideEdge,
    ActionClassOverride,
    Row,
    "ActionClassOverride"
);

/// What an action is taken for. Annotations of an MCP tool in a fleet's event may still raise it where
/// nobody overrode it.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ActionClass {
    /// The action.
    action: String,
    /// Whether it changes something or sends something out.
    is_write: bool,
    /// The least risk it has, whatever its caller declares.
    risk: RiskLevel,
    /// What your organization says; null where the action's name decides.
    overridden_by: Option<ActionClassOverride>,
}

impl ActionClass {
    pub(crate) fn new(action: String, found: Option<Row>) -> Self {
        let class = match &found {
            Some(row) => row.class,
            None => classify(&action),
        };
        Self {
            action,
            is_write: class.is_write,
            risk: class.risk.into(),
            overridden_by: found.map(ActionClassOverride::from),
        }
    }
}
