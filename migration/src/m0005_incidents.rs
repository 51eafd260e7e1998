//! Alerts stand for incidents: findings of several kinds.

use sea_orm_migration::prelude::*;

/// Adds the column and the indexes.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// JSON list of the kinds of all findings; null in rows of former versions, which have one kind.
const KINDS: &str = "kinds";
/// Table, columns: an agent's newest incidents, an incident's findings.
const INDEXES: [(&str, &[&str]); 2] = [
    ("alerts", &["agent_id", "last_event_time"]),
    ("anomalies", &["alert_id", "id"]),
];

fn name(table: &str, columns: &[&str]) -> String {
    format!("{table}_{}_idx", columns.join("_"))
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table
            .table("alerts")
            .add_column(ColumnDef::new(KINDS).json_binary());
        manager.alter_table(table).await?;
        for (table, columns) in INDEXES {
            let mut index = Index::create();
            index.name(name(table, columns)).table(table);
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in INDEXES {
            let index = Index::drop()
                .name(name(table, columns))
                .table(table)
                .to_owned();
            manager.drop_index(index).await?;
        }
        let mut table = Table::alter();
        table.table("alerts").drop_column(KINDS);
        manager.alter_table(table).await
    }
}
