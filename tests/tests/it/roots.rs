//! Every root field of the schema: how it is asked, and who may.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// Who may ask a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Everybody.
    Nothing,
    /// Whoever shows a secret in the input: without it, nobody is.
    Holder,
    /// A signed-in person.
    Person,
    /// An agent, by its signature.
    Agent,
    /// A person with this role or a higher one.
    Role(&'static str),
    /// As [`Needs::Role`], and agents.
    RoleOrAgent(&'static str),
}

/// What somebody of another organization gets who may ask, but has nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreigner {
    /// Null.
    Null,
    /// A connection of nothing.
    Empty,
    /// A user error with the code `NOT_FOUND`.
    NotFound,
    /// What is everybody's, or their own.
    Own,
}

/// Ids of one organization's objects.
pub(crate) struct Ids {
    pub(crate) agent: String,
    pub(crate) grant: String,
    pub(crate) key: String,
    pub(crate) delegation: String,
    /// A rotation whose proof is somebody else's.
    pub(crate) rotation: Value,
    pub(crate) verification: String,
    pub(crate) pending: String,
    pub(crate) alert: String,
    pub(crate) suppression: String,
    pub(crate) model: String,
    pub(crate) policy: String,
    pub(crate) audit_entry: String,
    pub(crate) witness: String,
    pub(crate) session: String,
    pub(crate) sdk_token: String,
    pub(crate) api_key: String,
    pub(crate) user: String,
    /// A registration that nobody has made yet.
    pub(crate) registration: Value,
    pub(crate) credentials: Value,
    pub(crate) passwords: Value,
    pub(crate) soon: String,
}

/// A root field.
pub(crate) struct Root {
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    pub(crate) foreigner: Foreigner,
    /// Arguments and selection.
    pub(crate) rest: &'static str,
    pub(crate) id: fn(&Ids) -> Value,
}

impl Root {
    /// The body of a request for it.
    pub(crate) fn body(&self, ids: &Ids) -> Value {
        let value = (self.id)(ids);
        let variable = match (self.kind, value.is_null()) {
            (_, true) => String::new(),
            ("mutation", false) => {
                let (first, rest) = self.name.split_at(1);
                format!("($input: {}{rest}Input!)", first.to_uppercase())
            }
            (_, false) => "($id: ID!)".to_owned(),
        };
        let (kind, name, rest) = (self.kind, self.name, self.rest);
        let variables = match (kind, value.is_null()) {
            (_, true) => json!({}),
            ("mutation", false) => json!({ "input": value }),
            (_, false) => json!({ "id": value }),
        };
        json!({ "query": format!("{kind}{variable} {{ {name}{rest} }}"), "variables": variables })
    }
}

/// A query for one object by its id, or, without `id`, for what the asker has.
pub(crate) const fn query(
    name: &'static str,
    needs: Needs,
    foreigner: Foreigner,
    rest: &'static str,
    id: fn(&Ids) -> Value,
) -> Root {
    let kind = "query";
    Root {
        kind,
        name,
        needs,
        foreigner,
        rest,
        id,
    }
}

pub(crate) const fn mutation(
    name: &'static str,
    needs: Needs,
    foreigner: Foreigner,
    id: fn(&Ids) -> Value,
) -> Root {
    let (kind, rest) = ("mutation", "(input: $input) { userErrors { code } }");
    Root {
        kind,
        name,
        needs,
        foreigner,
        rest,
        id,
    }
}

pub(crate) const fn subscription(name: &'static str) -> Root {
    Root {
        kind: "subscription",
        name,
        needs: READ,
        foreigner: Foreigner::Empty,
        // Behind the cursor of nothing: everything that ever happened.
        rest: "(after: \"ZXZlbnQ6MA\") { cursor agentId }",
        id: nothing,
    }
}

pub(crate) const READ: Needs = Needs::RoleOrAgent("VIEWER");
pub(crate) const VIEWER: Needs = Needs::Role("VIEWER");
pub(crate) const OWNER: Needs = Needs::Role("OWNER");
pub(crate) const ADMIN: Needs = Needs::Role("ADMIN");
pub(crate) const MEMBER: Needs = Needs::Role("MEMBER");
pub(crate) const MANAGER: Needs = Needs::Role("MANAGER");
pub(crate) const BY_ID: &str = "(id: $id) { id }";
pub(crate) const PAGE: &str = "(first: 10) { totalCount nodes { id } }";

pub(crate) fn nothing(_: &Ids) -> Value {
    Value::Null
}

pub(crate) fn agent_because(ids: &Ids) -> Value {
    json!({ "agentId": ids.agent, "reason": "a test" })
}

pub(crate) fn api_key(ids: &Ids) -> Value {
    json!({ "apiKeyId": ids.api_key })
}

pub(crate) fn user_because(ids: &Ids) -> Value {
    json!({ "userId": ids.user, "reason": "a test" })
}

/// What is for people and their agents alone, whatever a program was given.
pub(crate) const NOT_FOR_PROGRAMS: &[&str] = &[
    "rotateAgentKey",
    "revokeDelegation",
    "setKeyPolicy",
    "setAuditRetention",
    "engageLegalHold",
    "releaseLegalHold",
    "eraseAuditSubject",
    "addCheckpointWitness",
    "removeCheckpointWitness",
    "approveVerification",
    "approveMcpManifest",
    "denyVerification",
    "answerVerifications",
    "grantApproval",
    "revokeApprovalGrant",
    "setApprovalSettings",
    "approveCapabilityRequest",
    "rejectCapabilityRequest",
    "rateAgent",
    "setTrustWeights",
    "overrideActionClass",
    "withdrawActionClass",
    "replaceModelSigner",
    "apiKeys",
    "sdkTokens",
    "users",
    "createApiKey",
    "rotateApiKey",
    "disableApiKey",
    "enableApiKey",
    "deleteApiKey",
    "createSdkToken",
    "revokeSdkToken",
    "revokeAllSdkTokens",
    "updateUserRole",
    "deactivateUser",
    "activateUser",
    "removeUser",
    "updateOrganizationSettings",
    "invitations",
    "registrations",
    "joinSettings",
    "inviteUser",
    "revokeInvitation",
    "approveRegistration",
    "rejectRegistration",
    "changeJoinSettings",
    "resetSecondFactor",
    "notificationTarget",
    "notificationTargets",
    "notificationDelivery",
    "createWebhook",
    "createSlackTarget",
    "createEmailTarget",
    "updateNotificationTarget",
    "rotateWebhookSecret",
    "testNotificationTarget",
    "replayNotificationDelivery",
    "enableNotificationTarget",
    "disableNotificationTarget",
    "deleteNotificationTarget",
    "scheduleReport",
    "unscheduleReport",
    "accessReview",
    "accessReviews",
    "accessReviewItems",
    "openAccessReview",
    "answerAccessReviewItem",
    "closeAccessReview",
    "savedFilters",
    "saveFilter",
    "deleteSavedFilter",
];

/// All of them; the walk fails when the schema has another.
pub(crate) static ROOTS: LazyLock<Vec<&'static Root>> = LazyLock::new(|| {
    let all = CORE.iter().chain(super::account_roots::ROOTS);
    all.chain(super::policy_roots::ROOTS)
        .chain(super::mcp_roots::ROOTS)
        .chain(super::compliance::ROOTS)
        .chain(super::compliance_roots::ROOTS)
        .chain(super::approval_roots::ROOTS)
        .chain(super::audit_roots::ROOTS)
        .chain(super::notification_roots::ROOTS)
        .chain(super::agent_sighting_roots::ROOTS)
        .chain(super::many_roots::ROOTS)
        .chain(super::saved_filter_roots::ROOTS)
        .chain(super::audit_roots::LAST)
        .collect()
});

const CORE: &[Root] = &[
    query("agent", READ, Foreigner::Null, BY_ID, |ids| {
        json!(ids.agent)
    }),
    query("agents", READ, Foreigner::Empty, PAGE, nothing),
    query(
        "trustSummary",
        READ,
        Foreigner::Own,
        " { unscoredCount }",
        nothing,
    ),
    query("capabilities", READ, Foreigner::Own, " { name }", nothing),
    query("verification", READ, Foreigner::Null, BY_ID, |ids| {
        json!(ids.verification)
    }),
    query("verifications", READ, Foreigner::Empty, PAGE, nothing),
    query("alert", READ, Foreigner::Null, BY_ID, |ids| {
        json!(ids.alert)
    }),
    query("alerts", READ, Foreigner::Empty, PAGE, nothing),
    query("anomalies", READ, Foreigner::Empty, PAGE, nothing),
    query("node", READ, Foreigner::Null, BY_ID, |ids| json!(ids.agent)),
    query(
        "viewer",
        Needs::Nothing,
        Foreigner::Own,
        " { __typename }",
        nothing,
    ),
    query("organization", READ, Foreigner::Own, " { id }", nothing),
    query("auditEntries", ADMIN, Foreigner::Empty, PAGE, nothing),
    query("deadLetters", ADMIN, Foreigner::Empty, PAGE, nothing),
    query(
        "streamTotals",
        READ,
        Foreigner::Own,
        " { appliedCount }",
        nothing,
    ),
    mutation("signIn", Needs::Nothing, Foreigner::Own, |ids| {
        ids.credentials.clone()
    }),
    mutation("changePassword", Needs::Person, Foreigner::Own, |ids| {
        ids.passwords.clone()
    }),
    mutation(
        "registerAgent",
        Needs::Role("MEMBER"),
        Foreigner::Own,
        |ids| ids.registration.clone(),
    ),
    mutation("suspendAgent", MANAGER, Foreigner::NotFound, agent_because),
    mutation(
        "reinstateAgent",
        MANAGER,
        Foreigner::NotFound,
        agent_because,
    ),
    mutation(
        "grantCapability",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent, "capability": "files:write" }),
    ),
    mutation(
        "revokeCapability",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "grantId": ids.grant }),
    ),
    mutation(
        "verifyAction",
        Needs::Agent,
        Foreigner::Own,
        |_| json!({ "action": "files:read" }),
    ),
    mutation(
        "reportActionResult",
        Needs::Agent,
        Foreigner::NotFound,
        |ids| json!({ "verificationId": ids.verification, "isSuccess": true }),
    ),
    mutation(
        "acknowledgeAlert",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "alertId": ids.alert }),
    ),
    mutation(
        "resolveAlert",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "alertId": ids.alert, "verdict": "FALSE_POSITIVE" }),
    ),
    mutation(
        "overrideTrustScore",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent, "score": 0.5, "reason": "a test", "expiresAt": ids.soon }),
    ),
    mutation(
        "withdrawTrustOverride",
        MANAGER,
        Foreigner::NotFound,
        agent_because,
    ),
    mutation(
        "rateAgent",
        Needs::RoleOrAgent("MEMBER"),
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent, "rating": 3 }),
    ),
    mutation("setTrustWeights", ADMIN, Foreigner::Own, |_| {
        json!({ "reason": "a test", "weights": {
            "agentHistory": 0.3, "mcpAttestation": 0, "actionRisk": 0.2,
            "capabilityViolations": 0.2, "frequency": 0.1, "temporalPattern": 0.1,
            "geographicSignals": 0.05, "communityFeedback": 0.05,
        } })
    }),
    mutation(
        "recalculateTrust",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent }),
    ),
    query("alertSuppressions", READ, Foreigner::Empty, PAGE, nothing),
    mutation(
        "assignAlert",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "alertId": ids.alert }),
    ),
    mutation(
        "suppressAlerts",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent, "reason": "a test", "expiresAt": ids.soon }),
    ),
    mutation(
        "withdrawAlertSuppression",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "suppressionId": ids.suppression, "reason": "a test" }),
    ),
    mutation("killAgent", ADMIN, Foreigner::NotFound, agent_because),
    mutation("releaseAgent", ADMIN, Foreigner::NotFound, agent_because),
    mutation(
        "engageKillSwitch",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "reason": "a test" }),
    ),
    mutation(
        "releaseKillSwitch",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "reason": "a test" }),
    ),
    query("modelVersion", READ, Foreigner::Null, BY_ID, |ids| {
        json!(ids.model)
    }),
    query("modelVersions", READ, Foreigner::Empty, PAGE, nothing),
    query("modelMoves", READ, Foreigner::Empty, PAGE, nothing),
    query(
        "shadowReport",
        READ,
        Foreigner::Own,
        " { bothFlaggedCount }",
        nothing,
    ),
    mutation(
        "publishModel",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "artefact": "AAAA", "signerKey": "no key" }),
    ),
    mutation(
        "promoteModel",
        ADMIN,
        Foreigner::NotFound,
        |ids| json!({ "modelVersionId": ids.model, "alias": "CHALLENGER", "reason": "a test" }),
    ),
    mutation(
        "rollbackModel",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "alias": "CHAMPION", "reason": "a test" }),
    ),
    mutation(
        "replaceModelSigner",
        Needs::Role("OWNER"),
        Foreigner::Own,
        |_| json!({ "publicKey": "no key", "reason": "a test" }),
    ),
    query(
        "actionClass",
        READ,
        Foreigner::Own,
        "(action: \"files:read\") { isWrite }",
        nothing,
    ),
    query(
        "actionClassOverrides",
        READ,
        Foreigner::Empty,
        PAGE,
        nothing,
    ),
    mutation(
        "overrideActionClass",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "action": "crm:sync", "isWrite": false, "risk": "LOW", "reason": "a test" }),
    ),
    mutation(
        "withdrawActionClass",
        ADMIN,
        Foreigner::NotFound,
        |_| json!({ "action": "crm:purge", "reason": "a test" }),
    ),
    query("sessions", Needs::Person, Foreigner::Own, PAGE, nothing),
    mutation(
        "refreshSession",
        Needs::Holder,
        Foreigner::Own,
        |_| json!({ "refreshToken": "no token" }),
    ),
    mutation(
        "revokeSession",
        Needs::Person,
        Foreigner::NotFound,
        |ids| json!({ "sessionId": ids.session }),
    ),
    Root {
        rest: " { userErrors { code } }",
        ..mutation("signOut", Needs::Person, Foreigner::Own, nothing)
    },
    Root {
        rest: " { userErrors { code } }",
        ..mutation("signOutEverywhere", Needs::Person, Foreigner::Own, nothing)
    },
    query("apiKeys", MEMBER, Foreigner::Empty, PAGE, nothing),
    query("sdkTokens", MEMBER, Foreigner::Own, PAGE, nothing),
    query("users", ADMIN, Foreigner::Empty, PAGE, nothing),
    mutation(
        "createApiKey",
        MEMBER,
        Foreigner::Own,
        |_| json!({ "name": "a test", "permissions": ["READ"] }),
    ),
    mutation("rotateApiKey", MEMBER, Foreigner::NotFound, api_key),
    mutation("disableApiKey", MEMBER, Foreigner::NotFound, api_key),
    mutation("enableApiKey", MEMBER, Foreigner::NotFound, api_key),
    mutation("deleteApiKey", MEMBER, Foreigner::NotFound, api_key),
    mutation(
        "createSdkToken",
        MEMBER,
        Foreigner::Own,
        |_| json!({ "name": "a test", "permissions": ["READ"] }),
    ),
    mutation(
        "revokeSdkToken",
        MEMBER,
        Foreigner::NotFound,
        |ids| json!({ "sdkTokenId": ids.sdk_token }),
    ),
    Root {
        rest: " { userErrors { code } }",
        ..mutation("revokeAllSdkTokens", MEMBER, Foreigner::Own, nothing)
    },
    mutation(
        "updateOrganizationSettings",
        Needs::Role("OWNER"),
        Foreigner::Own,
        |_| json!({ "maxAgents": 99, "reason": "a test" }),
    ),
    mutation(
        "rotateAgentKey",
        Needs::RoleOrAgent("MANAGER"),
        Foreigner::NotFound,
        |ids| ids.rotation.clone(),
    ),
    mutation(
        "setKeyPolicy",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "lifeDays": 30 }),
    ),
    mutation(
        "challengeAgent",
        Needs::Role("MEMBER"),
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent }),
    ),
    mutation(
        "verifyAgent",
        Needs::Role("MEMBER"),
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent, "signature": "none" }),
    ),
    mutation(
        "updateAgent",
        MANAGER,
        Foreigner::NotFound,
        |ids| json!({ "agentId": ids.agent, "description": "a test" }),
    ),
    mutation(
        "issueAgentCertificate",
        Needs::Agent,
        Foreigner::Own,
        |_| json!({ "lifeSeconds": 60 }),
    ),
    query("delegations", READ, Foreigner::Empty, PAGE, nothing),
    mutation(
        "delegateCapabilities",
        Needs::Agent,
        Foreigner::NotFound,
        |ids| {
            json!({ "toAgentId": ids.agent, "expiresAt": ids.soon,
            "capabilities": [{ "capability": "files:read" }] })
        },
    ),
    mutation(
        "revokeDelegation",
        Needs::RoleOrAgent("MANAGER"),
        Foreigner::NotFound,
        |ids| json!({ "delegationId": ids.delegation, "reason": "a test" }),
    ),
    subscription("alertRaised"),
    subscription("trustScoreChanged"),
    subscription("verificationRecorded"),
    Root {
        rest: "(after: \"ZXZlbnQ6MA\") { cursor movedBy }",
        ..subscription("modelMoved")
    },
];
