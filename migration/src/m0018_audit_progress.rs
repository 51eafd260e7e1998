//! How far entries have their index, and which logs stand still: what two processes do not do at once
//! is told by the leases of background work, like that of any other job.

use sea_orm_migration::prelude::*;

/// Takes the place of `audit_sequencer`, which had a lease of its own.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const BEFORE: &str = "audit_sequencer";
const PROGRESS: &str = "audit_progress";
const STOPS: &str = "audit_stops";

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// One row: up to which position entries have been looked at, and how often it was written, so that of
/// two that read the same row one writes.
fn progress() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(PROGRESS)
        .col(ColumnDef::new("id").integer().not_null().primary_key())
        .col(number("round"))
        .col(number("position"));
    table
}

/// Logs that are not what was signed: their entries behind `position` wait.
fn stops() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(STOPS)
        .col(
            ColumnDef::new("organization_id")
                .uuid()
                .not_null()
                .primary_key(),
        )
        .col(number("position"))
        .col(ColumnDef::new("reason").text().not_null())
        .col(
            ColumnDef::new("stopped_at")
                .timestamp_with_time_zone()
                .not_null(),
        );
    table
}

fn before() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(BEFORE)
        .col(ColumnDef::new("id").integer().not_null().primary_key())
        .col(ColumnDef::new("holder").text().not_null())
        .col(
            ColumnDef::new("held_until")
                .timestamp_with_time_zone()
                .not_null(),
        )
        .col(number("position"));
    table
}

async fn drop_table(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    manager
        .drop_table(Table::drop().table(name).to_owned())
        .await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(progress()).await?;
        manager.create_table(stops()).await?;
        let copy = "INSERT INTO audit_progress (id, round, position) \
                    SELECT id, 0, position FROM audit_sequencer";
        manager.get_connection().execute_unprepared(copy).await?;
        drop_table(manager, BEFORE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(before()).await?;
        let copy = "INSERT INTO audit_sequencer (id, holder, held_until, position) \
                    SELECT id, '', '1970-01-01T00:00:00+00:00', position FROM audit_progress";
        manager.get_connection().execute_unprepared(copy).await?;
        drop_table(manager, STOPS).await?;
        drop_table(manager, PROGRESS).await
    }
}
