//! The discovery inbox of agents.

use aim_domain::role::Permission;
use aim_store::agent_sightings::AgentSightingFilter as Sightings;
use async_graphql::{Context, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::sighting_enums::{AgentSightingMethod, SightingStatus};
use super::super::types::AgentSightingConnection;

/// Which agents of the inbox; all that is given has to hold.
#[derive(Debug, Default, InputObject)]
struct AgentSightingFilter {
    /// Of which this became.
    status: Option<SightingStatus>,
    /// Seen like this first.
    method: Option<AgentSightingMethod>,
    /// With a name or source that holds this text, whatever its case.
    search: Option<String>,
}

/// Queries about agents that were seen.
#[derive(Debug, Default)]
pub(crate) struct AgentDiscoveryQueries;

#[Object]
impl AgentDiscoveryQueries {
    /// The discovery inbox of agents: those that were seen and that nobody registered, newest first. Needs
    /// `VIEWER`.
    async fn agent_sightings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which agents; all when left out.")] filter: Option<AgentSightingFilter>,
    ) -> Result<AgentSightingConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("AgentSighting", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let filter = Sightings {
            status: filter.status.map(Into::into),
            method: filter.method.map(Into::into),
            search: filter.search,
        };
        let found = request.app.list_agent_sightings(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
