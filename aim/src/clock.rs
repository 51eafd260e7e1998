//! The wall clock.

use aim_domain::clock::Clock;
use chrono::{DateTime, SubsecRound, Utc};

/// The system's time, in whole microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that takes the time"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}
