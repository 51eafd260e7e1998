//! What has to be done for credentials from time to time: writing down when API keys were used, and
//! forgetting what is over.

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::{App, AppError};

/// How long sessions that are over are kept: that long it is known where a person signs in from.
const ENDED_KEPT: TimeDelta = TimeDelta::days(90);

impl App {
    /// Does it every `period` until `stop` fires, and once more then.
    pub async fn keep_credentials(&self, period: Duration, stop: CancellationToken) {
        loop {
            let is_last = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(period) => false,
            };
            if let Err(error) = self.write_used_keys().await {
                tracing::warn!(%error, "when API keys were used is not written; trying again later");
            }
            if is_last {
                return;
            }
            if let Err(error) = self.forget_ended().await {
                tracing::warn!(%error, "what is over was not forgotten; trying again later");
            }
        }
    }

    async fn write_used_keys(&self) -> Result<(), AppError> {
        let used = self.used_keys.take();
        if used.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut tx = self.store.begin().await?;
            tx.touch_api_keys(&used).await?;
            tx.commit().await
        };
        let outcome = written.await;
        if outcome.is_err() {
            self.used_keys.put_back(used);
        }
        Ok(outcome?)
    }

    async fn forget_ended(&self) -> Result<(), AppError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        tx.delete_old_attempts(now).await?;
        tx.delete_ended_sessions(now - ENDED_KEPT).await?;
        Ok(tx.commit().await?)
    }
}
