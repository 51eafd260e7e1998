//! What agents ask to be granted.

use sea_orm::entity::prelude::*;

/// One row of `capability_requests`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "capability_requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub agent_id: Uuid,
    pub capability: String,
    pub resource: Option<String>,
    pub life_seconds: Option<i64>,
    pub reason: String,
    pub status: String,
    /// What no other request of the agent that waits has; null when it waits no more.
    pub live_key: Option<String>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTimeUtc>,
    pub decided_reason: Option<String>,
    pub grant_id: Option<Uuid>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
