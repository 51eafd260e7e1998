//! A person's word on an agent's trust, for a time.

use sea_orm_migration::prelude::*;

/// Adds the columns.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const SCORE: &str = "trust_override_score";
const REASON: &str = "trust_override_reason";
const SET_BY: &str = "trust_override_set_by";
const EXPIRES_AT: &str = "trust_override_expires_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ColumnDef::new(SCORE).integer().take(),
            ColumnDef::new(REASON).text().take(),
            ColumnDef::new(SET_BY).text().take(),
            ColumnDef::new(EXPIRES_AT).timestamp_with_time_zone().take(),
        ];
        // One a statement: SQLite adds no more.
        for column in columns {
            let mut table = Table::alter();
            table.table("agents").add_column(column);
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [EXPIRES_AT, SET_BY, REASON, SCORE] {
            let mut table = Table::alter();
            table.table("agents").drop_column(column);
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
