//! Handing on capabilities, and taking them back.

use aim_app::DelegateCapabilities;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::Delegation;
use super::super::user_error::payload;

/// A capability that is handed on.
#[derive(Debug, InputObject)]
struct DelegatedCapabilityInput {
    /// A capability or a pattern such as `files:*`, within what the agent has.
    capability: String,
    /// On which resources, as a pattern; all that the agent has when left out.
    resource: Option<String>,
}

/// What is handed on, and to whom.
#[derive(Debug, InputObject)]
struct DelegateCapabilitiesInput {
    /// Global id of the agent that may act.
    to_agent_id: ID,
    /// What it may do.
    capabilities: Vec<DelegatedCapabilityInput>,
    /// Until when; at most a week, and no longer than what is handed on.
    expires_at: DateTime<Utc>,
    /// Global id of a delegation to this agent that it hands on; its own grants when left out.
    parent_id: Option<ID>,
    /// Why; kept in the audit trail.
    reason: Option<String>,
}

/// Which delegation to take back.
#[derive(Debug, InputObject)]
struct RevokeDelegationInput {
    /// Global id of the delegation.
    delegation_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(DelegateCapabilitiesPayload, DelegateCapabilitiesError, /// The delegation.
    delegation: Delegation);
payload!(RevokeDelegationPayload, RevokeDelegationError, /// The delegation.
    delegation: Delegation);

/// Mutations of delegations.
#[derive(Debug, Default)]
pub(crate) struct DelegationMutations;

#[Object]
impl DelegationMutations {
    /// Lets another agent act with a part of what the agent that signs may do: never more, never
    /// longer, in chains of at most four links. For agents only, by signature.
    async fn delegate_capabilities(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What is handed on, and to whom.")] input: DelegateCapabilitiesInput,
    ) -> Result<DelegateCapabilitiesPayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let parent = input.parent_id.as_ref();
        let parent = parent.map(|id| parse_id("Delegation", "parentId", id));
        let capabilities = input.capabilities.into_iter();
        let input = DelegateCapabilities {
            to: parse_id("Agent", "toAgentId", &input.to_agent_id)?,
            capabilities: capabilities
                .map(|it| (it.capability, it.resource))
                .collect(),
            expires_at: input.expires_at,
            parent: parent.transpose()?,
            reason: input.reason,
        };
        let app = &request.app;
        let outcome = app.delegate_capabilities(agent, input, &request.request_id);
        DelegateCapabilitiesPayload::of(outcome.await)
    }

    /// Takes a delegation back, and with it everything that was handed on from it, on every node
    /// within a second. An agent takes back what it handed on. Needs `MANAGER`.
    async fn revoke_delegation(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: RevokeDelegationInput,
    ) -> Result<RevokeDelegationPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RevokeDelegations)?;
        let id = parse_id("Delegation", "delegationId", &input.delegation_id)?;
        let app = &request.app;
        let outcome = app.revoke_delegation(&request.actor, &permit, id, input.reason);
        RevokeDelegationPayload::of(outcome.await)
    }
}
