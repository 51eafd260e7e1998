//! A person's answer to a pending verification.

use aim_domain::event::VerificationAnswered;
use aim_domain::id::VerificationId;
use aim_domain::verification::Decision;
use aim_store::verifications::Verification;
use serde_json::json;

use crate::error::{FieldErrors, REASON_MAX};
use crate::kill_switch::refuse_killed;
use crate::{App, AppError, ErrorCode, Permit};

impl App {
    /// Allows or denies a pending verification. It counts for this action only, until the
    /// verification expires; after that it stays unanswered, which is a no.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for the reason, `Conflict` when it is not pending any more, or when
    /// a kill switch stops the agent that it would allow to act.
    pub async fn answer_verification(
        &self,
        permit: &Permit,
        id: VerificationId,
        is_approved: bool,
        reason: Option<String>,
    ) -> Result<Verification, AppError> {
        let mut errors = FieldErrors::default();
        if let Some(reason) = &reason {
            errors.text("reason", reason, REASON_MAX);
        }
        errors.finish()?;
        let pending = self
            .store
            .find_verification(permit.scope(), id)
            .await?
            .ok_or_else(|| AppError::not_found("verification"))?;
        if is_approved {
            refuse_killed(&self.load_facts(pending.agent).await?)?;
        }
        let decision = if is_approved {
            Decision::Allowed
        } else {
            Decision::Denied
        };
        let mut tx = self.store.begin().await?;
        if !tx
            .update_decision(id, decision, &permit.actor(), reason.as_deref())
            .await?
        {
            let message = format!(
                "the verification is not pending any more: `{:?}`",
                pending.decision
            );
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let fact = VerificationAnswered {
            verification: id,
            agent: pending.agent,
            decision,
        };
        tx.emit(&self.event(pending.organization, pending.agent, fact));
        tx.audit(permit.audit(
            &self.ids,
            if is_approved {
                "verification.approve"
            } else {
                "verification.deny"
            },
            ("verification", id.to_string()),
            reason,
            (
                Some(json!({ "decision": pending.decision })),
                Some(json!({ "decision": decision })),
            ),
        ));
        tx.commit().await?;
        let found = self.store.find_verification(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("verification"))
    }
}
