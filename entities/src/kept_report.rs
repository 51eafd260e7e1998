//! A report as it was when it was made.

use sea_orm::entity::prelude::*;

/// One row of `kept_reports`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "kept_reports")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub schedule_id: Uuid,
    pub framework: String,
    pub every: String,
    pub period_start: DateTimeUtc,
    pub measured_at: DateTimeUtc,
    pub body: Json,
    pub csv_sha256: String,
    pub tree_size: Option<i64>,
    pub root_hash: Option<String>,
    pub audit_entry_id: Uuid,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
