//! A bell between writers and readers of the table in one process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long an idle reader waits before it looks again: a ring from another process may be lost.
pub(crate) const IDLE_POLL: Duration = Duration::from_millis(50);

/// Rung after every commit that appended; readers that wait hear it at once.
#[derive(Debug, Clone)]
pub struct Wake(Arc<watch::Sender<u64>>);

impl Default for Wake {
    fn default() -> Self {
        Self(Arc::new(watch::channel(0).0))
    }
}

impl Wake {
    /// Wakes every listener.
    pub fn ring(&self) {
        self.0.send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// A listener that hears what rings from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// One reader's ear.
#[derive(Debug, Clone)]
pub struct Listener(watch::Receiver<u64>);

impl Listener {
    /// Marks everything rung so far as heard; call before looking at the table.
    pub fn heed(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits for the next ring, at most `limit`.
    pub async fn wait(&mut self, limit: Duration) {
        // Both a ring and the end of the time mean the same: look again.
        let _ = tokio::time::timeout(limit, self.0.changed()).await;
    }
}
