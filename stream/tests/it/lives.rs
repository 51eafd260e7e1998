//! Running processors: undisturbed, for a while, and through one death after the other.

use std::sync::Arc;
use std::time::Duration;

use aim_eventlog::MemoryLog;
use tokio_util::sync::CancellationToken;

use crate::faults::{Fate, Faulty, Mortal, Origins, Plain};
use crate::site::Site;

/// Longest that one run may take, with all its deaths and pauses after failures.
const PATIENCE: Duration = Duration::from_secs(120);
/// Polls of an undisturbed run: it ends when everything has been read.
const NO_LIMIT: usize = usize::MAX;

async fn read(
    site: &Arc<Site>,
    log: &MemoryLog,
    origins: &Arc<Origins>,
    batch_max: usize,
    polls: usize,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let source = Plain {
        inner: log.source(),
        origins: Arc::clone(origins),
        polls_left: polls,
        stop: stop.clone(),
    };
    let processor = site.processor(Box::new(source), batch_max, &stop).await?;
    tokio::time::timeout(PATIENCE, processor.run(stop.clone())).await?;
    Ok(())
}

/// Reads everything once, in order, one record after the other.
pub(crate) async fn read_in_order(
    site: &Arc<Site>,
    log: &MemoryLog,
    origins: &Arc<Origins>,
) -> anyhow::Result<()> {
    read(site, log, origins, 1, NO_LIMIT).await
}

/// Reads everything once, in order, so many records at a time.
pub(crate) async fn read_in_batches(
    site: &Arc<Site>,
    log: &MemoryLog,
    origins: &Arc<Origins>,
    batch_max: usize,
) -> anyhow::Result<()> {
    read(site, log, origins, batch_max, NO_LIMIT).await
}

/// Another process reads some batches from where the database says, and ends.
pub(crate) async fn read_some(
    site: &Arc<Site>,
    log: &MemoryLog,
    origins: &Arc<Origins>,
    batches: usize,
) {
    // The first poll only tells the partitions. A failure means that nobody has overtaken.
    let _ = Box::pin(read(site, log, origins, 3, batches + 1)).await;
}

/// Reads everything through all that `fate` holds.
pub(crate) async fn read_through(
    site: &Arc<Site>,
    log: &MemoryLog,
    origins: &Arc<Origins>,
    fate: &Arc<Fate>,
) -> anyhow::Result<()> {
    let lives = async {
        loop {
            let stop = CancellationToken::new();
            let source = Faulty::new(site, log, origins, fate, &stop);
            let processor = site.processor(Box::new(source), 16, &stop).await?;
            let life = Mortal {
                process: Box::pin(processor.run(stop.clone())),
                fate: Arc::clone(fate),
            };
            let died = life.await;
            stop.cancel();
            if !died {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(PATIENCE, lives).await?
}
