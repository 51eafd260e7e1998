//! Root fields of approvals.

use serde_json::json;

use crate::roots::{
    ADMIN, Foreigner, MANAGER, Needs, PAGE, READ, Root, mutation, nothing, query, subscription,
};

/// A grant of approval of the scene's agent.
pub(crate) const APPROVAL_GRANT: &str =
    "INSERT INTO approval_grants (id, organization_id, agent_id, action, use_count, reason,
    granted_by, created_at, expires_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f610', organization_id,
    id, 'mail:*', 0, 'a test', 'user:1', created_at, '2999-01-01 00:00:00+00:00' FROM agents
    WHERE name = 'reader'";
/// The global id of that: `ApprovalGrant:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f610`.
const APPROVAL_GRANT_ID: &str =
    "QXBwcm92YWxHcmFudDowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2MTA";

/// What the scene's agent asks for.
pub(crate) const CAPABILITY_REQUEST: &str =
    "INSERT INTO capability_requests (id, organization_id, agent_id, capability, reason, status,
    live_key, created_at, expires_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f611', organization_id, id,
    'mail:send', 'a test', 'PENDING', 'mail:send', created_at, '2999-01-01 00:00:00+00:00' FROM agents
    WHERE name = 'reader'";
/// The global id of that: `CapabilityRequest:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f611`.
const REQUEST_ID: &str = "Q2FwYWJpbGl0eVJlcXVlc3Q6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjEx";

/// What it attempted without a grant.
pub(crate) const VIOLATION: &str =
    "INSERT INTO capability_violations (id, organization_id, agent_id, action, resource, risk, severity,
    attempts, first_at, last_at, verification_id) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f612',
    organization_id, id, 'mail:send', '', 'HIGH', 'HIGH', 1, created_at, created_at, id FROM agents
    WHERE name = 'reader'";

pub(crate) const ROOTS: &[Root] = &[
    query("approvals", READ, Foreigner::Empty, PAGE, nothing),
    query("approvalGrants", READ, Foreigner::Empty, PAGE, nothing),
    query(
        "approvalSettings",
        READ,
        Foreigner::Own,
        "{ waitSeconds }",
        nothing,
    ),
    query(
        "awaitApproval",
        READ,
        Foreigner::Null,
        "(verificationId: $id, waitSeconds: 0) { id }",
        |ids| json!(ids.verification),
    ),
    mutation(
        "approveVerification",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "verificationId": ids.pending }),
    ),
    mutation(
        "denyVerification",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "verificationId": ids.pending }),
    ),
    Root {
        rest: "(input: $input) { results { items { code } } userErrors { code } }",
        ..mutation(
            "answerVerifications",
            MANAGER,
            Foreigner::Own,
            |ids| json!({ "answers": [{ "verificationId": ids.pending, "isApproved": true }] }),
        )
    },
    mutation(
        "presentApproval",
        Needs::Agent,
        Foreigner::NotFound,
        |ids| json!({ "verificationId": ids.pending, "action": "db:delete", "resource": "/data" }),
    ),
    mutation(
        "grantApproval",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent, "action": "mail:*", "expiresAt": ids.soon, "reason": "a test" }),
    ),
    mutation(
        "revokeApprovalGrant",
        MANAGER,
        Foreigner::NotFound,
        |_| json!({ "approvalGrantId": APPROVAL_GRANT_ID, "reason": "a test" }),
    ),
    mutation(
        "setApprovalSettings",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "waitSeconds": 600, "reason": "a test" }),
    ),
    subscription("approvalChanged"),
    subscription("capabilityRequestChanged"),
    query("capabilityGrants", READ, Foreigner::Empty, PAGE, nothing),
    query("capabilityRequests", READ, Foreigner::Empty, PAGE, nothing),
    query(
        "capabilityViolations",
        READ,
        Foreigner::Empty,
        PAGE,
        nothing,
    ),
    query(
        "verificationStats",
        READ,
        Foreigner::Own,
        "(agentId: $id) { sampleCount }",
        |ids| json!(ids.agent),
    ),
    mutation(
        "requestCapability",
        Needs::Agent,
        Foreigner::Own,
        |_| json!({ "capability": "crm:read", "reason": "a test" }),
    ),
    mutation(
        "rejectCapabilityRequest",
        MANAGER,
        Foreigner::NotFound,
        |_| json!({ "requestId": REQUEST_ID, "reason": "a test" }),
    ),
    mutation(
        "approveCapabilityRequest",
        MANAGER,
        Foreigner::NotFound,
        |_| json!({ "requestId": REQUEST_ID, "reason": "a test" }),
    ),
    mutation(
        "verifyActions",
        Needs::Agent,
        Foreigner::Own,
        |_| json!({ "actions": [{ "action": "files:read" }] }),
    ),
];
