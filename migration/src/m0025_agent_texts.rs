//! What agents are searched by, in narrow rows beside their wide ones.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Adds the tables and keeps them by triggers.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TEXTS: &str = "agent_texts";
const CHANGES: &str = "agent_text_changes";
const COLUMNS: &str = "agent_id, organization_id, is_deleted, text, name, status, agent_type";

/// Of an agent, what a list with a text needs: what it is searched by in one text, what it is narrowed by,
/// and what it is ordered by where that seldom changes.
fn texts() -> TableCreateStatement {
    let mut agent = ColumnDef::new("agent_id");
    agent.uuid().not_null().primary_key();
    let mut table = Table::create();
    table
        .table(TEXTS)
        .col(agent)
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("is_deleted").boolean().not_null())
        .col(ColumnDef::new("text").text().not_null())
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("status").text().not_null())
        .col(ColumnDef::new("agent_type").text().not_null());
    table
}

/// How often the texts of an organization changed, one row under the other: writers of one organization
/// never wait for each other. What came before is merged now and then.
fn changes() -> TableCreateStatement {
    let mut id = ColumnDef::new("id");
    id.big_integer().not_null().auto_increment().primary_key();
    let mut table = Table::create();
    table
        .table(CHANGES)
        .col(id)
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("changes").big_integer().not_null());
    table
}

/// The row of an agent that is called `agent`, whose column names may stand bare when that is empty.
/// Between the texts is a character that names never hold.
fn row(agent: &str, backend: DbBackend) -> String {
    let separator = match backend {
        DbBackend::Postgres => "chr(31)",
        _ => "char(31)",
    };
    format!(
        "{agent}id, {agent}organization_id, {agent}deleted_at IS NOT NULL,
         lower({agent}name || {separator} || {agent}display_name || {separator} || {agent}description),
         {agent}name, {agent}status, {agent}agent_type"
    )
}

/// Whatever writes an agent keeps its text, in its own transaction.
fn triggers(backend: DbBackend) -> Vec<String> {
    let when = "UPDATE OF name, display_name, description, status, agent_type, deleted_at, organization_id";
    let put = format!(
        "INSERT INTO {TEXTS} ({COLUMNS}) VALUES ({})
         ON CONFLICT (agent_id) DO UPDATE SET organization_id = excluded.organization_id,
           is_deleted = excluded.is_deleted, text = excluded.text, name = excluded.name,
           status = excluded.status, agent_type = excluded.agent_type;",
        row("NEW.", backend)
    );
    let changed = |of: &str| {
        format!(
            "INSERT INTO {CHANGES} (organization_id, changes) VALUES ({of}.organization_id, 1);"
        )
    };
    let take = format!("DELETE FROM {TEXTS} WHERE agent_id = OLD.id;");
    let (old, new) = (changed("OLD"), changed("NEW"));
    if backend == DbBackend::Postgres {
        return vec![
            format!(
                "CREATE FUNCTION aim_keep_agent_text() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF TG_OP <> 'INSERT' THEN {old} END IF;
                   IF TG_OP = 'DELETE' THEN {take} ELSE {put} {new} END IF;
                   RETURN NULL; END $$"
            ),
            format!(
                "CREATE TRIGGER agents_text_kept AFTER INSERT OR DELETE OR {when} ON agents
                 FOR EACH ROW EXECUTE FUNCTION aim_keep_agent_text()"
            ),
        ];
    }
    let trigger = |name: &str, when: &str, does: &str| {
        format!("CREATE TRIGGER agents_text_{name} AFTER {when} ON agents BEGIN {does} END")
    };
    vec![
        trigger("inserted", "INSERT", &format!("{put} {new}")),
        trigger("changed", when, &format!("{old} {put} {new}")),
        trigger("deleted", "DELETE", &format!("{old} {take}")),
    ]
}

const INDEXES: [&str; 3] = [
    "CREATE INDEX agent_texts_age_idx ON agent_texts (organization_id, agent_id)",
    "CREATE INDEX agent_texts_name_idx ON agent_texts (organization_id, name, agent_id)",
    "CREATE INDEX agent_text_changes_organization_id_idx ON agent_text_changes (organization_id)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(texts()).await?;
        manager.create_table(changes()).await?;
        let backend = manager.get_database_backend();
        let known = format!(
            "INSERT INTO {TEXTS} ({COLUMNS}) SELECT {} FROM agents",
            row("", backend)
        );
        let indexes = INDEXES.map(str::to_owned);
        for statement in triggers(backend).into_iter().chain([known]).chain(indexes) {
            let connection = manager.get_connection();
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let triggers: &[&str] = match manager.get_database_backend() {
            DbBackend::Postgres => &[
                "DROP TRIGGER agents_text_kept ON agents",
                "DROP FUNCTION aim_keep_agent_text",
            ],
            _ => &[
                "DROP TRIGGER agents_text_inserted",
                "DROP TRIGGER agents_text_changed",
                "DROP TRIGGER agents_text_deleted",
            ],
        };
        let connection = manager.get_connection();
        for statement in triggers {
            connection.execute_unprepared(statement).await?;
        }
        for table in [CHANGES, TEXTS] {
            let table = Table::drop().table(table).to_owned();
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}
