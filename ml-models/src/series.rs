//! How unusual each number of a series is against everything before it.
//!
//! One detector with one set of constants for every series. Constant work a row, bounded memory,
//! the caller's event time, no clock, no randomness. A row that lies far out is learned as if it
//! lay at the limit of what was usual before it, see [`SeriesDetector::observe`]; what nobody can
//! do with one row is to make the next one usual.

mod alarms;
mod season;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::tail::Tail;
use alarms::Alarms;
use season::Season;

/// From this score on a row is an alarm.
pub const SERIES_ALARM: f64 = 0.5;
/// Most bytes of a detector's state, in memory as well as encoded.
pub const SERIES_MAX_BYTES: usize = 1_024;
/// What lies further out counts as this, so that differences and sums of a window stay finite.
const VALUE_MAX: f64 = 1e30;
/// Until then a time of day that is new is learned as it is: the first days make the rhythm.
const TRUSTING_ROWS: u64 = 1_000;
/// Rows whose mean is the recent level.
const RECENT_ROWS: usize = 6;
/// Rows that the long-run level goes back to.
const LEVEL_ROWS: f64 = 300.0;
/// Differences below this share of the learned span say nothing, however regular the series is.
const LEAST_SHARE: f64 = 0.001;
/// Weights of the signals. What the time of day does not explain counts in full; the recent level
/// and low values, which every daily rhythm moves, a little less.
const WEIGHTS: [f64; 3] = [1.0, 0.9, 0.85];

/// Why a row is no row.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SeriesError {
    /// Nothing can be compared with it.
    #[error("`value` is `{0}`, a series has finite numbers only")]
    NotFinite(f64),
}

/// The learned normal of one series of numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesDetector {
    rows: u64,
    /// Least and greatest value learned.
    span: (f64, f64),
    level: f64,
    recent: Recent,
    season: Season,
    usual: [Tail; 3],
    alarms: Alarms,
}

impl SeriesDetector {
    /// How unusual `value` is at `seconds` since the epoch, from 0 to 1, and learns it. 0 is usual,
    /// or no news so soon after an alarm; [`SERIES_ALARM`] and more is an alarm.
    ///
    /// The time tells the time of day; it may go back, which changes nothing else. However far out
    /// `value` lies, it is learned as at most what was exceeded once in 10⁴ rows until then. The
    /// expected value of its time of day moves by at most a 50th of that and the long-run level by
    /// at most a 300th, once they rest on as many rows; and that limit itself grows at most eight
    /// times in a thousand rows, after the first thousand, whatever arrives.
    ///
    /// # Errors
    /// [`SeriesError::NotFinite`]; nothing is learned then.
    pub fn observe(&mut self, seconds: i64, value: f64) -> Result<f64, SeriesError> {
        if !value.is_finite() {
            return Err(SeriesError::NotFinite(value));
        }
        // As precise as what is learned: a value that never changes must not differ from its mean.
        let value = f64::from(value.clamp(-VALUE_MAX, VALUE_MAX) as f32);
        if self.rows == 0 {
            self.level = value;
            self.span = (value, value);
        }
        self.rows = self.rows.saturating_add(1);
        let recent = self.recent.mean_with(value);
        let expected = self.season.expected(seconds);
        let signals = [
            expected.map(|expected| (value - expected).abs()),
            Some(recent - self.level),
            Some(self.level - value),
        ];
        let least = self.least_difference();
        let mut decades: f64 = 0.0;
        let mut limit = f64::INFINITY;
        for (index, signal) in signals.into_iter().enumerate() {
            let Some(signal) = signal else { continue };
            let usual = &mut self.usual[index];
            decades = decades.max(WEIGHTS[index] * usual.decades(signal, least));
            let bound = usual.learn(signal, least);
            if index == 0 {
                limit = bound;
            }
        }
        let learned = match expected {
            Some(expected) => expected + (value - expected).max(-limit).min(limit),
            None => self.near_span(value),
        };
        self.learn(seconds, learned);
        Ok(self.alarms.score(self.rows, decades))
    }

    /// Whether it can be observed with, wherever it was read from.
    pub(crate) fn has_shape(&self) -> bool {
        self.season.has_shape() && self.recent.held <= RECENT_ROWS
    }

    /// Rows seen.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    fn learn(&mut self, seconds: i64, value: f64) {
        self.span = (self.span.0.min(value), self.span.1.max(value));
        let step = (1.0 / self.rows as f64).max(1.0 / LEVEL_ROWS);
        self.level += step * (value - self.level);
        self.season.learn(seconds, value);
    }

    /// As far outside all learned values as these lie apart, at most.
    fn near_span(&self, value: f64) -> f64 {
        let (low, high) = self.span;
        let width = high - low;
        if width > 0.0 && self.rows > TRUSTING_ROWS {
            value.max(low - width).min(high + width)
        } else {
            value
        }
    }

    /// Rounding makes the last bits of a value differ: that is never a difference. Zero while all
    /// values were the same.
    fn least_difference(&self) -> f64 {
        let (low, high) = self.span;
        if high <= low {
            return 0.0;
        }
        let rounding = 1e-9 * low.abs().max(high.abs());
        (LEAST_SHARE * (high - low)).max(rounding)
    }
}

/// The newest values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Recent {
    values: [f64; RECENT_ROWS],
    held: usize,
    oldest: usize,
}

impl Recent {
    fn mean_with(&mut self, value: f64) -> f64 {
        self.values[self.oldest % RECENT_ROWS] = value;
        self.oldest = (self.oldest + 1) % RECENT_ROWS;
        self.held = (self.held + 1).min(RECENT_ROWS);
        // Places not held yet are zero.
        self.values.iter().sum::<f64>() / self.held as f64
    }
}
