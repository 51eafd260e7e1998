//! Attestations of MCP servers, and the discovery inbox.

use aim_domain::role::Permission;
use aim_store::mcp_attestations::McpAttestationFilter as Words;
use aim_store::mcp_sightings::McpSightingFilter as Sightings;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::sighting_enums::{McpSightingMethod, SightingStatus};
use super::super::types::{McpAttestationConnection, McpSightingConnection};

/// Which attestations; all that is given has to hold.
#[derive(Debug, Default, InputObject)]
struct McpAttestationFilter {
    /// About this server, by global id.
    mcp_server_id: Option<ID>,
    /// Of this agent, by global id.
    agent_id: Option<ID>,
    /// That were taken back, or were not.
    is_revoked: Option<bool>,
}

/// Which servers of the inbox; all that is given has to hold.
#[derive(Debug, Default, InputObject)]
struct McpSightingFilter {
    /// Of which this became.
    status: Option<SightingStatus>,
    /// Seen like this first.
    method: Option<McpSightingMethod>,
    /// With a name, URL or source that holds this text, whatever its case.
    search: Option<String>,
}

/// Queries about what was seen of MCP servers.
#[derive(Debug, Default)]
pub(crate) struct McpDiscoveryQueries;

#[Object]
impl McpDiscoveryQueries {
    /// What agents say they saw of MCP servers, newest first: the last word of each on each server, and all
    /// that were taken back (`isRevoked: true` is the list of those). Needs `VIEWER`.
    async fn mcp_attestations(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which attestations; all when left out.")] filter: Option<
            McpAttestationFilter,
        >,
    ) -> Result<McpAttestationConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("McpAttestation", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let (server, agent) = (filter.mcp_server_id, filter.agent_id);
        let server = server.map(|id| parse_id("McpServer", "filter.mcpServerId", &id));
        let agent = agent.map(|id| parse_id("Agent", "filter.agentId", &id));
        let filter = Words {
            server: server.transpose()?,
            agent: agent.transpose()?,
            is_revoked: filter.is_revoked,
        };
        let found = request.app.list_mcp_attestations(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// The discovery inbox: MCP servers that were seen and that nobody registered, newest first. Needs
    /// `VIEWER`.
    async fn mcp_sightings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which servers; all when left out.")] filter: Option<McpSightingFilter>,
    ) -> Result<McpSightingConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("McpSighting", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let filter = Sightings {
            status: filter.status.map(Into::into),
            method: filter.method.map(Into::into),
            search: filter.search,
        };
        let found = request.app.list_mcp_sightings(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
