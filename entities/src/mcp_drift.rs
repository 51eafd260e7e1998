//! A part of an MCP server that is not what was approved.

use sea_orm::entity::prelude::*;

/// One row of `mcp_drifts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mcp_drifts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub server_id: Uuid,
    pub manifest_id: Uuid,
    pub kind: String,
    pub part: String,
    pub name: String,
    pub field: String,
    pub before_value: Option<String>,
    pub after_value: Option<String>,
    pub severity: String,
    pub detected_at: DateTimeUtc,
    pub settled_at: Option<DateTimeUtc>,
    pub settled_by: Option<String>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
