//! An agent presents an approval when it acts: everything is looked at once more.

use aim_domain::approval::{ApprovalStatus, present};
use aim_domain::event::ApprovalChanged;
use aim_domain::id::{AuditEntryId, VerificationId};
use aim_domain::scope::Scope;
use aim_domain::verification::{Asked, Decision};
use aim_store::Tx;
use aim_store::approvals::ApprovalStep;
use aim_store::audit::NewAuditEntry;
use aim_store::verifications::Verification;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::verify_action::decide_as;
use crate::{AgentActor, App, AppError, ErrorCode, VerifyAction};

impl App {
    /// Presents an approval, once, with the action that was approved. Status of the agent, its key, its
    /// grants, policies, trust and kill switches are looked at anew, from the database: `ALLOWED` means
    /// that the agent may act now, `DENIED` that something else speaks against it by now. Either way
    /// the approval is spent.
    ///
    /// # Errors
    /// `NotFound` for another agent's verification; `Conflict` when it is not approved, was presented
    /// before, came too late, or is for another action: then it is not spent, and the attempt is on
    /// record; `Unauthenticated` for a replayed nonce.
    pub async fn present_approval(
        &self,
        actor: &AgentActor,
        id: VerificationId,
        action: VerifyAction,
        request_id: &str,
    ) -> Result<Verification, AppError> {
        let (request, _) = action.check()?;
        actor.refuse_dead_key()?;
        let scope = Scope::of(actor.organization);
        let facts = self.load_facts(actor.agent).await?;
        let mut tx = self.store.begin().await?;
        self.use_nonce(&mut tx, actor, request_id).await?;
        let approved = tx.lock_verification(scope, id).await?;
        let approved = approved
            .filter(|it| it.agent == actor.agent)
            .ok_or_else(|| AppError::not_found("verification"))?;
        presentable(&approved, tx.now())?;
        if !bool::from(approved.action_digest.ct_eq(&request.digest())) {
            let what = json!({ "action": request.action, "resource": request.resource });
            return self
                .refuse_other(tx, actor, &approved, what, request_id)
                .await;
        }
        let asked = Asked {
            key: actor.key,
            at: tx.now(),
            address: actor.client,
        };
        let verdict = decide_as(actor, &request, asked, &facts);
        let agreed = tx.count_approvals(id).await?;
        let verdict = present(verdict, agreed, tx.now());
        let step = ApprovalStep {
            verification: id,
            from: ApprovalStatus::Approved,
            to: match verdict.decision {
                Decision::Allowed => ApprovalStatus::Used,
                _ => ApprovalStatus::Refused,
            },
            decision: verdict.decision,
            reasons: verdict.reasons,
            obligations: verdict.obligations,
            expires_at: verdict.expires_at,
            decided: None,
        };
        if !tx.step_approval(&step).await? {
            return Err(conflict("the approval was presented at the same time"));
        }
        let fact = ApprovalChanged {
            verification: id,
            agent: actor.agent,
            status: step.to,
            decision: step.decision,
            by: format!("agent:{}", actor.agent),
            expires_at: None,
        };
        tx.emit(&self.event(actor.organization, actor.agent, fact));
        let after = json!({ "approval": step.to, "decision": step.decision });
        tx.audit(self.audit_presented(
            actor,
            "verification.present-approval",
            id,
            after,
            request_id,
        ));
        tx.commit().await?;
        let found = self.store.find_verification(scope, id).await?;
        found.ok_or_else(|| AppError::not_found("verification"))
    }

    /// Puts on record that an approval was presented for something else than was approved.
    async fn refuse_other(
        &self,
        mut tx: Tx,
        actor: &AgentActor,
        approved: &Verification,
        presented: Value,
        request_id: &str,
    ) -> Result<Verification, AppError> {
        let name = "verification.present-other-action";
        tx.audit(self.audit_presented(actor, name, approved.id, presented, request_id));
        tx.commit().await?;
        Err(conflict(
            "this is not the action that was approved, down to its arguments, risk, session and task; \
             ask for it with `verifyAction`",
        ))
    }

    fn audit_presented(
        &self,
        actor: &AgentActor,
        action: &'static str,
        id: VerificationId,
        after: Value,
        request_id: &str,
    ) -> NewAuditEntry {
        NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization: actor.organization,
            actor_type: "agent",
            actor_id: actor.agent.to_string(),
            action,
            object_type: "verification",
            object_id: id.to_string(),
            reason: None,
            before: Some(json!({ "approval": ApprovalStatus::Approved })),
            after: Some(after),
            request_id: request_id.to_owned(),
        }
    }
}

fn conflict(message: &str) -> AppError {
    AppError::new(ErrorCode::Conflict, message)
}

/// Refuses what was not approved, or is no more.
fn presentable(
    verification: &Verification,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), AppError> {
    let status = verification.approval.as_ref().map(|it| it.status);
    let message = match status {
        None => "the verification needs nobody's approval",
        Some(ApprovalStatus::Pending) => "not enough persons have answered yet; wait",
        Some(ApprovalStatus::Denied) => "a person denied it",
        Some(ApprovalStatus::Expired) => "its time ran out; ask again",
        Some(ApprovalStatus::Used | ApprovalStatus::Refused) => {
            "the approval was presented before; it is good once"
        }
        Some(ApprovalStatus::Approved) if verification.expires_at <= now => {
            "the approval was not presented in time; ask again"
        }
        Some(ApprovalStatus::Approved) => return Ok(()),
    };
    Err(conflict(message))
}
