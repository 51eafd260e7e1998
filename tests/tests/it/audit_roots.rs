//! Root fields of the audit log, and those that are asked last: they end what others need.

use serde_json::json;

use crate::roots::{
    ADMIN, BY_ID, Foreigner, MANAGER, OWNER, PAGE, Root, agent_because, mutation, nothing, query,
    subscription, user_because,
};

pub(crate) const ROOTS: &[Root] = &[
    query("auditEntry", ADMIN, Foreigner::Null, BY_ID, |ids| {
        json!(ids.audit_entry)
    }),
    query("auditLog", ADMIN, Foreigner::Own, " { origin }", nothing),
    query(
        "auditCheckpoint",
        ADMIN,
        Foreigner::Own,
        " { treeSize }",
        nothing,
    ),
    // One comes every second while somebody acts.
    query("auditCheckpoints", ADMIN, Foreigner::Empty, PAGE, nothing),
    query(
        "auditConsistencyProof",
        ADMIN,
        Foreigner::Own,
        "(fromSize: 1) { hashes }",
        nothing,
    ),
    query("auditErasures", ADMIN, Foreigner::Empty, PAGE, nothing),
    mutation(
        "setAuditRetention",
        OWNER,
        Foreigner::Own,
        |_| json!({ "days": 3650, "reason": "a test" }),
    ),
    mutation(
        "engageLegalHold",
        OWNER,
        Foreigner::Own,
        |_| json!({ "reason": "a test" }),
    ),
    mutation(
        "releaseLegalHold",
        OWNER,
        Foreigner::Own,
        |_| json!({ "reason": "a test" }),
    ),
    mutation(
        "eraseAuditSubject",
        OWNER,
        Foreigner::Own,
        // Nobody.
        |_| json!({ "userId": "VXNlcjowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2MDc", "reason": "a test" }),
    ),
    mutation(
        "addCheckpointWitness",
        OWNER,
        Foreigner::Own,
        |_| json!({ "verifierKey": "no key", "reason": "a test" }),
    ),
    mutation(
        "removeCheckpointWitness",
        OWNER,
        Foreigner::NotFound,
        |ids| json!({ "witnessId": ids.witness, "reason": "a test" }),
    ),
    mutation(
        "submitCheckpointCosignature",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "treeSize": 1, "cosignature": "nothing" }),
    ),
    Root {
        needs: ADMIN,
        rest: "(after: \"ZXZlbnQ6MA\") { cursor rootHash }",
        ..subscription("auditCheckpointed")
    },
    Root {
        needs: ADMIN,
        rest: "(after: \"ZXZlbnQ6MA\") { cursor reason }",
        ..subscription("auditStopChanged")
    },
];

pub(crate) const LAST: &[Root] = &[
    mutation(
        "updateUserRole",
        ADMIN,
        Foreigner::NotFound,
        |ids| json!({ "userId": ids.user, "role": "VIEWER", "reason": "a test" }),
    ),
    mutation("deactivateUser", ADMIN, Foreigner::NotFound, user_because),
    mutation("activateUser", ADMIN, Foreigner::NotFound, user_because),
    mutation("removeUser", ADMIN, Foreigner::NotFound, user_because),
    // Behind whatever an agent does: it can do nothing more.
    mutation(
        "revokeAgentKey",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "keyId": ids.key, "reason": "a test" }),
    ),
    mutation("revokeAgent", MANAGER, Foreigner::NotFound, agent_because),
    mutation("deleteAgent", MANAGER, Foreigner::NotFound, agent_because),
];
