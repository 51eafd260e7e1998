//! Waiting for a condition instead of sleeping.

use std::future::Future;
use std::time::{Duration, Instant};

/// Pause between two looks: short against what is waited for, long against the look's own cost.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks every 20 ms until `condition` holds.
///
/// # Errors
/// When it does not hold within `timeout`; names `what`.
pub async fn wait_until<F, T>(what: &str, timeout: Duration, mut condition: F) -> anyhow::Result<()>
where
    F: FnMut() -> T + Send,
    T: Future<Output = bool> + Send,
{
    let end = Instant::now() + timeout;
    while !condition().await {
        anyhow::ensure!(
            Instant::now() < end,
            "waited {timeout:?} in vain for {what}"
        );
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Looks every 20 ms until `look` gives a value. Its errors mean "not yet", as during an outage.
///
/// # Errors
/// When there is none within `timeout`; names `what` and the last error of `look`.
pub async fn wait_for<F, T, V>(what: &str, timeout: Duration, mut look: F) -> anyhow::Result<V>
where
    F: FnMut() -> T + Send,
    T: Future<Output = anyhow::Result<Option<V>>> + Send,
    V: Send,
{
    let end = Instant::now() + timeout;
    loop {
        let last = match look().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => String::new(),
            Err(error) => format!("; last error: {error:#}"),
        };
        anyhow::ensure!(
            Instant::now() < end,
            "waited {timeout:?} in vain for {what}{last}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same on a thread. An error of `look` ends the waiting: the thing waited for has failed.
pub(crate) fn block_until<V>(
    what: &str,
    timeout: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<V>>,
) -> anyhow::Result<V> {
    let end = Instant::now() + timeout;
    loop {
        if let Some(value) = look()? {
            return Ok(value);
        }
        anyhow::ensure!(
            Instant::now() < end,
            "waited {timeout:?} in vain for {what}"
        );
        std::thread::sleep(PAUSE);
    }
}
