//! Root fields of MCP servers.

use serde_json::{Value, json};

use crate::roots::{
    BY_ID, Foreigner, Ids, MANAGER, MEMBER, PAGE, READ, Root, mutation, nothing, query,
};

/// A server of the organization that has everything.
pub(crate) const SERVER: &str = "INSERT INTO mcp_servers (id, organization_id, name, live_name, description,
    transport, tags, status, status_changed_at, status_changed_by, created_by, created_at, updated_at)
    SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f621', organization_id, 'tools', 'tools', '', 'STDIO', '[]',
    'PENDING', created_at, 'user:1', 'user:1', created_at, created_at FROM agents WHERE name = 'reader'";
/// The global id of that: `McpServer:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f621`.
pub(crate) const SERVER_ID: &str = "TWNwU2VydmVyOjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjYyMQ";

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
    mutation("deleteMcpServer", MANAGER, Foreigner::NotFound, because),
];
