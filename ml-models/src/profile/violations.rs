//! Attempts without a grant, in windows of ten minutes.

use aim_domain::anomaly::Severity;
use serde::{Deserialize, Serialize};

const WINDOW_SECONDS: i64 = 600;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Violations {
    started: i64,
    count: u32,
}

impl Violations {
    /// Counts an attempt; severity and count when it reaches a step.
    pub(super) fn count(&mut self, seconds: i64) -> Option<(Severity, u32)> {
        if self.count == 0 || seconds.saturating_sub(self.started) >= WINDOW_SECONDS {
            self.started = seconds;
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        let severity = match self.count {
            1 => Severity::Low,
            3 => Severity::Medium,
            5 => Severity::High,
            20 => Severity::Critical,
            _ => return None,
        };
        Some((severity, self.count))
    }
}
