//! What profiles have learned since they were written.

use sea_orm_migration::prelude::*;

/// Adds the table and the column.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "profile_journal";
const PROFILES: &str = "behaviour_profiles";
/// Of which partition a profile's `revision` counts; null in rows from before, which no journal is of.
const COLUMN: &str = "partition";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(TABLE)
            .col(ColumnDef::new("partition").integer().not_null())
            .col(ColumnDef::new("sequence").big_integer().not_null())
            .col(ColumnDef::new("steps").blob().not_null())
            .col(
                ColumnDef::new("created_at")
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(Index::create().col("partition").col("sequence"));
        manager.create_table(table).await?;
        let mut table = Table::alter();
        table
            .table(PROFILES)
            .add_column(ColumnDef::new(COLUMN).integer());
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table.table(PROFILES).drop_column(COLUMN);
        manager.alter_table(table).await?;
        manager
            .drop_table(Table::drop().table(TABLE).to_owned())
            .await
    }
}
