//! Dividing rows into a part to learn from and parts that are held out.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Dataset, Row};
use crate::model::{ModelError, Rows};

/// Agents from which on whole agents are held out: with fewer, a fifth of them may be none.
const ENTITIES_LEAST: usize = 50;

/// Three parts that share no row.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// To fit.
    pub training: Rows,
    /// To calibrate and to take limits from.
    pub calibration: Rows,
    /// To measure.
    pub test: Rows,
}

impl Dataset {
    /// Three fifths to fit, one to calibrate, one to measure.
    ///
    /// Whole agents go into one part, so that no agent is recognized instead of a risk; by a hash
    /// of seed and name, so that an agent stays where it is when rows are added. With fewer than
    /// fifty agents the parts follow one another in time.
    ///
    /// # Errors
    /// [`ModelError`] when a row has another width than the names, or a value that is not finite.
    pub fn split(&self, seed: u64) -> Result<Parts, ModelError> {
        let entities: BTreeSet<&str> = self.rows.iter().map(|row| row.entity.as_str()).collect();
        if entities.len() >= ENTITIES_LEAST {
            let fifth = |row: &Row| {
                let mut hash = Sha256::new();
                hash.update(seed.to_le_bytes());
                hash.update(&row.entity);
                hash.finalize()[0] % 5
            };
            return self.divide(fifth);
        }
        let mut times: Vec<_> = self.rows.iter().map(|row| row.event_time).collect();
        times.sort_unstable();
        let at = |fifth: usize| times.get(times.len() * fifth / 5).copied();
        let (third, fourth) = (at(3), at(4));
        self.divide(|row| {
            let is_from = |time| Some(row.event_time) >= time;
            match (is_from(third), is_from(fourth)) {
                (_, true) => 4,
                (true, false) => 3,
                (false, false) => 0,
            }
        })
    }

    fn divide(&self, fifth: impl Fn(&Row) -> u8) -> Result<Parts, ModelError> {
        Ok(Parts {
            training: self.rows_where(|row| fifth(row) < 3)?,
            calibration: self.rows_where(|row| fifth(row) == 3)?,
            test: self.rows_where(|row| fifth(row) == 4)?,
        })
    }
}
