//! The only way to write.

use aim_domain::event::NewEvent;
use aim_eventlog::{Record, Wake, append_rows, record_of};
use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;

use crate::StoreError;
use crate::audit::{self, NewAuditEntry};

/// A transaction: state is written as it goes, audit entries and events at the commit.
///
/// Guarantee: state, audit entries and events commit together or not at all. Events come last, so
/// that the event log's lock on PostgreSQL is held for one insert and the commit only.
#[derive(Debug)]
pub struct Tx {
    inner: DatabaseTransaction,
    now: DateTime<Utc>,
    wake: Wake,
    audit: Vec<NewAuditEntry>,
    records: Vec<Record>,
}

impl Tx {
    pub(crate) const fn new(inner: DatabaseTransaction, now: DateTime<Utc>, wake: Wake) -> Self {
        Self {
            inner,
            now,
            wake,
            audit: Vec::new(),
            records: Vec::new(),
        }
    }

    /// What statements run on.
    pub(crate) const fn on(&self) -> &DatabaseTransaction {
        &self.inner
    }

    /// When the transaction began: the time of every row it writes.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Adds a fact to the event log.
    pub fn emit(&mut self, event: &NewEvent) {
        self.records.push(record_of(event));
    }

    /// Adds a record that is already in its wire form (a fleet's own event).
    pub fn append(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Adds an entry to the audit trail.
    pub fn audit(&mut self, entry: NewAuditEntry) {
        self.audit.push(entry);
    }

    /// Commits everything, then wakes the readers of the event log.
    ///
    /// # Errors
    /// [`StoreError`] when anything could not be written; then nothing was.
    pub async fn commit(self) -> Result<(), StoreError> {
        audit::insert(&self.inner, &self.audit, self.now).await?;
        if !self.records.is_empty() {
            append_rows(&self.inner, &self.records, self.now).await?;
        }
        self.inner.commit().await?;
        if !self.records.is_empty() || !self.audit.is_empty() {
            self.wake.ring();
        }
        Ok(())
    }
}
