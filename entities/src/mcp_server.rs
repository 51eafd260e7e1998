//! An MCP server.

use sea_orm::entity::prelude::*;

/// One row of `mcp_servers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mcp_servers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub name: String,
    pub live_name: Option<String>,
    pub description: String,
    pub transport: String,
    pub url: Option<String>,
    pub live_url: Option<String>,
    pub public_key: Option<String>,
    pub tags: Json,
    pub status: String,
    pub status_reason: Option<String>,
    pub status_changed_at: DateTimeUtc,
    pub status_changed_by: String,
    pub approved_manifest_id: Option<Uuid>,
    pub observed_manifest_id: Option<Uuid>,
    pub observed_at: Option<DateTimeUtc>,
    pub failure: Option<String>,
    pub failed_at: Option<DateTimeUtc>,
    pub key_proven_at: Option<DateTimeUtc>,
    pub drift_since: Option<DateTimeUtc>,
    pub created_by: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
