//! Indexes: one for each way a list is read, none for what is only written.

use sea_orm_migration::prelude::*;

/// Makes the indexes.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// Table, columns, unique.
const INDEXES: &[(&str, &[&str], bool)] = &[
    ("agents", &["organization_id", "name"], true),
    ("agents", &["organization_id", "id"], false),
    ("agent_keys", &["agent_id"], false),
    ("capability_grants", &["agent_id"], false),
    ("verifications", &["organization_id", "id"], false),
    ("verifications", &["agent_id", "id"], false),
    ("trust_snapshots", &["agent_id", "id"], false),
    ("anomalies", &["organization_id", "id"], false),
    ("anomalies", &["agent_id", "id"], false),
    ("alerts", &["organization_id", "id"], false),
    ("alerts", &["organization_id", "dedup_key"], false),
    ("activities", &["organization_id", "event_id"], false),
    ("activities", &["agent_id", "event_time"], false),
    ("audit_entries", &["organization_id", "id"], false),
    ("event_log", &["topic", "position"], false),
    ("dead_letters", &["organization_id", "id"], false),
];

/// Most verifications have no idempotency key; they need not be in its index.
const IDEMPOTENCY_KEYS: (&str, &[&str]) = ("verifications", &["agent_id", "idempotency_key"]);

fn name(table: &str, columns: &[&str]) -> String {
    format!("{table}_{}_idx", columns.join("_"))
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns, unique) in INDEXES {
            let mut index = Index::create();
            index.name(name(table, columns)).table(*table);
            for column in *columns {
                index.col(*column);
            }
            if *unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        let (table, columns) = IDEMPOTENCY_KEYS;
        let mut index = Index::create();
        index.name(name(table, columns)).table(table).unique();
        for column in columns {
            index.col(*column);
        }
        index.cond_where(Expr::col("idempotency_key").is_not_null());
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dropped = INDEXES.iter().map(|(table, columns, _)| (*table, *columns));
        for (table, columns) in dropped.chain([IDEMPOTENCY_KEYS]) {
            let index = Index::drop()
                .name(name(table, columns))
                .table(table)
                .to_owned();
            manager.drop_index(index).await?;
        }
        Ok(())
    }
}
