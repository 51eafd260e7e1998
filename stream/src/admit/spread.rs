//! Work on all deliveries of a batch.

use std::sync::{Arc, LazyLock};

use aim_app::{AppError, ErrorCode};

/// Events that are read in a row, in about half a millisecond.
const TURN: usize = 256;

/// Threads that check signatures; asked once, because the answer is read from the system's files.
static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// Works on all here; others get their turn now and then.
pub(super) async fn in_turns<T>(all: &mut [T], work: impl Fn(&mut [T])) {
    for part in all.chunks_mut(TURN) {
        work(part);
        tokio::task::yield_now().await;
    }
}

/// Works on all, a part on each core, and gives them back in their order.
pub(super) async fn on_all_cores<T: Send + 'static>(
    mut all: Vec<T>,
    work: impl Fn(&mut [T]) + Send + Sync + 'static,
) -> Result<Vec<T>, AppError> {
    let work = Arc::new(work);
    let share = all.len().div_ceil(*CORES).max(64);
    let mut tasks = Vec::new();
    let mut done = Vec::with_capacity(all.len());
    while !all.is_empty() {
        let rest = all.split_off(share.min(all.len()));
        let mut part = std::mem::replace(&mut all, rest);
        let work = Arc::clone(&work);
        tasks.push(tokio::task::spawn_blocking(move || {
            work(&mut part);
            part
        }));
    }
    for task in tasks {
        done.extend(
            task.await
                .map_err(|_| AppError::new(ErrorCode::Internal, "a batch could not be judged"))?,
        );
    }
    Ok(done)
}
