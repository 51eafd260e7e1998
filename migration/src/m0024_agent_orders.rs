//! Pages of agents by trust and by last use without sorting all of them, and how many there are without
//! counting them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Adds the indexes and the counts.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TRUST: &str = "agents_trust_idx";
const LAST_SEEN: &str = "agents_last_seen_idx";
const COUNTS: &str = "agent_counts";

/// Changes of counts, one under the other: writers of one organization never wait for each other. What
/// came before is merged now and then.
fn counts() -> TableCreateStatement {
    let mut id = ColumnDef::new("id");
    id.big_integer().not_null().auto_increment().primary_key();
    let mut table = Table::create();
    table
        .table(COUNTS)
        .col(id)
        .col(ColumnDef::new("organization_id").uuid().not_null())
        .col(ColumnDef::new("status").text().not_null())
        .col(ColumnDef::new("agent_type").text().not_null())
        .col(ColumnDef::new("is_deleted").boolean().not_null())
        .col(ColumnDef::new("total").big_integer().not_null());
    table
}

const COUNT: &str =
    "INSERT INTO agent_counts (organization_id, status, agent_type, is_deleted, total)";
const OLD: &str = "OLD.organization_id, OLD.status, OLD.agent_type, OLD.deleted_at IS NOT NULL, -1";
const NEW: &str = "NEW.organization_id, NEW.status, NEW.agent_type, NEW.deleted_at IS NOT NULL, 1";

/// Whatever writes an agent counts it, in its own transaction.
fn triggers(backend: DbBackend) -> Vec<String> {
    let changed = "UPDATE OF status, agent_type, deleted_at, organization_id";
    if backend == DbBackend::Postgres {
        return vec![
            format!(
                "CREATE FUNCTION aim_count_agents() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF TG_OP <> 'INSERT' THEN {COUNT} VALUES ({OLD}); END IF;
                   IF TG_OP <> 'DELETE' THEN {COUNT} VALUES ({NEW}); END IF;
                   RETURN NULL; END $$"
            ),
            format!(
                "CREATE TRIGGER agents_counted AFTER INSERT OR DELETE OR {changed} ON agents
                 FOR EACH ROW EXECUTE FUNCTION aim_count_agents()"
            ),
        ];
    }
    let trigger = |name: &str, when: &str, rows: &[&str]| {
        let rows: String = rows
            .iter()
            .map(|row| format!("{COUNT} VALUES ({row}); "))
            .collect();
        format!("CREATE TRIGGER agents_{name} AFTER {when} ON agents BEGIN {rows}END")
    };
    vec![
        trigger("inserted", "INSERT", &[NEW]),
        trigger("changed", changed, &[OLD, NEW]),
        trigger("deleted", "DELETE", &[OLD]),
    ]
}

fn indexes(backend: DbBackend) -> [String; 3] {
    // As lists write them, to the letter: only then an index serves a list's order.
    let never = match backend {
        DbBackend::Postgres => "TIMESTAMPTZ '1970-01-01 00:00:00+00'",
        _ => "'1970-01-01T00:00:00+00:00'",
    };
    let ordered = |name: &str, by: &str| {
        format!(
            "CREATE INDEX {name} ON agents (organization_id, {by}, id) WHERE deleted_at IS NULL"
        )
    };
    [
        ordered(TRUST, "COALESCE(trust_score, -1)"),
        ordered(LAST_SEEN, &format!("COALESCE(last_seen_at, {never})")),
        format!("CREATE INDEX agent_counts_organization_id_idx ON {COUNTS} (organization_id)"),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(counts()).await?;
        let backend = manager.get_database_backend();
        let known = format!(
            "{COUNT} SELECT organization_id, status, agent_type, deleted_at IS NOT NULL, COUNT(*)
             FROM agents GROUP BY 1, 2, 3, 4"
        );
        let statements = indexes(backend).into_iter();
        for statement in statements.chain(triggers(backend)).chain([known]) {
            let connection = manager.get_connection();
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let triggers: &[&str] = match manager.get_database_backend() {
            DbBackend::Postgres => &[
                "DROP TRIGGER agents_counted ON agents",
                "DROP FUNCTION aim_count_agents",
            ],
            _ => &[
                "DROP TRIGGER agents_inserted",
                "DROP TRIGGER agents_changed",
                "DROP TRIGGER agents_deleted",
            ],
        };
        let connection = manager.get_connection();
        for statement in triggers {
            connection.execute_unprepared(statement).await?;
        }
        for name in [LAST_SEEN, TRUST] {
            let statement = format!("DROP INDEX {name}");
            connection.execute_unprepared(&statement).await?;
        }
        let table = Table::drop().table(COUNTS).to_owned();
        manager.drop_table(table).await
    }
}
