//! What people say an action is, where its name misleads.

use sea_orm_migration::prelude::*;

/// Adds the table.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "action_class_overrides";
const INDEX: &str = "action_class_overrides_organization_id_action_key";

fn overrides() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(TABLE)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("action").text().not_null())
        .col(ColumnDef::new("is_write").boolean().not_null())
        .col(ColumnDef::new("risk").text().not_null())
        .col(ColumnDef::new("reason").text().not_null())
        .col(ColumnDef::new("set_by").text().not_null())
        .col(
            ColumnDef::new("set_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(overrides()).await?;
        let mut index = Index::create();
        index.name(INDEX).table(TABLE).unique();
        index.col("organization_id").col("action");
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(TABLE).to_owned())
            .await
    }
}
