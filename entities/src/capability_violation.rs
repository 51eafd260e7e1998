//! Attempts at what nothing grants.

use sea_orm::entity::prelude::*;

/// One row of `capability_violations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "capability_violations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub agent_id: Uuid,
    pub action: String,
    /// Empty where none was named.
    pub resource: String,
    pub risk: String,
    pub severity: String,
    pub attempts: i64,
    pub first_at: DateTimeUtc,
    pub last_at: DateTimeUtc,
    pub verification_id: Uuid,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
