//! Root fields of agents that were seen.

use serde_json::json;

use crate::roots::{Foreigner, MANAGER, MEMBER, Needs, PAGE, READ, Root, mutation, nothing, query};

/// An agent that nobody registered.
pub(crate) const AGENT_SIGHTING: &str = "INSERT INTO agent_sightings (id, organization_id, name, key_id, method,
    confidence, source, status, reported_by, first_seen_at, last_seen_at, sighting_count)
    SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f626', organization_id, 'seen', '', 'CODE', 5000, 'a repository',
    'OPEN', 'user:1', created_at, created_at, 1 FROM agents WHERE name = 'reader'";
/// The global id of that: `AgentSighting:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f626`.
const SIGHTING_ID: &str = "QWdlbnRTaWdodGluZzowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2MjY";

pub(crate) const ROOTS: &[Root] = &[
    query("agentSightings", READ, Foreigner::Empty, PAGE, nothing),
    mutation(
        "reportAgents",
        Needs::RoleOrAgent("MEMBER"),
        Foreigner::Own,
        |_| json!({ "agents": [{ "name": "a-test", "method": "CODE", "confidence": 1 }] }),
    ),
    mutation(
        "adoptAgentSighting",
        MEMBER,
        Foreigner::NotFound,
        |_| json!({ "agentSightingId": SIGHTING_ID, "generateKey": true }),
    ),
    mutation(
        "dismissAgentSighting",
        MANAGER,
        Foreigner::NotFound,
        |_| json!({ "agentSightingId": SIGHTING_ID, "reason": "a test" }),
    ),
];
