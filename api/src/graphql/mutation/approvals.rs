//! Persons answer; agents present.

use aim_app::{AnswerVerification, GrantApproval, SetApprovalSettings, VerifyAction};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Json, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::super::context::RequestContext;
use super::super::enums::RiskLevel;
use super::super::id::{global_id, parse_id};
use super::super::types::{ApprovalGrant, ApprovalSettings, Verification};
use super::super::user_error::{UserErrorCode, payload, split};

/// Which verification to approve.
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

/// Several answers at once.
#[derive(Debug, InputObject)]
struct AnswerVerificationsInput {
    /// The answers, 1 to 50.
    answers: Vec<VerificationAnswerInput>,
}

/// An answer.
#[derive(Debug, InputObject)]
struct VerificationAnswerInput {
    /// Global id of the verification.
    verification_id: ID,
    /// Whether to approve it.
    is_approved: bool,
    /// Why; kept in the audit trail.
    reason: Option<String>,
}

/// An approval, and the action that it is for, just as it was asked for.
#[derive(Debug, InputObject)]
struct PresentApprovalInput {
    /// Global id of the verification.
    verification_id: ID,
    /// The action.
    action: String,
    /// What it is done to.
    resource: Option<String>,
    /// Its arguments.
    arguments: Option<Json<Map<String, Value>>>,
    /// What the agent said of its risk.
    risk_level: Option<RiskLevel>,
    /// The run it belongs to.
    session: Option<String>,
    /// The job it is for.
    task: Option<String>,
}

/// What to agree to beforehand.
#[derive(Debug, InputObject)]
struct GrantApprovalInput {
    /// Global id of the agent.
    agent_id: ID,
    /// Which actions, as a pattern such as `mail:send` or `db:*`.
    action: String,
    /// On which resources, as a pattern; all when left out.
    resource: Option<String>,
    /// Until when; at most a day ahead.
    expires_at: DateTime<Utc>,
    /// How often at most, 1 to 10,000; any number of times when left out.
    max_uses: Option<u32>,
    /// Why; kept in the audit trail.
    reason: String,
}

/// What to take back.
#[derive(Debug, InputObject)]
struct RevokeApprovalGrantInput {
    /// Global id of the approval grant.
    approval_grant_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// What to want of approvals.
#[derive(Debug, InputObject)]
struct SetApprovalSettingsInput {
    /// How long an action waits for a person, 30 seconds to a week.
    #[graphql(default = 900)]
    wait_seconds: u32,
    /// How long an approval may be presented, 1 to 3,600 seconds.
    #[graphql(default = 300)]
    use_seconds: u32,
    /// The risk from which on two different persons have to agree; never when left out.
    two_persons_from: Option<RiskLevel>,
    /// Patterns of actions for which two different persons have to agree, at most 50.
    #[graphql(default)]
    two_persons_for: Vec<String>,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(ApproveVerificationPayload, ApproveVerificationError, /// The verification.
    verification: Verification);
payload!(DenyVerificationPayload, DenyVerificationError, /// The verification.
    verification: Verification);
payload!(PresentApprovalPayload, PresentApprovalError, /// What is decided now; act only on `ALLOWED`.
    verification: Verification);
payload!(GrantApprovalPayload, GrantApprovalError, /// What was agreed to.
    approval_grant: ApprovalGrant);
payload!(RevokeApprovalGrantPayload, RevokeApprovalGrantError, /// What was taken back.
    approval_grant: ApprovalGrant);
payload!(SetApprovalSettingsPayload, SetApprovalSettingsError, /// What holds from now on.
    approval_settings: ApprovalSettings);
payload!(AnswerVerificationsPayload, AnswerVerificationsError, /// What became of each answer, in order.
    results: AnsweredVerifications);

/// What became of several answers.
#[derive(Debug, SimpleObject)]
pub(crate) struct AnsweredVerifications {
    /// One for each, in the order they were given.
    items: Vec<AnsweredVerification>,
}

/// What became of an answer.
#[derive(Debug, SimpleObject)]
pub(crate) struct AnsweredVerification {
    /// Global id of the verification that was meant.
    verification_id: ID,
    /// The verification; null where the answer was not taken.
    verification: Option<Verification>,
    /// Why the answer was not taken, for programs; null where it was.
    code: Option<UserErrorCode>,
    /// The same for people.
    message: Option<String>,
}

/// Mutations of approvals.
#[derive(Debug, Default)]
pub(crate) struct ApprovalMutations;

#[Object]
impl ApprovalMutations {
    /// Approves a pending verification, for this very action only. Its agent has to present the approval
    /// when it acts. Needs `MANAGER`.
    async fn approve_verification(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which one, and why.")] input: ApproveVerificationInput,
    ) -> Result<ApproveVerificationPayload> {
        let answer = answer(&input.verification_id, true, input.reason)?;
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let outcome = request.app.answer_verification(&permit, answer).await;
        ApproveVerificationPayload::of(outcome)
    }

    /// Denies a pending verification. Needs `MANAGER`.
    async fn deny_verification(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which one, and why.")] input: DenyVerificationInput,
    ) -> Result<DenyVerificationPayload> {
        let answer = answer(&input.verification_id, false, input.reason)?;
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let outcome = request.app.answer_verification(&permit, answer).await;
        DenyVerificationPayload::of(outcome)
    }

    /// Answers several pending verifications, each on its own: one that fails takes nothing away from
    /// the others. Needs `MANAGER`.
    async fn answer_verifications(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The answers.")] input: AnswerVerificationsInput,
    ) -> Result<AnswerVerificationsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let answers = input.answers.into_iter();
        let answers = answers.map(|it| answer(&it.verification_id, it.is_approved, it.reason));
        let answers = answers.collect::<Result<_>>()?;
        let outcome = request.app.answer_verifications(&permit, answers).await;
        let Ok(answered) = outcome else {
            return AnswerVerificationsPayload::of(
                outcome.map(|_| AnsweredVerifications { items: Vec::new() }),
            );
        };
        let mut items = Vec::with_capacity(answered.len());
        for (id, outcome) in answered {
            let verification_id = global_id("Verification", id);
            let (verification, wrong) = match outcome {
                Ok(row) => (Some(Verification::from(row)), None),
                Err(error) => (None, split(error)?.into_iter().next()),
            };
            let (code, message) = wrong.map(|(code, message, _)| (code, message)).unzip();
            items.push(AnsweredVerification {
                verification_id,
                verification,
                code,
                message,
            });
        }
        AnswerVerificationsPayload::of(Ok(AnsweredVerifications { items }))
    }

    /// Presents an approval when its agent acts: everything else is looked at once more, and the answer
    /// is final. An approval is good once. For the agent that asked.
    async fn present_approval(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The approval, and the action that it is for.")]
        input: PresentApprovalInput,
    ) -> Result<PresentApprovalPayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let id = parse_id("Verification", "verificationId", &input.verification_id)?;
        let action = VerifyAction {
            action: input.action,
            resource: input.resource,
            arguments: input.arguments.map(|json| json.0).unwrap_or_default(),
            declared_risk: input.risk_level.map(Into::into),
            session: input.session,
            task: input.task,
            idempotency_key: None,
        };
        let outcome = request
            .app
            .present_approval(agent, id, action, &request.request_id)
            .await;
        PresentApprovalPayload::of(outcome)
    }

    /// Agrees beforehand to what an agent may want to do, for a while, so that it need not ask each
    /// time. It takes the place of one person's approval; it grants no capability, and lifts nothing
    /// that forbids. Needs `MANAGER`.
    async fn grant_approval(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What, for which agent, for how long, and why.")]
        input: GrantApprovalInput,
    ) -> Result<GrantApprovalPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let grant = GrantApproval {
            agent: parse_id("Agent", "agentId", &input.agent_id)?,
            action: input.action,
            resource: input.resource,
            expires_at: input.expires_at,
            max_uses: input.max_uses,
            reason: input.reason,
        };
        GrantApprovalPayload::of(request.app.grant_approval(&permit, grant).await)
    }

    /// Takes that back: the next such action waits for a person again. Needs `MANAGER`.
    async fn revoke_approval_grant(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: RevokeApprovalGrantInput,
    ) -> Result<RevokeApprovalGrantPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let id = parse_id("ApprovalGrant", "approvalGrantId", &input.approval_grant_id)?;
        let outcome = request
            .app
            .revoke_approval_grant(&permit, id, input.reason)
            .await;
        RevokeApprovalGrantPayload::of(outcome)
    }

    /// Sets what your organization wants of approvals: how long they wait, and where two different
    /// persons have to agree. Needs `ADMIN`.
    async fn set_approval_settings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall hold, and why.")] input: SetApprovalSettingsInput,
    ) -> Result<SetApprovalSettingsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let to = SetApprovalSettings {
            wait_seconds: input.wait_seconds,
            use_seconds: input.use_seconds,
            two_persons_from: input.two_persons_from.map(Into::into),
            two_persons_for: input.two_persons_for,
            reason: input.reason,
        };
        SetApprovalSettingsPayload::of(request.app.set_approval_settings(&permit, to).await)
    }
}

fn answer(id: &ID, is_approved: bool, reason: Option<String>) -> Result<AnswerVerification> {
    Ok(AnswerVerification {
        verification: parse_id("Verification", "verificationId", id)?,
        is_approved,
        reason,
    })
}
