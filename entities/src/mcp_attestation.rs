//! What an agent said it saw of an MCP server.

use sea_orm::entity::prelude::*;

/// One row of `mcp_attestations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mcp_attestations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub server_id: Uuid,
    pub agent_id: Uuid,
    pub live_agent_id: Option<Uuid>,
    pub agent_key_id: Uuid,
    pub sponsor: String,
    pub digest: String,
    pub tools: Json,
    pub latency_ms: i64,
    pub observed_at: DateTimeUtc,
    pub signature: String,
    pub weight: i32,
    pub standing: Option<i64>,
    pub received_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub revoked_at: Option<DateTimeUtc>,
    pub revoked_by: Option<String>,
    pub revoked_reason: Option<String>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
