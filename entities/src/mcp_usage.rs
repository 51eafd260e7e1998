//! How MCP servers are used.

use sea_orm::entity::prelude::*;

/// One row of `mcp_usage`: of a server and an agent, or of a server and all agents, whose id is nil.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mcp_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub server_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: Uuid,
    pub organization_id: Uuid,
    pub agents: i64,
    pub allowed: i64,
    pub denied: i64,
    pub pending: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub last_used_at: Option<DateTimeUtc>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
