//! Programs that want to act as a person, until the person has answered and the program was told.

use sea_orm_migration::prelude::*;

/// Makes the table.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "login_requests";

fn table() -> TableCreateStatement {
    let text = |name: &str| ColumnDef::new(name.to_owned()).text().to_owned();
    let time = |name: &str| {
        let mut column = ColumnDef::new(name.to_owned());
        column.timestamp_with_time_zone().to_owned()
    };
    let uuid = |name: &str| ColumnDef::new(name.to_owned()).uuid().to_owned();
    let int = |name: &str| ColumnDef::new(name.to_owned()).integer().to_owned();
    Table::create()
        .table(TABLE)
        .col(uuid("id").not_null().primary_key())
        .col(text("flow").not_null())
        .col(text("device").not_null())
        .col(text("client_address"))
        .col(text("secret_hash").not_null())
        .col(text("user_code_hash"))
        .col(text("redirect_uri"))
        .col(text("challenge"))
        .col(int("interval_seconds").not_null())
        .col(time("next_poll_at").not_null())
        .col(time("created_at").not_null())
        .col(time("expires_at").not_null())
        .col(uuid("organization_id"))
        .col(uuid("user_id"))
        .col(text("method"))
        .col(int("token_generation"))
        .col(time("answered_at"))
        .col(ColumnDef::new("is_approved").boolean())
        .col(time("used_at"))
        .col(uuid("session_id"))
        .to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        for (column, is_unique) in [
            ("secret_hash", true),
            ("user_code_hash", true),
            ("expires_at", false),
            ("user_id", false),
        ] {
            let mut index = Index::create();
            let name = format!("{TABLE}_{column}_idx");
            index.name(name).table(TABLE).col(column);
            if is_unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(TABLE).to_owned();
        manager.drop_table(table).await
    }
}
