//! Counts of what happened, kept as it happens.

use sea_orm_migration::prelude::*;

/// Adds the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const ACTIVITY: &str = "activity_counts";
const ACTIONS: &str = "action_counts";
const LATENCIES: &str = "latency_counts";

const COUNTS: [&str; 17] = [
    "total",
    "allowed",
    "denied",
    "pending",
    "approved",
    "refused",
    "risk_low",
    "risk_medium",
    "risk_high",
    "risk_critical",
    "alerts_low",
    "alerts_medium",
    "alerts_high",
    "alerts_critical",
    "results_ok",
    "results_failed",
    "active_agents",
];

fn count(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null();
    column
}

fn table(name: &'static str) -> TableCreateStatement {
    let mut start = ColumnDef::new("bucket_start");
    start.timestamp_with_time_zone().not_null();
    let mut table = Table::create();
    table
        .table(name)
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(start);
    table
}

fn key(columns: &[&'static str]) -> IndexCreateStatement {
    let mut key = Index::create();
    for column in columns {
        key.col(*column);
    }
    key.primary().to_owned()
}

/// Rows of a whole organization have the nil UUID as agent.
fn activity() -> TableCreateStatement {
    let mut table = table(ACTIVITY);
    table
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("grain").text().not_null());
    for name in COUNTS {
        table.col(count(name));
    }
    let columns = ["organization_id", "agent_id", "grain", "bucket_start"];
    table.primary_key(&mut key(&columns));
    table
}

fn actions() -> TableCreateStatement {
    let mut table = table(ACTIONS);
    table
        .col(ColumnDef::new("action").text().not_null())
        .col(count("total"))
        .col(count("denied"))
        .primary_key(&mut key(&["organization_id", "bucket_start", "action"]));
    table
}

fn latencies() -> TableCreateStatement {
    let mut table = table(LATENCIES);
    let columns = ["organization_id", "kind", "bucket_start", "bound_index"];
    table
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("bound_index").integer().not_null())
        .col(count("count"))
        .primary_key(&mut key(&columns));
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [activity(), actions(), latencies()] {
            manager.create_table(table).await?;
        }
        // Pages and totals of what is rare, without going through all the rest.
        for statement in [
            "CREATE INDEX verifications_unallowed_idx ON verifications (organization_id, decision, id)
                WHERE decision <> 'ALLOWED'",
            "CREATE INDEX verifications_action_idx ON verifications (organization_id, action, id)",
            "CREATE INDEX agents_live_idx ON agents (organization_id, status, id)
                WHERE deleted_at IS NULL",
        ] {
            let connection = manager.get_connection();
            connection.execute_unprepared(statement).await?;
        }
        // Who did most, and who was denied most, in one bucket.
        for (name, by) in [
            ("activity_counts_total_idx", "total"),
            ("activity_counts_denied_idx", "denied"),
        ] {
            let mut index = Index::create();
            index.name(name).table(ACTIVITY).col("organization_id");
            index.col("grain").col("bucket_start").col(by);
            manager
                .create_index(index.col("agent_id").to_owned())
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in [
            "verifications_unallowed_idx",
            "verifications_action_idx",
            "agents_live_idx",
        ] {
            let statement = format!("DROP INDEX {index}");
            let connection = manager.get_connection();
            connection.execute_unprepared(&statement).await?;
        }
        for table in [LATENCIES, ACTIONS, ACTIVITY] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
