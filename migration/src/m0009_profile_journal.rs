//! What profiles have learned since they were written; no index that is written with every event
//! and read by nobody.

use sea_orm_migration::prelude::*;

/// Adds the table, drops the indexes.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "profile_journal";

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
            .col(ColumnDef::new("topic").text().not_null())
            .col(ColumnDef::new("partition").integer().not_null())
            .col(ColumnDef::new("sequence").big_integer().not_null())
            .col(ColumnDef::new("steps").blob().not_null())
            .col(
                ColumnDef::new("created_at")
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(
                Index::create()
                    .col("topic")
                    .col("partition")
                    .col("sequence"),
            );
        manager.create_table(table).await?;
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
        manager
            .drop_table(Table::drop().table(TABLE).to_owned())
            .await
    }
}
