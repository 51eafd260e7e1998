//! MCP servers.

use aim_domain::role::Permission;
use aim_store::mcp_servers::McpServerFilter as Filter;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::{McpServerStatus, McpTransport};
use super::super::id::parse_id;
use super::super::types::{McpServer, McpServerConnection};

/// Which servers; all that is given has to hold.
#[derive(Debug, Default, InputObject)]
pub(super) struct McpServerFilter {
    /// In this status.
    status: Option<McpServerStatus>,
    /// Spoken to like this.
    transport: Option<McpTransport>,
    /// With a name, URL or description that holds this text, whatever its case.
    search: Option<String>,
    /// With this tag.
    tag: Option<String>,
    /// That are not what was approved, or that are.
    is_in_drift: Option<bool>,
    /// Only deleted ones, which are in no other list.
    #[graphql(default)]
    is_deleted: bool,
}

/// Queries about MCP servers.
#[derive(Debug, Default)]
pub(crate) struct McpServerQueries;

#[Object]
impl McpServerQueries {
    /// An MCP server, also a deleted one; null when there is none with this id in your organization.
    /// Needs `VIEWER`.
    async fn mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<McpServer>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let id = parse_id("McpServer", "id", &id)?;
        let found = request.app.find_mcp_server(&permit, id).await;
        Ok(found.map_err(fault)?.map(McpServer::from))
    }

    /// MCP servers, newest first. Needs `VIEWER`.
    async fn mcp_servers(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which servers; all that are not deleted when left out.")] filter: Option<
            McpServerFilter,
        >,
    ) -> Result<McpServerConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("McpServer", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let filter = Filter {
            status: filter.status.map(Into::into),
            transport: filter.transport.map(Into::into),
            search: filter.search,
            tag: filter.tag,
            is_in_drift: filter.is_in_drift,
            is_deleted: filter.is_deleted,
        };
        let found = request.app.list_mcp_servers(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
