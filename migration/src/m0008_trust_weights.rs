//! An organization's own weights of the trust factors.

use sea_orm_migration::prelude::*;

/// Adds the column.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "organizations";
/// JSON list of eight ten-thousandths; null is the product's own.
const COLUMN: &str = "trust_weights";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table
            .table(TABLE)
            .add_column(ColumnDef::new(COLUMN).json_binary());
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table.table(TABLE).drop_column(COLUMN);
        manager.alter_table(table).await
    }
}
