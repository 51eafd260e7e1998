//! Which notification targets each text of a policy tells.

use sea_orm_migration::prelude::*;

/// Adds the table.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "policy_targets";
const TARGET_INDEX: &str = "policy_targets_target_id_idx";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = Index::create();
        key.primary().col("policy_id").col("version");
        key.col("target_id");
        let mut table = Table::create();
        table
            .table(TABLE)
            .col(ColumnDef::new("policy_id").uuid().not_null())
            .col(ColumnDef::new("version").integer().not_null())
            .col(ColumnDef::new("target_id").uuid().not_null())
            .col(ColumnDef::new("organization_id").uuid().not_null())
            .primary_key(&mut key);
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name(TARGET_INDEX).table(TABLE).col("target_id");
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(TABLE).to_owned();
        manager.drop_table(table).await
    }
}
