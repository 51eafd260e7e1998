//! Logs that stand still: told to whoever can do something about it, and gone on with once they are
//! what was signed again.

use std::collections::BTreeSet;

use aim_domain::event::{OrganizationChange, OrganizationChanged};
use aim_domain::role::Role;
use aim_domain::scope::Scope;
use aim_store::audit::NewAuditEntry;
use aim_store::audit_sequencer::AuditProgress;
use aim_store::audit_stops::AuditStop;
use aim_store::mails::ClaimedMail;
use aim_store::{StoreError, Tx};
use chrono::TimeDelta;
use serde_json::json;

use super::plan::Keys;
use super::{BATCH, JOB, Sequencer, of_all};
use crate::mail::{MailKind, Words};
use crate::{App, AppError};

/// How often a log that stands still is looked at.
const LOOK: TimeDelta = TimeDelta::seconds(2);
/// Most owners who are told of one.
const TOLD_MAX: u64 = 20;

impl App {
    /// The log to look at now, one after the other, so that many that stand still do not slow the rest.
    pub(super) fn next_look<'a>(
        &self,
        sequencer: &mut Sequencer,
        stops: &'a [AuditStop],
    ) -> Option<&'a AuditStop> {
        let now = self.clock.now();
        if stops.is_empty() || now < sequencer.next_look {
            return None;
        }
        sequencer.next_look = now + LOOK;
        sequencer.looks = sequencer.looks.wrapping_add(1);
        stops.get(sequencer.looks % stops.len())
    }

    /// Lets a log stand still, and says so: to the operator, to the organization's owners and to
    /// whoever follows its facts.
    pub(super) async fn stop_audit(&self, tx: &mut Tx, stop: &AuditStop) -> Result<(), StoreError> {
        let organization = stop.organization;
        tracing::error!(
            %organization,
            reason = stop.reason,
            "the audit log is not what was signed; it stands still: run `aim audit verify`"
        );
        metrics::counter!("aim_audit_stops_total").increment(1);
        tx.insert_audit_stop(stop).await?;
        let change = OrganizationChange::AuditStopped {
            reason: stop.reason.clone(),
        };
        self.say_audit(tx, stop, "audit.stop", change);
        let scope = Scope::of(organization);
        let owners = self.store.list_users_with(scope, Role::Owner, TOLD_MAX);
        for owner in owners.await? {
            let about = format!("{organization}:{}", stop.stopped_at.timestamp());
            let parameters = json!({ "organization": organization });
            let kind = MailKind::AuditStopped;
            let queued = self.queue_mail(tx, kind, &owner.email, &about, parameters);
            queued.await?;
        }
        Ok(())
    }

    fn say_audit(
        &self,
        tx: &mut Tx,
        stop: &AuditStop,
        action: &'static str,
        change: OrganizationChange,
    ) {
        let organization = stop.organization;
        let object = ("audit-log", organization.to_string());
        tx.audit(NewAuditEntry {
            reason: Some(stop.reason.clone()),
            ..self.by_system(JOB, organization, action, object)
        });
        let fact = OrganizationChanged {
            organization,
            change,
        };
        tx.emit(&self.event(organization, of_all(organization), fact));
    }

    /// Gives the entries of a log that stood still their indexes, if it is what was signed again. False
    /// when it is not.
    pub(super) async fn resume_audit(
        &self,
        progress: AuditProgress,
        stop: &AuditStop,
        keys: &Keys,
    ) -> Result<bool, AppError> {
        let organization = stop.organization;
        let after = self.last_indexed(stop).await?;
        let entries = self
            .store
            .list_unsequenced_of(organization, after, progress.position, BATCH);
        let entries = entries.await?;
        let count = entries.len() as u64;
        let last = entries.last().map(|it| it.position);
        let all = BTreeSet::from([organization]);
        let plan = self.plan_audit(&all, entries, keys).await?;
        if !plan.bad.is_empty() {
            return Ok(false);
        }
        let rest = last.filter(|_| count == BATCH);
        let mut tx = self.store.begin().await?;
        if !tx.advance_audit(progress.round, progress.position).await? {
            return Ok(false);
        }
        tx.move_audit_stop(organization, rest).await?;
        match tx.write_sequenced(&plan.sequenced).await {
            Ok(()) => {}
            Err(StoreError::Duplicate(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.say_checkpoints(&mut tx, &plan.sequenced.checkpoints);
        if rest.is_none() {
            tracing::warn!(%organization, "the audit log is what was signed again, and goes on");
            let change = OrganizationChange::AuditResumed;
            self.say_audit(&mut tx, stop, "audit.resume", change);
        }
        tx.commit().await?;
        metrics::counter!("aim_audit_leaves_total").increment(count);
        Ok(true)
    }

    /// The position of the last entry of a log that has an index. Where its row is gone, what was noted
    /// when the log came to stand; the note alone could have been written to pass entries over.
    async fn last_indexed(&self, stop: &AuditStop) -> Result<i64, AppError> {
        let scope = Scope::of(stop.organization);
        let Some(tree) = self.store.find_audit_tree(scope).await? else {
            return Ok(0);
        };
        let last = tree.size.saturating_sub(1);
        let leaves = self.store.list_audit_leaves(scope, last, 1).await?;
        let known = leaves.iter().find(|it| it.record.is_some());
        Ok(known.map_or(stop.position, |it| it.position.min(stop.position)))
    }

    /// What owners are told, as long as it is true.
    pub(crate) async fn audit_stopped_words(
        &self,
        mail: &ClaimedMail,
    ) -> Result<Option<Words>, AppError> {
        let id = mail.parameters["organization"].as_str();
        let Some(organization) = id.and_then(|id| id.parse().ok()) else {
            return Ok(None);
        };
        let found = self.store.find_audit_stop(Scope::of(organization)).await?;
        Ok(found.map(|stop| Words::audit_stopped(&stop.reason)))
    }
}
