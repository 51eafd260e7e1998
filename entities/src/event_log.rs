//! The embedded event log and transactional outbox.

use sea_orm::entity::prelude::*;

/// One row of `event_log`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_log")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub position: i64,
    pub topic: String,
    pub key: String,
    pub event_id: Uuid,
    pub organization_id: Option<Uuid>,
    pub event_type: String,
    pub payload: Vec<u8>,
    pub signature: Option<String>,
    pub created_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
