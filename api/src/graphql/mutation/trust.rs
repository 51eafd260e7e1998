//! A person's word on an agent's trust.

use aim_app::{OverrideTrust, RateAgent};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::Agent;
use super::super::user_error::payload;

/// What to set the trust of an agent to.
#[derive(Debug, InputObject)]
struct OverrideTrustScoreInput {
    /// Global id of the agent.
    agent_id: ID,
    /// 0 (none) to 1 (full): what decisions take instead of the score.
    score: f64,
    /// Why; kept in the audit trail.
    reason: String,
    /// From when on the score counts again; at most 90 days ahead.
    expires_at: DateTime<Utc>,
}

/// Whose override to take back.
#[derive(Debug, InputObject)]
struct WithdrawTrustOverrideInput {
    /// Global id of the agent.
    agent_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// What the caller thinks of an agent.
#[derive(Debug, InputObject)]
struct RateAgentInput {
    /// Global id of the agent.
    agent_id: ID,
    /// 1 (worst) to 5 (best).
    rating: i32,
    /// In words, at most 1,000 bytes.
    comment: Option<String>,
}

payload!(RateAgentPayload, RateAgentError, /// The agent; its score follows in a moment.
    agent: Agent);
payload!(OverrideTrustScorePayload, OverrideTrustScoreError, /// The agent.
    agent: Agent);
payload!(WithdrawTrustOverridePayload, WithdrawTrustOverrideError, /// The agent.
    agent: Agent);

/// Mutations of trust.
#[derive(Debug, Default)]
pub(crate) struct TrustMutations;

#[Object]
impl TrustMutations {
    /// Says what the caller thinks of an agent that somebody else registered; a later word takes the
    /// place of the former one. For agents as well. Needs `MEMBER`.
    async fn rate_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and how good it is.")] input: RateAgentInput,
    ) -> Result<RateAgentPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RateAgents)?;
        let input = RateAgent {
            agent: parse_id("Agent", "agentId", &input.agent_id)?,
            rating: input.rating,
            comment: input.comment,
        };
        let outcome = request.app.rate_agent(&request.actor, &permit, input).await;
        RateAgentPayload::of(outcome)
    }

    /// Sets the trust that decisions about an agent take, until it expires. Needs `MANAGER`.
    async fn override_trust_score(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose, to what, why and until when.")] input: OverrideTrustScoreInput,
    ) -> Result<OverrideTrustScorePayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let input = OverrideTrust {
            agent: parse_id("Agent", "agentId", &input.agent_id)?,
            score: input.score,
            reason: input.reason,
            expires_at: input.expires_at,
        };
        OverrideTrustScorePayload::of(request.app.override_trust(&permit, input).await)
    }

    /// Takes an override back: the score counts again at once. Needs `MANAGER`.
    async fn withdraw_trust_override(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose, and why.")] input: WithdrawTrustOverrideInput,
    ) -> Result<WithdrawTrustOverridePayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let id = parse_id("Agent", "agentId", &input.agent_id)?;
        let outcome = request
            .app
            .withdraw_trust_override(&permit, id, input.reason)
            .await;
        WithdrawTrustOverridePayload::of(outcome)
    }
}
