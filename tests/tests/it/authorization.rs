//! Every root field, asked by everybody: who may not gets one clear code and changes nothing.

use std::time::Duration;

use aim_tests::{AimConfig, AimProcess};
use anyhow::Context;
use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::agent_sighting_roots::AGENT_SIGHTING;
use crate::approval_roots::{APPROVAL_GRANT, CAPABILITY_REQUEST, VIOLATION};
use crate::compliance_roots::{REPORTS, REVIEWS};
use crate::fleet::{Agent, Owner, PASSWORD, add_person, database_of, key_of, now, text};
use crate::mcp_roots::{ATTESTATION, SERVER, SIGHTING};
use crate::notification_roots::TARGETS;
use crate::people::{made_by, made_with, sign_in, user_id};
use crate::policies::{POLICY, POLICY_ID};
use crate::roots::{Foreigner, Ids, NOT_FOR_PROGRAMS, Needs, ROOTS, Root};
use crate::rows::{
    ALERT, ALERT_ID, DELEGATION, DELEGATION_ID, JOINING, MODEL, MODEL_ID, OTHER, SUPPRESSION,
    SUPPRESSION_ID, WITNESS, WITNESS_ID,
};
use crate::saved_filter_roots::SAVED_FILTERS;

const PATIENCE: Duration = Duration::from_secs(30);
/// What the table asks lists for at once.
const PAGE_SIZE: u64 = 10;

/// As many as a root field asks for.
fn page_size(root: &Root) -> u64 {
    match root.rest.contains("first: 100)") {
        true => 100,
        false => PAGE_SIZE,
    }
}
/// Roles, least first.
const ROLES: [&str; 5] = ["VIEWER", "MEMBER", "MANAGER", "ADMIN", "OWNER"];
/// Who asks.
enum Caller {
    Nobody,
    Person(Owner),
    Agent(Box<Agent>),
    Program(String),
}

/// A server with one organization that has everything, and another that has nothing.
struct Scene {
    aim: AimProcess,
    owner: Owner,
    agent: Agent,
    ids: Ids,
}

const GRANTS: &str = "query($id: ID!) { agent(id: $id) { capabilityGrants { id }
    keys { nodes { id } } } }";

impl Scene {
    #[expect(clippy::too_many_lines, reason = "one scene, set step by step")]
    async fn new() -> anyhow::Result<Self> {
        // Nobody listens there: letters wait.
        let aim = AimConfig::new()
            .env("AIM_RATE_LIMIT_ANONYMOUS", "0")
            .env("AIM_SMTP_URL", "smtp://127.0.0.1:9?tls=none")
            .env("AIM_SMTP_FROM", "aim@aim.example")
            .start()?;
        let owner = Owner::of(&aim).await?;
        let agent = owner
            .register("reader", &["files:read", "db:delete"])
            .await?;
        let database = database_of(&aim).await?;
        for role in ROLES {
            let email = format!("{}@test.local", role.to_lowercase());
            add_person(&aim, &email, role).await?;
        }
        add_person(&aim, "foreigner@test.local", "OWNER").await?;
        let rows = OTHER
            .iter()
            .chain(&[
                ALERT,
                SUPPRESSION,
                MODEL,
                DELEGATION,
                WITNESS,
                POLICY,
                SERVER,
                ATTESTATION,
                SIGHTING,
                AGENT_SIGHTING,
            ])
            .chain(&[APPROVAL_GRANT, CAPABILITY_REQUEST, VIOLATION]);
        for statement in rows
            .chain(&JOINING)
            .chain(&TARGETS)
            .chain(&REVIEWS)
            .chain(&REPORTS)
            .chain(&[SAVED_FILTERS])
        {
            database.execute_unprepared(statement).await?;
        }
        let asked = |action: &'static str, decision: &'static str| {
            let agent = agent.clone();
            async move {
                let answer = agent
                    .verify(json!({ "action": action, "resource": "/data" }))
                    .await?;
                anyhow::ensure!(answer.decision().0 == decision, "{}", answer.body);
                text(&answer.body, "/data/verifyAction/verification/id")
            }
        };
        let grants = owner.ask(GRANTS, json!({ "id": agent.id })).await?;
        let trail = "{ auditEntries(first: 1) { nodes { id } } }";
        let trail = owner.ask(trail, json!({})).await?;
        let made = made_by(&owner).await?;
        let ids = Ids {
            agent: agent.id.clone(),
            grant: text(&grants, "/agent/capabilityGrants/0/id")?,
            delegation: DELEGATION_ID.to_owned(),
            key: text(&grants, "/agent/keys/nodes/0/id")?,
            rotation: json!({
                "agentId": agent.id,
                "publicKey": key_of("another").public_key().to_base64url(),
                "proofOfPossession": { "created": now().timestamp(), "signature": "none" },
            }),
            verification: asked("files:read", "ALLOWED").await?,
            pending: asked("db:delete", "PENDING_APPROVAL").await?,
            alert: ALERT_ID.to_owned(),
            suppression: SUPPRESSION_ID.to_owned(),
            model: MODEL_ID.to_owned(),
            witness: WITNESS_ID.to_owned(),
            policy: POLICY_ID.to_owned(),
            audit_entry: text(&trail, "/auditEntries/nodes/0/id")?,
            session: sign_in(&aim, "member@test.local").await?.session,
            sdk_token: made.sdk_token,
            api_key: made.api_key,
            user: user_id(&owner, "member@test.local").await?,
            registration: owner.registration("newcomer")?,
            credentials: json!({ "email": "viewer@test.local", "password": PASSWORD }),
            passwords: json!({ "currentPassword": "wrong", "newPassword": PASSWORD }),
            soon: (now() + TimeDelta::hours(1)).to_rfc3339(),
        };
        Ok(Self {
            aim,
            owner,
            agent,
            ids,
        })
    }

    async fn person(&self, name: &str) -> anyhow::Result<Caller> {
        let email = format!("{}@test.local", name.to_lowercase());
        Ok(Caller::Person(self.owner.sign_in(&self.aim, &email).await?))
    }

    /// Everything that a refused mutation could have changed.
    async fn state(&self) -> anyhow::Result<Value> {
        let query = "query($agent: ID!, $pending: ID!, $done: ID!, $alert: ID!) {
            agent(id: $agent) { status description deletedAt trust { override { score } }
                capabilityGrants { id revokedAt } keys { nodes { status } } }
            pending: verification(id: $pending) { decision outcome }
            done: verification(id: $done) { decision outcome }
            alert(id: $alert) { status assignedAt }
            delegations(first: 10) { nodes { id revokedAt } }
            alertSuppressions(first: 10) { nodes { id withdrawnAt } }
            approvalGrants(first: 10) { nodes { id revokedAt } }
            capabilityRequests(first: 10) { nodes { id status } }
            approvalSettings { waitSeconds }
            organization { killSwitch { reason } keyPolicy { lifeDays } trustWeights { agentHistory }
                models { challenger { id } signer { keyId } } }
            agents(first: 1) { totalCount }
            auditLog { retention { days legalHold { reason } } witnesses { id } }
            auditErasures(first: 1) { totalCount }
            invitations(first: 10) { nodes { id status } }
            registrations(first: 10) { nodes { id status } }
            joinSettings { isRegistrationOpen }
            notificationTargets(first: 10) { nodes { id isEnabled deliveries { totalCount } } }
            auditEntries(first: 1) { totalCount nodes { action } } }";
        let Ids {
            agent,
            pending,
            verification,
            alert,
            ..
        } = &self.ids;
        let variables =
            json!({ "agent": agent, "pending": pending, "done": verification, "alert": alert });
        self.owner.ask(query, variables).await
    }

    async fn open(&self, caller: &Caller, root: &Root) -> anyhow::Result<reqwest::Response> {
        self.send(caller, root, &root.body(&self.ids)).await
    }

    async fn send(
        &self,
        caller: &Caller,
        root: &Root,
        body: &Value,
    ) -> anyhow::Result<reqwest::Response> {
        let body = body.to_string().into_bytes();
        let accept = match root.kind {
            "subscription" => "text/event-stream",
            _ => "application/graphql-response+json",
        };
        let url = format!("{}/graphql", self.owner.url);
        let http = reqwest::Client::builder().no_proxy().build()?;
        let mut request = http.post(url).header("accept", accept);
        request = request.header("content-type", "application/json");
        match caller {
            Caller::Nobody => {}
            Caller::Person(person) => request = request.bearer_auth(&person.token),
            Caller::Program(secret) => request = request.bearer_auth(secret),
            Caller::Agent(agent) => {
                let headers = agent.sign(body.clone(), now()).headers;
                request = request
                    .header("content-digest", headers.content_digest)
                    .header("signature-input", headers.signature_input)
                    .header("signature", headers.signature);
            }
        }
        Ok(request.body(body).send().await?)
    }

    /// The answer to a query or mutation, or the first event of a subscription.
    async fn ask(&self, caller: &Caller, root: &Root) -> anyhow::Result<Value> {
        let mut response = self.open(caller, root).await?;
        if root.kind != "subscription" {
            return Ok(response.json().await?);
        }
        first_event(&mut response).await
    }
}

async fn first_event(response: &mut reqwest::Response) -> anyhow::Result<Value> {
    let mut seen = String::new();
    loop {
        let chunk = tokio::time::timeout(PATIENCE, response.chunk()).await;
        let chunk = chunk
            .context("no event")??
            .context("ended without an event")?;
        seen.push_str(&String::from_utf8_lossy(&chunk));
        let data = seen.lines().filter_map(|line| line.strip_prefix("data: "));
        if let Some(event) = data
            .into_iter()
            .find_map(|it| serde_json::from_str(it).ok())
        {
            return Ok(event);
        }
    }
}

/// The code that refuses `who`, a role, `agent` or `nobody`; none when they may.
fn refusal(needs: Needs, who: &str) -> Option<&'static str> {
    let rank = |role: &str| ROLES.iter().position(|it| *it == role);
    let may = match (needs, who) {
        (Needs::Nothing, _) | (Needs::Agent | Needs::RoleOrAgent(_), "agent") => true,
        (Needs::Holder, _) | (_, "nobody") => return Some("UNAUTHENTICATED"),
        (_, "agent") | (Needs::Agent, _) => false,
        (Needs::Person, _) => true,
        (Needs::Role(least) | Needs::RoleOrAgent(least), role) => rank(role) >= rank(least),
    };
    (!may).then_some("FORBIDDEN")
}

fn code(answer: &Value) -> Option<&str> {
    answer.pointer("/errors/0/extensions/code")?.as_str()
}

#[tokio::test]
async fn who_may_not_is_refused_and_changes_nothing() {
    let scene = Scene::new().await.unwrap();
    let mut callers = vec![
        ("nobody", Caller::Nobody),
        ("agent", Caller::Agent(Box::new(scene.agent.clone()))),
    ];
    for role in ROLES {
        callers.push((role, scene.person(role).await.unwrap()));
    }
    let before = scene.state().await.unwrap();
    for (who, caller) in &callers {
        for root in ROOTS.iter().copied() {
            let Some(expected) = refusal(root.needs, who) else {
                continue;
            };
            let answer = scene.ask(caller, root).await.unwrap();
            assert_eq!(
                code(&answer),
                Some(expected),
                "{} by {who}: {answer}",
                root.name
            );
            assert!(
                answer
                    .get("data")
                    .is_none_or(|data| data.is_null() || data[root.name].is_null()),
                "{} by {who}: {answer}",
                root.name
            );
        }
    }
    assert_eq!(scene.state().await.unwrap(), before);
}

#[tokio::test]
async fn who_may_is_answered() {
    let scene = Scene::new().await.unwrap();
    let answered = |root: &&Root| root.kind != "subscription" && root.needs != Needs::Holder;
    for root in ROOTS.iter().copied().filter(answered) {
        let (who, caller) = match root.needs {
            Needs::Nothing | Needs::Holder => ("nobody", Caller::Nobody),
            Needs::Person => ("VIEWER", scene.person("VIEWER").await.unwrap()),
            Needs::Agent => ("agent", Caller::Agent(Box::new(scene.agent.clone()))),
            Needs::Role(role) | Needs::RoleOrAgent(role) => {
                (role, scene.person(role).await.unwrap())
            }
        };
        let answer = scene.ask(&caller, root).await.unwrap();
        assert_eq!(code(&answer), None, "{} by {who}: {answer}", root.name);
        assert!(
            answer["data"].is_object(),
            "{} by {who}: {answer}",
            root.name
        );
        if root.kind == "query" && root.foreigner == Foreigner::Null {
            assert!(answer["data"][root.name].is_object(), "{answer}");
        }
    }
}

/// The owner's key that was given everything may what the table leaves to programs; one that was given
/// nothing but reading, or whose person may only read, changes nothing.
#[tokio::test]
async fn an_api_key_may_what_it_was_given_and_no_more_than_programs_may() {
    let scene = Scene::new().await.unwrap();
    let all = made_by(&scene.owner).await.unwrap().secret;
    let reads = made_with(&scene.owner, json!(["READ"]))
        .await
        .unwrap()
        .secret;
    let before = scene.state().await.unwrap();
    for (caller, only_reads) in [(reads, true), (all, false)] {
        let caller = Caller::Program(caller);
        for root in ROOTS
            .iter()
            .copied()
            .filter(|root| root.kind != "subscription")
        {
            let may = match root.needs {
                // Signing in is written down.
                Needs::Nothing if root.kind == "mutation" => continue,
                Needs::Nothing => None,
                Needs::Holder => Some("UNAUTHENTICATED"),
                Needs::Person | Needs::Agent => Some("FORBIDDEN"),
                Needs::Role(_) | Needs::RoleOrAgent(_) => {
                    let needs_more = only_reads && root.needs != Needs::RoleOrAgent("VIEWER");
                    let is_refused = needs_more || NOT_FOR_PROGRAMS.contains(&root.name);
                    is_refused.then_some("FORBIDDEN")
                }
            };
            let answer = scene.ask(&caller, root).await.unwrap();
            assert_eq!(code(&answer), may, "{}: {answer}", root.name);
        }
        if only_reads {
            assert_eq!(scene.state().await.unwrap(), before);
        }
    }
}

#[tokio::test]
async fn another_organizations_objects_do_not_exist() {
    let scene = Scene::new().await.unwrap();
    let owner = scene
        .owner
        .sign_in(&scene.aim, "foreigner@test.local")
        .await
        .unwrap();
    let stranger = owner.register("stranger", &["files:read"]).await.unwrap();
    let agent = Caller::Agent(Box::new(stranger.clone()));
    let mut person = scene.person("foreigner").await.unwrap();
    let before = scene.state().await.unwrap();
    // Signing in is written down where the person belongs.
    let answered = |root: &&Root| {
        let asks_who = root.kind == "mutation" && root.needs == Needs::Nothing;
        root.kind != "subscription" && root.needs != Needs::Holder && !asks_who
    };
    for root in ROOTS.iter().copied().filter(answered) {
        let caller = if root.needs == Needs::Agent {
            &agent
        } else {
            &person
        };
        let answer = scene.ask(caller, root).await.unwrap();
        if root.name.starts_with("signOut") {
            person = scene.person("foreigner").await.unwrap();
        }
        assert_eq!(code(&answer), None, "{}: {answer}", root.name);
        let got = &answer["data"][root.name];
        match root.foreigner {
            Foreigner::Null => assert!(got.is_null(), "{}: {answer}", root.name),
            // What the foreigner made is theirs; nothing else may be among it.
            Foreigner::Empty => assert!(
                !answer.to_string().contains(&scene.ids.agent)
                    && got["totalCount"].as_u64().unwrap().min(page_size(root))
                        == got["nodes"].as_array().unwrap().len() as u64,
                "{}: {answer}",
                root.name
            ),
            Foreigner::NotFound => {
                let errors = json!([{ "code": "NOT_FOUND" }]);
                assert_eq!(got["userErrors"], errors, "{}: {answer}", root.name);
            }
            Foreigner::Own => {}
        }
    }
    assert_eq!(scene.state().await.unwrap(), before);
}

#[tokio::test]
async fn a_subscription_gives_an_organizations_own_facts_only() {
    let scene = Scene::new().await.unwrap();
    let owner = scene
        .owner
        .sign_in(&scene.aim, "foreigner@test.local")
        .await
        .unwrap();
    let stranger = owner.register("stranger", &["files:read"]).await.unwrap();
    let root = ROOTS
        .iter()
        .copied()
        .find(|root| root.name == "verificationRecorded")
        .unwrap();
    let viewer = scene.person("VIEWER").await.unwrap();
    let own = scene.ask(&viewer, root).await.unwrap();
    let agent_id = |event: &Value| {
        let id = event.pointer("/data/verificationRecorded/agentId");
        id.and_then(Value::as_str).map(str::to_owned)
    };
    assert_eq!(agent_id(&own).as_ref(), Some(&scene.ids.agent), "{own}");
    // The log begins with the other organization's facts: the first to arrive tells.
    let mut stream = scene.open(&Caller::Person(owner), root).await.unwrap();
    let answer = stranger
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    assert_eq!(answer.decision().0, "ALLOWED", "{}", answer.body);
    let first = first_event(&mut stream).await.unwrap();
    assert_eq!(agent_id(&first), Some(stranger.id), "{first}");
}

/// A type, who may see objects of it at least, and the id of one. What needs a role is not for agents.
type NodeRow = (&'static str, Option<&'static str>, fn(&Ids) -> &str);

/// An object behind `node(id:)` of each type that has a global id.
const NODES: &[NodeRow] = &[
    ("Agent", None, |ids| &ids.agent),
    ("Alert", None, |ids| &ids.alert),
    ("AuditEntry", Some("ADMIN"), |ids| &ids.audit_entry),
    ("ModelVersion", None, |ids| &ids.model),
    ("TrustSnapshot", None, |_| SNAPSHOT_ID),
    ("Verification", None, |ids| &ids.verification),
];

const SNAPSHOT: &str =
    "INSERT INTO trust_snapshots (id, organization_id, agent_id, score, confidence,
    sample_count, factors, event_time, created_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60d',
    organization_id, id, 5000, 5000, 10, '[]', created_at, created_at FROM agents
    WHERE name = 'reader'";
/// The global id of that: `TrustSnapshot:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f60d`.
const SNAPSHOT_ID: &str = "VHJ1c3RTbmFwc2hvdDowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2MGQ";

#[tokio::test]
async fn every_type_of_node_is_its_organizations_own() {
    let scene = Scene::new().await.unwrap();
    let database = database_of(&scene.aim).await.unwrap();
    database.execute_unprepared(SNAPSHOT).await.unwrap();
    let foreign = scene
        .owner
        .sign_in(&scene.aim, "foreigner@test.local")
        .await;
    let foreign = foreign.unwrap();
    let stranger = foreign.register("stranger", &["files:read"]).await.unwrap();
    let types = "{ __type(name: \"Node\") { possibleTypes { name } } }";
    let types = scene.owner.ask(types, json!({})).await.unwrap();
    for kind in types["__type"]["possibleTypes"].as_array().unwrap() {
        let kind = kind["name"].as_str().unwrap();
        let row = NODES.iter().find(|(name, ..)| *name == kind);
        let (_, least, id) = row.unwrap_or_else(|| panic!("`{kind}` is not in the table of nodes"));
        let id = id(&scene.ids);
        let root = ROOTS.iter().find(|root| root.name == "node").unwrap();
        let body = json!({
            "query": "query($id: ID!) { node(id: $id) { __typename id } }",
            "variables": { "id": id },
        });
        let own = json!({ "data": { "node": { "__typename": kind, "id": id } } });
        let none = json!({ "data": { "node": null } });
        let agent = |found| match least {
            None => Ok(found),
            Some(_) => Err("FORBIDDEN"),
        };
        let least_role = least.unwrap_or("VIEWER");
        for (who, caller, expected) in [
            (
                least_role,
                scene.person(least_role).await.unwrap(),
                Ok(&own),
            ),
            (
                "agent",
                Caller::Agent(Box::new(scene.agent.clone())),
                agent(&own),
            ),
            (
                "foreigner",
                scene.person("foreigner").await.unwrap(),
                Ok(&none),
            ),
            (
                "foreign agent",
                Caller::Agent(Box::new(stranger.clone())),
                agent(&none),
            ),
            ("nobody", Caller::Nobody, Err("UNAUTHENTICATED")),
        ] {
            let answer = scene.send(&caller, root, &body).await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            match expected {
                Ok(expected) => assert_eq!(answer, *expected, "{kind} by {who}"),
                Err(refusal) => assert_eq!(code(&answer), Some(refusal), "{kind}: {answer}"),
            }
        }
    }
}

#[tokio::test]
async fn the_table_has_every_root_field_and_says_what_its_description_says() {
    let scene = Scene::new().await.unwrap();
    let query = "{ __schema {
        query: queryType { fields { name description } }
        mutation: mutationType { fields { name description } }
        subscription: subscriptionType { fields { name description } } } }";
    let schema = scene.owner.ask(query, json!({})).await.unwrap();
    let mut found = 0;
    for kind in ["query", "mutation", "subscription"] {
        for field in schema["__schema"][kind]["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            let root = ROOTS
                .iter()
                .copied()
                .find(|root| root.kind == kind && root.name == name);
            let root = root.unwrap_or_else(|| panic!("`{name}` is not in the table"));
            let description = field["description"].as_str().unwrap();
            let role = match root.needs {
                Needs::Role(role) | Needs::RoleOrAgent(role) => Some(format!("`{role}`")),
                _ => None,
            };
            let said = description.split_once("Needs").map(|(_, rest)| rest.trim());
            assert_eq!(
                said.map(|it| it.trim_end_matches('.')),
                role.as_deref(),
                "{name}"
            );
            found += 1;
        }
    }
    assert_eq!(found, ROOTS.len());
}

/// Plain HTTP endpoints with the least role that each needs.
const ROUTES: [(&str, &str); 2] = [("/v1/events", "MEMBER"), ("/v1/models", "ADMIN")];

/// In the reference any signed-in person could call any route.
#[tokio::test]
async fn roles_are_enforced_on_plain_routes() {
    let scene = Scene::new().await.unwrap();
    let mut callers = vec![("nobody", Caller::Nobody)];
    for role in ROLES {
        callers.push((role, scene.person(role).await.unwrap()));
    }
    // Signing in is an entry of the audit trail.
    let before = scene.state().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, least) in ROUTES {
        let needs = Needs::Role(least);
        for (who, caller) in &callers {
            let mut request = http.post(format!("{}{path}", scene.owner.url));
            if let Caller::Person(person) = caller {
                request = request.bearer_auth(&person.token);
            }
            let answer = request.body("no such thing").send().await.unwrap();
            // Who may is told that the body is wrong.
            let expected = match refusal(needs, who) {
                Some("UNAUTHENTICATED") => 401,
                Some(_) => 403,
                None => 400,
            };
            assert_eq!(answer.status(), expected, "{path} by {who}");
        }
    }
    assert_eq!(scene.state().await.unwrap(), before);
}
