//! Forgetting nonces that cannot be replayed any more.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::App;

impl App {
    /// Forgets nonces whose signatures are stale, every `period`, until `stop` fires.
    pub async fn sweep_nonces(&self, period: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(period) => {}
            }
            let swept = async {
                let mut tx = self.store.begin().await?;
                tx.delete_stale_nonces().await?;
                tx.commit().await
            };
            if let Err(error) = swept.await {
                tracing::warn!(%error, "stale nonces were not forgotten; trying again later");
            }
        }
    }
}
