//! The audit trail becomes a log: positions in the order of commits, a Merkle tree with signed
//! checkpoints for each organization, keys, witnesses, retention, legal hold and erasure.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Makes the tables, and gives entries a position.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// A sequence value is taken before its transaction commits. The event log's own lock, taken by
/// whoever inserts, gives positions the order of commits: an entry that commits late is not passed
/// over. It is the lock that writers take a moment later anyway.
const IN_ORDER: [&str; 4] = [
    "ALTER TABLE audit_entries ADD COLUMN position bigserial",
    "CREATE UNIQUE INDEX audit_entries_position_key ON audit_entries (position)",
    "CREATE FUNCTION aim_audit_in_order() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_advisory_xact_lock(7203945116502171); RETURN NULL; END $$",
    "CREATE TRIGGER audit_entries_in_order BEFORE INSERT ON audit_entries \
     FOR EACH STATEMENT EXECUTE FUNCTION aim_audit_in_order()",
];
const OUT_OF_ORDER: [&str; 3] = [
    "DROP TRIGGER audit_entries_in_order ON audit_entries",
    "DROP FUNCTION aim_audit_in_order()",
    "ALTER TABLE audit_entries DROP COLUMN position",
];

/// Columns of the first release.
const COLUMNS: &str = "id, organization_id, actor_type, actor_id, action, object_type, object_id, \
     reason, before, after, request_id, created_at";
const PAGES: &str = "audit_entries_organization_id_id_idx";

fn uuid(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().not_null().take()
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

fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

fn tables() -> [TableCreateStatement; 10] {
    [
        sequencer(),
        keys(),
        trees(),
        leaves(),
        tiles(),
        checkpoints(),
        witnesses(),
        cosignatures(),
        retentions(),
        erasures(),
    ]
}

/// One row: who gives indexes, until when, and up to which position they have been given.
fn sequencer() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_sequencer")
        .col(ColumnDef::new("id").integer().not_null().primary_key())
        .col(text("holder"))
        .col(time("held_until"))
        .col(number("position"));
    table
}

/// The keys that checkpoints are signed with: their public halves, and how they followed each other.
fn keys() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_keys")
        .col(ColumnDef::new("number").integer().not_null().primary_key())
        .col(text("public_key"))
        .col(ColumnDef::new("rotation").json_binary())
        .col(time("created_at"));
    table
}

fn trees() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_trees")
        .col(uuid("organization_id").primary_key())
        .col(number("size"))
        .col(number("checkpoint_number"));
    table
}

/// Which entry has which index. `salt` is the seed of its fields' salts; once a field is erased it is
/// gone, and `kept` has what is left.
fn leaves() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_leaves")
        .col(uuid("organization_id"))
        .col(number("leaf_index"))
        .col(uuid("entry_id").unique_key())
        .col(bytes("leaf_hash"))
        .col(ColumnDef::new("salt").blob())
        .col(ColumnDef::new("kept").json_binary())
        .primary_key(Index::create().col("organization_id").col("leaf_index"));
    table
}

fn tiles() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_tiles")
        .col(uuid("organization_id"))
        .col(ColumnDef::new("level").integer().not_null())
        .col(number("tile_index"))
        .col(bytes("hashes"))
        .primary_key(
            Index::create()
                .col("organization_id")
                .col("level")
                .col("tile_index"),
        );
    table
}

fn checkpoints() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_checkpoints")
        .col(uuid("id").primary_key())
        .col(uuid("organization_id"))
        .col(number("number"))
        .col(number("size"))
        .col(bytes("root"))
        .col(text("note"))
        .col(time("created_at"));
    table
}

/// Whose co-signatures an organization takes.
fn witnesses() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_witnesses")
        .col(uuid("id").primary_key())
        .col(uuid("organization_id"))
        .col(text("verifier_key"))
        .col(text("added_by"))
        .col(time("created_at"));
    table
}

fn cosignatures() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_cosignatures")
        .col(uuid("checkpoint_id"))
        .col(uuid("witness_id"))
        .col(text("line"))
        .col(time("signed_at"))
        .primary_key(Index::create().col("checkpoint_id").col("witness_id"));
    table
}

/// How long contents stay, and whether a legal hold keeps them all. `swept` is the index up to
/// which they have been erased.
fn retentions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_retentions")
        .col(uuid("organization_id").primary_key())
        .col(ColumnDef::new("days").integer())
        .col(number("swept"))
        .col(ColumnDef::new("hold_reason").text())
        .col(ColumnDef::new("hold_by").text())
        .col(ColumnDef::new("hold_at").timestamp_with_time_zone());
    table
}

/// Orders to erase what is kept of a person. `subject` and `terms` go once it is done.
fn erasures() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("audit_erasures")
        .col(uuid("id").primary_key())
        .col(uuid("organization_id"))
        .col(ColumnDef::new("subject").text())
        .col(ColumnDef::new("terms").json_binary())
        .col(text("reason"))
        .col(text("ordered_by"))
        .col(time("created_at"))
        .col(number("up_to_position"))
        .col(number("next_index"))
        .col(number("erased_count"))
        .col(ColumnDef::new("finished_at").timestamp_with_time_zone());
    table
}

/// Table, columns, unique.
const INDEXES: [(&str, &[&str], bool); 5] = [
    ("audit_checkpoints", &["organization_id", "number"], true),
    ("audit_checkpoints", &["organization_id", "size"], false),
    ("audit_checkpoints", &["organization_id", "id"], false),
    (
        "audit_witnesses",
        &["organization_id", "verifier_key"],
        true,
    ),
    ("audit_erasures", &["organization_id", "id"], false),
];

/// `audit_entries` as SQLite has to make it anew: a position cannot be added to a table.
fn entries(with_position: bool) -> TableCreateStatement {
    let mut table = Table::create();
    table.table("audit_entries_new");
    let mut id = uuid("id");
    if with_position {
        table.col(number("position").primary_key().auto_increment());
        id.unique_key();
    } else {
        id.primary_key();
    }
    table
        .col(id)
        .col(uuid("organization_id"))
        .col(text("actor_type"))
        .col(text("actor_id"))
        .col(text("action"))
        .col(text("object_type"))
        .col(text("object_id"))
        .col(ColumnDef::new("reason").text())
        .col(ColumnDef::new("before").json_binary())
        .col(ColumnDef::new("after").json_binary())
        .col(text("request_id"))
        .col(time("created_at"));
    table
}

async fn rebuild(manager: &SchemaManager<'_>, with_position: bool) -> Result<(), DbErr> {
    manager.create_table(entries(with_position)).await?;
    let order = if with_position { "rowid" } else { "position" };
    let db = manager.get_connection();
    for statement in [
        format!(
            "INSERT INTO audit_entries_new ({COLUMNS}) SELECT {COLUMNS} FROM audit_entries ORDER BY {order}"
        ),
        "DROP TABLE audit_entries".to_owned(),
        "ALTER TABLE audit_entries_new RENAME TO audit_entries".to_owned(),
    ] {
        db.execute_unprepared(&statement).await?;
    }
    let mut pages = Index::create();
    pages.name(PAGES).table("audit_entries");
    pages.col("organization_id").col("id");
    manager.create_index(pages).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            for statement in IN_ORDER {
                manager
                    .get_connection()
                    .execute_unprepared(statement)
                    .await?;
            }
        } else {
            rebuild(manager, true).await?;
        }
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
        let first = "INSERT INTO audit_sequencer (id, holder, held_until, position) \
                     VALUES (1, '', '1970-01-01T00:00:00+00:00', 0)";
        manager.get_connection().execute_unprepared(first).await?;
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
        if manager.get_database_backend() == DbBackend::Postgres {
            for statement in OUT_OF_ORDER {
                manager
                    .get_connection()
                    .execute_unprepared(statement)
                    .await?;
            }
            return Ok(());
        }
        rebuild(manager, false).await
    }
}
