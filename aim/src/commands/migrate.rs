//! `aim migrate`.

use aim_migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, TransactionTrait};

use crate::cli::Direction;
use crate::client::profile::make_private;
use crate::config::Config;

/// Any constant that nothing else uses: keeps two processes from migrating at once.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7203945116502172)";

/// Runs the command.
pub(crate) async fn run(config: &Config, direction: Direction) -> anyhow::Result<()> {
    if config.database_url.is_empty() {
        make_private(&config.data_dir)?;
    }
    let db = Database::connect(config.database_url()).await?;
    match direction {
        Direction::Up => up(&db).await?,
        Direction::Down => Migrator::down(&db, Some(1)).await?,
        Direction::Status => {}
    }
    let applied = Migrator::get_applied_migrations(&db).await?;
    let names: Vec<_> = applied
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect();
    for migration in Migrator::get_pending_migrations(&db).await? {
        crate::out::line(format!("pending  {}", migration.name()));
    }
    for name in names {
        crate::out::line(format!("applied  {name}"));
    }
    Ok(())
}

/// Brings the schema up to date; of several processes that start together one does it.
pub(crate) async fn up(db: &DatabaseConnection) -> anyhow::Result<()> {
    if db.get_database_backend() == DbBackend::Postgres {
        let lock = db.begin().await?;
        lock.execute_unprepared(LOCK).await?;
        Migrator::up(db, None).await?;
        lock.commit().await?;
    } else {
        Migrator::up(db, None).await?;
    }
    Ok(())
}
