//! Activity by hour of the week, in UTC.
//!
//! A histogram of 168 bins. The share of a bin is smoothed with its neighbours and with the same
//! hour of the other days (a kernel estimate on the two cycles), so that a gap in a short history
//! is not mistaken for a habit. Activity that was flagged is not learned from; and once there is
//! something to compare with, an hour gains little each time it comes round, so that usual hours widen
//! by about one a week at most, whoever pushes.

use aim_domain::anomaly::Severity;
use serde::{Deserialize, Serialize};

use crate::ahead;

const BINS: usize = 168;
/// Actions to learn from before an hour can be unusual.
const LEARNING_ACTIONS: u32 = 200;
/// Days to learn from before an hour can be unusual.
const LEARNING_DAYS: u32 = 5;
/// Shares below these are unusual; all hours alike would be 0.006.
const MEDIUM_BELOW: f64 = 0.000_2;
const LOW_BELOW: f64 = 0.001;
/// When a bin is this full, all are halved: old habits fade, memory is bounded.
const FULL: u16 = 16_000;
/// Most that an hour gains each time it comes round, of everything learned: a quarter of it, which
/// is what the hour beside it gets, stays below `LOW_BELOW`.
const GAIN_MAX: f64 = 0.003;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Hours {
    bins: Vec<u16>,
    total: u32,
    days: u32,
    last_day: i64,
    raised_hour: i64,
    /// The hour that is being learned, since the epoch, and what it has gained.
    open_hour: i64,
    gained: u16,
}

impl Default for Hours {
    fn default() -> Self {
        Self {
            bins: vec![0; BINS],
            total: 0,
            days: 0,
            last_day: i64::MIN,
            raised_hour: i64::MIN,
            open_hour: i64::MIN,
            gained: 0,
        }
    }
}

pub(super) struct Judged {
    /// Smoothed share of the hour in everything learned.
    pub(super) share: f64,
    /// 0 for a usual hour to 1; 0 while learning.
    pub(super) surprise: f64,
    /// Set once for an unusual hour.
    pub(super) severity: Option<Severity>,
}

impl Hours {
    /// Asks for the memory of its list.
    pub(super) fn ahead(&self) {
        ahead(self.bins.as_slice());
    }

    /// Whether it can be counted in, wherever it came from.
    pub(super) fn has_shape(&self) -> bool {
        let total: u32 = self.bins.iter().map(|count| u32::from(*count)).sum();
        self.bins.len() == BINS
            && self.bins.iter().all(|count| *count < FULL)
            && self.total == total
    }

    pub(super) fn learned(&self) -> f64 {
        f64::from(self.total)
    }

    pub(super) fn judge(&mut self, seconds: i64) -> Judged {
        let hour = seconds.div_euclid(3_600);
        let bin = usize::try_from(hour.rem_euclid(168)).unwrap_or(0);
        let share = self.share(bin);
        let known = self.total >= LEARNING_ACTIONS && self.days >= LEARNING_DAYS;
        let severity = match share {
            _ if !known => None,
            share if share < MEDIUM_BELOW => Some(Severity::Medium),
            share if share < LOW_BELOW => Some(Severity::Low),
            _ => None,
        };
        if hour != self.open_hour {
            self.open_hour = hour;
            self.gained = 0;
        }
        let may_gain = !known || f64::from(self.gained) < GAIN_MAX * f64::from(self.total);
        if severity.is_none() && may_gain {
            self.gained = self.gained.saturating_add(1);
            self.learn(bin, hour.div_euclid(24));
        }
        let is_news = severity.is_some() && hour > self.raised_hour;
        if is_news {
            self.raised_hour = hour;
        }
        Judged {
            share,
            surprise: if known {
                (1.0 - share * 168.0).clamp(0.0, 1.0)
            } else {
                0.0
            },
            severity: severity.filter(|_| is_news),
        }
    }

    fn share(&self, bin: usize) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        let at = |index: usize| f64::from(self.bins.get(index % BINS).copied().unwrap_or(0));
        let own = at(bin) + 0.5 * (at(bin + BINS - 1) + at(bin + 1));
        let other_days: f64 = (1..7).map(|day| at(bin + 24 * day)).sum();
        (0.5 * own + 0.1 * other_days) / f64::from(self.total)
    }

    fn learn(&mut self, bin: usize, day: i64) {
        if day > self.last_day {
            self.last_day = day;
            self.days = self.days.saturating_add(1);
        }
        if let Some(count) = self.bins.get_mut(bin) {
            *count += 1;
            self.total += 1;
            if *count >= FULL {
                self.bins.iter_mut().for_each(|count| *count /= 2);
                self.total = self.bins.iter().map(|count| u32::from(*count)).sum();
            }
        }
    }
}
