//! Agents and the catalogue.

#![expect(clippy::too_many_arguments, reason = "each is an argument of a field")]

use aim_domain::id::AgentId;
use aim_domain::role::Permission;
use aim_store::agents::{AgentFilter as Filter, AgentOrder as Order};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::{AgentStatus, AgentType};
use super::super::id::parse_id;
use super::super::types::{Agent, AgentConnection, Capability, TrustSummary};

/// Which agents.
#[derive(Debug, Default, InputObject)]
pub(super) struct AgentFilter {
    /// In this status.
    status: Option<AgentStatus>,
    /// With this name.
    name: Option<String>,
    /// Of this kind.
    agent_type: Option<AgentType>,
    /// With a name, display name or description that holds this text, whatever its case.
    search: Option<String>,
    /// With this tag.
    tag: Option<String>,
    /// Whose `talksTo` names this server.
    talks_to: Option<String>,
    /// Whose last live key expires before this time, or that have none.
    keys_end_before: Option<DateTime<Utc>>,
    /// Deleted ones instead of those that are there.
    #[graphql(default)]
    is_deleted: bool,
}

/// What a list of agents is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_store::agents::AgentOrderField")]
enum AgentOrderField {
    /// When it was registered.
    CreatedAt,
    /// Its name.
    Name,
    /// Its newest action; agents without one count as the oldest.
    LastSeenAt,
    /// Its score; agents without one count as the lowest.
    Trust,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
enum OrderDirection {
    /// The least first.
    Asc,
    /// The greatest first.
    Desc,
}

/// An order of agents.
#[derive(Debug, InputObject)]
struct AgentOrder {
    /// By what.
    field: AgentOrderField,
    /// Which way.
    direction: OrderDirection,
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

    /// Agents, newest first unless ordered otherwise. Needs `VIEWER`.
    async fn agents(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which agents; all that are not deleted when left out.")] filter: Option<
            AgentFilter,
        >,
        #[graphql(desc = "In which order; a cursor goes on in the order it was given in.")]
        order_by: Option<AgentOrder>,
    ) -> Result<AgentConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Agent", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let order = order_by.map_or_else(Order::default, |by| Order {
            field: by.field.into(),
            is_ascending: by.direction == OrderDirection::Asc,
        });
        let filter = Filter {
            order,
            status: filter.status.map(Into::into),
            agent_type: filter.agent_type.map(Into::into),
            name: filter.name,
            search: filter.search,
            tag: filter.tag,
            keys_end_before: filter.keys_end_before,
            talks_to: filter.talks_to,
            is_deleted: filter.is_deleted,
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
