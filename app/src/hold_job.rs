//! Jobs that one process does at a time, by a lease in the database.

use aim_store::Backend;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{App, AppError};

/// How long a lease is good: another process goes on so long after its holder died.
const LEASE: TimeDelta = TimeDelta::seconds(10);

/// A process's claim to do a job. What is done under it must still be right when two do it: a holder
/// may be slower than its lease.
#[derive(Debug)]
pub(crate) struct Seat {
    job: &'static str,
    holder: Uuid,
    held_until: DateTime<Utc>,
}

impl App {
    /// A claim that is not good yet.
    pub(crate) fn seat(&self, job: &'static str) -> Seat {
        Seat {
            job,
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
        if seat.held_until - now > LEASE / 2 || (is_alone && !is_first) {
            return Ok(true);
        }
        let mut tx = self.store.begin().await?;
        let held = if is_alone {
            tx.seize_lease(seat.job, seat.holder, LEASE).await?;
            true
        } else {
            tx.take_lease(seat.job, seat.holder, LEASE).await?
        };
        tx.commit().await?;
        if held {
            seat.held_until = now + LEASE;
        }
        Ok(held)
    }
}
