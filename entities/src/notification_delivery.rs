//! One thing to tell one target.

use sea_orm::entity::prelude::*;

/// One row of `notification_deliveries`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub target_id: Uuid,
    pub event_type: String,
    pub dedup_key: String,
    pub payload: String,
    pub created_at: DateTimeUtc,
    pub next_attempt_at: DateTimeUtc,
    pub attempt_count: i32,
    pub replayed_at_count: i32,
    pub attempts: Json,
    pub finished_at: Option<DateTimeUtc>,
    pub status: String,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
