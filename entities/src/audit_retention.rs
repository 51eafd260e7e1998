//! How long the contents of audit entries stay, and whether a legal hold keeps them.

use sea_orm::entity::prelude::*;

/// One row of `audit_retentions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_retentions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    pub days: Option<i32>,
    pub swept: i64,
    pub hold_reason: Option<String>,
    pub hold_by: Option<String>,
    pub hold_at: Option<DateTimeUtc>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
