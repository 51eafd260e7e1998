//! Reporting servers that were seen, and answering such reports.

use aim_app::Sighted;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::McpTransport;
use super::super::id::parse_id;
use super::super::sighting_enums::McpSightingMethod;
use super::super::types::{McpServer, McpServerReport, McpSighting};
use super::super::user_error::payload;

/// A server that was seen.
#[derive(Debug, InputObject)]
struct McpServerSightingInput {
    /// What it is called, at most 128 bytes.
    name: String,
    /// How it is spoken to.
    transport: McpTransport,
    /// Where it is, for `STREAMABLE_HTTP` alone, which needs it: without user, password, query and fragment.
    url: Option<String>,
    /// SHA-256 of the command that starts it, 64 hexadecimal digits, for `STDIO` alone; `docs/mcp.md` says
    /// how it leaves secrets out.
    command_digest: Option<String>,
    /// How it was seen.
    method: McpSightingMethod,
    /// How sure you are, 0 to 1.
    confidence: f64,
    /// What it was found in, such as `Cursor`, at most 128 bytes.
    source: Option<String>,
}

/// What was seen.
#[derive(Debug, InputObject)]
struct ReportMcpServersInput {
    /// The servers, 1 to 100.
    servers: Vec<McpServerSightingInput>,
}

/// Which server of the inbox to register.
#[derive(Debug, InputObject)]
struct AdoptMcpSightingInput {
    /// Global id of the sighting.
    mcp_sighting_id: ID,
    /// The name to register it by; the one that it was seen by when left out.
    name: Option<String>,
    /// Where it is, for one that was only called; the URL that it was seen at when left out.
    url: Option<String>,
}

/// Which server of the inbox to leave alone.
#[derive(Debug, InputObject)]
struct DismissMcpSightingInput {
    /// Global id of the sighting.
    mcp_sighting_id: ID,
    /// Why; kept with it and in the audit trail.
    reason: String,
}

payload!(ReportMcpServersPayload, ReportMcpServersError, /// What became of the report.
    report: McpServerReport);
payload!(AdoptMcpSightingPayload, AdoptMcpSightingError, /// The server, `PENDING` until it is approved.
    mcp_server: McpServer);
payload!(DismissMcpSightingPayload, DismissMcpSightingError, /// The sighting.
    mcp_sighting: McpSighting);

impl From<McpServerSightingInput> for Sighted {
    fn from(input: McpServerSightingInput) -> Self {
        Self {
            name: input.name,
            transport: Some(input.transport.into()),
            url: input.url,
            command_digest: input.command_digest,
            method: input.method.into(),
            confidence: input.confidence,
            source: input.source,
        }
    }
}

/// Mutations of the discovery inbox.
#[derive(Debug, Default)]
pub(crate) struct McpSightingMutations;

#[Object]
impl McpSightingMutations {
    /// Says which MCP servers were seen, on a machine or in a program. Those that nobody registered wait in
    /// the discovery inbox: a report registers nothing. For agents, too, by their signature. Needs `MEMBER`.
    async fn report_mcp_servers(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What was seen.")] input: ReportMcpServersInput,
    ) -> Result<ReportMcpServersPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReportMcpServers)?;
        let seen = input.servers.into_iter().map(Sighted::from).collect();
        let (app, actor) = (&request.app, &request.actor);
        let outcome = app.report_mcp_servers(actor, &permit, seen);
        ReportMcpServersPayload::of(outcome.await)
    }

    /// Registers a server of the discovery inbox; it is `PENDING`, like any other. Needs `MEMBER`.
    async fn adopt_mcp_sighting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: AdoptMcpSightingInput,
    ) -> Result<AdoptMcpSightingPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RegisterMcpServers)?;
        let id = parse_id("McpSighting", "mcpSightingId", &input.mcp_sighting_id)?;
        let known_as = (input.name, input.url);
        let outcome = request.app.adopt_mcp_sighting(&permit, id, known_as);
        AdoptMcpSightingPayload::of(outcome.await)
    }

    /// Leaves a server of the discovery inbox alone; it does not come back, and stays unknown to policies.
    /// Needs `MANAGER`.
    async fn dismiss_mcp_sighting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: DismissMcpSightingInput,
    ) -> Result<DismissMcpSightingPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageMcpServers)?;
        let id = parse_id("McpSighting", "mcpSightingId", &input.mcp_sighting_id)?;
        let app = &request.app;
        let outcome = app.dismiss_mcp_sighting(&permit, id, input.reason);
        DismissMcpSightingPayload::of(outcome.await)
    }
}
