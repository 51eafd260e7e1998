//! Why features cannot be read, written or divided.

use std::path::PathBuf;

use crate::evaluation::EvaluationError;

/// What is wrong, with its value and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file cannot be opened, read or written.
    #[error("`{path}` cannot be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no Parquet, or a damaged one.
    #[error("`{path}` cannot be read as Parquet: {reason}")]
    Parquet {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file has other columns than an export has.
    #[error("`{path}`: {reason}: export features with `aim models export-features`")]
    Columns {
        /// Which.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A file is longer than is read.
    #[error("`{path}` has {given} {what}, at most {most} are read: export a part of the events")]
    TooMany {
        /// Which.
        path: PathBuf,
        /// Bytes or rows.
        what: &'static str,
        /// How many.
        given: u64,
        /// How many are accepted.
        most: u64,
    },
    /// More than is held in memory.
    #[error("more than {rows} actions or {agents} agents: export a part of the recording")]
    Full {
        /// Actions that are accepted.
        rows: usize,
        /// Agents that are accepted.
        agents: usize,
    },
    /// Runs that name a session twice.
    #[error(transparent)]
    Recording(#[from] EvaluationError),
}
