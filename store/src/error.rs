//! What can go wrong between us and the database.

use sea_orm::{DbErr, SqlErr};

/// A failed read or write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with the same unique value exists.
    #[error("already exists: {0}")]
    Duplicate(String),
    /// Somebody else changed the row first; nothing was written.
    #[error("changed by another writer: {0}")]
    Conflict(&'static str),
    /// A value in the database is not one of ours.
    #[error("column `{column}` holds `{value}`, which this version does not know")]
    Corrupt {
        /// Table and column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
    /// The database could not be asked.
    #[error("database: {0}")]
    Database(DbErr),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(detail)) => Self::Duplicate(detail),
            _ => Self::Database(error),
        }
    }
}
