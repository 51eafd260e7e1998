//! The sequencer: gives entries their indexes, grows the trees, signs checkpoints.
//!
//! No request waits for it. One process at a time works (a lease), and what two might do at once the
//! database lets one do (see `store/audit_sequencer.rs`). A log that is not what was signed stands
//! still; the others go on.

mod plan;
mod stops;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use aim_domain::event::AuditCheckpointed;
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::signature::{PublicKey, SecretKey};
use aim_store::audit_keys::AuditKey;
use aim_store::audit_sequencer::{AuditProgress, NewCheckpoint};
use aim_store::audit_stops::AuditStop;
use aim_store::{StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::hold_job::{Pace, Round, Seat};
use crate::{App, AppError};
use plan::{Keys, Plan};

/// Most entries of a round: bounds how long its transaction holds SQLite's one writer.
const BATCH: u64 = 2_000;
/// Entries gather for a while, so that a busy log has few checkpoints a second.
const PACE: Pace = Pace {
    rest: Duration::from_millis(300),
    idle: Duration::from_millis(500),
    problem: "audit entries were not sequenced",
};
/// The job's name, and how long a lease of it is good.
const JOB: &str = "audit-log";
const LEASE: TimeDelta = TimeDelta::seconds(5);

/// Where the keys for checkpoints are.
pub trait AuditKeys: Debug + Send + Sync {
    /// The keys at hand; asked again whenever none of them is the log's.
    fn load(&self) -> Vec<SecretKey>;
}

/// A process that wants to be the sequencer.
#[derive(Debug)]
struct Sequencer {
    seat: Seat,
    key: Option<SecretKey>,
    /// The keys that the log has signed with.
    trusted: Vec<PublicKey>,
    has_warned: bool,
    /// When a log that stands still is looked at again, and how often that was done.
    next_look: DateTime<Utc>,
    looks: usize,
}

impl App {
    /// Sequences until `stop` fires.
    pub async fn sequence_audit(&self, keys: Arc<dyn AuditKeys>, stop: CancellationToken) {
        let mut listener = self.store.wake().listen();
        let mut sequencer = Sequencer {
            seat: self.seat(JOB, LEASE),
            key: None,
            trusted: Vec::new(),
            has_warned: false,
            next_look: DateTime::UNIX_EPOCH,
            looks: 0,
        };
        while !stop.is_cancelled() {
            listener.heed();
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.sequence_round(&mut sequencer, keys.as_ref()) => outcome,
            };
            PACE.rest(outcome, &mut listener, &stop).await;
        }
    }

    async fn sequence_round(
        &self,
        sequencer: &mut Sequencer,
        keys: &dyn AuditKeys,
    ) -> Result<Round, AppError> {
        let Some(key) = self.audit_key(sequencer, keys).await? else {
            return Ok(Round::NotOurs);
        };
        if !self.hold_job(&mut sequencer.seat).await? {
            return Ok(Round::NotOurs);
        }
        let keys = Keys {
            current: key,
            trusted: sequencer.trusted.clone(),
        };
        let progress = self.store.get_audit_progress().await?;
        let stops = self.store.list_audit_stops().await?;
        metrics::gauge!("aim_audit_stopped_logs").set(stops.len() as f64);
        if let Some(stop) = self.next_look(sequencer, &stops)
            && self.resume_audit(progress, stop, &keys).await?
        {
            return Ok(Round::More);
        }
        self.sequence_entries(sequencer, progress, &stops, &keys)
            .await
    }

    async fn sequence_entries(
        &self,
        sequencer: &mut Sequencer,
        progress: AuditProgress,
        stops: &[AuditStop],
        keys: &Keys,
    ) -> Result<Round, AppError> {
        let mut entries = self
            .store
            .list_unsequenced(progress.position, BATCH)
            .await?;
        let count = entries.len() as u64;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            metrics::gauge!("aim_audit_behind_seconds").set(0.0);
            return Ok(Round::Idle);
        };
        let behind = self.clock.now() - first.entry.created_at;
        metrics::gauge!("aim_audit_behind_seconds").set(behind.as_seconds_f64());
        let to = last.position;
        let stands = |it: &OrganizationId| stops.iter().any(|stop| stop.organization == *it);
        entries.retain(|it| !stands(&it.organization));
        let organizations: BTreeSet<_> = entries.iter().map(|it| it.organization).collect();
        let mut plan = self.plan_audit(&organizations, entries, keys).await?;
        // Whose rows are there already is found out by writing them; nearly never one is.
        for _ in 0..=organizations.len() {
            match self.write_audit_round(progress, to, &plan).await {
                Ok(true) => {
                    let leaves = plan.sequenced.leaves.len() as u64;
                    metrics::counter!("aim_audit_leaves_total").increment(leaves);
                    let is_full = count == BATCH;
                    return Ok(if is_full { Round::More } else { Round::Done });
                }
                Ok(false) => break,
                Err(StoreError::Duplicate(_)) => self.give_up_colliding(&mut plan).await?,
                Err(error) => return Err(error.into()),
            }
        }
        sequencer.seat.give_up();
        Ok(Round::NotOurs)
    }

    /// Writes a round; false when another process has written one since.
    async fn write_audit_round(
        &self,
        progress: AuditProgress,
        to: i64,
        plan: &Plan,
    ) -> Result<bool, StoreError> {
        let mut tx = self.store.begin().await?;
        if !tx.advance_audit(progress.round, to).await? {
            return Ok(false);
        }
        for (organization, reason) in &plan.bad {
            let stop = AuditStop {
                organization: *organization,
                position: progress.position,
                reason: reason.clone(),
                stopped_at: tx.now(),
            };
            self.stop_audit(&mut tx, &stop).await?;
        }
        tx.write_sequenced(&plan.sequenced).await?;
        self.say_checkpoints(&mut tx, &plan.sequenced.checkpoints);
        tx.commit().await?;
        if !plan.bad.is_empty() {
            self.mail_was_queued();
        }
        Ok(true)
    }

    fn say_checkpoints(&self, tx: &mut Tx, checkpoints: &[NewCheckpoint]) {
        for new in checkpoints {
            let fact = AuditCheckpointed {
                organization: new.organization,
                checkpoint: new.id,
                number: new.number,
                size: new.size,
                root: new.root,
            };
            tx.emit(&self.event(new.organization, of_all(new.organization), fact));
        }
    }

    /// Leaves out the logs of which there are rows already where new ones should go.
    async fn give_up_colliding(&self, plan: &mut Plan) -> Result<(), AppError> {
        let logs = plan.sequenced.checkpoints.iter();
        let logs: BTreeSet<_> = logs.map(|it| it.organization).collect();
        for organization in logs {
            let mut tx = self.store.begin().await?;
            let one = plan.sequenced.only(|it| it == organization);
            match tx.write_sequenced(&one).await {
                Ok(()) => {}
                Err(StoreError::Duplicate(_)) => {
                    let why = "entries behind its end have an index already";
                    plan.give_up(organization, why.to_owned());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The log's key, if this process has it. The first process to start makes its own the log's.
    async fn audit_key(
        &self,
        sequencer: &mut Sequencer,
        keys: &dyn AuditKeys,
    ) -> Result<Option<SecretKey>, AppError> {
        let mut known = self.store.list_audit_keys().await?;
        if known.is_empty() {
            let Some(first) = keys.load().into_iter().next() else {
                return Ok(None);
            };
            let new = AuditKey {
                number: 1,
                key: first.public_key(),
                rotation: None,
            };
            let mut tx = self.store.begin().await?;
            match tx.insert_audit_key(&new).await {
                Ok(()) => tx.commit().await?,
                Err(StoreError::Duplicate(_)) => {}
                Err(error) => return Err(error.into()),
            }
            known = self.store.list_audit_keys().await?;
        }
        sequencer.trusted = known.iter().map(|it| it.key.clone()).collect();
        let Some(current) = known.last() else {
            return Ok(None);
        };
        let is_current = |it: &SecretKey| it.public_key() == current.key;
        if !sequencer.key.as_ref().is_some_and(is_current) {
            sequencer.key = keys.load().into_iter().find(is_current);
            if sequencer.key.is_none() && !sequencer.has_warned {
                sequencer.has_warned = true;
                tracing::warn!(
                    key = current.key.to_base64url(),
                    "this process does not have the key of the audit log, and leaves it to others; \
                     see `audit_key_file`"
                );
            }
        }
        Ok(sequencer.key.clone())
    }
}

/// Facts of a whole organization are in order by its id.
fn of_all(organization: OrganizationId) -> AgentId {
    AgentId::from_uuid(organization.as_uuid())
}
