//! Writing a group of decisions: nonces, verifications, audit entries and events, all or nothing.

use aim_domain::event::NewEvent;
use sea_orm::{DbErr, RuntimeErr, sqlx};
use std::collections::HashMap;
use uuid::Uuid;

use crate::audit::NewAuditEntry;
use crate::verifications::{UsedNonce, Verification};
use crate::{Backend, Store, StoreError, postgres, sqlite};

/// Most decisions of one commit: bounds the statement's size and the wait of the first.
pub const GROUP_MAX: usize = 512;

/// A decision with everything that has to be durable with it.
#[derive(Debug)]
pub struct DecisionRecord {
    /// The answer.
    pub verification: Verification,
    /// The nonce of the request that asked.
    pub nonce: UsedNonce,
    /// Who asked what.
    pub audit: NewAuditEntry,
    /// The fact.
    pub event: NewEvent,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is durable.
    New,
    /// Its agent has used this idempotency key before; nothing was written.
    SameKey,
    /// Its nonce has been used before; nothing was written.
    Replayed,
}

impl Store {
    /// Writes a group of decisions in one statement and one commit (in several, when there are more
    /// than [`GROUP_MAX`]) and tells what became of each, in order. No two of one group may have
    /// the same nonce. Who calls it rings the store's bell for the readers of the event log.
    ///
    /// # Errors
    /// [`StoreError`] when the group could not be written; then its last part was not.
    pub async fn write_decisions(
        &self,
        group: &[DecisionRecord],
    ) -> Result<Vec<Written>, StoreError> {
        let mut written = Vec::with_capacity(group.len());
        for part in group.chunks(GROUP_MAX) {
            let now = self.now();
            written.extend(match self.backend() {
                Backend::Postgres => {
                    let pool = self.writer().get_postgres_connection_pool();
                    postgres::write_decisions(pool, part, now).await?
                }
                Backend::Sqlite => {
                    let pool = self.writer().get_sqlite_connection_pool();
                    sqlite::write_decisions(pool, part, now).await?
                }
            });
        }
        Ok(written)
    }
}

pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    DbErr::Query(RuntimeErr::SqlxError(error.into())).into()
}

/// What became of each of `group`, from rows in no order: id, whether the nonce was fresh, whether
/// the verification is there.
pub(crate) fn in_order(
    group: &[DecisionRecord],
    rows: impl Iterator<Item = Result<(Uuid, bool, bool), sqlx::Error>>,
) -> Result<Vec<Written>, StoreError> {
    let mut outcomes = HashMap::with_capacity(group.len());
    for row in rows {
        let (id, is_fresh, is_new) = row.map_err(failed)?;
        let written = match (is_fresh, is_new) {
            (false, _) => Written::Replayed,
            (true, true) => Written::New,
            (true, false) => Written::SameKey,
        };
        outcomes.insert(id, written);
    }
    let outcome = |record: &DecisionRecord| outcomes.get(&record.verification.id.as_uuid());
    let missing = StoreError::Conflict("verifications");
    let in_order: Option<Vec<Written>> = group.iter().map(|it| outcome(it).copied()).collect();
    in_order.ok_or(missing)
}
