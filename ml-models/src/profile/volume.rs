//! How much data an agent moves in ten minutes, as its producer states it.
//!
//! Sums are compared by their logarithms, because amounts of data spread over orders of magnitude;
//! the sum of the open window is held against the tail of the windows before it.

use serde::{Deserialize, Serialize};

use super::windowed::Windowed;

const WINDOW_SECONDS: i64 = 600;
/// A fifth more is no news.
const LEAST: f64 = 0.25;

/// Bytes in ten minutes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Volume {
    windows: Windowed,
    open: u64,
}

impl Volume {
    pub(super) const fn open(&self) -> u64 {
        self.open
    }

    /// Binary logarithm of the open window's bytes and one.
    pub(super) fn level(&self) -> f64 {
        (1.0 + self.open as f64).log2()
    }

    /// Adds what an action moved; as much in a window comes once in 10 to the returned many windows.
    pub(super) fn add(&mut self, seconds: i64, bytes: u64) -> f64 {
        if self.windows.is_over(seconds, WINDOW_SECONDS) {
            let level = self.level();
            self.windows.open(seconds, WINDOW_SECONDS, level, LEAST);
            self.open = 0;
        }
        self.open = self.open.saturating_add(bytes);
        self.windows.decades(self.level(), LEAST)
    }

    /// Whether the open window has become worse news than was told of it.
    pub(super) const fn is_news(&mut self, decades: f64) -> bool {
        self.windows.is_news(decades)
    }
}
