//! From surprise to alarms: few, early and apart from each other.

use serde::{Deserialize, Serialize};

/// An alarm has this surprise: once in 560 rows of a series of a thousand rows.
const ALARM_DECADES: f64 = 2.75;
/// Below this surprise nothing is told, and nothing keeps quiet what follows.
const LEAST_DECADES: f64 = 2.0;
/// Rows at which surprise counts as it is.
const ROWS: f64 = 1_000.0;
/// Between counting each row for itself (0) and each series for itself (1): the longer a series is,
/// the more rows of it are unusual by chance.
const ROWS_EXPONENT: f64 = 0.5;
/// After an alarm so many rows are quiet, and so large a share of all rows of a longer series.
const QUIET_ROWS: f64 = 100.0;
const QUIET_SHARE: f64 = 0.03;
/// So much more surprise than the alarm before is news even then.
const NEWS_DECADES: f64 = 0.5;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Alarms {
    /// Row and surprise of the newest alarm; row 0 before the first.
    row: u64,
    decades: f64,
}

impl Alarms {
    /// The score of the `row`th row, which happens by chance once in 10 to the `decades` rows.
    pub(super) fn score(&mut self, row: u64, decades: f64) -> f64 {
        if decades <= 0.0 {
            return 0.0;
        }
        let rows = row as f64;
        let decades = decades - ROWS_EXPONENT * (rows / ROWS).log10();
        if decades < LEAST_DECADES {
            return 0.0;
        }
        let since = row.saturating_sub(self.row) as f64;
        let is_quiet = self.row > 0 && since < QUIET_ROWS.max(QUIET_SHARE * rows);
        if is_quiet && decades <= self.decades + NEWS_DECADES {
            return 0.0;
        }
        *self = Self { row, decades };
        decades / (decades + ALARM_DECADES)
    }
}
