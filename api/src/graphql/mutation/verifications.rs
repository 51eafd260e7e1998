//! Asking before acting, and telling how it went.

use aim_app::{ReportResult, VerifyAction};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Json, Object, Result};
use serde_json::{Map, Value};

use super::super::context::RequestContext;
use super::super::enums::RiskLevel;
use super::super::id::parse_id;
use super::super::types::Verification;
use super::super::user_error::payload;

/// What an agent wants to do.
#[derive(Debug, InputObject)]
struct VerifyActionInput {
    /// The action, also the name of the capability it needs: letters, digits and `. _ - / :`, at
    /// most 128 bytes.
    action: String,
    /// What it is done to, at most 1,024 bytes.
    resource: Option<String>,
    /// Its arguments, a JSON object of at most 64 members and 16 KiB; only their digest is kept.
    arguments: Option<Json<Map<String, Value>>>,
    /// What the agent says of its risk; it can raise the risk, never lower it.
    risk_level: Option<RiskLevel>,
    /// The run it belongs to, at most 128 bytes.
    session: Option<String>,
    /// The job it is for, at most 128 bytes.
    task: Option<String>,
    /// A name for this request, at most 128 bytes: asking again with it gives the same answer.
    idempotency_key: Option<String>,
}

/// How an action went.
#[derive(Debug, InputObject)]
struct ReportActionResultInput {
    /// Global id of the verification that allowed it.
    verification_id: ID,
    /// Whether it was done.
    is_success: bool,
    /// What went wrong, or right, at most 1,000 bytes.
    detail: Option<String>,
    /// How long it took, in milliseconds.
    duration_ms: Option<i64>,
}

/// Which verification to allow.
#[derive(Debug, InputObject)]
struct ApproveVerificationInput {
    /// Global id of the verification.
    verification_id: ID,
    /// Why; kept in the audit trail.
    reason: Option<String>,
}

/// Which verification to deny.
#[derive(Debug, InputObject)]
struct DenyVerificationInput {
    /// Global id of the verification.
    verification_id: ID,
    /// Why; kept in the audit trail.
    reason: Option<String>,
}

payload!(VerifyActionPayload, VerifyActionError, /// The answer; a denial is one too.
    verification: Verification);
payload!(ReportActionResultPayload, ReportActionResultError, /// The verification.
    verification: Verification);
payload!(ApproveVerificationPayload, ApproveVerificationError, /// The verification.
    verification: Verification);
payload!(DenyVerificationPayload, DenyVerificationError, /// The verification.
    verification: Verification);

/// Mutations of verifications.
#[derive(Debug, Default)]
pub(crate) struct VerificationMutations;

#[Object]
impl VerificationMutations {
    /// Asks whether the signing agent may do something. The answer is durable when it arrives.
    /// For agents, one a request.
    async fn verify_action(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What the agent wants to do.")] input: VerifyActionInput,
    ) -> Result<VerifyActionPayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let asked = VerifyAction {
            action: input.action,
            resource: input.resource,
            arguments: input.arguments.map(|json| json.0).unwrap_or_default(),
            declared_risk: input.risk_level.map(Into::into),
            session: input.session,
            task: input.task,
            idempotency_key: input.idempotency_key,
        };
        let outcome = request
            .app
            .verify_action(agent, asked, &request.request_id)
            .await;
        VerifyActionPayload::of(outcome)
    }

    /// Tells how an allowed action went, once. For the agent that asked.
    async fn report_action_result(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How it went.")] input: ReportActionResultInput,
    ) -> Result<ReportActionResultPayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let result = ReportResult {
            verification: parse_id("Verification", "verificationId", &input.verification_id)?,
            succeeded: input.is_success,
            detail: input.detail,
            duration_ms: input.duration_ms,
        };
        let outcome = request
            .app
            .report_result(agent, result, &request.request_id)
            .await;
        ReportActionResultPayload::of(outcome)
    }

    /// Allows a pending verification, for this action only. Needs `MANAGER`.
    async fn approve_verification(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which one, and why.")] input: ApproveVerificationInput,
    ) -> Result<ApproveVerificationPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let id = parse_id("Verification", "verificationId", &input.verification_id)?;
        let outcome = request
            .app
            .answer_verification(&permit, id, true, input.reason)
            .await;
        ApproveVerificationPayload::of(outcome)
    }

    /// Denies a pending verification. Needs `MANAGER`.
    async fn deny_verification(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which one, and why.")] input: DenyVerificationInput,
    ) -> Result<DenyVerificationPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let id = parse_id("Verification", "verificationId", &input.verification_id)?;
        let outcome = request
            .app
            .answer_verification(&permit, id, false, input.reason)
            .await;
        DenyVerificationPayload::of(outcome)
    }
}
