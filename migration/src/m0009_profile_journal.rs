//! What profiles have learned since they were written; no index that is written with every event
//! and read by nobody.

use sea_orm_migration::prelude::*;

/// Adds the table and the column.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "profile_journal";
const PROFILES: &str = "behaviour_profiles";
/// Of which partition a profile's `revision` counts; null in rows from before, which no journal is of.
const COLUMN: &str = "partition";

const ACTIVITIES: &str = "activities";
const UNREAD: [&[&str]; 2] = [
    &["organization_id", "event_id"],
    &["agent_id", "event_time"],
];

fn name(columns: &[&str]) -> String {
    format!("{ACTIVITIES}_{}_idx", columns.join("_"))
}

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
        manager.alter_table(table).await?;
        for columns in UNREAD {
            let mut index = Index::drop();
            index.name(name(columns)).table(ACTIVITIES);
            manager.drop_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for columns in UNREAD {
            let mut index = Index::create();
            index.name(name(columns)).table(ACTIVITIES);
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        let mut table = Table::alter();
        table.table(PROFILES).drop_column(COLUMN);
        manager.alter_table(table).await?;
        manager
            .drop_table(Table::drop().table(TABLE).to_owned())
            .await
    }
}
