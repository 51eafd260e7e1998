//! The kill switch of an agent and of an organization.

use sea_orm_migration::prelude::*;

/// Adds the columns.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 2] = ["agents", "organizations"];
const REASON: &str = "kill_switch_reason";
const ENGAGED_BY: &str = "kill_switch_engaged_by";
/// Null while it is released.
const ENGAGED_AT: &str = "kill_switch_engaged_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES {
            let columns = [
                ColumnDef::new(REASON).text().take(),
                ColumnDef::new(ENGAGED_BY).text().take(),
                ColumnDef::new(ENGAGED_AT).timestamp_with_time_zone().take(),
            ];
            // One a statement: SQLite adds no more.
            for column in columns {
                let mut table = Table::alter();
                table.table(name).add_column(column);
                manager.alter_table(table).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES {
            for column in [ENGAGED_AT, ENGAGED_BY, REASON] {
                let mut table = Table::alter();
                table.table(name).drop_column(column);
                manager.alter_table(table).await?;
            }
        }
        Ok(())
    }
}
