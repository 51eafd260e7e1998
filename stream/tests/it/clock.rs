//! Time for tests: every look at the clock moves it on.

use std::sync::atomic::{AtomicI64, Ordering};

use aim_domain::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};

/// A clock that goes on by a millisecond whenever it is read, so that later ids sort later.
#[derive(Debug, Default)]
pub(crate) struct Ticking(AtomicI64);

/// When the fleets began to act: long before [`Ticking`] begins, so that nothing is ahead of time.
pub(crate) fn beginning() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

impl Clock for Ticking {
    fn now(&self) -> DateTime<Utc> {
        let tick = self.0.fetch_add(1, Ordering::Relaxed);
        beginning() + TimeDelta::days(30) + TimeDelta::milliseconds(tick)
    }
}
