//! Features as a data team gets them: rows with times and labels, in Parquet.
//!
//! The features of a row are what was known when its event happened. A label is known from its own
//! time on: [`Dataset::as_of`] leaves out what was not known at a time.

mod error;
mod read;
mod replay;
mod split;
mod write;

pub use error::DatasetError;
pub use read::{PARQUET_MAX_BYTES, read_parquet};
pub use replay::Replay;
pub use split::Parts;
pub use write::write_parquet;

use std::fmt::Write;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::model::{ModelError, Rows};
use crate::{FEATURE_NAMES, FEATURE_SCHEMA_VERSION};

/// The features of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Whose they are: the agent.
    pub entity: String,
    /// When the event happened.
    pub event_time: DateTime<Utc>,
    /// When they were computed.
    pub created_time: DateTime<Utc>,
    /// In the order of the dataset's names.
    pub features: Vec<f64>,
    /// Whether it was a risk, where somebody has said so.
    pub label: Option<Label>,
}

/// What somebody has said of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Whether it was a risk.
    pub is_risk: bool,
    /// From when on that was known.
    pub time: DateTime<Utc>,
}

/// Rows of one version of the features.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Version of the features.
    pub schema_version: u16,
    /// Their names, in order.
    pub names: Vec<String>,
    /// In the order of their events.
    pub rows: Vec<Row>,
}

impl Dataset {
    /// No rows yet, of the features computed here.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            schema_version: FEATURE_SCHEMA_VERSION,
            names: FEATURE_NAMES.map(str::to_owned).to_vec(),
            rows: Vec::new(),
        }
    }

    /// What was known at a time: events up to then, and labels given up to then.
    #[must_use]
    pub fn as_of(mut self, time: DateTime<Utc>) -> Self {
        self.rows.retain(|row| row.event_time <= time);
        for row in &mut self.rows {
            row.label = row.label.filter(|label| label.time <= time);
        }
        self
    }

    /// Hash of names, events, features to the last bit, and labels, in hexadecimal. When rows were
    /// computed does not count: computing them again gives the same data.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.schema_version.to_le_bytes());
        for name in &self.names {
            text(&mut hash, name);
        }
        for row in &self.rows {
            text(&mut hash, &row.entity);
            hash.update(row.event_time.timestamp_micros().to_le_bytes());
            for value in &row.features {
                hash.update(value.to_bits().to_le_bytes());
            }
            let label = row.label.map_or((2, 0), |label| {
                (u8::from(label.is_risk), label.time.timestamp_micros())
            });
            hash.update([label.0]);
            hash.update(label.1.to_le_bytes());
        }
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }

    /// Rows for a model.
    ///
    /// # Errors
    /// [`ModelError`] when a row has another width than the names, or a value that is not finite.
    pub fn to_rows(&self) -> Result<Rows, ModelError> {
        self.rows_where(|_| true)
    }

    fn rows_where(&self, keep: impl Fn(&Row) -> bool) -> Result<Rows, ModelError> {
        let mut rows = Rows::new(self.names.len())?;
        for row in self.rows.iter().filter(|row| keep(row)) {
            rows.push(&row.features, row.label.map(|label| label.is_risk))?;
        }
        Ok(rows)
    }
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}
