//! Who moved which name, when and why.

use sea_orm::entity::prelude::*;

/// One row of `model_moves`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "model_moves")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub number: i64,
    pub alias: String,
    pub from_version: Option<i32>,
    pub to_version: Option<i32>,
    pub is_rollback: bool,
    pub is_forced: bool,
    pub moved_by: String,
    pub reason: String,
    pub created_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
