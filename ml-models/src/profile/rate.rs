//! Actions per window against a learned rate.
//!
//! Windows are aligned to the epoch and close when a later action arrives; empty ones are passed
//! over, so what is learned is the rate while active. Mean and variance are exponentially weighted
//! (Finch, "Incremental calculation of weighted mean and variance", 2009). A spike is judged by
//! Bernstein's inequality, P(X − μ ≥ t) ≤ exp(−t² / (2(σ² + t·b/3))) (Boucheron, Lugosi, Massart,
//! "Concentration Inequalities", 2013, §2.8), an upper bound of the tail that needs no shape of it.
//! A window that was flagged is not learned from, so that a flood does not become normal; and once a
//! day has been learned, mean and deviation grow by a half a day at most, so that whoever stays just
//! below the limit does not become normal within hours either.

use aim_domain::anomaly::Severity;
use serde::{Deserialize, Serialize};

use crate::tail::DECADES_MAX;

/// Windows to learn from before anything is called a spike.
const LEARNING_WINDOWS: f64 = 12.0;
/// Least weight of the newest window.
const STEP: f64 = 0.05;
/// Least actions of a critical spike: below it nothing is urgent.
const CRITICAL_LEAST: f64 = 50.0;
/// Most that mean and standard deviation become in a day of event time, against the day before.
pub(super) const DAILY_GROWTH: f64 = 1.5;
const DAY_SECONDS: i64 = 86_400;

/// The day since the epoch in which a window of `length` seconds begins.
pub(super) fn day_of(window: i64, length: i64) -> i32 {
    let day = window.saturating_mul(length).div_euclid(DAY_SECONDS);
    i32::try_from(day).unwrap_or(i32::MAX)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rate {
    length: u32,
    window: i64,
    open: u32,
    raised: Option<Severity>,
    windows: u32,
    mean: f64,
    variance: f64,
    /// The newest day that was learned from, since the epoch.
    day: i32,
    /// What was normal when that day began; nothing before a day has been learned.
    anchor: Option<Anchor>,
}

/// From where a day's growth is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Anchor {
    mean: f32,
    variance: f32,
}

impl Rate {
    pub(super) const fn of(length: u32) -> Self {
        Self {
            length,
            window: i64::MIN,
            open: 0,
            raised: None,
            windows: 0,
            mean: 0.0,
            variance: 0.0,
            day: i32::MIN,
            anchor: None,
        }
    }

    pub(super) const fn length(&self) -> u32 {
        self.length
    }

    pub(super) fn open_count(&self) -> f64 {
        f64::from(self.open)
    }

    pub(super) const fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) fn windows(&self) -> f64 {
        f64::from(self.windows)
    }

    /// Open count to learned mean; 1 while learning.
    pub(super) fn ratio(&self) -> f64 {
        if self.windows() < LEARNING_WINDOWS {
            1.0
        } else {
            self.open_count() / self.mean.max(0.1)
        }
    }

    /// Counts an action; a severity when the window has become a worse spike than was raised.
    pub(super) fn count(&mut self, seconds: i64) -> Option<Severity> {
        let window = seconds.div_euclid(i64::from(self.length));
        if window < self.window {
            // Its window is closed and learned from; it counts in none.
            return None;
        }
        if window > self.window {
            self.close();
            self.window = window;
        }
        self.open = self.open.saturating_add(1);
        let severity = self.severity()?;
        if self.raised.is_some_and(|raised| raised >= severity) {
            return None;
        }
        self.raised = Some(severity);
        Some(severity)
    }

    fn close(&mut self) {
        if self.open > 0 && self.raised.is_none() {
            self.begin_day();
            let count = self.open_count();
            let step = STEP.max(1.0 / (self.windows() + 1.0));
            let off = count - self.mean;
            self.mean += step * off;
            self.variance = (1.0 - step) * (self.variance + step * off * off);
            self.windows = self.windows.saturating_add(1);
            if let Some(anchor) = self.anchor {
                // Of an agent that does one thing a window, one more is no growth.
                let [mean, variance] = [anchor.mean, anchor.variance].map(f64::from);
                self.mean = self.mean.min(DAILY_GROWTH * mean.max(1.0));
                let most = DAILY_GROWTH * DAILY_GROWTH * variance.max(mean).max(1.0);
                self.variance = self.variance.min(most);
            }
        }
        self.open = 0;
        self.raised = None;
    }

    fn begin_day(&mut self) {
        let day = day_of(self.window, self.length.into());
        if day > self.day {
            if self.day != i32::MIN && self.windows() >= LEARNING_WINDOWS {
                self.anchor = Some(Anchor {
                    mean: self.mean as f32,
                    variance: self.variance as f32,
                });
            }
            self.day = day;
        }
    }

    /// As many in a window come once in 10 to this many windows, at most; 0 while learning.
    pub(super) fn decades(&self) -> f64 {
        if self.windows() < LEARNING_WINDOWS || self.open_count() <= self.mean {
            return 0.0;
        }
        (-self.log_bound() / std::f64::consts::LN_10).min(DECADES_MAX)
    }

    /// Logarithm of the bound of the open window's tail.
    fn log_bound(&self) -> f64 {
        // Counts vary at least as a Poisson variable does.
        let variance = self.variance.max(self.mean).max(1.0);
        let above = self.open_count() - self.mean;
        -above * above / (2.0 * (variance + above * variance.sqrt() / 3.0))
    }

    fn severity(&self) -> Option<Severity> {
        let ratio = self.ratio();
        if self.windows() < LEARNING_WINDOWS || ratio < 3.0 {
            return None;
        }
        let bound = self.log_bound();
        if bound < -20.7 && ratio >= 10.0 && self.open_count() >= CRITICAL_LEAST {
            Some(Severity::Critical) // p < 1e-9
        } else if bound < -13.8 && ratio >= 5.0 {
            Some(Severity::High) // p < 1e-6
        } else if bound < -9.2 {
            Some(Severity::Medium) // p < 1e-4
        } else {
            None
        }
    }
}
