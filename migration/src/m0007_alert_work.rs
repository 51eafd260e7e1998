//! Who works on an alert, and which findings raise none.

use sea_orm_migration::prelude::*;

/// Adds the columns and the table.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "alert_suppressions";
/// Table, columns.
const INDEXES: [(&str, &[&str]); 3] = [
    ("alerts", &["assignee_id", "id"]),
    (TABLE, &["organization_id", "id"]),
    (TABLE, &["organization_id", "expires_at"]),
];

fn name(table: &str, columns: &[&str]) -> String {
    format!("{table}_{}_idx", columns.join("_"))
}

/// Table, column; each may be null.
fn columns() -> [(&'static str, ColumnDef); 3] {
    [
        ("alerts", ColumnDef::new("assignee_id").uuid().take()),
        (
            "alerts",
            ColumnDef::new("assigned_at")
                .timestamp_with_time_zone()
                .take(),
        ),
        ("anomalies", ColumnDef::new("suppression_id").uuid().take()),
    ]
}

/// A person's word that some findings raise no alert for a while.
fn suppressions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(TABLE)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid())
        .col(ColumnDef::new("kind").text())
        .col(ColumnDef::new("reason").text().not_null())
        .col(ColumnDef::new("created_by").text().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("expires_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(ColumnDef::new("withdrawn_at").timestamp_with_time_zone());
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One a statement: SQLite adds no more.
        for (name, column) in columns() {
            let mut table = Table::alter();
            table.table(name).add_column(column);
            manager.alter_table(table).await?;
        }
        manager.create_table(suppressions()).await?;
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
        let (table, indexed) = INDEXES[0];
        let index = Index::drop()
            .name(name(table, indexed))
            .table(table)
            .to_owned();
        manager.drop_index(index).await?;
        manager
            .drop_table(Table::drop().table(TABLE).to_owned())
            .await?;
        for (name, column) in columns().into_iter().rev() {
            let mut table = Table::alter();
            table.table(name).drop_column(column.get_column_name());
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
