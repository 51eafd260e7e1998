//! An agent lets another act with a part of what it may do itself.

use sea_orm::entity::prelude::*;

/// One row of `delegations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delegations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub delegator_id: Uuid,
    pub delegate_id: Uuid,
    pub agent_key_id: Uuid,
    pub parent_id: Option<Uuid>,
    pub depth: i32,
    pub limits: Json,
    pub reason: Option<String>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub revoked_at: Option<DateTimeUtc>,
    pub revoked_by: Option<String>,
    pub revoked_reason: Option<String>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
