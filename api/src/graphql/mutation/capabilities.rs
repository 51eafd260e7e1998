//! Granting capabilities and taking them back.

use aim_app::{AnswerCapabilityRequest, GrantCapability, RequestCapability};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::{CapabilityGrant, CapabilityRequest};
use super::super::user_error::payload;

/// A grant.
#[derive(Debug, InputObject)]
struct GrantCapabilityInput {
    /// Global id of the agent.
    agent_id: ID,
    /// A capability such as `files:read`, or a pattern such as `files:*`.
    capability: String,
    /// On which resources, as a pattern; all when left out.
    resource: Option<String>,
    /// Until when; until revoked when left out.
    expires_at: Option<DateTime<Utc>>,
    /// Why; kept in the audit trail.
    reason: Option<String>,
}

/// Which grant to take back.
#[derive(Debug, InputObject)]
struct RevokeCapabilityInput {
    /// Global id of the grant.
    grant_id: ID,
    /// Why; kept in the audit trail.
    reason: Option<String>,
}

/// What an agent asks to be granted.
#[derive(Debug, InputObject)]
struct RequestCapabilityInput {
    /// A capability such as `files:read`, or a pattern such as `files:*`.
    capability: String,
    /// On which resources, as a pattern; all when left out.
    resource: Option<String>,
    /// For how long, in seconds, at most a year; until revoked when left out.
    life_seconds: Option<u32>,
    /// What for; a person reads it.
    reason: String,
}

/// Which request to approve.
#[derive(Debug, InputObject)]
struct ApproveCapabilityRequestInput {
    /// Global id of the request.
    request_id: ID,
    /// Until when it is granted; as long as was asked for when left out.
    expires_at: Option<DateTime<Utc>>,
    /// Why; kept with the grant and in the audit trail.
    reason: String,
}

/// Which request to reject.
#[derive(Debug, InputObject)]
struct RejectCapabilityRequestInput {
    /// Global id of the request.
    request_id: ID,
    /// Why; the agent reads it.
    reason: String,
}

payload!(RequestCapabilityPayload, RequestCapabilityError, /// The request.
    capability_request: CapabilityRequest);
payload!(ApproveCapabilityRequestPayload, ApproveCapabilityRequestError, /// The request, granted.
    capability_request: CapabilityRequest);
payload!(RejectCapabilityRequestPayload, RejectCapabilityRequestError, /// The request, rejected.
    capability_request: CapabilityRequest);
payload!(GrantCapabilityPayload, GrantCapabilityError, /// The grant.
    grant: CapabilityGrant);
payload!(RevokeCapabilityPayload, RevokeCapabilityError, /// The grant, taken back.
    grant: CapabilityGrant);

/// Mutations of grants.
#[derive(Debug, Default)]
pub(crate) struct CapabilityMutations;

#[Object]
impl CapabilityMutations {
    /// Grants a capability to an agent. Needs `MANAGER`.
    async fn grant_capability(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to whom.")] input: GrantCapabilityInput,
    ) -> Result<GrantCapabilityPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageCapabilities)?;
        let grant = GrantCapability {
            agent: parse_id("Agent", "agentId", &input.agent_id)?,
            capability: input.capability,
            resource: input.resource,
            expires_at: input.expires_at,
            reason: input.reason,
        };
        GrantCapabilityPayload::of(request.app.grant_capability(&permit, grant).await)
    }

    /// Takes a grant back. Needs `MANAGER`.
    async fn revoke_capability(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which grant, and why.")] input: RevokeCapabilityInput,
    ) -> Result<RevokeCapabilityPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageCapabilities)?;
        let id = parse_id("CapabilityGrant", "grantId", &input.grant_id)?;
        let outcome = request
            .app
            .revoke_capability(&permit, id, input.reason)
            .await;
        RevokeCapabilityPayload::of(outcome)
    }

    /// Asks to be granted a capability; a person answers. The same is not asked twice. For agents, by their
    /// signature.
    async fn request_capability(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What, and what for.")] input: RequestCapabilityInput,
    ) -> Result<RequestCapabilityPayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let wanted = RequestCapability {
            capability: input.capability,
            resource: input.resource,
            life_seconds: input.life_seconds,
            reason: input.reason,
        };
        let outcome = request
            .app
            .request_capability(agent, wanted, &request.request_id)
            .await;
        RequestCapabilityPayload::of(outcome)
    }

    /// Grants what an agent asked for. Needs `MANAGER`.
    async fn approve_capability_request(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, until when, and why.")] input: ApproveCapabilityRequestInput,
    ) -> Result<ApproveCapabilityRequestPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let answer = AnswerCapabilityRequest {
            request: parse_id("CapabilityRequest", "requestId", &input.request_id)?,
            is_approved: true,
            expires_at: input.expires_at,
            reason: input.reason,
        };
        let outcome = request.app.answer_capability_request(&permit, answer).await;
        ApproveCapabilityRequestPayload::of(outcome)
    }

    /// Rejects what an agent asked for. Needs `MANAGER`.
    async fn reject_capability_request(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: RejectCapabilityRequestInput,
    ) -> Result<RejectCapabilityRequestPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Approve)?;
        let answer = AnswerCapabilityRequest {
            request: parse_id("CapabilityRequest", "requestId", &input.request_id)?,
            is_approved: false,
            expires_at: None,
            reason: input.reason,
        };
        let outcome = request.app.answer_capability_request(&permit, answer).await;
        RejectCapabilityRequestPayload::of(outcome)
    }
}
