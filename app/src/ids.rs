//! New ids: UUID version 7, in the order they were made.

use aim_domain::clock::Clock;
use std::sync::Arc;
use uuid::{ContextV7, Timestamp, Uuid};

use parking_lot::Mutex;

/// A maker of ids, by the clock it was given.
#[derive(Debug)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    context: Mutex<ContextV7>,
}

impl Ids {
    /// A maker of ids.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            context: Mutex::new(ContextV7::new()),
        }
    }

    /// A new id; later ones sort behind earlier ones of this process.
    #[must_use]
    pub fn next(&self) -> Uuid {
        let now = self.clock.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let context = self.context.lock();
        Uuid::new_v7(Timestamp::from_unix(
            &*context,
            seconds,
            now.timestamp_subsec_nanos(),
        ))
    }
}
