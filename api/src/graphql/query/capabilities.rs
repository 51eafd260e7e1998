//! Grants with their history, what agents ask for, and what they attempt without.

use aim_app::Actor;
use aim_domain::role::Permission;
use aim_store::capability_requests::CapabilityRequestFilter as Requests;
use aim_store::grants::GrantFilter as Grants;
use aim_store::violations::ViolationFilter as Attempts;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::{CapabilityRequestStatus, Severity};
use super::super::id::parse_id;
use super::super::types::{
    CapabilityGrantConnection, CapabilityRequestConnection, CapabilityViolationConnection, GrantRow,
};

/// Which grants.
#[derive(Debug, Default, InputObject)]
struct CapabilityGrantFilter {
    /// Of this agent.
    agent_id: Option<ID>,
    /// Of this capability or pattern, as it was granted.
    capability: Option<String>,
    /// Only those that are good for something now, or with `false` those that are not any more.
    is_live: Option<bool>,
}

/// Which requests.
#[derive(Debug, Default, InputObject)]
struct CapabilityRequestFilter {
    /// Of this agent.
    agent_id: Option<ID>,
    /// Of which this became; `PENDING` is what waits.
    status: Option<CapabilityRequestStatus>,
}

/// Which attempts.
#[derive(Debug, Default, InputObject)]
struct CapabilityViolationFilter {
    /// Of this agent.
    agent_id: Option<ID>,
    /// As bad as this.
    severity: Option<Severity>,
    /// At this action.
    action: Option<String>,
}

/// Queries about capabilities.
#[derive(Debug, Default)]
pub(crate) struct CapabilityQueries;

#[Object]
impl CapabilityQueries {
    /// Grants, newest first, with those that were taken back or ran out: who granted what, and why. Needs
    /// `VIEWER`.
    async fn capability_grants(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<CapabilityGrantFilter>,
    ) -> Result<CapabilityGrantConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("CapabilityGrant", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let agent = filter.agent_id.as_ref();
        let filter = Grants {
            agent: agent
                .map(|id| parse_id("Agent", "filter.agentId", id))
                .transpose()?,
            capability: filter.capability,
            is_live: filter.is_live,
        };
        let found = request.app.list_grant_history(&permit, &filter, page);
        let found = found.await.map_err(fault)?;
        let rows = |all: Vec<_>| all.into_iter().map(GrantRow::from).collect();
        Ok(found.with_items(rows).into())
    }

    /// What agents asked to be granted, newest first; an agent sees its own only. Needs `VIEWER`.
    async fn capability_requests(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<CapabilityRequestFilter>,
    ) -> Result<CapabilityRequestConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("CapabilityRequest", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let wanted = filter.agent_id.as_ref();
        let wanted = wanted.map(|id| parse_id("Agent", "filter.agentId", id));
        let own = match &request.actor {
            Actor::Agent(agent) => Some(agent.agent),
            _ => None,
        };
        let filter = Requests {
            agent: own.or(wanted.transpose()?),
            status: filter.status.map(Into::into),
        };
        let found = request.app.list_capability_requests(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// Attempts at what nothing grants, by agent, action and resource, newest kind first. Needs `VIEWER`.
    async fn capability_violations(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<
            CapabilityViolationFilter,
        >,
    ) -> Result<CapabilityViolationConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("CapabilityViolation", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let agent = filter.agent_id.as_ref();
        let filter = Attempts {
            agent: agent
                .map(|id| parse_id("Agent", "filter.agentId", id))
                .transpose()?,
            severity: filter.severity.map(Into::into),
            action: filter.action,
        };
        let found = request.app.list_violations(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
