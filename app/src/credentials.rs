//! What sessions and API keys stand for, in memory, so that a warm request reads no SQL for it.
//!
//! Kept true as the facts of decisions are: the follower of the event log forgets what changed, a load
//! that began before is not kept, and nothing is believed while the follower has not been heard.
//! Connections that were let in before are told when something of their person changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aim_domain::access::AccessChange;
use aim_domain::event::Fact;
use aim_domain::id::{SessionId, UserId};
use quick_cache::sync::Cache;
use tokio::sync::broadcast;

use crate::find_api_key::LiveKey;
use crate::find_session::LiveSession;

/// Most sessions in memory, some hundred bytes each.
const KEPT_MAX: usize = 50_000;
/// Changes that a connection may be behind; one that is further looks again, whatever changed.
const CHANGES_KEPT: usize = 1_024;

/// The cache.
#[derive(Debug)]
pub(crate) struct Credentials {
    sessions: Cache<SessionId, Arc<LiveSession>>,
    /// By their prefixes.
    keys: Cache<Arc<str>, Arc<LiveKey>>,
    /// Counts what was forgotten.
    generation: AtomicU64,
    changes: broadcast::Sender<UserId>,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            sessions: Cache::new(KEPT_MAX),
            keys: Cache::new(KEPT_MAX),
            generation: AtomicU64::new(0),
            changes: broadcast::channel(CHANGES_KEPT).0,
        }
    }
}

impl Credentials {
    /// Hears a fact, in the order of the event log.
    pub(crate) fn heed(&self, fact: &Fact) {
        let Fact::AccessChanged(changed) = fact else {
            return;
        };
        // First the counter: what is being loaded meanwhile is not kept.
        self.generation.fetch_add(1, Ordering::AcqRel);
        match changed.change {
            AccessChange::SessionOpened { .. } => return,
            AccessChange::SessionEnded { session } => {
                self.sessions.remove(&session);
            }
            AccessChange::ApiKey { .. } => self.keys.retain(|_, it| it.owner != changed.user),
            _ => {
                self.sessions.retain(|_, it| it.user != changed.user);
                self.keys.retain(|_, it| it.owner != changed.user);
            }
        }
        // Nobody listening is no fault.
        let _ = self.changes.send(changed.user);
    }

    /// Whose access changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<UserId> {
        self.changes.subscribe()
    }

    /// Call before loading; pass the result to [`Self::keep_session`].
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<Arc<LiveSession>> {
        self.sessions.get(&id)
    }

    /// Keeps what was loaded since `generation`, unless something changed meanwhile.
    pub(crate) fn keep_session(&self, session: &Arc<LiveSession>, generation: u64) {
        self.sessions.insert(session.id, Arc::clone(session));
        if self.generation() != generation {
            self.sessions.remove(&session.id);
        }
    }
}

impl Credentials {
    pub(crate) fn key(&self, prefix: &str) -> Option<Arc<LiveKey>> {
        self.keys.get(prefix)
    }

    /// As [`Self::keep_session`].
    pub(crate) fn keep_key(&self, key: &Arc<LiveKey>, generation: u64) {
        self.keys.insert(Arc::clone(&key.prefix), Arc::clone(key));
        if self.generation() != generation {
            self.keys.remove(&key.prefix);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aim_domain::access::AccessChanged;
    use aim_domain::id::OrganizationId;
    use aim_domain::role::Role;
    use aim_domain::session::SessionKind;
    use chrono::DateTime;
    use uuid::Uuid;

    fn session(number: u128, user: u128) -> Arc<LiveSession> {
        Arc::new(LiveSession {
            id: SessionId::from_uuid(Uuid::from_u128(number)),
            user: UserId::from_uuid(Uuid::from_u128(user)),
            organization: OrganizationId::from_uuid(Uuid::nil()),
            role: Role::Owner,
            must_change_password: false,
            kind: SessionKind::Person,
            permissions: Vec::new(),
            until: DateTime::UNIX_EPOCH,
        })
    }

    fn changed(user: UserId, change: AccessChange) -> Fact {
        AccessChanged { user, change }.into()
    }

    #[test]
    fn what_changed_is_forgotten_told_and_not_kept_when_loaded_before() {
        let cache = Credentials::default();
        let all = [session(1, 7), session(2, 7), session(3, 8)];
        for it in &all {
            cache.keep_session(it, cache.generation());
        }
        let mut told = cache.changes();
        let began = cache.generation();
        let one = AccessChange::SessionEnded { session: all[0].id };
        cache.heed(&changed(all[0].user, one));
        let kept = || all.each_ref().map(|it| cache.session(it.id).is_some());
        assert_eq!(kept(), [false, true, true]);
        assert_eq!(told.try_recv().ok(), Some(all[0].user));
        cache.keep_session(&all[0], began);
        assert_eq!(kept(), [false, true, true]);
        cache.heed(&changed(all[0].user, AccessChange::Removed));
        assert_eq!(kept(), [false, false, true]);
    }

    #[test]
    fn a_new_session_disturbs_nobody() {
        let cache = Credentials::default();
        let mut told = cache.changes();
        let opened = AccessChange::SessionOpened {
            session: session(1, 7).id,
            holder: SessionKind::Person,
        };
        cache.heed(&changed(session(1, 7).user, opened));
        assert!(told.try_recv().is_err());
    }
}
