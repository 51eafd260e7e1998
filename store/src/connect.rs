//! The connection: one writer and several readers on SQLite, one pool on PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use aim_domain::clock::Clock;
use aim_eventlog::Wake;
use chrono::{DateTime, Utc};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, TransactionTrait};

use crate::agent_search::FoundLately;
use crate::{StoreError, Tx};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Embedded.
    Sqlite,
    /// Server.
    Postgres,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `sqlite://path?mode=rwc` or `postgres://user@host/database`.
    pub url: String,
    /// Most connections for reading (and, on PostgreSQL, writing).
    pub connections: u32,
}

/// How long a statement waits for a connection, and SQLite for its lock.
const WAIT: Duration = Duration::from_secs(5);

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    write: DatabaseConnection,
    read: DatabaseConnection,
    backend: Backend,
    clock: Arc<dyn Clock>,
    wake: Wake,
    found_lately: FoundLately,
}

impl Store {
    /// Connects; the schema must be there (`aim migrate up`) before anything is read.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the URL is not understood or nobody answers.
    pub async fn connect(config: &StoreConfig, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let read = Database::connect(options(config, config.connections)).await?;
        let backend = match read.get_database_backend() {
            DbBackend::Postgres => Backend::Postgres,
            _ => Backend::Sqlite,
        };
        // SQLite has one writer at a time; one connection makes writers wait in our queue instead
        // of failing on its lock.
        let write = match backend {
            Backend::Sqlite => Database::connect(options(config, 1)).await?,
            Backend::Postgres => read.clone(),
        };
        Ok(Self {
            write,
            read,
            backend,
            clock,
            wake: Wake::default(),
            found_lately: FoundLately::default(),
        })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database cannot be asked.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let tx = self.write.begin().await?;
        Ok(Tx::new(tx, self.clock.now(), self.wake.clone()))
    }

    /// The present time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The connection that reads use.
    #[must_use]
    pub const fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The connection that migrations and the embedded log's own writers use.
    #[must_use]
    pub const fn writer(&self) -> &DatabaseConnection {
        &self.write
    }

    /// The answers about agents' texts that are kept.
    pub(crate) const fn found_lately(&self) -> &FoundLately {
        &self.found_lately
    }

    /// Which database this is.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// Rung after every commit that appended to the event log.
    #[must_use]
    pub const fn wake(&self) -> &Wake {
        &self.wake
    }
}

fn options(config: &StoreConfig, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.clone());
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        // The text of statements, without the values, for whoever logs everything.
        .sqlx_logging(true)
        .sqlx_logging_level(log::LevelFilter::Trace)
        .sqlx_slow_statements_logging_settings(log::LevelFilter::Off, WAIT)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // FULL: an acknowledged decision survives power loss.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(WAIT)
                .foreign_keys(true)
        });
    options
}
