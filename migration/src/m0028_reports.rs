//! Reports that are made by themselves, and are kept.

use sea_orm_migration::prelude::*;

/// Makes the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const SCHEDULES: &str = "report_schedules";
const REPORTS: &str = "kept_reports";

fn schedules() -> TableCreateStatement {
    let mut table = owned(SCHEDULES);
    table
        .col(text("framework").not_null())
        .col(text("every").not_null())
        .col(ColumnDef::new("target_id").uuid())
        .col(time("next_at").not_null())
        .col(text("created_by").not_null())
        .col(time("created_at").not_null());
    table
}

fn reports() -> TableCreateStatement {
    let mut table = owned(REPORTS);
    table
        .col(ColumnDef::new("schedule_id").uuid().not_null())
        .col(text("framework").not_null())
        .col(text("every").not_null())
        .col(time("period_start").not_null())
        .col(time("measured_at").not_null())
        .col(ColumnDef::new("body").json_binary().not_null())
        .col(text("csv_sha256").not_null())
        .col(ColumnDef::new("tree_size").big_integer())
        .col(text("root_hash"))
        .col(ColumnDef::new("audit_entry_id").uuid().not_null());
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

/// Name, table, columns, whether each combination is there once.
const INDEXES: [(&str, &str, &[&str], bool); 4] = [
    (
        "report_schedules_id_idx",
        SCHEDULES,
        &["organization_id", "id"],
        false,
    ),
    ("report_schedules_next_idx", SCHEDULES, &["next_at"], false),
    (
        "kept_reports_id_idx",
        REPORTS,
        &["organization_id", "id"],
        false,
    ),
    (
        "kept_reports_period_key",
        REPORTS,
        &["schedule_id", "period_start"],
        true,
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [schedules(), reports()] {
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
        for table in [REPORTS, SCHEDULES] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
