//! MCP servers, what they said of themselves, and how that differs from what was approved.

use sea_orm_migration::prelude::*;

/// Adds the tables and columns.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const SERVERS: &str = "mcp_servers";
const MANIFESTS: &str = "mcp_manifests";
const DRIFTS: &str = "mcp_drifts";
const TOOLS: &str = "mcp_tools";

/// `live_name` and `live_url` are null of deleted ones, so that names and URLs are free again.
fn servers() -> TableCreateStatement {
    let mut table = owned(SERVERS);
    table
        .col(text("name").not_null())
        .col(text("live_name"))
        .col(text("description").not_null())
        .col(text("transport").not_null())
        .col(text("url"))
        .col(text("live_url"))
        .col(text("public_key"))
        .col(ColumnDef::new("tags").json_binary().not_null())
        .col(text("status").not_null())
        .col(text("status_reason"))
        .col(time("status_changed_at").not_null())
        .col(text("status_changed_by").not_null())
        .col(ColumnDef::new("approved_manifest_id").uuid())
        .col(ColumnDef::new("observed_manifest_id").uuid())
        .col(time("observed_at"))
        .col(text("failure"))
        .col(time("failed_at"))
        .col(time("key_proven_at"))
        .col(time("drift_since"))
        .col(text("created_by").not_null())
        .col(time("created_at").not_null())
        .col(time("updated_at").not_null())
        .col(time("deleted_at"));
    table
}

fn manifests() -> TableCreateStatement {
    let mut table = owned(MANIFESTS);
    table
        .col(ColumnDef::new("server_id").uuid().not_null())
        .col(text("digest").not_null())
        .col(ColumnDef::new("body").json_binary().not_null())
        .col(ColumnDef::new("suspicions").json_binary().not_null())
        .col(text("source").not_null())
        .col(text("reported_by").not_null())
        .col(time("first_seen_at").not_null())
        .col(time("last_seen_at").not_null())
        .col(time("approved_at"))
        .col(text("approved_by"))
        .col(text("approval_reason"));
    table
}

fn drifts() -> TableCreateStatement {
    let mut table = owned(DRIFTS);
    table
        .col(ColumnDef::new("server_id").uuid().not_null())
        .col(ColumnDef::new("manifest_id").uuid().not_null())
        .col(text("kind").not_null())
        .col(text("part").not_null())
        .col(text("name").not_null())
        .col(text("field").not_null())
        .col(text("before_value"))
        .col(text("after_value"))
        .col(text("severity").not_null())
        .col(time("detected_at").not_null())
        .col(time("settled_at"))
        .col(text("settled_by"));
    table
}

/// The tools of what was approved, by what their names look like.
fn tools() -> TableCreateStatement {
    let mut table = owned(TOOLS);
    table
        .col(ColumnDef::new("server_id").uuid().not_null())
        .col(text("name").not_null())
        .col(text("looks").not_null());
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
const INDEXES: [(&str, &str, &[&str], bool); 7] = [
    (
        "mcp_servers_live_name_key",
        SERVERS,
        &["organization_id", "live_name"],
        true,
    ),
    (
        "mcp_servers_live_url_key",
        SERVERS,
        &["organization_id", "live_url"],
        true,
    ),
    (
        "mcp_servers_id_idx",
        SERVERS,
        &["organization_id", "id"],
        false,
    ),
    (
        "mcp_manifests_digest_key",
        MANIFESTS,
        &["server_id", "digest"],
        true,
    ),
    ("mcp_drifts_server_idx", DRIFTS, &["server_id", "id"], false),
    (
        "mcp_tools_looks_idx",
        TOOLS,
        &["organization_id", "looks"],
        false,
    ),
    ("mcp_tools_server_idx", TOOLS, &["server_id"], false),
];

fn altered(table: &'static str) -> TableAlterStatement {
    Table::alter().table(table).to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [servers(), manifests(), drifts(), tools()] {
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
        let mut revision = ColumnDef::new("mcp_revision");
        revision.big_integer().not_null().default(0);
        let add = altered("organizations").add_column(revision).to_owned();
        manager.alter_table(add).await?;
        let mut server = ColumnDef::new("mcp_server_id");
        server.uuid();
        let add = altered("alerts").add_column(server).to_owned();
        manager.alter_table(add).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Alerts about servers are about no agent.
        let of_servers = Query::delete()
            .from_table("alerts")
            .and_where(Expr::col("mcp_server_id").is_not_null())
            .to_owned();
        manager.execute(of_servers).await?;
        for (table, column) in [
            ("alerts", "mcp_server_id"),
            ("organizations", "mcp_revision"),
        ] {
            let drop = altered(table).drop_column(column).to_owned();
            manager.alter_table(drop).await?;
        }
        for table in [TOOLS, DRIFTS, MANIFESTS, SERVERS] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
