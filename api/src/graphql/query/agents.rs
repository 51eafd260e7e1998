//! Agents and the catalogue.

use aim_domain::id::AgentId;
use aim_domain::role::Permission;
use aim_store::agents::AgentFilter as Filter;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::AgentStatus;
use super::super::id::parse_id;
use super::super::types::{Agent, AgentConnection, Capability, TrustSummary};

/// Which agents.
#[derive(Debug, Default, InputObject)]
struct AgentFilter {
    /// In this status.
    status: Option<AgentStatus>,
    /// With this name.
    name: Option<String>,
    /// With a name or display name that holds this text.
    search: Option<String>,
}

/// Queries about agents.
#[derive(Debug, Default)]
pub(crate) struct AgentQueries;

#[Object]
impl AgentQueries {
    /// An agent; null when there is none with this id in your organization. Needs `VIEWER`.
    async fn agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<Agent>> {
        let request = RequestContext::of(context)?;
        let id: AgentId = parse_id("Agent", "id", &id)?;
        Ok(request
            .agents()?
            .load_one(id)
            .await
            .map_err(fault)?
            .map(Agent::from))
    }

    /// Agents, newest first. Needs `VIEWER`.
    async fn agents(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which agents; all when left out.")] filter: Option<AgentFilter>,
    ) -> Result<AgentConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Agent", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let filter = Filter {
            status: filter.status.map(Into::into),
            name: filter.name,
            search: filter.search,
        };
        Ok(request
            .app
            .list_agents(&permit, &filter, page)
            .await
            .map_err(fault)?
            .into())
    }

    /// The trust of your organization's agents together. Needs `VIEWER`.
    async fn trust_summary(&self, context: &Context<'_>) -> Result<TrustSummary> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let summary = request.app.summarize_trust(&permit).await;
        Ok(summary.map_err(fault)?.into())
    }

    /// The standard catalogue of capabilities, by name. Needs `VIEWER`.
    async fn capabilities(&self, context: &Context<'_>) -> Result<Vec<Capability>> {
        let request = RequestContext::of(context)?;
        request.permit(Permission::Read)?;
        let all = request.app.list_capabilities().await.map_err(fault)?;
        Ok(all.into_iter().map(Capability::from).collect())
    }
}
