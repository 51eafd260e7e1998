//! What is expected at a time of day.

use serde::{Deserialize, Serialize};

const DAY_SECONDS: i64 = 86_400;
/// Parts of a day: quarters of an hour.
const PARTS: usize = 96;
/// Rows of a part of the day before anything is expected of it.
const LEARNING_ROWS: u16 = 3;
/// Least weight of the newest row.
const STEP: f64 = 0.02;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    mean: f64,
    rows: u16,
}

impl Default for Season {
    fn default() -> Self {
        Self {
            parts: vec![Part::default(); PARTS],
        }
    }
}

impl Season {
    pub(super) fn expected(&self, seconds: i64) -> Option<f64> {
        let part = self.parts.get(part(seconds))?;
        (part.rows >= LEARNING_ROWS).then_some(part.mean)
    }

    /// What is held outside the struct.
    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.parts.capacity() * size_of::<Part>()
    }

    pub(super) fn learn(&mut self, seconds: i64, value: f64) {
        if let Some(part) = self.parts.get_mut(part(seconds)) {
            part.rows = part.rows.saturating_add(1);
            part.mean += STEP.max(1.0 / f64::from(part.rows)) * (value - part.mean);
        }
    }
}

fn part(seconds: i64) -> usize {
    let second = seconds.rem_euclid(DAY_SECONDS) as usize;
    second * PARTS / DAY_SECONDS as usize
}
