//! Facts for subscribers, as they happen.

use std::sync::Arc;

use aim_domain::event::Fact;
use aim_domain::id::OrganizationId;
use chrono::{DateTime, Utc};
use tokio::sync::broadcast;

/// A fact as subscribers get it.
#[derive(Debug, Clone)]
pub struct FeedItem {
    /// Its position in the event log: the cursor to resume behind.
    pub position: i64,
    /// Whose it is.
    pub organization: OrganizationId,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// What happened.
    pub fact: Fact,
}

/// Why a subscription ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The subscriber was too slow; it can resume behind its last cursor.
    #[error("the subscription fell behind; resume with `after` set to the last cursor")]
    Lagged,
    /// The agent that subscribed was stopped, or its key has ended.
    #[error("the agent was stopped or its key has ended; nothing more is told")]
    Stopped,
    /// Facts cannot be read now.
    #[error("facts cannot be read now; resume with `after` set to the last cursor")]
    Unavailable,
}

/// The hub: one follower puts in, every subscriber gets all.
#[derive(Debug, Clone)]
pub struct Feed(broadcast::Sender<Arc<FeedItem>>);

impl Feed {
    /// A hub that keeps `capacity` facts for slow subscribers.
    #[must_use]
    pub(crate) fn new(capacity: usize) -> Self {
        Self(broadcast::channel(capacity).0)
    }

    pub(crate) fn publish(&self, item: FeedItem) {
        // Nobody listening is no fault.
        let _ = self.0.send(Arc::new(item));
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<FeedItem>> {
        self.0.subscribe()
    }
}
