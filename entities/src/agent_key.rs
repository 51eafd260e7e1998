//! One public key of an agent, with its life span.

use sea_orm::entity::prelude::*;

/// One row of `agent_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub agent_id: Uuid,
    #[sea_orm(unique)]
    pub key_id: String,
    pub public_key: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    pub revoked_reason: Option<String>,
    pub created_by: Option<String>,
    pub last_used_at: Option<DateTimeUtc>,
    pub revoked_by: Option<String>,
    pub replaced_by: Option<Uuid>,
    pub reminded_days: Option<i32>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
