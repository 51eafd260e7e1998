//! Filters that people keep under a name.

use sea_orm_migration::prelude::*;

/// Makes the table.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const FILTERS: &str = "saved_filters";

/// Filters of everybody in the organization have the nil UUID as owner, so that their names are unique, too.
fn filters() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(FILTERS)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("owner_id").uuid().not_null())
        .col(ColumnDef::new("list").text().not_null())
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("body").json_binary().not_null());
    for when in ["created", "updated"] {
        let mut at = ColumnDef::new(format!("{when}_at"));
        let mut by = ColumnDef::new(format!("{when}_by"));
        table
            .col(by.text().not_null())
            .col(at.timestamp_with_time_zone().not_null());
    }
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(filters()).await?;
        let mut key = Index::create();
        key.name("saved_filters_name_key").table(FILTERS).unique();
        for column in ["organization_id", "owner_id", "list", "name"] {
            key.col(column);
        }
        manager.create_index(key).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(FILTERS).to_owned();
        manager.drop_table(table).await
    }
}
