//! What agents said they saw of MCP servers, and servers that somebody saw and nobody registered.

use sea_orm_migration::prelude::*;

/// Makes the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const ATTESTATIONS: &str = "mcp_attestations";
const SIGHTINGS: &str = "mcp_sightings";

/// The last word of each agent on each server, and all that were taken back: `live_agent_id` is null of
/// those. `standing` is how strong a word is, as a time in microseconds; null is without weight.
fn attestations() -> TableCreateStatement {
    let mut table = owned(ATTESTATIONS);
    table
        .col(ColumnDef::new("server_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("live_agent_id").uuid())
        .col(ColumnDef::new("agent_key_id").uuid().not_null())
        .col(text("sponsor").not_null())
        .col(text("digest").not_null())
        .col(ColumnDef::new("tools").json_binary().not_null())
        .col(ColumnDef::new("latency_ms").big_integer().not_null())
        .col(time("observed_at").not_null())
        .col(text("signature").not_null())
        .col(ColumnDef::new("weight").integer().not_null())
        .col(ColumnDef::new("standing").big_integer())
        .col(time("received_at").not_null())
        .col(time("expires_at").not_null())
        .col(time("revoked_at"))
        .col(text("revoked_by"))
        .col(text("revoked_reason"));
    table
}

fn sightings() -> TableCreateStatement {
    let mut table = owned(SIGHTINGS);
    table
        .col(text("fingerprint").not_null())
        .col(text("name").not_null())
        .col(text("transport"))
        .col(text("url"))
        .col(text("command_digest"))
        .col(text("method").not_null())
        .col(ColumnDef::new("confidence").integer().not_null())
        .col(text("source"))
        .col(text("status").not_null())
        .col(text("reported_by").not_null())
        .col(time("first_seen_at").not_null())
        .col(time("last_seen_at").not_null())
        .col(ColumnDef::new("sighting_count").big_integer().not_null())
        .col(text("dismissed_by"))
        .col(time("dismissed_at"))
        .col(text("dismissal_reason"));
    table
}

fn owned(name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(name)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null());
    table
}

fn text(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    column
}

fn time(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.timestamp_with_time_zone();
    column
}

/// Name, table, columns, whether each combination is there once.
const INDEXES: [(&str, &str, &[&str], bool); 6] = [
    (
        "mcp_attestations_live_key",
        ATTESTATIONS,
        &["server_id", "live_agent_id"],
        true,
    ),
    (
        "mcp_attestations_server_idx",
        ATTESTATIONS,
        &["server_id", "id"],
        false,
    ),
    (
        "mcp_attestations_agent_idx",
        ATTESTATIONS,
        &["agent_id", "id"],
        false,
    ),
    (
        "mcp_attestations_id_idx",
        ATTESTATIONS,
        &["organization_id", "id"],
        false,
    ),
    (
        "mcp_sightings_fingerprint_key",
        SIGHTINGS,
        &["organization_id", "fingerprint"],
        true,
    ),
    (
        "mcp_sightings_id_idx",
        SIGHTINGS,
        &["organization_id", "id"],
        false,
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [attestations(), sightings()] {
            manager.create_table(table).await?;
        }
        for (name, table, columns, is_unique) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(*column);
            }
            if is_unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [SIGHTINGS, ATTESTATIONS] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
