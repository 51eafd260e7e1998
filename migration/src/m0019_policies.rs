//! Policies, all their texts, and what they said of each verification.

use sea_orm_migration::prelude::*;

/// Adds the tables and columns.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const POLICIES: &str = "policies";
const VERSIONS: &str = "policy_versions";
const NAME_INDEX: &str = "policies_organization_id_live_name_key";
const VERSION_INDEX: &str = "policy_versions_policy_id_version_key";

/// What counts now; `live_name` is null of those that were put away.
fn policies() -> TableCreateStatement {
    let mut table = published(POLICIES);
    table
        .col(ColumnDef::new("mode").text().not_null())
        .col(ColumnDef::new("live_name").text())
        .col(time("created_at").not_null())
        .col(time("archived_at"));
    table
}

/// Every text there ever was.
fn versions() -> TableCreateStatement {
    let mut table = published(VERSIONS);
    table.col(ColumnDef::new("policy_id").uuid().not_null());
    table
}

fn published(name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(name)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("version").integer().not_null())
        .col(ColumnDef::new("body").json_binary().not_null())
        .col(ColumnDef::new("reason").text().not_null())
        .col(ColumnDef::new("published_by").text().not_null())
        .col(time("published_at").not_null());
    table
}

fn time(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.timestamp_with_time_zone();
    column
}

fn altered(table: &'static str) -> TableAlterStatement {
    Table::alter().table(table).to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(policies()).await?;
        manager.create_table(versions()).await?;
        let mut index = Index::create();
        index.name(NAME_INDEX).table(POLICIES).unique();
        index.col("organization_id").col("live_name");
        manager.create_index(index).await?;
        let mut index = Index::create();
        index.name(VERSION_INDEX).table(VERSIONS).unique();
        index.col("policy_id").col("version");
        manager.create_index(index).await?;
        let mut revision = ColumnDef::new("policy_revision");
        revision.big_integer().not_null().default(0);
        let add = altered("organizations").add_column(revision).to_owned();
        manager.alter_table(add).await?;
        let mut said = ColumnDef::new("policies");
        said.json_binary();
        let add = altered("verifications").add_column(said).to_owned();
        manager.alter_table(add).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("verifications", "policies"),
            ("organizations", "policy_revision"),
        ] {
            let drop = altered(table).drop_column(column).to_owned();
            manager.alter_table(drop).await?;
        }
        for table in [VERSIONS, POLICIES] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
