//! The life of agents and of their keys: rotation, use, reminders, challenges, tags, deletion; the
//! installation's own keys; delegations between agents.

use sea_orm_migration::prelude::*;

/// Adds columns and the leases of background work.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const LEASES: &str = "job_leases";
const SERVER_KEYS: &str = "server_keys";
const DELEGATIONS: &str = "delegations";
const AUTHORITIES: &str = "certificate_authorities";
const CERTIFICATES: &str = "agent_certificates";
const ENDS: &str = "agent_keys_expires_at_key";

/// Table and column, in the order they are added.
fn columns() -> Vec<(&'static str, ColumnDef)> {
    let text = |name: &'static str| ColumnDef::new(name).text().take();
    let time = |name: &'static str| ColumnDef::new(name).timestamp_with_time_zone().take();
    vec![
        ("agent_keys", text("created_by")),
        ("agent_keys", time("last_used_at")),
        ("agent_keys", text("revoked_by")),
        ("agent_keys", ColumnDef::new("replaced_by").uuid().take()),
        // The reminder that was given last, in days before the end.
        (
            "agent_keys",
            ColumnDef::new("reminded_days").integer().take(),
        ),
        ("agents", ColumnDef::new("tags").json_binary().take()),
        ("agents", time("deleted_at")),
        ("agents", text("challenge")),
        ("agents", time("challenge_expires_at")),
        (
            "organizations",
            ColumnDef::new("key_policy").json_binary().take(),
        ),
    ]
}

/// Who does a job that only one process may do at a time, and until when.
fn leases() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(LEASES)
        .col(ColumnDef::new("name").text().not_null().primary_key())
        .col(ColumnDef::new("holder").uuid().not_null())
        .col(
            ColumnDef::new("expires_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// Keys of the installation itself, sealed.
fn server_keys() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(SERVER_KEYS)
        .col(ColumnDef::new("purpose").text().not_null())
        .col(ColumnDef::new("number").integer().not_null())
        .col(ColumnDef::new("public_key").blob().not_null())
        .col(ColumnDef::new("sealed").blob().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .primary_key(Index::create().col("purpose").col("number"));
    table
}

/// What agents hand on to each other.
fn delegations() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(DELEGATIONS)
        .col(ColumnDef::new("id").uuid().not_null().primary_key());
    for id in [
        "organization_id",
        "delegator_id",
        "delegate_id",
        "agent_key_id",
    ] {
        table.col(ColumnDef::new(id).uuid().not_null());
    }
    table
        .col(ColumnDef::new("parent_id").uuid())
        .col(ColumnDef::new("depth").integer().not_null())
        .col(ColumnDef::new("limits").json_binary().not_null())
        .col(ColumnDef::new("reason").text());
    for time in ["created_at", "expires_at"] {
        table.col(ColumnDef::new(time).timestamp_with_time_zone().not_null());
    }
    table
        .col(ColumnDef::new("revoked_at").timestamp_with_time_zone())
        .col(ColumnDef::new("revoked_by").text())
        .col(ColumnDef::new("revoked_reason").text());
    table
}

/// Organizations' certificate authorities; their keys are sealed.
fn authorities() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(AUTHORITIES)
        .col(
            ColumnDef::new("organization_id")
                .uuid()
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("certificate").blob().not_null())
        .col(ColumnDef::new("sealed").blob().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

/// Certificates of agents' keys, until they expire.
fn certificates() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(CERTIFICATES)
        .col(ColumnDef::new("id").uuid().not_null().primary_key());
    for id in ["organization_id", "agent_id", "agent_key_id"] {
        table.col(ColumnDef::new(id).uuid().not_null());
    }
    table.col(ColumnDef::new("serial").blob().not_null());
    for time in ["not_before", "not_after"] {
        table.col(ColumnDef::new(time).timestamp_with_time_zone().not_null());
    }
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One a statement: SQLite adds no more.
        for (name, column) in columns() {
            let mut table = Table::alter();
            table.table(name).add_column(column);
            manager.alter_table(table).await?;
        }
        manager.create_table(leases()).await?;
        manager.create_table(server_keys()).await?;
        manager.create_table(authorities()).await?;
        manager.create_table(certificates()).await?;
        manager.create_table(delegations()).await?;
        let mut index = Index::create();
        let name = "agent_certificates_organization_id_not_after_key";
        index.name(name).table(CERTIFICATES);
        index.col("organization_id").col("not_after");
        manager.create_index(index).await?;
        for column in ["delegate_id", "organization_id"] {
            let mut index = Index::create();
            let name = format!("{DELEGATIONS}_{column}_key");
            index.name(&name).table(DELEGATIONS).col(column);
            manager.create_index(index).await?;
        }
        let mut index = Index::create();
        index.name(ENDS).table("agent_keys").col("expires_at");
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name(ENDS).table("agent_keys").to_owned();
        manager.drop_index(index).await?;
        for table in [CERTIFICATES, AUTHORITIES, DELEGATIONS, SERVER_KEYS, LEASES] {
            let drop = Table::drop().table(table).to_owned();
            manager.drop_table(drop).await?;
        }
        for (name, column) in columns().into_iter().rev() {
            let mut table = Table::alter();
            table.table(name).drop_column(column.get_column_name());
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
