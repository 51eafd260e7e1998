//! Work on all deliveries of a batch.

use std::sync::{Arc, LazyLock};

use aim_app::{AppError, ErrorCode};

/// Events that are read in a row, in about half a millisecond.
const TURN: usize = 256;

/// Threads that check signatures; asked once, because the answer is read from the system's files.
static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// Works on all, in their order, here; others get their turn now and then.
pub(super) async fn in_turns<T, U>(all: Vec<T>, work: impl Fn(Vec<T>) -> Vec<U>) -> Vec<U> {
    let mut done = Vec::with_capacity(all.len());
    let mut rest = all.into_iter();
    while rest.len() > 0 {
        done.extend(work(rest.by_ref().take(TURN).collect()));
        tokio::task::yield_now().await;
    }
    done
}

/// Works on all, in their order, a part on each core.
pub(super) async fn on_all_cores<T: Send + 'static, U: Send + 'static>(
    mut all: Vec<T>,
    work: impl Fn(Vec<T>) -> Vec<U> + Send + Sync + 'static,
) -> Result<Vec<U>, AppError> {
    let work = Arc::new(work);
    let share = all.len().div_ceil(*CORES).max(64);
    let mut tasks = Vec::new();
    let mut done = Vec::with_capacity(all.len());
    while !all.is_empty() {
        let rest = all.split_off(share.min(all.len()));
        let part = std::mem::replace(&mut all, rest);
        let work = Arc::clone(&work);
        tasks.push(tokio::task::spawn_blocking(move || work(part)));
    }
    for task in tasks {
        done.extend(
            task.await
                .map_err(|_| AppError::new(ErrorCode::Internal, "a batch could not be judged"))?,
        );
    }
    Ok(done)
}
