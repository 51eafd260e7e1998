//! What an organization says an action is.

use sea_orm::entity::prelude::*;

/// One row of `action_class_overrides`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "action_class_overrides")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub action: String,
    pub is_write: bool,
    pub risk: String,
    pub reason: String,
    pub set_by: String,
    pub set_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
