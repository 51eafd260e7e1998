//! Asking before acting, and telling how it went.

use aim_app::{ReportResult, VerifyAction};
use async_graphql::{Context, ID, InputObject, Json, Object, Result, SimpleObject};
use serde_json::{Map, Value};

use super::super::context::RequestContext;
use super::super::enums::RiskLevel;
use super::super::id::parse_id;
use super::super::types::Verification;
use super::super::user_error::{UserErrorCode, payload, split};

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

/// Several actions.
#[derive(Debug, InputObject)]
struct VerifyActionsInput {
    /// The actions, 1 to 20; each is decided on its own.
    actions: Vec<VerifyActionInput>,
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

payload!(VerifyActionPayload, VerifyActionError, /// The answer; a denial is one too.
    verification: Verification);
payload!(ReportActionResultPayload, ReportActionResultError, /// The verification.
    verification: Verification);

payload!(VerifyActionsPayload, VerifyActionsError, /// The answers.
    results: VerifiedActions);

/// The answers to several actions.
#[derive(Debug, SimpleObject)]
pub(crate) struct VerifiedActions {
    /// One for each, in the order they were given.
    items: Vec<VerifiedAction>,
}

/// What became of one of several actions.
#[derive(Debug, SimpleObject)]
pub(crate) struct VerifiedAction {
    /// The answer; null where the input was wrong, and nothing was decided.
    verification: Option<Verification>,
    /// What was wrong, for programs; null where it was decided.
    code: Option<UserErrorCode>,
    /// The same for people.
    message: Option<String>,
}

impl From<VerifyActionInput> for VerifyAction {
    fn from(input: VerifyActionInput) -> Self {
        Self {
            action: input.action,
            resource: input.resource,
            arguments: input.arguments.map(|json| json.0).unwrap_or_default(),
            declared_risk: input.risk_level.map(Into::into),
            session: input.session,
            task: input.task,
            idempotency_key: input.idempotency_key,
        }
    }
}

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
        let outcome = request
            .app
            .verify_action(agent, input.into(), &request.request_id)
            .await;
        VerifyActionPayload::of(outcome)
    }

    /// Asks about several actions at once, each decided on its own and as durable as by `verifyAction`. For
    /// agents, one a request.
    async fn verify_actions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What the agent wants to do.")] input: VerifyActionsInput,
    ) -> Result<VerifyActionsPayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let actions = input.actions.into_iter().map(VerifyAction::from);
        let decided = request
            .app
            .verify_actions(agent, actions.collect(), &request.request_id)
            .await;
        let decided = match decided {
            Ok(decided) => decided,
            Err(error) => return VerifyActionsPayload::of::<VerifiedActions>(Err(error)),
        };
        let mut items = Vec::with_capacity(decided.len());
        for outcome in decided {
            let (verification, wrong) = match outcome {
                Ok(row) => (Some(Verification::from(row)), None),
                Err(error) => (None, split(error)?.into_iter().next()),
            };
            let (code, message) = wrong.map(|(code, message, _)| (code, message)).unzip();
            items.push(VerifiedAction {
                verification,
                code,
                message,
            });
        }
        VerifyActionsPayload::of(Ok(VerifiedActions { items }))
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
}
