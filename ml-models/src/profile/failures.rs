//! Share of failed actions, in windows of ten minutes, against the learned share.
//!
//! Judged by Hoeffding's inequality, P(p̂ − p ≥ t) ≤ exp(−2nt²) (Hoeffding, JASA 58, 1963).
//! A window that was flagged is not learned from.

use aim_domain::anomaly::Severity;
use serde::{Deserialize, Serialize};

const WINDOW_SECONDS: i64 = 600;
/// Windows to learn from before anything is called a burst.
const LEARNING_WINDOWS: u32 = 6;
/// Least actions of a burst.
const LEAST: u32 = 10;
/// Least weight of the newest window.
const STEP: f64 = 0.05;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Failures {
    window: i64,
    ended: u32,
    failed: u32,
    raised: Option<Severity>,
    windows: u32,
    learned: f64,
}

impl Failures {
    /// Share of failed actions in the open window; 0 when it is empty.
    pub(super) fn ratio(&self) -> f64 {
        f64::from(self.failed) / f64::from(self.ended.max(1))
    }

    /// Counts how an action ended; a severity when the window has become a worse burst.
    pub(super) fn count(&mut self, seconds: i64, failed: bool) -> Option<Severity> {
        let window = seconds.div_euclid(WINDOW_SECONDS);
        if window > self.window {
            if self.ended > 0 && self.raised.is_none() {
                let step = STEP.max(1.0 / (f64::from(self.windows) + 1.0));
                self.learned += step * (self.ratio() - self.learned);
                self.windows = self.windows.saturating_add(1);
            }
            *self = Self {
                window,
                windows: self.windows,
                learned: self.learned,
                ..Self::default()
            };
        }
        self.ended = self.ended.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(failed));
        if self.windows < LEARNING_WINDOWS || self.ended < LEAST {
            return None;
        }
        let above = (self.ratio() - self.learned).max(0.0);
        let bound = -2.0 * f64::from(self.ended) * above * above;
        let severity = if bound < -18.4 && self.ratio() > 0.8 {
            Severity::High // p < 1e-8
        } else if bound < -9.2 {
            Severity::Medium // p < 1e-4
        } else {
            return None;
        };
        if self.raised.is_some_and(|raised| raised >= severity) {
            return None;
        }
        self.raised = Some(severity);
        Some(severity)
    }
}
