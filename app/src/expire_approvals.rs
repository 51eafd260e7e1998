//! What nobody answers in time is denied, and who waits is told.
//!
//! Guarantee: each expires once, on however many nodes this runs: the conditions of the writes decide.
//! Nothing is read while nothing is due: a node knows when the next approval runs out from the facts
//! that it follows, and asks the database when it starts and then.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aim_domain::approval::ApprovalStatus;
use aim_domain::event::{ApprovalChanged, Fact};
use aim_domain::verification::{Decision, Reason, ReasonCode};
use aim_store::approvals::ApprovalStep;
use aim_store::audit::NewAuditEntry;
use aim_store::verifications::Verification;
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{App, AppError};

/// Approvals of one round.
const CHUNK: u64 = 100;
/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(200);
const BY: &str = "system:approvals";

/// When the next approval runs out, in microseconds.
#[derive(Debug)]
pub(crate) struct NextDue(AtomicI64);

impl Default for NextDue {
    fn default() -> Self {
        // Nobody knows yet: look.
        Self(AtomicI64::new(i64::MIN))
    }
}

impl NextDue {
    fn hear_of(&self, at: DateTime<Utc>) {
        self.0.fetch_min(at.timestamp_micros(), Ordering::AcqRel);
    }

    pub(crate) fn heed(&self, fact: &Fact) {
        let at = match fact {
            Fact::VerificationRecorded(fact) => fact.approval_expires_at,
            Fact::ApprovalChanged(fact) => fact.expires_at,
            _ => None,
        };
        if let Some(at) = at {
            self.hear_of(at);
        }
    }

    /// Whether something is due; then nothing is, until somebody says so again.
    fn take(&self, now: DateTime<Utc>) -> bool {
        let is_due = self.0.load(Ordering::Acquire) <= now.timestamp_micros();
        if is_due {
            self.0.store(i64::MAX, Ordering::Release);
        }
        is_due
    }
}

impl App {
    /// Lets approvals expire until `stop` fires.
    pub async fn expire_approvals(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
            if !self.next_due.take(self.clock.now()) {
                continue;
            }
            if let Err(error) = self.expire_due().await {
                tracing::warn!(%error, "approvals did not expire; trying again");
                self.next_due.hear_of(self.clock.now() + TICK * 10);
            }
        }
    }

    async fn expire_due(&self) -> Result<(), AppError> {
        loop {
            let due = self
                .store
                .list_due_approvals(self.clock.now(), CHUNK)
                .await?;
            let is_last = (due.len() as u64) < CHUNK;
            for verification in &due {
                self.expire(verification).await?;
            }
            if is_last {
                break;
            }
        }
        if let Some(next) = self.store.next_due_approval().await? {
            self.next_due.hear_of(next);
        }
        Ok(())
    }

    async fn expire(&self, due: &Verification) -> Result<(), AppError> {
        let Some(approval) = &due.approval else {
            return Ok(());
        };
        let message = match approval.status {
            ApprovalStatus::Approved => "the approval was not presented in time; ask again",
            _ => "nobody answered in time; ask again",
        };
        let mut reasons = due.reasons.clone();
        reasons.push(Reason::new(ReasonCode::ApprovalExpired, message));
        let step = ApprovalStep {
            verification: due.id,
            from: approval.status,
            to: ApprovalStatus::Expired,
            decision: Decision::Denied,
            reasons,
            obligations: Vec::new(),
            expires_at: due.expires_at,
            decided: due.decided_by.is_none().then(|| (BY.to_owned(), None)),
        };
        let mut tx = self.store.begin().await?;
        if !tx.step_approval(&step).await? {
            return Ok(());
        }
        let fact = ApprovalChanged {
            verification: due.id,
            agent: due.agent,
            status: step.to,
            decision: step.decision,
            by: BY.to_owned(),
            expires_at: None,
        };
        tx.emit(&self.event(due.organization, due.agent, fact));
        let action = "verification.expire-approval";
        let object = ("verification", due.id.to_string());
        tx.audit(NewAuditEntry {
            before: Some(json!({ "approval": approval.status })),
            after: Some(json!({ "approval": step.to, "decision": step.decision })),
            ..self.by_system("approvals", due.organization, action, object)
        });
        Ok(tx.commit().await?)
    }
}
