//! An action of an agent as applied by the stream, once per event.

use sea_orm::entity::prelude::*;

/// One row of `activities`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "activities")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    pub organization_id: Uuid,
    pub agent_id: Uuid,
    pub action: String,
    pub resource: Option<String>,
    pub outcome: String,
    pub is_write: bool,
    pub session: Option<String>,
    pub task: Option<String>,
    pub event_time: DateTimeUtc,
    pub created_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
