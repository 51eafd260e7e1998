//! What people and peers say of an agent: one present word each.

use sea_orm_migration::prelude::*;

/// Makes the table.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "agent_ratings";
/// Columns, unique.
const INDEXES: [(&[&str], bool); 3] = [
    (&["agent_id", "rater"], true),
    (&["agent_id", "id"], false),
    (&["sponsor", "updated_at"], false),
];

fn table() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(TABLE)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("rater").text().not_null())
        .col(ColumnDef::new("sponsor").text().not_null())
        .col(ColumnDef::new("rating").integer().not_null())
        .col(ColumnDef::new("weight").integer().not_null())
        .col(ColumnDef::new("comment").text())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(
            ColumnDef::new("updated_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        for (columns, unique) in INDEXES {
            let mut index = Index::create();
            index
                .name(format!("{TABLE}_{}_idx", columns.join("_")))
                .table(TABLE);
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(TABLE).to_owned();
        manager.drop_table(table).await
    }
}
