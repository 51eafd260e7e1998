//! Persons' answers to pending verifications.

use std::collections::HashMap;

use aim_domain::approval::ApprovalStatus;
use aim_domain::digest::hex;
use aim_domain::event::ApprovalChanged;
use aim_domain::id::{ApprovalAnswerId, VerificationId};
use aim_domain::verification::{Decision, Obligation, Reason, ReasonCode};
use aim_store::Tx;
use aim_store::approvals::{ApprovalAnswer, ApprovalStep};
use aim_store::verifications::{Approval, Verification};
use chrono::{Duration, Utc};
use serde_json::json;

use crate::error::{FieldErrors, REASON_MAX};
use crate::kill_switch::refuse_killed;
use crate::{App, AppError, ErrorCode, Permit};

/// Most answers of one request: a person reads them all.
pub const ANSWERS_MAX: usize = 50;

/// What a person says of one verification.
#[derive(Debug, Clone)]
pub struct AnswerVerification {
    /// Which.
    pub verification: VerificationId,
    /// Whether they agree.
    pub is_approved: bool,
    /// Why.
    pub reason: Option<String>,
}

impl App {
    /// Takes a person's answer to a pending verification. One no denies it. When as many persons agreed
    /// as have to, the agent may present the approval for a while; the decision stays
    /// `PENDING_APPROVAL` until it does.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for the reason, `Conflict` when it is not pending any more, when this
    /// person has answered, or when a kill switch stops the agent that it would allow to act.
    pub async fn answer_verification(
        &self,
        permit: &Permit,
        input: AnswerVerification,
    ) -> Result<Verification, AppError> {
        let mut errors = FieldErrors::default();
        if let Some(reason) = &input.reason {
            errors.text("reason", reason, REASON_MAX);
        }
        errors.finish()?;
        let id = input.verification;
        if input.is_approved {
            let pending = self.store.find_verification(permit.scope(), id).await?;
            let pending = pending.ok_or_else(|| AppError::not_found("verification"))?;
            refuse_killed(&self.load_facts(pending.agent).await?)?;
        }
        let settings = self.get_approval_settings(permit).await?;
        let mut tx = self.store.begin().await?;
        let pending = tx.lock_verification(permit.scope(), id).await?;
        let pending = pending.ok_or_else(|| AppError::not_found("verification"))?;
        let approval = answerable(&pending, tx.now())?.clone();
        let answer = ApprovalAnswer {
            id: ApprovalAnswerId::from_uuid(self.ids.next()),
            organization: pending.organization,
            verification: id,
            answered_by: permit.actor(),
            is_approved: input.is_approved,
            reason: input.reason.clone(),
            created_at: tx.now(),
        };
        if !tx.insert_approval_answer(&answer).await? {
            let message = "you answered this before; another person has to, too";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let agreed = tx.count_approvals(id).await?;
        let use_within = Duration::seconds(i64::from(settings.use_seconds));
        let mut step = step_of(&pending, &approval, &answer, agreed);
        if step.to == ApprovalStatus::Approved {
            step.expires_at = tx.now() + use_within;
        }
        self.write_step(&mut tx, permit, &pending, &step, input.reason)
            .await?;
        tx.commit().await?;
        let found = self.store.find_verification(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("verification"))
    }

    /// Takes several answers, each on its own: one that fails takes nothing away from the others.
    ///
    /// # Errors
    /// `InvalidInput` when there are none or too many.
    pub async fn answer_verifications(
        &self,
        permit: &Permit,
        inputs: Vec<AnswerVerification>,
    ) -> Result<Vec<(VerificationId, Result<Verification, AppError>)>, AppError> {
        if inputs.is_empty() || inputs.len() > ANSWERS_MAX {
            let message = format!("has {} entries; give 1 to {ANSWERS_MAX}", inputs.len());
            return Err(AppError::field("answers", message));
        }
        let mut answered = Vec::with_capacity(inputs.len());
        for input in inputs {
            let id = input.verification;
            answered.push((id, self.answer_verification(permit, input).await));
        }
        Ok(answered)
    }

    /// What persons said of verifications, oldest first.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_approval_answers(
        &self,
        permit: &Permit,
        ids: &[VerificationId],
    ) -> Result<HashMap<VerificationId, Vec<ApprovalAnswer>>, AppError> {
        let found = self.store.load_approval_answers(permit.scope(), ids);
        Ok(found.await?)
    }

    async fn write_step(
        &self,
        tx: &mut Tx,
        permit: &Permit,
        pending: &Verification,
        step: &ApprovalStep,
        reason: Option<String>,
    ) -> Result<(), AppError> {
        if !tx.step_approval(step).await? {
            let message = "the verification changed at the same time; read it again";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let fact = ApprovalChanged {
            verification: pending.id,
            agent: pending.agent,
            status: step.to,
            decision: step.decision,
            by: permit.actor(),
            expires_at: step.to.is_open().then_some(step.expires_at),
        };
        tx.emit(&self.event(pending.organization, pending.agent, fact));
        let action = match step.to {
            ApprovalStatus::Denied => "verification.deny",
            _ => "verification.approve",
        };
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("verification", pending.id.to_string()),
            reason,
            (
                Some(json!({ "approval": step.from, "decision": pending.decision })),
                Some(json!({
                    "approval": step.to,
                    "decision": step.decision,
                    "actionDigest": hex(&pending.action_digest),
                })),
            ),
        ));
        Ok(())
    }
}

/// The approval of a verification that persons may still answer.
fn answerable(pending: &Verification, now: chrono::DateTime<Utc>) -> Result<&Approval, AppError> {
    let conflict = |message: String| Err(AppError::new(ErrorCode::Conflict, message));
    match &pending.approval {
        None => conflict("the verification needs nobody's approval".to_owned()),
        Some(it) if it.status != ApprovalStatus::Pending => conflict(format!(
            "the verification is not pending any more: its approval is `{:?}`",
            it.status
        )),
        Some(_) if pending.expires_at <= now => {
            conflict("nobody answered in time; the agent has to ask again".to_owned())
        }
        Some(it) => Ok(it),
    }
}

/// What an answer makes of a verification, of which `agreed` persons approve by now.
fn step_of(
    pending: &Verification,
    approval: &Approval,
    answer: &ApprovalAnswer,
    agreed: u8,
) -> ApprovalStep {
    let mut step = ApprovalStep {
        verification: pending.id,
        from: ApprovalStatus::Pending,
        to: ApprovalStatus::Pending,
        decision: Decision::PendingApproval,
        reasons: pending.reasons.clone(),
        obligations: pending.obligations.clone(),
        expires_at: pending.expires_at,
        decided: None,
    };
    let decided = Some((answer.answered_by.clone(), answer.reason.clone()));
    if !answer.is_approved {
        let message = "a person denied it; do not ask again for the same";
        step.reasons
            .push(Reason::new(ReasonCode::ApprovalDenied, message));
        step.to = ApprovalStatus::Denied;
        step.decision = Decision::Denied;
        step.obligations.clear();
        step.decided = decided;
    } else if agreed >= approval.approvers {
        step.to = ApprovalStatus::Approved;
        step.obligations = vec![Obligation::PresentApproval];
        step.decided = decided;
    }
    step
}
