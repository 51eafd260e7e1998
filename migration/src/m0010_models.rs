//! Models that serve an organization: versions, who may sign them, names and their moves, and what
//! champion and challenger were seen to do.

use sea_orm_migration::prelude::*;

/// Makes the tables.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// Table, columns, unique.
const INDEXES: [(&str, &[&str], bool); 4] = [
    ("model_versions", &["organization_id", "number"], true),
    ("model_versions", &["organization_id", "id"], false),
    ("model_moves", &["organization_id", "number"], true),
    ("model_moves", &["organization_id", "id"], false),
];

fn tables() -> [TableCreateStatement; 6] {
    [
        versions(),
        artefacts(),
        signers(),
        aliases(),
        moves(),
        shadow_scores(),
    ]
}

fn organization() -> ColumnDef {
    ColumnDef::new("organization_id").uuid().not_null().take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn time(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.timestamp_with_time_zone().not_null().take()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn id(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().not_null().primary_key().take()
}

/// Never changed. Their bytes are apart, so that lists do not read them.
fn versions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("model_versions")
        .col(id("id"))
        .col(organization())
        .col(ColumnDef::new("number").integer().not_null())
        .col(text("kind"))
        .col(
            ColumnDef::new("feature_schema_version")
                .integer()
                .not_null(),
        )
        .col(text("data_sha256"))
        .col(ColumnDef::new("auc").double())
        .col(ColumnDef::new("header").json_binary().not_null())
        .col(text("sha256"))
        .col(number("byte_count"))
        .col(text("signer"))
        .col(text("published_by"))
        .col(time("created_at"));
    table
}

fn artefacts() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("model_artefacts")
        .col(id("version_id"))
        .col(ColumnDef::new("bytes").binary().not_null());
    table
}

/// The one key whose models an organization takes.
fn signers() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("model_signers")
        .col(id("organization_id"))
        .col(text("public_key"))
        .col(text("pinned_by"))
        .col(time("pinned_at"));
    table
}

fn aliases() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("model_aliases")
        .col(organization())
        .col(text("alias"))
        .col(ColumnDef::new("version").integer())
        .col(number("move_number"))
        .primary_key(Index::create().col("organization_id").col("alias"));
    table
}

fn moves() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("model_moves")
        .col(id("id"))
        .col(organization())
        .col(number("number"))
        .col(text("alias"))
        .col(ColumnDef::new("from_version").integer())
        .col(ColumnDef::new("to_version").integer())
        .col(ColumnDef::new("is_rollback").boolean().not_null())
        .col(ColumnDef::new("is_forced").boolean().not_null())
        .col(text("moved_by"))
        .col(text("reason"))
        .col(time("created_at"));
    table
}

/// One row for each partition that is read, so that readers of several do not wait for each other.
fn shadow_scores() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("shadow_scores")
        .col(organization())
        .col(number("champion_move"))
        .col(number("challenger_move"))
        .col(text("place"))
        .col(ColumnDef::new("scores").json_binary().not_null())
        .col(time("updated_at"))
        .primary_key(
            Index::create()
                .col("organization_id")
                .col("champion_move")
                .col("challenger_move")
                .col("place"),
        );
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (table, columns, unique) in INDEXES {
            let mut index = Index::create();
            index
                .name(format!("{table}_{}_idx", columns.join("_")))
                .table(table);
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables().into_iter().rev() {
            if let Some(name) = table.get_table_name().cloned() {
                manager
                    .drop_table(Table::drop().table(name).to_owned())
                    .await?;
            }
        }
        Ok(())
    }
}
