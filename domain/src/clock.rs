//! Time as a value: the trait that components take, so that tests turn the clock by hand.

use std::fmt::Debug;

use chrono::{DateTime, Utc};

/// A source of the present time, in whole microseconds (what both databases keep).
pub trait Clock: Debug + Send + Sync {
    /// The present time.
    fn now(&self) -> DateTime<Utc>;
}
