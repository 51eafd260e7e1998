//! Whether an agent is as busy as it is at this time of day.
//!
//! Actions of ten minutes are a row of [`SeriesDetector`], the detector of `aim evaluate series`. A gap
//! is rows of zero up to an hour; after a longer one the agent was away, and nothing is said of that.

use serde::{Deserialize, Serialize};

use crate::{SERIES_ALARM, SeriesDetector};

const ROW_SECONDS: i64 = 600;
/// Rows with actions before a detector is worth its memory: most agents of a short task never get there.
const FIRST_ROWS: u8 = 12;
/// Most rows of a gap.
const GAP_ROWS: i64 = 6;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rhythm {
    row: i64,
    count: u32,
    /// Of the newest closed row, 0 to 1.
    score: f32,
    /// Rows that were closed without one.
    rows: u8,
    detector: Option<Box<SeriesDetector>>,
}

impl Rhythm {
    pub(super) fn has_shape(&self) -> bool {
        self.detector.as_ref().is_none_or(|it| it.has_shape())
    }

    pub(super) fn score(&self) -> f64 {
        self.score.into()
    }

    /// Counts an action; the actions of a row that is an alarm, when it closes one.
    pub(super) fn count(&mut self, seconds: i64) -> Option<u32> {
        let row = seconds.div_euclid(ROW_SECONDS);
        let mut alarm = None;
        if row > self.row {
            if self.count > 0 {
                alarm = self.close(row);
            }
            self.row = row;
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        alarm
    }

    fn close(&mut self, next: i64) -> Option<u32> {
        if self.rows < FIRST_ROWS {
            self.rows += 1;
            return None;
        }
        let detector = self.detector.get_or_insert_default();
        let mut rows = vec![(self.row, self.count)];
        let gap = next.saturating_sub(self.row).saturating_sub(1);
        if gap <= GAP_ROWS {
            rows.extend((1..=gap).map(|ahead| (self.row.saturating_add(ahead), 0)));
        }
        let mut alarm = None;
        self.score = 0.0;
        for (row, count) in rows {
            let seconds = row.saturating_mul(ROW_SECONDS);
            // Every count is a finite number.
            let score = detector.observe(seconds, count.into()).unwrap_or_default();
            self.score = self.score.max(score as f32);
            if score >= SERIES_ALARM {
                alarm = Some(count);
            }
        }
        alarm
    }
}
