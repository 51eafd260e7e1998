//! Bursts of one deed (an action on a target), in constant memory for any number of deeds.
//!
//! The statistic of MIDAS (Bhatia, Hooi, Yoon, Shin, Faloutsos, "MIDAS: Microcluster-Based Detector of
//! Anomalies in Edge Streams", AAAI 2020), as in [`crate::EdgeSketch`], with the edges of one agent: a
//! minute's count is held against the mean of the minutes before it. A minute that is a burst is merged
//! into the past as that mean. Deeds of one run are alike, so that counts vary more than the statistic
//! supposes: it is divided by its learned mean (quasi-likelihood, as in [`super::drift`]). Deeds that share a counter hide each other's bursts, never make one.

use serde::{Deserialize, Serialize};

use super::chi::decades_of_chi_squared;
use crate::mark::mix;

const COUNTERS: usize = 24;
const TICK_SECONDS: i64 = 60;
/// Minutes with any action, before anything is a burst.
const LEARNING_TICKS: u32 = 30;
/// Fewer of one deed in a minute are none, and so are fewer than this many times the mean.
const LEAST: u16 = 12;
const LEAST_RATIO: f64 = 4.0;
/// Once in 10 to this many minutes.
pub(super) const RARE_DECADES: f64 = 8.0;
/// Weight of the newest minute in the dispersion, and most that one says.
const STEP: f64 = 0.02;
const CHI_SQUARED_MAX: f64 = 100.0;
/// The past is worth this many minutes at most: old habits fade.
const TICKS_MAX: u32 = 2_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Bursts {
    tick: i64,
    ticks: u32,
    current: [u16; COUNTERS],
    total: [f32; COUNTERS],
    /// How much counts vary more than those of single deeds would.
    dispersion: f32,
    is_told: bool,
}

impl Default for Bursts {
    fn default() -> Self {
        Self {
            tick: i64::MIN,
            ticks: 0,
            current: [0; COUNTERS],
            total: [0.0; COUNTERS],
            dispersion: 1.0,
            is_told: false,
        }
    }
}

pub(super) struct Judged {
    /// So many of a deed in a minute come once in 10 to this many minutes.
    pub(super) decades: f64,
    pub(super) count: u16,
    /// A minute's mean.
    pub(super) mean: f64,
    /// Set once a minute.
    pub(super) is_news: bool,
}

impl Bursts {
    pub(super) fn count(&mut self, seconds: i64, mark: u64) -> Judged {
        let tick = seconds.div_euclid(TICK_SECONDS);
        if tick > self.tick {
            self.close();
            self.tick = tick;
        }
        let at = (mix(mark) % COUNTERS as u64) as usize;
        if let Some(current) = self.current.get_mut(at) {
            *current = current.saturating_add(1);
        }
        let (decades, mean) = self.judge(at);
        let is_news = decades >= RARE_DECADES && !self.is_told;
        self.is_told |= is_news;
        Judged {
            decades,
            count: self.current[at],
            mean,
            is_news,
        }
    }

    fn judge(&self, at: usize) -> (f64, f64) {
        let (count, total) = (f64::from(self.current[at]), f64::from(self.total[at]));
        let past = f64::from(self.ticks.max(1));
        let mean = total / past;
        let is_known = self.ticks >= LEARNING_TICKS && self.current[at] >= LEAST;
        if !is_known || count < LEAST_RATIO * mean {
            return (0.0, mean);
        }
        let chi_squared = self.chi_squared(at) / f64::from(self.dispersion.max(1.0));
        (decades_of_chi_squared(chi_squared, 1.0), mean)
    }

    fn chi_squared(&self, at: usize) -> f64 {
        let past = f64::from(self.ticks.max(1));
        // A counter that was never used has as little as one deed in all minutes.
        let total = f64::from(self.total[at]).max(1.0);
        let off = f64::from(self.current[at]) - total / past;
        off * off * past / total
    }

    fn close(&mut self) {
        if self.tick == i64::MIN {
            return;
        }
        let is_full = self.ticks >= TICKS_MAX;
        let kept = if is_full { 0.5 } else { 1.0 };
        for at in 0..COUNTERS {
            let (decades, mean) = self.judge(at);
            let mut more = mean;
            if decades < RARE_DECADES {
                more = f64::from(self.current[at]);
                if self.current[at] > 0 {
                    let off = self.chi_squared(at).min(CHI_SQUARED_MAX);
                    let before = f64::from(self.dispersion);
                    self.dispersion = (before + STEP * (off - before)) as f32;
                }
            }
            self.total[at] = ((f64::from(self.total[at]) + more) * kept) as f32;
        }
        self.ticks = if is_full {
            self.ticks / 2
        } else {
            self.ticks + 1
        };
        self.current = [0; COUNTERS];
        self.is_told = false;
    }
}
