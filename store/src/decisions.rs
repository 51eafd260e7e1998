//! Writing a group of decisions: nonces, verifications, audit entries and events, all or nothing.

use aim_domain::event::NewEvent;
use aim_domain::id::VerificationId;
use std::collections::HashSet;

use crate::audit::NewAuditEntry;
use crate::verifications::{UsedNonce, Verification};
use crate::{Backend, Store, StoreError, postgres};

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
    /// Writes a group of decisions in one transaction and tells what became of each, in order.
    /// No two of one group may have the same nonce.
    ///
    /// # Errors
    /// [`StoreError`] when the group could not be written; then nothing of it was.
    pub async fn write_decisions(
        &self,
        group: &[DecisionRecord],
    ) -> Result<Vec<Written>, StoreError> {
        match self.backend() {
            // One statement, one round trip, one commit.
            Backend::Postgres => {
                let written = postgres::write_decisions(self.writer(), group, self.now()).await?;
                self.wake().ring();
                Ok(written)
            }
            Backend::Sqlite => self.write_decisions_in_steps(group).await,
        }
    }

    async fn write_decisions_in_steps(
        &self,
        group: &[DecisionRecord],
    ) -> Result<Vec<Written>, StoreError> {
        let mut tx = self.begin().await?;
        let nonces: Vec<_> = group.iter().map(|record| record.nonce.clone()).collect();
        let used = tx.insert_nonces(&nonces).await?;
        let fresh: Vec<_> = group
            .iter()
            .filter(|record| !used.contains(&record.nonce))
            .map(|record| &record.verification)
            .collect();
        let new: HashSet<VerificationId> = tx.insert_verifications(&fresh).await?;
        let mut outcomes = Vec::with_capacity(group.len());
        for record in group {
            outcomes.push(if used.contains(&record.nonce) {
                Written::Replayed
            } else if new.contains(&record.verification.id) {
                tx.audit(record.audit.clone());
                tx.emit(&record.event);
                Written::New
            } else {
                Written::SameKey
            });
        }
        tx.commit().await?;
        Ok(outcomes)
    }
}
