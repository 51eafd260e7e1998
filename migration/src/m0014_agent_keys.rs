//! The life of agents and of their keys: rotation, use, reminders, challenges, tags, deletion.

use sea_orm_migration::prelude::*;

/// Adds columns and the leases of background work.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const LEASES: &str = "job_leases";
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
        let mut index = Index::create();
        index.name(ENDS).table("agent_keys").col("expires_at");
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name(ENDS).table("agent_keys").to_owned();
        manager.drop_index(index).await?;
        manager
            .drop_table(Table::drop().table(LEASES).to_owned())
            .await?;
        for (name, column) in columns().into_iter().rev() {
            let mut table = Table::alter();
            table.table(name).drop_column(column.get_column_name());
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
