//! How long the trail keeps contents, what stops that, and erasing what it holds of a person.

use std::collections::BTreeSet;
use std::time::Duration;

use aim_domain::audit::AuditField;
use aim_domain::id::{OrganizationId, UserId};
use aim_domain::scope::Scope;
use aim_store::audit::NewAuditEntry;
use aim_store::audit_log::KeptLeaf;
use aim_store::audit_retention::{AuditErasure, AuditRetention, ErasureId, LegalHold};
use chrono::TimeDelta;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// Most days that contents are kept for, other than for ever: a hundred years.
const DAYS_MAX: u32 = 36_525;
/// Most words that name a person, and the least characters of one: shorter ones name everybody.
const TERMS_MAX: usize = 20;
const TERM_MIN: usize = 4;
const TERM_MAX: usize = 320;
/// Entries of one transaction.
const PART: u64 = 500;
/// How often orders to erase are looked for, and how often retention sweeps.
const TICK: Duration = Duration::from_secs(1);
const TICKS_OF_A_SWEEP: u32 = 60;

/// Whom to erase.
#[derive(Debug, Clone)]
pub struct EraseAuditSubject {
    /// The person.
    pub user: UserId,
    /// Other texts that name them.
    pub terms: Vec<String>,
    /// Why.
    pub reason: String,
}

impl App {
    /// Says for how many days contents are kept; for ever when none.
    ///
    /// # Errors
    /// `InvalidInput` for the days or the reason.
    pub async fn set_audit_retention(
        &self,
        permit: &Permit,
        days: Option<i32>,
        reason: String,
    ) -> Result<AuditRetention, AppError> {
        let mut errors = FieldErrors::default();
        let days = days.map(|it| u32::try_from(it).unwrap_or(0));
        if days.is_some_and(|it| it == 0 || it > DAYS_MAX) {
            errors.add(
                "days",
                format!("is not between 1 and {DAYS_MAX}; leave it out for ever"),
            );
        }
        errors.reason(&reason);
        errors.finish()?;
        let scope = permit.scope();
        let before = self.store.find_audit_retention(scope).await?;
        if before.days != days {
            let mut tx = self.store.begin().await?;
            tx.set_audit_retention(scope.organization, days).await?;
            tx.audit(permit.audit(
                &self.ids,
                "audit.set-retention",
                ("audit-log", scope.organization.to_string()),
                Some(reason),
                (
                    Some(json!({ "days": before.days })),
                    Some(json!({ "days": days })),
                ),
            ));
            tx.commit().await?;
        }
        Ok(AuditRetention { days, ..before })
    }

    /// Engages a legal hold: nothing is erased until it is released.
    ///
    /// # Errors
    /// `InvalidInput` for the reason.
    pub async fn engage_audit_hold(
        &self,
        permit: &Permit,
        reason: String,
    ) -> Result<AuditRetention, AppError> {
        let hold = LegalHold {
            reason: reason.clone(),
            engaged_by: permit.actor(),
            engaged_at: self.clock.now(),
        };
        self.put_audit_hold(permit, Some(hold), reason).await
    }

    /// Releases it.
    ///
    /// # Errors
    /// `InvalidInput` for the reason.
    pub async fn release_audit_hold(
        &self,
        permit: &Permit,
        reason: String,
    ) -> Result<AuditRetention, AppError> {
        self.put_audit_hold(permit, None, reason).await
    }

    async fn put_audit_hold(
        &self,
        permit: &Permit,
        hold: Option<LegalHold>,
        reason: String,
    ) -> Result<AuditRetention, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let scope = permit.scope();
        let mut tx = self.store.begin().await?;
        if tx.put_audit_hold(scope.organization, hold.as_ref()).await? {
            let (action, state) = match hold {
                Some(_) => ("audit.hold", json!({ "held": true })),
                None => ("audit.release-hold", json!({ "held": false })),
            };
            let object = ("audit-log", scope.organization.to_string());
            let states = (None, Some(state));
            tx.audit(permit.audit(&self.ids, action, object, Some(reason), states));
            tx.commit().await?;
        }
        Ok(self.store.find_audit_retention(scope).await?)
    }

    /// Orders that everything the trail holds of a person so far be erased. It is carried out in the
    /// background; hashes and proofs stay.
    ///
    /// # Errors
    /// `InvalidInput` for the terms or the reason, `Conflict` while a legal hold is engaged.
    pub async fn erase_audit_subject(
        &self,
        permit: &Permit,
        input: EraseAuditSubject,
    ) -> Result<AuditErasure, AppError> {
        let mut errors = FieldErrors::default();
        if input.terms.len() > TERMS_MAX {
            errors.add("terms", format!("are more than {TERMS_MAX}"));
        }
        for (number, term) in input.terms.iter().enumerate() {
            let field = format!("terms.{number}");
            errors.text(&field, term, TERM_MAX);
            if term.trim().chars().count() < TERM_MIN {
                errors.add(&field, format!("is shorter than {TERM_MIN} characters"));
            }
        }
        errors.reason(&input.reason);
        errors.finish()?;
        let scope = permit.scope();
        let mut terms = input.terms;
        let known = self.store.load_users(scope, &[input.user]).await?;
        terms.extend(known.into_iter().map(|it| it.email));
        let order = AuditErasure {
            id: ErasureId::from_uuid(self.ids.next()),
            organization: scope.organization,
            subject: Some(input.user.to_string()),
            terms,
            reason: input.reason.clone(),
            ordered_by: permit.actor(),
            created_at: self.clock.now(),
            up_to_position: 0,
            next_index: 0,
            erased_count: 0,
            finished_at: None,
        };
        let mut tx = self.store.begin().await?;
        if !tx.lock_audit_erasing(scope.organization, None).await? {
            let message = "a legal hold is engaged; release it first";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.insert_audit_erasure(&order).await?;
        // The order's number, not the person's: the entry must not be one more to erase.
        let object = ("audit-erasure", order.id.as_uuid().to_string());
        let reason = Some(input.reason);
        tx.audit(permit.audit(&self.ids, "audit.erase", object, reason, (None, None)));
        tx.commit().await?;
        Ok(order)
    }

    /// Carries out erasures and retention until `stop` fires.
    pub async fn keep_audit(&self, stop: CancellationToken) {
        let mut tick = 0_u32;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
            let mut outcome = self.carry_on_erasures(&stop).await;
            if outcome.is_ok() && tick.is_multiple_of(TICKS_OF_A_SWEEP) {
                outcome = self.sweep_audit(&stop).await;
            }
            tick = tick.wrapping_add(1);
            match outcome {
                Ok(()) => {}
                Err(error) if error.code == ErrorCode::Conflict => {}
                Err(error) => tracing::warn!(%error, "audit entries were not erased; trying again"),
            }
        }
    }

    async fn carry_on_erasures(&self, stop: &CancellationToken) -> Result<(), AppError> {
        for order in self.store.list_open_erasures().await? {
            let mut order = order;
            // Entries get their index first, or their leaves would commit to what is left.
            let scope = Scope::of(order.organization);
            let reached = match self.store.find_audit_stop(scope).await? {
                Some(stop) => stop.position,
                None => self.store.get_audit_progress().await?.position,
            };
            if reached < order.up_to_position {
                continue;
            }
            while !stop.is_cancelled() {
                match self.erase_part(&order).await? {
                    Some(next) => order = next,
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Looks at the next entries of an order. None when it is done, or a hold stops it.
    async fn erase_part(&self, order: &AuditErasure) -> Result<Option<AuditErasure>, AppError> {
        let subject = order.subject.clone().unwrap_or_default();
        let mut tx = self.store.begin().await?;
        if !tx.lock_audit_erasing(order.organization, None).await? {
            return Ok(None);
        }
        let leaves = tx.list_audit_leaves(order.organization, order.next_index, PART);
        let leaves = leaves.await?;
        let fields = |it: &KeptLeaf| {
            let old = it.position <= order.up_to_position;
            let record = it.record.as_ref().filter(|_| old);
            record
                .map(|it| it.fields_of_person(&subject, &order.terms))
                .unwrap_or_default()
        };
        let targets: Vec<_> = leaves.iter().map(|it| (it, fields(it))).collect();
        let erased = tx.erase_audit_fields(order.organization, &targets).await?;
        let next = leaves.last().map_or(order.next_index, |it| it.index + 1);
        let is_done = (leaves.len() as u64) < PART
            || leaves
                .last()
                .is_some_and(|it| it.position > order.up_to_position);
        tx.advance_audit_erasure(order, next, erased, is_done)
            .await?;
        if is_done {
            let after = json!({ "erasedCount": order.erased_count + erased });
            let object = ("audit-erasure", order.id.as_uuid().to_string());
            tx.audit(NewAuditEntry {
                after: Some(after),
                ..self.by_system("audit", order.organization, "audit.erased", object)
            });
        }
        tx.commit().await?;
        Ok((!is_done).then(|| AuditErasure {
            next_index: next,
            erased_count: order.erased_count + erased,
            ..order.clone()
        }))
    }

    /// Erases contents that are older than their organizations keep them.
    async fn sweep_audit(&self, stop: &CancellationToken) -> Result<(), AppError> {
        for (organization, retention) in self.store.list_audit_retentions().await? {
            let Some(days) = retention.days else { continue };
            let mut from = retention.swept;
            while !stop.is_cancelled() {
                match self.sweep_part(organization, from, days).await? {
                    Some(next) => from = next,
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Erases the next old contents. None when there are no more, or somebody else is at it.
    async fn sweep_part(
        &self,
        organization: OrganizationId,
        from: u64,
        days: u32,
    ) -> Result<Option<u64>, AppError> {
        let cutoff = self.clock.now() - TimeDelta::days(i64::from(days));
        let mut tx = self.store.begin().await?;
        let mut leaves = tx.list_audit_leaves(organization, from, PART).await?;
        let is_old = |it: &KeptLeaf| it.record.as_ref().is_none_or(|it| it.created_at < cutoff);
        let old = leaves.iter().take_while(|it| is_old(it)).count();
        leaves.truncate(old);
        let Some(to) = leaves.last().map(|it| it.index + 1) else {
            return Ok(None);
        };
        if !tx
            .lock_audit_erasing(organization, Some((from, to)))
            .await?
        {
            return Ok(None);
        }
        let all: BTreeSet<_> = AuditField::ALL.into_iter().collect();
        let targets: Vec<_> = leaves.iter().map(|it| (it, all.clone())).collect();
        tx.erase_audit_fields(organization, &targets).await?;
        let after = json!({ "fromIndex": from, "toIndex": to, "days": days });
        let object = ("audit-log", organization.to_string());
        tx.audit(NewAuditEntry {
            after: Some(after),
            ..self.by_system("audit", organization, "audit.retain", object)
        });
        tx.commit().await?;
        Ok((old as u64 == PART).then_some(to))
    }
}
