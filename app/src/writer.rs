//! Group commit: the verifications of all requests in flight in one transaction.
//!
//! Guarantee: a caller is answered only after the commit that holds its verification, audit entry
//! and event. While one commit is on its way to the disk the next group gathers, so that one slow
//! flush serves many callers and an idle system answers after a single one.

use std::time::Duration;

use aim_domain::id::AgentKeyId;
use aim_store::decisions::{DecisionRecord, GROUP_MAX, Written};
use aim_store::{Store, StoreError};
use moka::sync::Cache;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{AppError, ErrorCode};

/// Most requests that wait for the writer; more are told to come back.
const QUEUE: usize = 8_192;
/// How long a nonce is remembered in memory: a signature is good for 300 s and 60 s of skew.
const NONCE_TTL: Duration = Duration::from_secs(361);
/// Most nonces remembered in memory; older ones are still in the database.
const NONCES_MAX: u64 = 4_000_000;

/// How long whoever waits for an answer is before the readers of the event log: they want the same
/// cores, and nobody waits for them.
const HEAD_START: Duration = Duration::from_millis(1);

type Reply = oneshot::Sender<Result<Written, AppError>>;

/// Nonces seen by this process.
#[derive(Debug, Clone)]
pub(crate) struct Nonces(Cache<(AgentKeyId, Box<str>), ()>);

impl Nonces {
    /// True for the first caller with this nonce.
    pub(crate) fn insert_once(&self, key: AgentKeyId, nonce: &str) -> bool {
        self.0.entry((key, nonce.into())).or_insert(()).is_fresh()
    }
}

/// The writer's handle.
#[derive(Debug)]
pub(crate) struct GroupWriter {
    queue: mpsc::Sender<(DecisionRecord, Reply)>,
    nonces: Nonces,
}

impl GroupWriter {
    /// Starts the writer's task on `tracker`. When `stop` fires it writes what waits and ends.
    pub(crate) fn start(store: Store, tracker: &TaskTracker, stop: CancellationToken) -> Self {
        let (queue, incoming) = mpsc::channel(QUEUE);
        tracker.spawn(run(store, incoming, stop));
        let nonces = Cache::builder()
            .max_capacity(NONCES_MAX)
            .time_to_live(NONCE_TTL)
            .build();
        Self {
            queue,
            nonces: Nonces(nonces),
        }
    }

    pub(crate) const fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    /// Hands a decision to the writer and waits until it is durable.
    pub(crate) async fn write(&self, pending: DecisionRecord) -> Result<Written, AppError> {
        let unavailable = |why: &str| AppError::new(ErrorCode::Unavailable, why.to_owned());
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send((pending, reply))
            .map_err(|_| unavailable("too many decisions wait to be written; try again"))?;
        answer
            .await
            .map_err(|_| unavailable("the server is stopping; try again"))?
    }
}

async fn run(
    store: Store,
    mut incoming: mpsc::Receiver<(DecisionRecord, Reply)>,
    stop: CancellationToken,
) {
    // The readers of the event log are woken behind the answers.
    let mut ring_at: Option<Instant> = None;
    loop {
        let first = tokio::select! {
            first = incoming.recv() => first,
            () = sleep_until(ring_at.unwrap_or_else(Instant::now)), if ring_at.is_some() => {
                store.wake().ring();
                ring_at = None;
                continue;
            }
            // Closing refuses newcomers; what is queued already is still written.
            () = stop.cancelled(), if !incoming.is_closed() => {
                incoming.close();
                continue;
            }
        };
        let Some(first) = first else { return };
        let mut group = vec![first];
        while group.len() < GROUP_MAX {
            match incoming.try_recv() {
                Ok(next) => group.push(next),
                Err(_) => break,
            }
        }
        metrics::histogram!("aim_group_commit_size").record(group.len() as f64);
        let (writes, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let outcomes = match store.write_decisions(&writes).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) => one_by_one(&store, &writes, error).await,
        };
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // A caller that has gone away does not undo what is written.
            let _ = reply.send(outcome);
        }
        ring_at = ring_at.or_else(|| Some(Instant::now() + HEAD_START));
    }
}

/// A group failed: one bad member must not take the others down with it.
async fn one_by_one(
    store: &Store,
    writes: &[DecisionRecord],
    error: StoreError,
) -> Vec<Result<Written, AppError>> {
    if writes.len() == 1 {
        return vec![Err(error.into())];
    }
    tracing::warn!(%error, size = writes.len(), "a group of decisions failed; writing each alone");
    let mut outcomes = Vec::with_capacity(writes.len());
    for each in writes {
        let outcome = store.write_decisions(std::slice::from_ref(each)).await;
        outcomes.push(outcome.map(|written| written[0]).map_err(AppError::from));
    }
    outcomes
}
