//! How an action went, told by the agent that did it.

use aim_domain::action::Outcome;
use aim_domain::event::ActionResultReported;
use aim_domain::id::{AuditEntryId, VerificationId};
use aim_domain::name::ActionName;
use aim_domain::scope::Scope;
use aim_domain::token::TokenLimit;
use aim_domain::verification::Decision;
use aim_store::audit::NewAuditEntry;
use aim_store::verifications::Verification;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{AgentActor, App, AppError, ErrorCode};

/// Most bytes of the detail.
const DETAIL_MAX: usize = 1_000;

/// A result.
#[derive(Debug, Clone)]
pub struct ReportResult {
    /// Of which verification.
    pub verification: VerificationId,
    /// Whether it was done.
    pub succeeded: bool,
    /// What went wrong, or right.
    pub detail: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
}

fn check(input: &ReportResult) -> Result<(), AppError> {
    let mut errors = FieldErrors::default();
    if let Some(detail) = &input.detail {
        errors.text("detail", detail, DETAIL_MAX);
    }
    if input.duration_ms.is_some_and(|ms| ms < 0) {
        errors.add("durationMs", "is negative; give milliseconds from 0 on");
    }
    errors.finish()
}

/// Whether what was asked for is something that the actor's token, if it has one, is good for.
fn is_within(actor: &AgentActor, verification: &Verification) -> bool {
    actor.token.as_ref().is_none_or(|token| {
        let resource = verification.resource.as_deref();
        let covers = |limit: &TokenLimit| limit.covers(&verification.action, resource);
        token.limits.iter().any(covers)
    })
}

impl App {
    /// Records the result of an allowed action, once. Reporting the same again changes nothing.
    ///
    /// # Errors
    /// `NotFound` for another agent's verification, `Conflict` when the action was not allowed or
    /// another result was reported.
    pub async fn report_result(
        &self,
        actor: &AgentActor,
        input: ReportResult,
        request_id: &str,
    ) -> Result<Verification, AppError> {
        check(&input)?;
        actor.refuse_dead_key()?;
        let scope = Scope::of(actor.organization);
        let verification = self
            .store
            .find_verification(scope, input.verification)
            .await?
            .filter(|v| v.agent == actor.agent && is_within(actor, v))
            .ok_or_else(|| AppError::not_found("verification"))?;
        let conflict = |message: &str| AppError::new(ErrorCode::Conflict, message);
        if verification.decision != Decision::Allowed {
            return Err(conflict("the action was not allowed; it has no result"));
        }
        let outcome = if input.succeeded {
            Outcome::Ok
        } else {
            Outcome::Error
        };
        if let Some(before) = verification.outcome {
            return if before == outcome {
                Ok(verification)
            } else {
                Err(conflict("another result was reported before"))
            };
        }
        let fact = self.result_fact(&verification, outcome).await?;
        let mut tx = self.store.begin().await?;
        let (id, now) = (verification.id, tx.now());
        self.use_nonce(&mut tx, actor, request_id).await?;
        if !tx
            .update_outcome(id, outcome, input.detail.as_deref(), input.duration_ms)
            .await?
        {
            return Err(conflict(
                "a result was reported at the same time; read it again",
            ));
        }
        let agent = actor.agent;
        tx.emit(&self.event(actor.organization, agent, fact));
        tx.audit(NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization: actor.organization,
            actor_type: "agent",
            actor_id: agent.to_string(),
            action: "action.report-result",
            object_type: "verification",
            object_id: id.to_string(),
            reason: None,
            before: None,
            after: Some(json!({ "outcome": outcome })),
            request_id: request_id.to_owned(),
        });
        tx.commit().await?;
        Ok(Verification {
            outcome: Some(outcome),
            outcome_at: Some(now),
            outcome_detail: input.detail,
            duration_ms: input.duration_ms,
            ..verification
        })
    }

    /// What is said of a result; which server was called, by the servers of now.
    async fn result_fact(
        &self,
        verification: &Verification,
        outcome: Outcome,
    ) -> Result<ActionResultReported, AppError> {
        let action = ActionName::parse(verification.action.clone())
            .map_err(|_| AppError::new(ErrorCode::Internal, "internal error"))?;
        let facts = self.facts(verification.agent).await?;
        let resource = verification.resource.as_deref();
        Ok(ActionResultReported {
            verification: verification.id,
            agent: verification.agent,
            mcp_server: facts.called_server(&verification.action, resource),
            action,
            outcome,
        })
    }
}
