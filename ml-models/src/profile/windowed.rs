//! A level that is measured in windows, against those of the windows before.
//!
//! Levels are binary logarithms. Windows close when a later action arrives; empty ones are passed over.
//! One is learned as at most what came once in 10⁴ windows when the day began, and a half more, and what
//! is above that is told: whoever grows from window to window stays below or is told of.

use serde::{Deserialize, Serialize};

use super::rate::{DAILY_GROWTH, day_of};
use crate::tail::Tail;

/// Once in 10 to this many windows is worth telling, and once more when it is this much rarer.
pub(super) const RARE_DECADES: f64 = 4.0;
const RARER_DECADES: f64 = 2.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Windowed {
    window: i64,
    told: f32,
    /// The newest day that was learned from, since the epoch, and the most that is usual on it.
    day: i32,
    most: f32,
    usual: Tail,
}

impl Default for Windowed {
    fn default() -> Self {
        Self {
            window: i64::MIN,
            told: 0.0,
            day: i32::MIN,
            most: f32::INFINITY,
            usual: Tail::default(),
        }
    }
}

impl Windowed {
    /// Whether `seconds` lies in a later window than the open one. Windows are `length` seconds long.
    pub(super) const fn is_over(&self, seconds: i64, length: i64) -> bool {
        seconds.div_euclid(length) > self.window
    }

    /// Goes on to the window of `seconds`, where the open one is over; that, which came to `level`, is
    /// learned.
    pub(super) fn open(&mut self, seconds: i64, length: i64, level: f64, least: f64) {
        if self.window != i64::MIN {
            let day = day_of(self.window, length);
            if day > self.day {
                self.day = day;
                self.most = (self.usual.limit(least) + DAILY_GROWTH.log2()) as f32;
            }
            self.usual.learn(level.min(self.most.into()), least);
        }
        self.window = seconds.div_euclid(length);
        self.told = 0.0;
    }

    /// A level as high comes once in 10 to this many windows.
    pub(super) fn decades(&self, level: f64, least: f64) -> f64 {
        let decades = self.usual.decades(level, least);
        if level > f64::from(self.most) {
            decades.max(RARE_DECADES)
        } else {
            decades
        }
    }

    pub(super) const fn is_news(&mut self, decades: f64) -> bool {
        let is_news = if self.told == 0.0 {
            decades >= RARE_DECADES
        } else {
            decades >= self.told as f64 + RARER_DECADES
        };
        if is_news {
            self.told = decades as f32;
        }
        is_news
    }
}
