//! Passkeys of people, and the ceremonies that make and use them.

use sea_orm_migration::prelude::*;

/// Makes the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

fn passkeys() -> TableCreateStatement {
    let column = |name: &str| ColumnDef::new(name.to_owned()).not_null().to_owned();
    Table::create()
        .table("passkeys")
        .col(column("id").uuid().primary_key())
        .col(column("organization_id").uuid())
        .col(column("user_id").uuid())
        .col(column("name").text())
        .col(column("credential_id").binary())
        .col(column("public_state").binary())
        .col(column("moving_state").binary())
        .col(column("transports").integer())
        .col(column("created_at").timestamp_with_time_zone())
        .col(ColumnDef::new("last_used_at").timestamp_with_time_zone())
        .to_owned()
}

fn ceremonies() -> TableCreateStatement {
    let column = |name: &str| ColumnDef::new(name.to_owned()).not_null().to_owned();
    Table::create()
        .table("passkey_ceremonies")
        .col(column("id").uuid().primary_key())
        .col(column("organization_id").uuid())
        .col(column("user_id").uuid())
        .col(column("kind").text())
        .col(column("bound_to").uuid())
        .col(column("challenge_hash").text())
        .col(column("state").binary())
        .col(column("created_at").timestamp_with_time_zone())
        .col(column("expires_at").timestamp_with_time_zone())
        .to_owned()
}

/// Table, columns, whether no two rows may have the same.
const INDEXES: &[(&str, &[&str], bool)] = &[
    ("passkeys", &["credential_id"], true),
    ("passkeys", &["user_id", "id"], false),
    ("passkey_ceremonies", &["challenge_hash"], true),
    ("passkey_ceremonies", &["kind", "bound_to"], true),
    ("passkey_ceremonies", &["user_id"], false),
    ("passkey_ceremonies", &["expires_at"], false),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(passkeys()).await?;
        manager.create_table(ceremonies()).await?;
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
        for table in ["passkey_ceremonies", "passkeys"] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
