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
    ("verifications", &["agent_id", "idempotency_key"], true),
    ("verifications", &["organization_id", "id"], false),
    ("verifications", &["agent_id", "id"], false),
    ("used_nonces", &["expires_at"], false),
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
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns, _) in INDEXES {
            let index = Index::drop()
                .name(name(table, columns))
                .table(*table)
                .to_owned();
            manager.drop_index(index).await?;
        }
        Ok(())
    }
}
