//! Agents that somebody saw and nobody registered.

use sea_orm_migration::prelude::*;

/// Makes the table.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "agent_sightings";

/// `key_id` is empty where the key is not known.
fn table() -> TableCreateStatement {
    let text = |name: &'static str| ColumnDef::new(name).text().take();
    let time = |name: &'static str| ColumnDef::new(name).timestamp_with_time_zone().take();
    let mut table = Table::create();
    table
        .table(TABLE)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(text("name").not_null())
        .col(text("key_id").not_null())
        .col(text("public_key"))
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

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        let mut seen = Index::create();
        seen.name("agent_sightings_seen_key").table(TABLE).unique();
        for column in ["organization_id", "name", "key_id"] {
            seen.col(column);
        }
        manager.create_index(seen).await?;
        let mut list = Index::create();
        list.name("agent_sightings_id_idx").table(TABLE);
        list.col("organization_id").col("id");
        manager.create_index(list).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(TABLE).to_owned())
            .await
    }
}
