//! A person's word on an agent's trust.

use aim_app::{OverrideTrust, RateAgent};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::{Agent, Organization};
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

/// How much each factor shall count: 0 to 0.5 each, in steps of 0.0001, together 1.
#[derive(Debug, InputObject)]
struct TrustWeightsInput {
    /// How its actions ended.
    agent_history: f64,
    /// Attestations of the MCP servers it talks to.
    mcp_attestation: f64,
    /// How risky and how novel what it does is.
    action_risk: f64,
    /// What it tried without a grant.
    capability_violations: f64,
    /// How its rate fits the learned one.
    frequency: f64,
    /// How its hours fit the learned ones.
    temporal_pattern: f64,
    /// Where it acts from.
    geographic_signals: f64,
    /// What people and peers say.
    community_feedback: f64,
}

/// The weights of your organization.
#[derive(Debug, InputObject)]
struct SetTrustWeightsInput {
    /// All eight.
    weights: TrustWeightsInput,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Whose score to compute anew.
#[derive(Debug, InputObject)]
struct RecalculateTrustInput {
    /// Global id of the agent.
    agent_id: ID,
}

payload!(SetTrustWeightsPayload, SetTrustWeightsError, /// The organization.
    organization: Organization);
payload!(RecalculateTrustPayload, RecalculateTrustError, /// The agent; its score follows in a moment.
    agent: Agent);
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

    /// Sets how much each factor of the trust score counts in your organization. The score of an
    /// agent follows with its next event, or with `recalculateTrust`. Needs `ADMIN`.
    async fn set_trust_weights(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "All eight weights, and why.")] input: SetTrustWeightsInput,
    ) -> Result<SetTrustWeightsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let weights = input.weights;
        let fractions = [
            weights.agent_history,
            weights.mcp_attestation,
            weights.action_risk,
            weights.capability_violations,
            weights.frequency,
            weights.temporal_pattern,
            weights.geographic_signals,
            weights.community_feedback,
        ];
        let app = &request.app;
        let outcome = app
            .set_trust_weights(&permit, fractions, input.reason)
            .await;
        SetTrustWeightsPayload::of(outcome)
    }

    /// Computes the score of an agent anew, from its recorded profile and the weights of now, and
    /// keeps it in the history. Needs `MANAGER`.
    async fn recalculate_trust(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose.")] input: RecalculateTrustInput,
    ) -> Result<RecalculateTrustPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let id = parse_id("Agent", "agentId", &input.agent_id)?;
        RecalculateTrustPayload::of(request.app.recalculate_trust(&permit, id).await)
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
