//! The life of a process: tasks, signals, an orderly end with a deadline.

use std::future::Future;
use std::time::Duration;

use aim_api::ServerLimits;
use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks may take to finish what they are at.
const GRACE: Duration = Duration::from_secs(15);

/// The tasks of a process.
pub(super) struct Lifecycle {
    stop: CancellationToken,
    failed: CancellationToken,
    tracker: TaskTracker,
    interrupt: Signal,
    terminate: Signal,
}

impl Lifecycle {
    /// From here on a signal ends the process in order, however early it comes.
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            stop: CancellationToken::new(),
            failed: CancellationToken::new(),
            tracker: TaskTracker::new(),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) const fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Fires when the process is to stop.
    pub(super) fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a task that ends when told to. One that ends before takes the process down with it: a
    /// server without its stream must not look healthy.
    pub(super) fn spawn<F>(
        &self,
        name: &'static str,
        task: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, failed) = (self.stop.clone(), self.failed.clone());
        let work = task(stop.clone());
        self.tracker.spawn(async move {
            let guard = failed.drop_guard();
            work.await;
            if stop.is_cancelled() {
                guard.disarm();
            } else {
                tracing::error!(task = name, "a task ended by itself; stopping");
            }
        });
    }

    /// Serves HTTP until a signal comes or a task fails.
    pub(super) async fn serve(
        &mut self,
        listener: TcpListener,
        router: Router,
        limits: ServerLimits,
    ) -> anyhow::Result<()> {
        let server = aim_api::serve(listener, router, limits, self.stop.clone());
        let server = tokio::spawn(server);
        tokio::select! {
            _ = self.interrupt.recv() => tracing::info!("interrupted; stopping"),
            _ = self.terminate.recv() => tracing::info!("told to stop"),
            () = self.failed.cancelled() => {}
        }
        self.stop.cancel();
        // Open websockets do not end by themselves.
        let _ = tokio::time::timeout(Duration::from_secs(3), server).await;
        Ok(())
    }

    /// Waits for the tasks.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        self.tracker.close();
        if tokio::time::timeout(GRACE, self.tracker.wait())
            .await
            .is_err()
        {
            anyhow::bail!("tasks did not finish within {} s", GRACE.as_secs());
        }
        anyhow::ensure!(!self.failed.is_cancelled(), "a task failed; see the log");
        Ok(())
    }
}
