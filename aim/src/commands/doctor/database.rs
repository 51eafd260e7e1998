//! Whether the database is there, is ours, and has the schema of this version.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use aim_migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};

use super::Finding;
use crate::config::Config;

/// How long a database may take to be reached.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config) -> Option<Finding> {
    let url = config.database_url();
    if is_to_be_made(&url) {
        return None;
    }
    // Nothing is made by looking.
    let mut options = ConnectOptions::new(url.replace("?mode=rwc", "?mode=rw"));
    options
        .connect_timeout(PATIENCE)
        .acquire_timeout(PATIENCE)
        .max_connections(1)
        .sqlx_logging(false);
    let database = match Database::connect(options).await {
        Ok(database) => database,
        Err(error) => {
            return Some(Finding::error(
                "database-unreachable",
                format!("{} does not answer: {error}", without_password(&url)),
                "the server does not start",
                "see that it runs, and that `DATABASE_URL` names its host, port, user and database",
            ));
        }
    };
    let finding = look(&database).await;
    let _ = database.close().await;
    finding
}

/// A file of SQLite that the first start makes, in a folder that is there or is made as well.
fn is_to_be_made(url: &str) -> bool {
    let Some(path) = url.strip_prefix("sqlite://") else {
        return false;
    };
    let (path, mode) = path.split_once('?').unwrap_or((path, ""));
    mode.contains("mode=rwc") && !Path::new(path).exists()
}

async fn look(database: &DatabaseConnection) -> Option<Finding> {
    let backend = database.get_database_backend();
    let all = |sql: &str| database.query_all_raw(Statement::from_string(backend, sql));
    let Ok(applied) = all("SELECT version FROM seaql_migrations").await else {
        let tables = match backend {
            DbBackend::Postgres => {
                "SELECT table_name FROM information_schema.tables
                 WHERE table_schema = current_schema() LIMIT 1"
            }
            _ => "SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1",
        };
        let is_empty = all(tables).await.is_ok_and(|tables| tables.is_empty());
        return (!is_empty).then(|| {
            Finding::error(
                "database-foreign",
                "the database has tables, and none of them is ours",
                "something else lives there; our tables would be made among its own",
                "give AIM a database of its own in `DATABASE_URL`",
            )
        });
    };
    let applied: BTreeSet<String> = applied
        .iter()
        .filter_map(|row| row.try_get("", "version").ok())
        .collect();
    let ours: BTreeSet<String> = Migrator::get_migration_files()
        .iter()
        .map(|it| it.name().to_owned())
        .collect();
    let newer: Vec<_> = applied.difference(&ours).cloned().collect();
    let older = ours.difference(&applied).count();
    if !newer.is_empty() {
        return Some(Finding::error(
            "schema-newer",
            format!(
                "the database has migrations that this version does not know: {}",
                newer.join(", ")
            ),
            "a newer version has run on it; an older one would read it wrong",
            "use the newer version of `aim`",
        ));
    }
    (older > 0).then(|| {
        Finding::warning(
            "schema-old",
            format!("{older} migrations are not applied yet"),
            "the next start changes the schema, which takes time and is not for older versions",
            "make a backup, then `aim migrate up`",
        )
    })
}

/// The URL as it may be shown.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "the database".to_owned();
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let rest = rest.split_once('?').map_or(rest, |(place, _)| place);
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("postgres://u:p%40ss@db:5432/aim", "postgres://db:5432/aim"),
            (
                "postgres://u:p@ss@db/aim?sslmode=require&password=x",
                "postgres://db/aim",
            ),
            ("sqlite:///data/aim.db?mode=rwc", "sqlite:///data/aim.db"),
            ("nonsense", "the database"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
