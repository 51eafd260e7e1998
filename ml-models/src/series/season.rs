//! What is expected at a time of day.

use serde::{Deserialize, Serialize};

const DAY_SECONDS: i64 = 86_400;
/// Parts of a day: quarters of an hour.
const PARTS: usize = 96;
/// Rows of a part of the day before anything is expected of it.
const LEARNING_ROWS: u8 = 3;
/// Least weight of the newest row.
const STEP: f64 = 0.02;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    means: Vec<f32>,
    rows: Vec<u8>,
}

impl Default for Season {
    fn default() -> Self {
        Self {
            means: vec![0.0; PARTS],
            rows: vec![0; PARTS],
        }
    }
}

impl Season {
    pub(super) fn has_shape(&self) -> bool {
        self.means.len() == PARTS && self.rows.len() == PARTS
    }

    /// What is held outside the struct.
    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.means.capacity() * size_of::<f32>() + self.rows.capacity()
    }

    pub(super) fn expected(&self, seconds: i64) -> Option<f64> {
        let part = part(seconds);
        let is_known = *self.rows.get(part)? >= LEARNING_ROWS;
        is_known.then_some(f64::from(*self.means.get(part)?))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "values lie within those of `f32`"
    )]
    pub(super) fn learn(&mut self, seconds: i64, value: f64) {
        let part = part(seconds);
        if let (Some(mean), Some(rows)) = (self.means.get_mut(part), self.rows.get_mut(part)) {
            *rows = rows.saturating_add(1);
            let before = f64::from(*mean);
            *mean = (before + STEP.max(1.0 / f64::from(*rows)) * (value - before)) as f32;
        }
    }
}

fn part(seconds: i64) -> usize {
    let second = seconds.rem_euclid(DAY_SECONDS) as usize;
    second * PARTS / DAY_SECONDS as usize
}
