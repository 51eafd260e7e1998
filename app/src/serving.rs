//! Which models serve, in memory, so that a batch of the stream reads no SQL for it.
//!
//! Kept true as the facts of decisions are: the follower of the event log forgets what moved, a load
//! that began before is not kept, and nothing is believed while the follower has not been heard.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use aim_domain::event::{Fact, OrganizationChange};
use aim_domain::id::OrganizationId;
use aim_domain::model::Serving;
use parking_lot::RwLock;

use crate::{App, AppError};

/// Most organizations in memory, some hundred bytes each.
const KEPT_MAX: usize = 100_000;

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct ServingCache {
    known: RwLock<HashMap<OrganizationId, Serving>>,
    /// Counts what was forgotten.
    generation: AtomicU64,
}

impl ServingCache {
    /// Hears a fact, in the order of the event log.
    pub(crate) fn heed(&self, fact: &Fact) {
        if let Fact::OrganizationChanged(changed) = fact
            && matches!(changed.change, OrganizationChange::ModelMoved { .. })
        {
            self.forget(changed.organization);
        }
    }

    pub(crate) fn forget(&self, organization: OrganizationId) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.known.write().remove(&organization);
    }

    fn find(&self, organization: OrganizationId) -> Option<Serving> {
        self.known.read().get(&organization).copied()
    }

    /// Keeps what was loaded since `generation`, unless something moved meanwhile.
    fn keep(&self, organization: OrganizationId, serving: Serving, generation: u64) {
        let mut known = self.known.write();
        if self.generation.load(Ordering::Acquire) != generation {
            return;
        }
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(organization, serving);
    }
}

impl App {
    /// What serves an organization now.
    ///
    /// # Errors
    /// `Unavailable` when it is not in memory and the database does not answer.
    pub async fn serving(&self, organization: OrganizationId) -> Result<Serving, AppError> {
        if self.cache.is_live(self.clock.now())
            && let Some(serving) = self.serving.find(organization)
        {
            return Ok(serving);
        }
        let generation = self.serving.generation.load(Ordering::Acquire);
        let serving = self.store.load_serving(organization).await?;
        self.serving.keep(organization, serving, generation);
        Ok(serving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aim_domain::event::OrganizationChanged;
    use aim_domain::model::ModelAlias;
    use uuid::Uuid;

    #[test]
    fn what_moved_is_forgotten_and_what_was_loaded_before_is_not_kept() {
        let organization = OrganizationId::from_uuid(Uuid::from_u128(1));
        let cache = ServingCache::default();
        let now = || cache.generation.load(Ordering::Acquire);
        cache.keep(organization, Serving::default(), now());
        assert!(cache.find(organization).is_some());
        let began = now();
        let change = OrganizationChange::ModelMoved {
            alias: ModelAlias::Champion,
            from: None,
            to: Some(1),
            number: 1,
            is_rollback: false,
            by: "user:1".to_owned(),
            reason: "why".to_owned(),
        };
        let moved = OrganizationChanged {
            organization,
            change,
        };
        cache.heed(&moved.into());
        assert!(cache.find(organization).is_none());
        cache.keep(organization, Serving::default(), began);
        assert!(cache.find(organization).is_none());
    }
}
