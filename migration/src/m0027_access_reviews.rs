//! Reviews of who and what may get in, and the words on each.

use sea_orm_migration::prelude::*;

/// Makes the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const REVIEWS: &str = "access_reviews";
const ITEMS: &str = "access_review_items";

fn reviews() -> TableCreateStatement {
    let mut table = owned(REVIEWS);
    table
        .col(text("name").not_null())
        .col(text("status").not_null())
        .col(time("due_at").not_null())
        .col(count("item_count"))
        .col(count("kept_count"))
        .col(count("revoked_count"))
        .col(text("created_by").not_null())
        .col(time("created_at").not_null())
        .col(text("closed_by"))
        .col(time("closed_at"))
        .col(text("closing_reason"));
    table
}

/// `done_at` is null as long as nobody gave a word, and while a revocation is not carried out.
fn items() -> TableCreateStatement {
    let mut table = owned(ITEMS);
    table
        .col(ColumnDef::new("review_id").uuid().not_null())
        .col(text("subject").not_null())
        .col(ColumnDef::new("subject_id").uuid().not_null())
        .col(ColumnDef::new("owner_id").uuid())
        .col(text("name").not_null())
        .col(text("access").not_null())
        .col(text("word"))
        .col(text("reason"))
        .col(text("answered_by"))
        .col(time("answered_at"))
        .col(time("done_at"));
    table
}

fn owned(name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(name)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null());
    table
}

fn text(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    column
}

fn time(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.timestamp_with_time_zone();
    column
}

fn count(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null();
    column
}

/// Name, table, columns, whether each combination is there once.
const INDEXES: [(&str, &str, &[&str], bool); 4] = [
    (
        "access_reviews_id_idx",
        REVIEWS,
        &["organization_id", "id"],
        false,
    ),
    (
        "access_review_items_id_idx",
        ITEMS,
        &["organization_id", "id"],
        false,
    ),
    (
        "access_review_items_subject_key",
        ITEMS,
        &["review_id", "subject_id"],
        true,
    ),
    (
        "access_review_items_word_idx",
        ITEMS,
        &["organization_id", "subject", "answered_at"],
        false,
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [reviews(), items()] {
            manager.create_table(table).await?;
        }
        for (name, table, columns, is_unique) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(*column);
            }
            if is_unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [ITEMS, REVIEWS] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
