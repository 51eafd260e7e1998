//! How people come in: letters, resets, invitations, registrations, second factors, other issuers.

use sea_orm_migration::prelude::*;

/// Makes the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// Table, columns as `name:type`; the first is the key, those with `?` may be null. Types: `u` a
/// UUID, `s` text, `b` boolean, `i` and `l` integers, `t` a time, `j` JSON, `y` bytes.
const TABLES: &[(&str, &str)] = &[
    (
        "mails",
        "id:u kind:s recipient:s pending_key:s? parameters:j created_at:t \
         next_attempt_at:t leased_until:t? attempt_count:i finished_at:t? outcome:s? \
         last_error:s?",
    ),
    (
        "password_resets",
        "id:u organization_id:u user_id:u token_hash:s created_at:t expires_at:t \
         used_at:t?",
    ),
    (
        "account_settings",
        "organization_id:u registration_open:b registration_domain:s? \
         updated_at:t",
    ),
    (
        "invitations",
        "id:u organization_id:u email:s role:s token_hash:s? invited_by:s created_at:t \
         expires_at:t accepted_at:t? user_id:u? revoked_at:t? revoked_by:s?",
    ),
    (
        "registrations",
        "id:u organization_id:u email:s name:s status:s token_hash:s? \
         token_expires_at:t? password_hash:s? created_at:t confirmed_at:t? decided_at:t? \
         decided_by:s? reason:s? user_id:u?",
    ),
    (
        "second_factors",
        "user_id:u organization_id:u secret:y created_at:t confirmed_at:t? last_step:l \
         failed_count:i locked_until:t?",
    ),
    ("recovery_codes", "id:u user_id:u code_hash:s used_at:t?"),
    (
        "sign_in_challenges",
        "id:u organization_id:u user_id:u token_hash:s method:s token_generation:i \
         attempt_count:i created_at:t expires_at:t used_at:t?",
    ),
    (
        "identities",
        "id:u organization_id:u user_id:u issuer:s subject:s created_at:t last_used_at:t",
    ),
];

/// Table, columns, whether no two rows may have the same. Nulls are never the same.
const INDEXES: &[(&str, &[&str], bool)] = &[
    ("mails", &["pending_key"], true),
    ("mails", &["finished_at", "next_attempt_at"], false),
    ("mails", &["recipient", "finished_at"], false),
    ("password_resets", &["token_hash"], true),
    ("password_resets", &["user_id", "created_at"], false),
    ("invitations", &["token_hash"], true),
    ("invitations", &["organization_id", "id"], false),
    ("registrations", &["token_hash"], true),
    ("registrations", &["organization_id", "id"], false),
    ("registrations", &["organization_id", "email"], false),
    ("recovery_codes", &["user_id"], false),
    ("sign_in_challenges", &["token_hash"], true),
    ("sign_in_challenges", &["expires_at"], false),
    ("identities", &["issuer", "subject"], true),
    ("identities", &["user_id"], false),
];

fn column(index: usize, text: &str) -> ColumnDef {
    let (name, kind) = text.split_once(':').unwrap_or((text, "s"));
    let mut column = ColumnDef::new(name.to_owned());
    match kind.as_bytes().first() {
        Some(b'u') => column.uuid(),
        Some(b'b') => column.boolean(),
        Some(b'i') => column.integer(),
        Some(b'l') => column.big_integer(),
        Some(b't') => column.timestamp_with_time_zone(),
        Some(b'j') => column.json_binary(),
        Some(b'y') => column.binary(),
        _ => column.text(),
    };
    if !kind.ends_with('?') {
        column.not_null();
    }
    if index == 0 {
        column.primary_key();
    }
    column
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, columns) in TABLES {
            let mut table = Table::create();
            table.table(*name);
            for (index, text) in columns.split_whitespace().enumerate() {
                table.col(column(index, text));
            }
            manager.create_table(table).await?;
        }
        for (table, columns, is_unique) in INDEXES {
            let mut index = Index::create();
            let name = format!("{table}_{}_idx", columns.join("_"));
            index.name(name).table(*table);
            if *is_unique {
                index.unique();
            }
            for column in *columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, _) in TABLES.iter().rev() {
            let table = Table::drop().table(*table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
