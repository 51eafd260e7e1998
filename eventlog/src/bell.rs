//! A bell between processes on PostgreSQL: who commits to the log notifies, who reads it is rung.
//!
//! Only ever a hint. A notification that is lost with its connection costs an idle poll, nothing else.

use std::time::Duration;

use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};
use sea_orm::sqlx::{self, PgPool};
use tokio_util::sync::CancellationToken;

use crate::Wake;

/// Where commits to the log are notified.
pub const LOG_CHANNEL: &str = "aim_event_log";
/// How long to wait before listening again.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Rings `wake` whenever any process has appended to the log of this database, until `stop` fires.
/// Takes one connection of its own, not one of the pool's.
pub async fn ring_for_all(pool: &PgPool, wake: &Wake, stop: CancellationToken) {
    let own = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(pool.connect_options().as_ref().clone());
    while !stop.is_cancelled() {
        let failure = tokio::select! {
            () = stop.cancelled() => return,
            failure = listen(&own, wake) => failure,
        };
        tracing::debug!(error = %failure, "not rung by other processes");
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(BACK_OFF) => {}
        }
    }
}

async fn listen(pool: &PgPool, wake: &Wake) -> sqlx::Error {
    let listening = async {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(LOG_CHANNEL).await?;
        loop {
            // For what came before it listened, then for each notification, and when it had to
            // connect again.
            wake.ring();
            listener.try_recv().await?;
        }
    };
    let never: Result<std::convert::Infallible, sqlx::Error> = listening.await;
    match never {
        Err(error) => error,
    }
}
