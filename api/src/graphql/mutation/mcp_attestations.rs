//! Saying what one saw of an MCP server.

use aim_app::AttestMcpServer;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::McpAttestation;
use super::super::user_error::payload;

/// What the agent saw.
#[derive(Debug, InputObject)]
struct AttestMcpServerInput {
    /// Global id of the server.
    mcp_server_id: ID,
    /// The digest of the manifest that it saw, 64 hexadecimal digits.
    digest: String,
    /// The names of the tools that it saw, at most 2,000.
    tools: Vec<String>,
    /// How many milliseconds the server took to answer.
    latency_ms: u32,
    /// When it saw that, at most five minutes ago; whole seconds are signed.
    observed_at: DateTime<Utc>,
    /// Its Ed25519 signature in base64url over the statement, see `docs/mcp.md`, by the key that signed the
    /// request.
    signature: String,
}

/// Which word to take back.
#[derive(Debug, InputObject)]
struct RevokeMcpAttestationInput {
    /// Global id of the attestation.
    mcp_attestation_id: ID,
    /// Why; kept with it and in the audit trail.
    reason: String,
}

payload!(AttestMcpServerPayload, AttestMcpServerError, /// The attestation.
    mcp_attestation: McpAttestation);
payload!(RevokeMcpAttestationPayload, RevokeMcpAttestationError, /// The attestation.
    mcp_attestation: McpAttestation);

/// Mutations of attestations.
#[derive(Debug, Default)]
pub(crate) struct McpAttestationMutations;

#[Object]
impl McpAttestationMutations {
    /// Says what an agent saw of an MCP server, in the place of what it said before. It counts for 24 hours.
    /// What is not what was approved raises an alert. For agents, by their signature.
    async fn attest_mcp_server(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it saw, signed.")] input: AttestMcpServerInput,
    ) -> Result<AttestMcpServerPayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let input = AttestMcpServer {
            server: parse_id("McpServer", "mcpServerId", &input.mcp_server_id)?,
            digest: input.digest,
            tools: input.tools,
            latency_ms: input.latency_ms,
            observed_at: input.observed_at,
            signature: input.signature,
        };
        let app = &request.app;
        let outcome = app.attest_mcp_server(agent, input, &request.request_id);
        AttestMcpServerPayload::of(outcome.await)
    }

    /// Takes an agent's word about an MCP server back: it counts no more. Needs `MANAGER`.
    async fn revoke_mcp_attestation(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: RevokeMcpAttestationInput,
    ) -> Result<RevokeMcpAttestationPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageMcpServers)?;
        let id = parse_id(
            "McpAttestation",
            "mcpAttestationId",
            &input.mcp_attestation_id,
        )?;
        let app = &request.app;
        let outcome = app.revoke_mcp_attestation(&permit, id, input.reason);
        RevokeMcpAttestationPayload::of(outcome.await)
    }
}
