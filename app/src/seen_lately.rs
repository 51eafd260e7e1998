//! What the stream wrote down lately of what nobody registered: it is seen with every event.

use std::collections::HashMap;

use aim_domain::id::OrganizationId;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

/// What nobody registered is written down again after this long.
const AGAIN: TimeDelta = TimeDelta::minutes(10);
/// Most of it that is remembered as written down.
const REMEMBERED_MAX: usize = 10_000;

/// Names that were written down lately.
#[derive(Debug, Default)]
pub(crate) struct SeenLately(Mutex<HashMap<(OrganizationId, String), DateTime<Utc>>>);

impl SeenLately {
    /// Whether it is time to write this one down.
    pub(crate) fn is_due(
        &self,
        organization: OrganizationId,
        name: &str,
        now: DateTime<Utc>,
    ) -> bool {
        let mut all = self.0.lock();
        let key = (organization, name.to_owned());
        if all.get(&key).is_some_and(|at| now - *at < AGAIN) {
            return false;
        }
        if all.len() >= REMEMBERED_MAX {
            all.retain(|_, at| now - *at < AGAIN);
        }
        if all.len() < REMEMBERED_MAX {
            all.insert(key, now);
        }
        true
    }
}
