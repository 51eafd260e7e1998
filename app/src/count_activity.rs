//! Counting what happens, behind the event log.
//!
//! One process at a time follows the log and adds what it says to the counts, in one transaction with
//! how far it has come. Guarantee: each fact counts once, whatever dies and however many do it: who was
//! too late finds that the place moved, and none of theirs is kept. Decisions never wait for it.

mod tally;

use std::time::Duration;

use aim_domain::event::{ActionResultReported, AlertRaised, ApprovalChanged, VerificationRecorded};
use aim_eventlog::{Partition, Topic, read_types};
use aim_store::Store;
use aim_store::offsets::ConsumerOffset;
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::hold_job::{Pace, Round, Seat};
use crate::{App, AppError, ErrorCode};
use tally::Tally;

/// The job, and the consumer group of its place.
pub(crate) const JOB: &str = "analytics";
/// What is counted.
pub(crate) const TYPES: [&str; 4] = [
    VerificationRecorded::TYPE,
    ApprovalChanged::TYPE,
    AlertRaised::TYPE,
    ActionResultReported::TYPE,
];
/// Most facts of a round: the more come together, the fewer writes each agent's counts need.
const BATCH: u64 = 5_000;
/// How long another process waits after this one died.
const LEASE: TimeDelta = TimeDelta::seconds(10);
const PACE: Pace = Pace {
    rest: Duration::from_millis(500),
    idle: Duration::from_secs(1),
    problem: "what happened was not counted",
};
/// How long counts are kept, and how often older ones are looked for.
const KEPT: TimeDelta = TimeDelta::days(400);
const SWEEP_EVERY: TimeDelta = TimeDelta::hours(6);
/// How often changes of the number of agents are merged.
const MERGE_EVERY: TimeDelta = TimeDelta::seconds(20);

/// When what is kept was last tidied.
#[derive(Debug, Default)]
struct Tidied {
    swept: Option<DateTime<Utc>>,
    merged: Option<DateTime<Utc>>,
}

impl App {
    /// Counts until `stop` fires.
    pub async fn count_activity(&self, stop: CancellationToken) {
        let mut listener = self.store.wake().listen();
        let mut seat = self.seat(JOB, LEASE);
        let mut tidied = Tidied::default();
        while !stop.is_cancelled() {
            listener.heed();
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.count_round(&mut seat, &mut tidied) => outcome,
            };
            PACE.rest(outcome, &mut listener, &stop).await;
        }
    }

    async fn count_round(&self, seat: &mut Seat, tidied: &mut Tidied) -> Result<Round, AppError> {
        if !self.hold_job(seat).await? {
            return Ok(Round::NotOurs);
        }
        let now = self.clock.now();
        self.tidy(tidied, now).await?;
        let newest = self.store.newest_event_position().await?;
        let from = self.counted_upto().await?;
        if from.next > newest {
            return Ok(Round::Idle);
        }
        let span = (from.next - 1, newest);
        let events = read_types(self.store.reader(), TYPES, span, BATCH).await;
        let events = events.map_err(|error| {
            AppError::new(ErrorCode::Unavailable, format!("the event log: {error}"))
        })?;
        let is_full = events.len() as u64 == BATCH;
        let upto = events
            .last()
            .filter(|_| is_full)
            .map_or(newest, |it| it.position);
        // Nothing to count is nothing to write: it is passed over again.
        if events.is_empty() && upto - from.next < i64::try_from(BATCH).unwrap_or(i64::MAX) {
            return Ok(Round::Idle);
        }
        let mut tally = Tally::default();
        for event in &events {
            tally.count(event);
        }
        let to = ConsumerOffset {
            next: upto + 1,
            applied: from.applied + events.len() as u64,
            ..from
        };
        let mut tx = self.store.begin().await?;
        tx.advance_offset(JOB, &from, &to).await?;
        tally.write(&mut tx).await?;
        tx.commit().await?;
        let behind = self.clock.now() - events.last().map_or(now, |it| it.recorded_at);
        metrics::gauge!("aim_analytics_behind_seconds").set(behind.as_seconds_f64());
        Ok(if is_full { Round::More } else { Round::Done })
    }

    async fn tidy(&self, tidied: &mut Tidied, now: DateTime<Utc>) -> Result<(), AppError> {
        let is_due = |last: Option<DateTime<Utc>>, every| last.is_none_or(|it| now - it > every);
        if is_due(tidied.swept, SWEEP_EVERY) {
            let mut tx = self.store.begin().await?;
            tx.delete_old_counts(now - KEPT).await?;
            tx.commit().await?;
            tidied.swept = Some(now);
        }
        if is_due(tidied.merged, MERGE_EVERY) {
            let mut tx = self.store.begin().await?;
            tx.merge_agent_counts().await?;
            tx.commit().await?;
            tidied.merged = Some(now);
        }
        Ok(())
    }

    /// How far was counted.
    pub(crate) async fn counted_upto(&self) -> Result<ConsumerOffset, AppError> {
        let stored = self.store.list_offsets(JOB).await?.pop();
        Ok(stored.unwrap_or_else(|| {
            ConsumerOffset::start(Partition {
                topic: Topic::Events,
                number: 0,
            })
        }))
    }
}

/// Throws the counts away: whoever counts begins again with the first fact of the log.
///
/// # Errors
/// `Unavailable` when the database does not answer.
pub async fn recount_activity(store: &Store) -> Result<(), AppError> {
    let mut tx = store.begin().await?;
    tx.forget_counts(JOB).await?;
    Ok(tx.commit().await?)
}
