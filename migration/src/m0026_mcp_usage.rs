//! How MCP servers are used, kept as it happens.

use sea_orm_migration::prelude::*;

/// Adds the table.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const USAGE: &str = "mcp_usage";
const COUNTS: [&str; 6] = [
    "agents",
    "allowed",
    "denied",
    "pending",
    "succeeded",
    "failed",
];

/// Rows of all agents of a server have the nil UUID as agent.
fn usage() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(USAGE)
        .col(ColumnDef::new("server_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("organization_id").uuid().not_null());
    for name in COUNTS {
        table.col(ColumnDef::new(name).big_integer().not_null());
    }
    let mut key = Index::create();
    key.col("server_id").col("agent_id").primary();
    table
        .col(ColumnDef::new("last_used_at").timestamp_with_time_zone())
        .primary_key(&mut key);
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(usage()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(USAGE).to_owned();
        manager.drop_table(table).await
    }
}
