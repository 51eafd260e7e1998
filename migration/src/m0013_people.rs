//! Sessions, API keys, brakes on guessing, who may not sign in any more, limits of organizations.

use sea_orm_migration::prelude::*;

/// Adds tables and columns.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

fn time(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).timestamp_with_time_zone().take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().take()
}

/// Of people, and of programs that act for them.
fn sessions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("sessions")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(text("kind").not_null())
        .col(text("method").not_null())
        .col(text("name"))
        .col(ColumnDef::new("permissions").json_binary())
        .col(text("client_address"))
        .col(text("user_agent"))
        .col(text("family_hash").not_null().unique_key())
        .col(text("secret_hash").not_null())
        .col(time("created_at").not_null())
        .col(time("last_used_at").not_null())
        .col(time("refresh_by").not_null())
        .col(time("expires_at").not_null())
        .col(time("revoked_at"))
        .col(text("revoked_reason"));
    table
}

fn api_keys() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("api_keys")
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(text("name").not_null())
        .col(text("prefix").not_null().unique_key())
        .col(text("secret_hash").not_null())
        .col(text("previous_hash"))
        .col(time("previous_until"))
        .col(ColumnDef::new("permissions").json_binary().not_null())
        .col(time("created_at").not_null())
        .col(time("expires_at"))
        .col(time("rotated_at"))
        .col(time("disabled_at"))
        .col(time("last_used_at"));
    table
}

/// One row for each account, client network, and pair of them, that is guessed at.
fn sign_in_throttles() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("sign_in_throttles")
        .col(text("subject").not_null().primary_key())
        .col(ColumnDef::new("attempts").integer().not_null())
        .col(time("last_attempt_at").not_null())
        .col(time("blocked_until"));
    table
}

const INDEXES: [(&str, &str, &str); 3] = [
    ("sessions_user_id_idx", "sessions", "user_id"),
    ("api_keys_user_id_idx", "api_keys", "user_id"),
    (
        "api_keys_organization_id_idx",
        "api_keys",
        "organization_id",
    ),
];

/// Column by column: SQLite adds no more in one statement.
fn columns() -> [(&'static str, ColumnDef); 3] {
    [
        ("users", time("deactivated_at")),
        ("users", time("removed_at")),
        (
            "organizations",
            ColumnDef::new("limits").json_binary().take(),
        ),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [sessions(), api_keys(), sign_in_throttles()] {
            manager.create_table(table).await?;
        }
        for (name, table, column) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table).col(column);
            manager.create_index(index).await?;
        }
        for (name, column) in columns() {
            let mut table = Table::alter();
            table.table(name).add_column(column);
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, column) in columns().into_iter().rev() {
            let mut table = Table::alter();
            table.table(name).drop_column(column.get_column_name());
            manager.alter_table(table).await?;
        }
        for name in ["sign_in_throttles", "api_keys", "sessions"] {
            let mut table = Table::drop();
            manager.drop_table(table.table(name).take()).await?;
        }
        Ok(())
    }
}
