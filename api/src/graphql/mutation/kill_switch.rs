//! Stopping at once, and letting go on.

use aim_app::KillSwitchChange;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::{Agent, Organization};
use super::super::user_error::payload;

/// Which agent to stop.
#[derive(Debug, InputObject)]
struct KillAgentInput {
    /// Global id of the agent.
    agent_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Which agent to let go on.
#[derive(Debug, InputObject)]
struct ReleaseAgentInput {
    /// Global id of the agent.
    agent_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Why to stop all agents.
#[derive(Debug, InputObject)]
struct EngageKillSwitchInput {
    /// Why; kept in the audit trail.
    reason: String,
}

/// Why to let all agents go on.
#[derive(Debug, InputObject)]
struct ReleaseKillSwitchInput {
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(KillAgentPayload, KillAgentError, /// The agent.
    agent: Agent);
payload!(ReleaseAgentPayload, ReleaseAgentError, /// The agent.
    agent: Agent);
payload!(EngageKillSwitchPayload, EngageKillSwitchError, /// The organization.
    organization: Organization);
payload!(ReleaseKillSwitchPayload, ReleaseKillSwitchError, /// The organization.
    organization: Organization);

async fn change_agent(
    context: &Context<'_>,
    id: &ID,
    change: KillSwitchChange,
    reason: String,
) -> Result<std::result::Result<aim_store::agents::Agent, aim_app::AppError>> {
    let request = RequestContext::of(context)?;
    let permit = request.permit(Permission::KillSwitch)?;
    let id = parse_id("Agent", "agentId", id)?;
    let app = &request.app;
    Ok(app
        .change_agent_kill_switch(&permit, id, change, reason)
        .await)
}

async fn change_all(
    context: &Context<'_>,
    change: KillSwitchChange,
    reason: String,
) -> Result<std::result::Result<aim_store::organizations::Organization, aim_app::AppError>> {
    let request = RequestContext::of(context)?;
    let permit = request.permit(Permission::KillSwitch)?;
    let app = &request.app;
    Ok(app.change_kill_switch(&permit, change, reason).await)
}

/// Mutations of kill switches.
#[derive(Debug, Default)]
pub(crate) struct KillSwitchMutations;

#[Object]
impl KillSwitchMutations {
    /// Denies everything an agent asks, on every node, until a person releases it. Doing it again
    /// changes nothing. Needs `ADMIN`.
    async fn kill_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and why.")] input: KillAgentInput,
    ) -> Result<KillAgentPayload> {
        let change = KillSwitchChange::Engage;
        let outcome = change_agent(context, &input.agent_id, change, input.reason);
        KillAgentPayload::of(outcome.await?)
    }

    /// Releases the kill switch of an agent; its status stays what it is. Doing it again changes
    /// nothing. Needs `ADMIN`.
    async fn release_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and why.")] input: ReleaseAgentInput,
    ) -> Result<ReleaseAgentPayload> {
        let change = KillSwitchChange::Release;
        let outcome = change_agent(context, &input.agent_id, change, input.reason);
        ReleaseAgentPayload::of(outcome.await?)
    }

    /// Denies everything any agent of your organization asks, on every node, until a person
    /// releases it. Doing it again changes nothing. Needs `ADMIN`.
    async fn engage_kill_switch(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Why.")] input: EngageKillSwitchInput,
    ) -> Result<EngageKillSwitchPayload> {
        let outcome = change_all(context, KillSwitchChange::Engage, input.reason);
        EngageKillSwitchPayload::of(outcome.await?)
    }

    /// Releases the kill switch of your organization; agents that were killed one by one stay so.
    /// Doing it again changes nothing. Needs `ADMIN`.
    async fn release_kill_switch(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Why.")] input: ReleaseKillSwitchInput,
    ) -> Result<ReleaseKillSwitchPayload> {
        let outcome = change_all(context, KillSwitchChange::Release, input.reason);
        ReleaseKillSwitchPayload::of(outcome.await?)
    }
}
