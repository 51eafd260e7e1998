//! Jobs that one process does at a time, by a lease in the database, in rounds with rests in between.

use std::time::Duration;

use aim_eventlog::Listener;
use aim_store::Backend;
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{App, AppError};

/// How long one that may not work, or could not, waits.
const BACK_OFF: Duration = Duration::from_secs(1);

/// A process's claim to do a job. What is done under it must still be right when two do it: a holder
/// may be slower than its lease.
#[derive(Debug)]
pub(crate) struct Seat {
    job: &'static str,
    /// How long a lease is good: another process goes on so long after its holder died.
    life: TimeDelta,
    holder: Uuid,
    held_until: DateTime<Utc>,
}

impl Seat {
    /// What was held may be somebody else's: the next round asks again.
    pub(crate) const fn give_up(&mut self) {
        self.held_until = DateTime::UNIX_EPOCH;
    }
}

/// What became of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// There may be more.
    More,
    /// All that was there is done.
    Done,
    /// There was nothing.
    Idle,
    /// Somebody else works, or this process cannot.
    NotOurs,
}

/// How long a job rests between rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// After a round, so that more comes together.
    pub(crate) rest: Duration,
    /// When nothing comes: other processes do not always ring here.
    pub(crate) idle: Duration,
    /// What is said when a round fails.
    pub(crate) problem: &'static str,
}

impl Pace {
    /// Rests as long as the outcome of a round asks for, or until `stop` fires.
    pub(crate) async fn rest(
        &self,
        outcome: Result<Round, AppError>,
        listener: &mut Listener,
        stop: &CancellationToken,
    ) {
        let rest = async {
            match outcome {
                Ok(Round::More) => {}
                Ok(Round::Done) => tokio::time::sleep(self.rest).await,
                Ok(Round::Idle) => {
                    // Most of what rings may be nothing for this job: what comes after a pause is
                    // looked at at once, and a flood not more often than work is done.
                    tokio::time::sleep(self.rest).await;
                    listener.wait(self.idle).await;
                }
                Ok(Round::NotOurs) => tokio::time::sleep(BACK_OFF).await,
                Err(error) => {
                    tracing::warn!(%error, "{}; trying again", self.problem);
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = rest => {}
        }
    }
}

impl App {
    /// A claim that is not good yet, of leases that are good for `life`.
    pub(crate) fn seat(&self, job: &'static str, life: TimeDelta) -> Seat {
        Seat {
            job,
            life,
            holder: self.ids.next(),
            held_until: DateTime::UNIX_EPOCH,
        }
    }

    /// Takes or keeps the lease; false while another process has it.
    pub(crate) async fn hold_job(&self, seat: &mut Seat) -> Result<bool, AppError> {
        let now = self.clock.now();
        // SQLite has one process: whoever held the lease before is gone, and nobody else comes.
        let is_alone = self.store.backend() == Backend::Sqlite;
        let is_first = seat.held_until == DateTime::UNIX_EPOCH;
        if seat.held_until - now > seat.life / 2 || (is_alone && !is_first) {
            return Ok(true);
        }
        let mut tx = self.store.begin().await?;
        let held = if is_alone {
            tx.seize_lease(seat.job, seat.holder, seat.life).await?;
            true
        } else {
            tx.take_lease(seat.job, seat.holder, seat.life).await?
        };
        tx.commit().await?;
        if held {
            seat.held_until = now + seat.life;
        }
        Ok(held)
    }
}
