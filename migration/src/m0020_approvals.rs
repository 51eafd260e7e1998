//! What persons have to agree to: who answered what, and what they agreed to beforehand.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Adds the tables and columns.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const VERIFICATIONS: &str = "verifications";
const ANSWERS: &str = "approval_answers";
const GRANTS: &str = "approval_grants";
const REQUESTS: &str = "capability_requests";
const VIOLATIONS: &str = "capability_violations";
/// Tables, the columns of their indexes, and whether those are unique.
const INDEXES: [(&str, &str, &[&str], bool); 8] = [
    (
        "approval_answers_verification_id_answered_by_key",
        ANSWERS,
        &["verification_id", "answered_by"],
        true,
    ),
    (
        "approval_grants_agent_id_id_idx",
        GRANTS,
        &["agent_id", "id"],
        false,
    ),
    (
        "approval_grants_organization_id_id_idx",
        GRANTS,
        &["organization_id", "id"],
        false,
    ),
    (
        "capability_requests_agent_id_live_key_key",
        REQUESTS,
        &["agent_id", "live_key"],
        true,
    ),
    (
        "capability_requests_organization_id_id_idx",
        REQUESTS,
        &["organization_id", "id"],
        false,
    ),
    (
        "capability_violations_agent_id_action_resource_key",
        VIOLATIONS,
        &["agent_id", "action", "resource"],
        true,
    ),
    (
        "capability_violations_organization_id_id_idx",
        VIOLATIONS,
        &["organization_id", "id"],
        false,
    ),
    (
        "capability_grants_organization_id_id_idx",
        "capability_grants",
        &["organization_id", "id"],
        false,
    ),
];
/// The inbox; nearly all verifications need no person.
const INBOX_INDEX: &str = "verifications_approval_organization_id_id_idx";
/// What may have to expire.
const OPEN_INDEX: &str = "verifications_open_approval_expires_at_idx";

/// What each person said.
fn answers() -> TableCreateStatement {
    let mut table = table(ANSWERS);
    table
        .col(ColumnDef::new("verification_id").uuid().not_null())
        .col(ColumnDef::new("answered_by").text().not_null())
        .col(ColumnDef::new("is_approved").boolean().not_null())
        .col(ColumnDef::new("reason").text())
        .col(time("created_at").not_null());
    table
}

/// What a person agreed to beforehand.
fn grants() -> TableCreateStatement {
    let mut table = table(GRANTS);
    table
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("action").text().not_null())
        .col(ColumnDef::new("resource").text())
        .col(ColumnDef::new("max_uses").big_integer())
        .col(ColumnDef::new("use_count").big_integer().not_null())
        .col(ColumnDef::new("reason").text().not_null())
        .col(ColumnDef::new("granted_by").text().not_null())
        .col(time("created_at").not_null())
        .col(time("expires_at").not_null())
        .col(time("revoked_at"))
        .col(ColumnDef::new("revoked_by").text());
    table
}

/// What agents ask to be granted; `live_key` is null of what waits no more.
fn requests() -> TableCreateStatement {
    let mut table = table(REQUESTS);
    table
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("capability").text().not_null())
        .col(ColumnDef::new("resource").text())
        .col(ColumnDef::new("life_seconds").big_integer())
        .col(ColumnDef::new("reason").text().not_null())
        .col(ColumnDef::new("status").text().not_null())
        .col(ColumnDef::new("live_key").text())
        .col(time("created_at").not_null())
        .col(time("expires_at").not_null())
        .col(ColumnDef::new("decided_by").text())
        .col(time("decided_at"))
        .col(ColumnDef::new("decided_reason").text())
        .col(ColumnDef::new("grant_id").uuid());
    table
}

/// Attempts at what nothing grants.
fn violations() -> TableCreateStatement {
    let mut table = table(VIOLATIONS);
    table
        .col(ColumnDef::new("agent_id").uuid().not_null())
        .col(ColumnDef::new("action").text().not_null())
        .col(ColumnDef::new("resource").text().not_null())
        .col(ColumnDef::new("risk").text().not_null())
        .col(ColumnDef::new("severity").text().not_null())
        .col(ColumnDef::new("attempts").big_integer().not_null())
        .col(time("first_at").not_null())
        .col(time("last_at").not_null())
        .col(ColumnDef::new("verification_id").uuid().not_null());
    table
}

fn table(name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(name)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null());
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

fn index(name: &str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

/// Which verifications a policy said something of. PostgreSQL finds them in the column itself; SQLite
/// keeps them in a table of their own, filled by whatever writes the column.
async fn index_policies(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let statements: &[&str] = match manager.get_database_backend() {
        DbBackend::Sqlite => &[
            "CREATE TABLE verification_policies (policy_id TEXT NOT NULL, verification_id BLOB NOT NULL,
                PRIMARY KEY (policy_id, verification_id)) WITHOUT ROWID",
            "INSERT INTO verification_policies
                SELECT DISTINCT json_extract(hit.value, '$.policy'), verifications.id
                FROM verifications, json_each(verifications.policies) AS hit",
            "CREATE TRIGGER verifications_policies AFTER INSERT ON verifications
                WHEN NEW.policies IS NOT NULL BEGIN
                INSERT OR IGNORE INTO verification_policies
                SELECT json_extract(hit.value, '$.policy'), NEW.id
                FROM json_each(NEW.policies) AS hit; END",
        ],
        _ => &[
            "CREATE INDEX verifications_policies_idx ON verifications
                USING gin (policies jsonb_path_ops) WHERE policies IS NOT NULL",
        ],
    };
    for statement in statements {
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
    }
    Ok(())
}

async fn drop_policies(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let statements: &[&str] = match manager.get_database_backend() {
        DbBackend::Sqlite => &[
            "DROP TRIGGER verifications_policies",
            "DROP TABLE verification_policies",
        ],
        _ => &["DROP INDEX verifications_policies_idx"],
    };
    for statement in statements {
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [answers(), grants(), requests(), violations()] {
            manager.create_table(table).await?;
        }
        for (name, table, columns, is_unique) in INDEXES {
            let mut index = index(name, table, columns);
            if is_unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        let mut status = ColumnDef::new("approval_status");
        let mut approvers = ColumnDef::new("approvers");
        let mut arguments = ColumnDef::new("arguments");
        for column in [status.text(), approvers.integer(), arguments.json_binary()] {
            let add = altered(VERIFICATIONS).add_column(column).to_owned();
            manager.alter_table(add).await?;
        }
        let mut settings = ColumnDef::new("approval_settings");
        let add = altered("organizations")
            .add_column(settings.json_binary())
            .to_owned();
        manager.alter_table(add).await?;
        let mut inbox = index(INBOX_INDEX, VERIFICATIONS, &["organization_id", "id"]);
        inbox.cond_where(Expr::col("approval_status").is_not_null());
        manager.create_index(inbox).await?;
        let mut open = index(OPEN_INDEX, VERIFICATIONS, &["expires_at"]);
        open.cond_where(Expr::col("approval_status").is_in(["PENDING", "APPROVED"]));
        manager.create_index(open).await?;
        index_policies(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_policies(manager).await?;
        for name in [INBOX_INDEX, OPEN_INDEX] {
            let index = Index::drop().name(name).table(VERIFICATIONS).to_owned();
            manager.drop_index(index).await?;
        }
        for (table, column) in [
            ("organizations", "approval_settings"),
            (VERIFICATIONS, "arguments"),
            (VERIFICATIONS, "approvers"),
            (VERIFICATIONS, "approval_status"),
        ] {
            let drop = altered(table).drop_column(column).to_owned();
            manager.alter_table(drop).await?;
        }
        let own = Index::drop()
            .name(INDEXES[7].0)
            .table(INDEXES[7].1)
            .to_owned();
        manager.drop_index(own).await?;
        for table in [VIOLATIONS, REQUESTS, GRANTS, ANSWERS] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
