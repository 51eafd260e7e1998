//! Where systems and people outside are told of events, and what they are told.

use sea_orm_migration::prelude::*;

/// Adds the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TARGETS: &str = "notification_targets";
const DELIVERIES: &str = "notification_deliveries";

/// `address` is what lists show; where it is a secret itself, the whole is in `sealed_address`.
fn targets() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(TARGETS)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("address").text().not_null())
        .col(ColumnDef::new("sealed_address").binary())
        .col(ColumnDef::new("event_types").json_binary().not_null())
        .col(ColumnDef::new("least_severity").text())
        .col(ColumnDef::new("sealed_secret").binary())
        .col(ColumnDef::new("previous_secret").binary())
        .col(time("previous_until"))
        .col(time("secret_rotated_at"))
        .col(ColumnDef::new("created_by").text().not_null())
        .col(time("created_at").not_null())
        .col(time("disabled_at"))
        .col(ColumnDef::new("disabled_reason").text())
        .col(time("failing_since"))
        .col(time("last_success_at"))
        .col(ColumnDef::new("since_position").big_integer().not_null());
    table
}

fn deliveries() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(DELIVERIES)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("target_id").uuid().not_null())
        .col(ColumnDef::new("event_type").text().not_null())
        .col(ColumnDef::new("dedup_key").text().not_null())
        .col(ColumnDef::new("payload").text().not_null())
        .col(time("created_at").not_null())
        .col(time("next_attempt_at").not_null())
        .col(ColumnDef::new("attempt_count").integer().not_null())
        .col(ColumnDef::new("replayed_at_count").integer().not_null())
        .col(ColumnDef::new("attempts").json_binary().not_null())
        .col(time("finished_at"))
        .col(ColumnDef::new("status").text().not_null());
    table
}

fn time(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.timestamp_with_time_zone();
    column
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(targets()).await?;
        manager.create_table(deliveries()).await?;
        let mut index = Index::create();
        index.name("notification_targets_name_key").table(TARGETS);
        index.col("organization_id").col("name").unique();
        manager.create_index(index).await?;
        let mut index = Index::create();
        index.name("notification_deliveries_dedup_key");
        index.table(DELIVERIES).col("target_id").col("dedup_key");
        manager.create_index(index.unique().to_owned()).await?;
        // Lists of one target, of all that it has and of what stands in one way.
        let mut index = Index::create();
        index.name("notification_deliveries_target_idx");
        index.table(DELIVERIES).col("target_id").col("id");
        manager.create_index(index).await?;
        let mut index = Index::create();
        index.name("notification_deliveries_status_idx");
        index.table(DELIVERIES).col("target_id").col("status");
        manager.create_index(index.col("id").to_owned()).await?;
        let partial = [
            "CREATE INDEX notification_deliveries_due_idx ON notification_deliveries
                (next_attempt_at) WHERE finished_at IS NULL",
            "CREATE INDEX notification_deliveries_finished_idx ON notification_deliveries
                (finished_at) WHERE finished_at IS NOT NULL",
        ];
        for statement in partial {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [DELIVERIES, TARGETS] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
