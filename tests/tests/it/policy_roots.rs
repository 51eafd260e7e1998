//! Root fields of policies.

use serde_json::json;

use crate::roots::{ADMIN, BY_ID, Foreigner, PAGE, Root, VIEWER, mutation, nothing, query};

pub(crate) const ROOTS: &[Root] = &[
    query(
        "simulateAction",
        VIEWER,
        Foreigner::Null,
        "(input: { agentId: $id, action: \"files:read\" }) { decision }",
        |ids| json!(ids.agent),
    ),
    query(
        "explainVerification",
        VIEWER,
        Foreigner::Null,
        "(id: $id) { verification { id } }",
        |ids| json!(ids.verification),
    ),
    query(
        "backtestPolicy",
        VIEWER,
        Foreigner::Own,
        "(input: { from: \"2020-01-01T00:00:00Z\", to: \"2020-01-02T00:00:00Z\", text: { name: \"a test\",
            rule: { risk: LOW }, effect: ALERT, severity: LOW } }) { examinedCount }",
        nothing,
    ),
    query("policy", VIEWER, Foreigner::Null, BY_ID, |ids| {
        json!(ids.policy)
    }),
    query("policies", VIEWER, Foreigner::Empty, PAGE, nothing),
    query("policyBundle", VIEWER, Foreigner::Own, "", nothing),
    mutation("applyPolicies", ADMIN, Foreigner::Own, |_| {
        json!({ "bundle": "{\"version\":1,\"policies\":[]}", "reason": "a test" })
    }),
    mutation("publishPolicy", ADMIN, Foreigner::NotFound, |ids| {
        json!({ "policyId": ids.policy, "reason": "a test", "text": {
            "name": "a test", "rule": { "risk": "LOW" }, "effect": "ALERT", "severity": "LOW",
        } })
    }),
    mutation(
        "changePolicyMode",
        ADMIN,
        Foreigner::NotFound,
        |ids| json!({ "policyId": ids.policy, "mode": "SHADOW", "reason": "a test" }),
    ),
    mutation(
        "archivePolicy",
        ADMIN,
        Foreigner::NotFound,
        |ids| json!({ "policyId": ids.policy, "reason": "a test" }),
    ),
];
