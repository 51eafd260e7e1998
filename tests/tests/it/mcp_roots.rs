//! Root fields of MCP servers.

use serde_json::{Value, json};

use crate::roots::{
    BY_ID, Foreigner, Ids, MANAGER, MEMBER, Needs, PAGE, READ, Root, mutation, nothing, query,
};

/// A server of the organization that has everything.
pub(crate) const SERVER: &str = "INSERT INTO mcp_servers (id, organization_id, name, live_name, description,
    transport, tags, status, status_changed_at, status_changed_by, created_by, created_at, updated_at)
    SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f621', organization_id, 'tools', 'tools', '', 'STDIO', '[]',
    'PENDING', created_at, 'user:1', 'user:1', created_at, created_at FROM agents WHERE name = 'reader'";
/// The global id of that: `McpServer:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f621`.
pub(crate) const SERVER_ID: &str = "TWNwU2VydmVyOjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjYyMQ";

/// A word about it.
pub(crate) const ATTESTATION: &str = "INSERT INTO mcp_attestations (id, organization_id, server_id, agent_id,
    live_agent_id, agent_key_id, sponsor, digest, tools, latency_ms, observed_at, signature, weight,
    received_at, expires_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f622', organization_id,
    x'0190a1b2c3d47e8f90a1b2c3d4e5f621', id, id, id, 'user:1', 'a test', '[]', 1, created_at, 'none', 0,
    created_at, created_at FROM agents WHERE name = 'reader'";
/// The global id of that: `McpAttestation:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f622`.
const ATTESTATION_ID: &str = "TWNwQXR0ZXN0YXRpb246MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjIy";
/// A server that nobody registered.
pub(crate) const SIGHTING: &str = "INSERT INTO mcp_sightings (id, organization_id, fingerprint, name, transport,
    method, confidence, source, status, reported_by, first_seen_at, last_seen_at, sighting_count)
    SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f623', organization_id, 'a test', 'seen', 'STDIO', 'CODE', 5000,
    'a client', 'OPEN', 'user:1', created_at, created_at, 1 FROM agents WHERE name = 'reader'";
/// The global id of that: `McpSighting:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f623`.
const SIGHTING_ID: &str = "TWNwU2lnaHRpbmc6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjIz";

fn because(_: &Ids) -> Value {
    json!({ "mcpServerId": SERVER_ID, "reason": "a test" })
}

pub(crate) const ROOTS: &[Root] = &[
    query("mcpServer", READ, Foreigner::Null, BY_ID, |_| {
        json!(SERVER_ID)
    }),
    query("mcpServers", READ, Foreigner::Empty, PAGE, nothing),
    mutation(
        "registerMcpServer",
        MEMBER,
        Foreigner::Own,
        |_| json!({ "name": "a test", "transport": "STDIO" }),
    ),
    mutation(
        "updateMcpServer",
        MANAGER,
        Foreigner::NotFound,
        |_| json!({ "mcpServerId": SERVER_ID, "tags": ["a test"] }),
    ),
    mutation(
        "inspectMcpServer",
        MEMBER,
        Foreigner::NotFound,
        |_| json!({ "mcpServerId": SERVER_ID }),
    ),
    mutation(
        "reportMcpManifest",
        MEMBER,
        Foreigner::NotFound,
        |_| json!({ "mcpServerId": SERVER_ID, "manifest": {} }),
    ),
    mutation(
        "approveMcpManifest",
        MANAGER,
        Foreigner::NotFound,
        |_| json!({ "mcpServerId": SERVER_ID, "digest": "none", "reason": "a test" }),
    ),
    mutation("suspendMcpServer", MANAGER, Foreigner::NotFound, because),
    mutation("reinstateMcpServer", MANAGER, Foreigner::NotFound, because),
    mutation("revokeMcpServer", MANAGER, Foreigner::NotFound, because),
    query("mcpAttestations", READ, Foreigner::Empty, PAGE, nothing),
    query("mcpSightings", READ, Foreigner::Empty, PAGE, nothing),
    mutation("attestMcpServer", Needs::Agent, Foreigner::Own, |ids| {
        json!({ "mcpServerId": SERVER_ID, "digest": "a".repeat(64), "tools": [], "latencyMs": 1,
            "observedAt": ids.soon, "signature": "none" })
    }),
    mutation(
        "revokeMcpAttestation",
        MANAGER,
        Foreigner::NotFound,
        |_| json!({ "mcpAttestationId": ATTESTATION_ID, "reason": "a test" }),
    ),
    mutation(
        "reportMcpServers",
        Needs::RoleOrAgent("MEMBER"),
        Foreigner::Own,
        |_| {
            json!({ "servers": [{ "name": "a test", "transport": "STDIO", "method": "CODE",
                "confidence": 1 }] })
        },
    ),
    mutation(
        "adoptMcpSighting",
        MEMBER,
        Foreigner::NotFound,
        |_| json!({ "mcpSightingId": SIGHTING_ID, "name": "another" }),
    ),
    mutation(
        "dismissMcpSighting",
        MANAGER,
        Foreigner::NotFound,
        |_| json!({ "mcpSightingId": SIGHTING_ID, "reason": "a test" }),
    ),
    mutation("deleteMcpServer", MANAGER, Foreigner::NotFound, because),
];
