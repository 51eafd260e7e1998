//! A text of a policy. It never changes.

use sea_orm::entity::prelude::*;

/// One row of `policy_versions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policy_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub version: i32,
    pub body: Json,
    pub reason: String,
    pub published_by: String,
    pub published_at: DateTimeUtc,
    pub policy_id: Uuid,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
