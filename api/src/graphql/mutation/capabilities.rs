//! Granting capabilities and taking them back.

use aim_app::GrantCapability;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::CapabilityGrant;
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
}
