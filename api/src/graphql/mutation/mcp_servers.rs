//! Registering MCP servers, and holding them to what was approved.

use aim_app::{McpStatusChange, RegisterMcpServer, UpdateMcpServer};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Json, Object, Result};
use serde_json::Value;

use super::super::context::RequestContext;
use super::super::enums::McpTransport;
use super::super::id::parse_id;
use super::super::types::McpServer;
use super::super::user_error::payload;

/// A server to register.
#[derive(Debug, InputObject)]
struct RegisterMcpServerInput {
    /// Its name, unique in your organization: letters, digits and `. _ -`, without `__`.
    name: String,
    /// What it is for, at most 2,000 bytes.
    #[graphql(default)]
    description: String,
    /// How it is spoken to.
    transport: McpTransport,
    /// Where it is, unique in your organization; for `STREAMABLE_HTTP` alone, which needs it.
    url: Option<String>,
    /// The Ed25519 key that it signs challenges with, in base64url; for `STREAMABLE_HTTP` alone.
    public_key: Option<String>,
    /// Words that people sort servers by, at most 50.
    #[graphql(default)]
    tags: Vec<String>,
}

/// What is to be said of a server; what is left out stays, an empty text takes back.
#[derive(Debug, InputObject)]
struct UpdateMcpServerInput {
    /// Global id of the server.
    mcp_server_id: ID,
    /// What it is for.
    description: Option<String>,
    /// Where it is. One that moves has to be approved again.
    url: Option<String>,
    /// The key that it signs challenges with. One with another key has to be approved again.
    public_key: Option<String>,
    /// Words that people sort servers by.
    tags: Option<Vec<String>>,
}

/// Which server to ask.
#[derive(Debug, InputObject)]
struct InspectMcpServerInput {
    /// Global id of the server.
    mcp_server_id: ID,
}

/// What somebody saw of a server.
#[derive(Debug, InputObject)]
struct ReportMcpManifestInput {
    /// Global id of the server.
    mcp_server_id: ID,
    /// What `aim mcp inspect` printed.
    manifest: Json<Value>,
}

/// What is approved.
#[derive(Debug, InputObject)]
struct ApproveMcpManifestInput {
    /// Global id of the server.
    mcp_server_id: ID,
    /// The digest of the manifest that was looked at.
    digest: String,
    /// Why; kept with the manifest and in the audit trail.
    reason: String,
}

/// Which server, and why.
#[derive(Debug, InputObject)]
struct SuspendMcpServerInput {
    /// Global id of the server.
    mcp_server_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Which server, and why.
#[derive(Debug, InputObject)]
struct ReinstateMcpServerInput {
    /// Global id of the server.
    mcp_server_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Which server, and why.
#[derive(Debug, InputObject)]
struct RevokeMcpServerInput {
    /// Global id of the server.
    mcp_server_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Which server, and why.
#[derive(Debug, InputObject)]
struct DeleteMcpServerInput {
    /// Global id of the server.
    mcp_server_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(RegisterMcpServerPayload, RegisterMcpServerError, /// The server.
    mcp_server: McpServer);
payload!(UpdateMcpServerPayload, UpdateMcpServerError, /// The server.
    mcp_server: McpServer);
payload!(InspectMcpServerPayload, InspectMcpServerError, /// The server as it is now.
    mcp_server: McpServer);
payload!(ReportMcpManifestPayload, ReportMcpManifestError, /// The server as it is now.
    mcp_server: McpServer);
payload!(ApproveMcpManifestPayload, ApproveMcpManifestError, /// The server.
    mcp_server: McpServer);
payload!(SuspendMcpServerPayload, SuspendMcpServerError, /// The server.
    mcp_server: McpServer);
payload!(ReinstateMcpServerPayload, ReinstateMcpServerError, /// The server.
    mcp_server: McpServer);
payload!(RevokeMcpServerPayload, RevokeMcpServerError, /// The server.
    mcp_server: McpServer);
payload!(DeleteMcpServerPayload, DeleteMcpServerError, /// What was deleted.
    mcp_server: McpServer);

/// Mutations of MCP servers.
#[derive(Debug, Default)]
pub(crate) struct McpServerMutations;

#[Object]
impl McpServerMutations {
    /// Registers an MCP server; it is `PENDING`, and nothing is asked of it yet. Needs `MEMBER`.
    async fn register_mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it is, and where.")] input: RegisterMcpServerInput,
    ) -> Result<RegisterMcpServerPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RegisterMcpServers)?;
        let input = RegisterMcpServer {
            name: input.name,
            description: input.description,
            transport: input.transport.into(),
            url: input.url,
            public_key: input.public_key,
            tags: input.tags,
        };
        RegisterMcpServerPayload::of(request.app.register_mcp_server(&permit, input).await)
    }

    /// Changes what is said of an MCP server. Needs `MANAGER`.
    async fn update_mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which server, and what is to be said of it.")]
        input: UpdateMcpServerInput,
    ) -> Result<UpdateMcpServerPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageMcpServers)?;
        let id = parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?;
        let input = UpdateMcpServer {
            description: input.description,
            url: input.url,
            public_key: input.public_key,
            tags: input.tags,
        };
        UpdateMcpServerPayload::of(request.app.update_mcp_server(&permit, id, input).await)
    }

    /// Asks a server at a URL what it is: initialize, tools, prompts, resources. What differs from what
    /// was approved raises an alert. Needs `MEMBER`.
    async fn inspect_mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which server.")] input: InspectMcpServerInput,
    ) -> Result<InspectMcpServerPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RegisterMcpServers)?;
        let id = parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?;
        InspectMcpServerPayload::of(request.app.inspect_mcp_server(&permit, id).await)
    }

    /// Says what a server is that is a process on a machine of yours, as `aim mcp report` does. What
    /// differs from what was approved raises an alert. Needs `MEMBER`.
    async fn report_mcp_manifest(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which server, and what it says of itself.")]
        input: ReportMcpManifestInput,
    ) -> Result<ReportMcpManifestPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RegisterMcpServers)?;
        let id = parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?;
        let app = &request.app;
        let outcome = app.report_mcp_manifest(&permit, id, input.manifest.0);
        ReportMcpManifestPayload::of(outcome.await)
    }

    /// Approves what a server says of itself now: it is pinned, drift is settled, and a `PENDING` server
    /// is `VERIFIED`. For people alone. Needs `MANAGER`.
    async fn approve_mcp_manifest(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which server, what was looked at, and why.")]
        input: ApproveMcpManifestInput,
    ) -> Result<ApproveMcpManifestPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ApproveMcpServers)?;
        let id = parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?;
        let app = &request.app;
        let outcome = app.approve_mcp_manifest(&permit, id, &input.digest, input.reason);
        ApproveMcpManifestPayload::of(outcome.await)
    }

    /// Stops an MCP server for now, as far as policies ask for `VERIFIED` ones. Needs `MANAGER`.
    async fn suspend_mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which server, and why.")] input: SuspendMcpServerInput,
    ) -> Result<SuspendMcpServerPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageMcpServers)?;
        let id = parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?;
        let (app, change) = (&request.app, McpStatusChange::Suspend);
        let outcome = app.change_mcp_server_status(&permit, id, change, input.reason);
        SuspendMcpServerPayload::of(outcome.await)
    }

    /// Lets a suspended MCP server go on as before. Needs `MANAGER`.
    async fn reinstate_mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which server, and why.")] input: ReinstateMcpServerInput,
    ) -> Result<ReinstateMcpServerPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageMcpServers)?;
        let id = parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?;
        let (app, change) = (&request.app, McpStatusChange::Reinstate);
        let outcome = app.change_mcp_server_status(&permit, id, change, input.reason);
        ReinstateMcpServerPayload::of(outcome.await)
    }

    /// Ends an MCP server for ever. Needs `MANAGER`.
    async fn revoke_mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which server, and why.")] input: RevokeMcpServerInput,
    ) -> Result<RevokeMcpServerPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageMcpServers)?;
        let id = parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?;
        let (app, change) = (&request.app, McpStatusChange::Revoke);
        let outcome = app.change_mcp_server_status(&permit, id, change, input.reason);
        RevokeMcpServerPayload::of(outcome.await)
    }

    /// Deletes an MCP server: to decisions it is not registered any more, and its name and URL are free
    /// again. What it said stays on record. Needs `MANAGER`.
    async fn delete_mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which server, and why.")] input: DeleteMcpServerInput,
    ) -> Result<DeleteMcpServerPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageMcpServers)?;
        let id = parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?;
        let outcome = request.app.delete_mcp_server(&permit, id, input.reason);
        DeleteMcpServerPayload::of(outcome.await)
    }
}
