//! What agents say they saw of MCP servers, signed: it counts while it is fresh, of what is approved and once
//! for each person, and it is a factor of the trust of those who call the server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_domain::id::McpServerId;
use aim_domain::mcp::McpStatement;
use aim_tests::{AimConfig, AimProcess, McpServer, wait_for};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fleet::{Agent, Owner, now, seed_of, text};
use crate::mcp_servers::{approve, inspect, register};

const PATIENCE: Duration = Duration::from_secs(60);
const ATTEST: &str = "mutation($input: AttestMcpServerInput!) { attestMcpServer(input: $input) {
    mcpAttestation { id digest isOfApproved weight sponsor expiresAt agent { id } }
    userErrors { code message field } } }";
const TRUST: &str =
    "mutation($input: OverrideTrustScoreInput!) { overrideTrustScore(input: $input) {
    agent { id } userErrors { message } } }";

/// The UUID in a global id.
fn uuid_of(id: &str) -> Uuid {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).unwrap()).unwrap();
    text.split_once(':').unwrap().1.parse().unwrap()
}

/// A server that is approved, in an organization with two people.
struct Scene {
    aim: AimProcess,
    owner: Owner,
    _forecast: McpServer,
    server: String,
    digest: String,
}

impl Scene {
    async fn new() -> Self {
        let config = AimConfig::new().env("AIM_MCP_NETWORKS", "127.0.0.0/8");
        let aim = config.start().unwrap();
        let owner = Owner::of(&aim).await.unwrap();
        let forecast = McpServer::forecast(seed_of("forecast")).unwrap();
        let server = register(&owner, "forecast", &forecast.url(), None).await;
        let approved = approve(&owner, &inspect(&owner, &server).await).await;
        let digest = text(&approved, "/observedManifest/digest").unwrap();
        Self {
            aim,
            owner,
            _forecast: forecast,
            server,
            digest,
        }
    }

    /// What an agent says it saw.
    fn statement(&self, agent: &Agent, digest: &str, at: DateTime<Utc>) -> McpStatement {
        McpStatement {
            organization: self.owner.organization,
            agent: agent.uuid(),
            server: McpServerId::from_uuid(uuid_of(&self.server)),
            digest: digest.to_owned(),
            tools: vec!["forecast".to_owned()],
            latency_ms: 12,
            observed_at: at,
        }
    }

    /// The input for that, signed by `signer`.
    fn input(&self, said: &McpStatement, signer: &Agent) -> Value {
        let signature = signer.key.sign(said.text().as_bytes());
        json!({ "mcpServerId": self.server, "digest": said.digest, "tools": said.tools,
            "latencyMs": said.latency_ms, "observedAt": said.observed_at,
            "signature": URL_SAFE_NO_PAD.encode(signature) })
    }

    /// The attestation of an agent that saw this now.
    async fn attest(&self, agent: &Agent, digest: &str) -> Value {
        let said = self.statement(agent, digest, now());
        let mut answer = send(agent, &self.input(&said, agent)).await;
        assert_eq!(answer["userErrors"], json!([]), "{answer}");
        answer["mcpAttestation"].take()
    }

    async fn trust(&self, agent: &Agent, score: f64) {
        let until = (now() + TimeDelta::hours(1)).to_rfc3339();
        let input = json!({ "agentId": agent.id, "score": score, "reason": "a test",
            "expiresAt": until });
        let done = self.owner.ask(TRUST, json!({ "input": input })).await;
        let done = done.unwrap();
        assert_eq!(done["overrideTrustScore"]["userErrors"], json!([]));
    }

    async fn confidence(&self) -> Value {
        let query = "query($id: ID!) { mcpServer(id: $id) {
            confidence { value contradicted agentCount sponsorCount } } }";
        let answer = self.owner.ask(query, json!({ "id": self.server })).await;
        answer.unwrap()["mcpServer"]["confidence"].take()
    }
}

async fn send(agent: &Agent, input: &Value) -> Value {
    let body = json!({ "query": ATTEST, "variables": { "input": input } });
    let signed = agent.sign(body.to_string().into_bytes(), now());
    let mut answer = agent.post(&signed).await.unwrap();
    assert!(answer.body.get("errors").is_none(), "{}", answer.body);
    answer.body["data"]["attestMcpServer"].take()
}

/// A little less than this, for the milliseconds since the server was seen.
fn about(found: &Value, wanted: f64) {
    let value = found.as_f64().unwrap();
    assert!(
        value <= wanted + 1e-9 && value > wanted - 0.01,
        "{value}, not {wanted}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_words_count_once_for_each_person_and_stop_counting() {
    let scene = Scene::new().await;
    let owner = &scene.owner;
    let other = owner.add_manager(&scene.aim, "other").await.unwrap();
    let first = owner.register("first", &[]).await.unwrap();
    let second = owner.register("second", &[]).await.unwrap();
    let third = other.register("third", &[]).await.unwrap();
    refuses_what_is_not_so(&scene, &first, &second).await;

    // Nobody trusts it yet: its word is kept, and weighs nothing.
    let silent = scene.attest(&first, &scene.digest).await;
    assert_eq!(silent["isOfApproved"], true);
    assert_eq!(silent["agent"]["id"], first.id);
    about(&silent["weight"], 0.0);
    let found = scene.confidence().await;
    about(&found["value"], 0.0);
    assert_eq!(
        (&found["agentCount"], &found["sponsorCount"]),
        (&json!(1), &json!(1))
    );

    scene.trust(&first, 0.8).await;
    scene.trust(&second, 1.0).await;
    scene.trust(&third, 0.6).await;
    scene.attest(&first, &scene.digest).await;
    about(&scene.confidence().await["value"], 0.4);
    // Two agents of one person are one witness: the stronger one.
    scene.attest(&second, &scene.digest).await;
    let found = scene.confidence().await;
    about(&found["value"], 0.5);
    assert_eq!(
        (&found["agentCount"], &found["sponsorCount"]),
        (&json!(2), &json!(1))
    );
    let said = scene.attest(&third, &scene.digest).await;
    about(&scene.confidence().await["value"], 0.65);

    // Somebody was shown something else: that is an alert, and counts against the server.
    let strange = scene.attest(&third, &"0".repeat(64)).await;
    assert_eq!(strange["isOfApproved"], false);
    let found = scene.confidence().await;
    about(&found["value"], 0.5);
    about(&found["contradicted"], 0.3);
    let query = "query($id: ID!) { alerts(first: 10, filter: { mcpServerId: $id }) { nodes {
        kinds summary } } }";
    let alerts = owner
        .ask(query, json!({ "id": scene.server }))
        .await
        .unwrap();
    let wanted = json!([{ "kinds": ["MCP_DRIFT"], "summary":
        "agent `third` saw MCP server `forecast` be something else than what was approved" }]);
    assert_eq!(alerts["alerts"]["nodes"], wanted);

    what_is_taken_back_counts_no_more(&scene, &said, &strange, &second).await;
}

async fn what_is_taken_back_counts_no_more(
    scene: &Scene,
    said: &Value,
    strange: &Value,
    second: &Agent,
) {
    let owner = &scene.owner;
    revoke(scene, &text(said, "/id").unwrap(), "CONFLICT").await;
    revoke(scene, &text(strange, "/id").unwrap(), "").await;
    revoke(scene, &text(strange, "/id").unwrap(), "CONFLICT").await;
    about(&scene.confidence().await["contradicted"], 0.0);
    // Who may act no more has no word.
    owner.revoke(second).await.unwrap();
    about(&scene.confidence().await["value"], 0.4);
    let list = "query($id: ID!) { mcpAttestations(first: 10, filter: { isRevoked: true }) {
        totalCount nodes { id revokedReason } } mcpServer(id: $id) {
        attestations(first: 10) { totalCount } } }";
    let list = owner
        .ask(list, json!({ "id": scene.server }))
        .await
        .unwrap();
    let wanted = json!({ "totalCount": 1, "nodes": [{ "id": strange["id"],
        "revokedReason": "its host was taken over" }] });
    assert_eq!(list["mcpAttestations"], wanted);
    assert_eq!(list["mcpServer"]["attestations"]["totalCount"], 3);
}

async fn refuses_what_is_not_so(scene: &Scene, first: &Agent, second: &Agent) {
    let at = now();
    let said = |digest: &str, at| scene.statement(first, digest, at);
    let mut forged = scene.input(&said(&scene.digest, at), first);
    forged["latencyMs"] = json!(1);
    let of_other = scene.statement(second, &scene.digest, at);
    for (input, field) in [
        (forged, "signature"),
        (scene.input(&said("none", at), first), "digest"),
        (
            scene.input(&said(&scene.digest, at - TimeDelta::minutes(6)), first),
            "observedAt",
        ),
        (
            scene.input(&said(&scene.digest, at + TimeDelta::minutes(6)), first),
            "observedAt",
        ),
        (scene.input(&said(&scene.digest, at), second), "signature"),
        (scene.input(&of_other, second), "signature"),
    ] {
        let refused = send(first, &input).await;
        assert_eq!(
            refused["userErrors"][0]["field"],
            json!([field]),
            "{refused}"
        );
    }
    assert_eq!(scene.confidence().await["agentCount"], 0);
}

/// Takes a word back; `code` is what refuses that.
async fn revoke(scene: &Scene, id: &str, code: &str) {
    let query =
        "mutation($input: RevokeMcpAttestationInput!) { revokeMcpAttestation(input: $input) {
        mcpAttestation { id } userErrors { code } } }";
    let input = json!({ "mcpAttestationId": id, "reason": "its host was taken over" });
    let done = scene
        .owner
        .ask(query, json!({ "input": input }))
        .await
        .unwrap();
    let errors = &done["revokeMcpAttestation"]["userErrors"];
    if code.is_empty() {
        assert_eq!(errors, &json!([]));
    } else {
        // One that its agent took back by another word is gone.
        let found = errors[0]["code"].as_str().unwrap();
        assert!(found == code || found == "NOT_FOUND", "{done}");
    }
}

/// The factor of an agent's newest kept score.
async fn factor(owner: &Owner, agent: &Agent) -> Value {
    let recalculate = "mutation($input: RecalculateTrustInput!) { recalculateTrust(input: $input) {
        userErrors { message } } }";
    let input = json!({ "input": { "agentId": agent.id } });
    owner.ask(recalculate, input).await.unwrap();
    let query = "query($id: ID!) { agent(id: $id) { trustHistory(first: 1) { nodes { sampleCount
        factors { kind value confidence evidence } } } } }";
    let found = wait_for("the score", PATIENCE, || async {
        let answer = owner.ask(query, json!({ "id": agent.id })).await?;
        let newest = &answer["agent"]["trustHistory"]["nodes"][0];
        let factors = newest["factors"].as_array().cloned().unwrap_or_default();
        let mut factors = factors.into_iter();
        let factor = factors.find(|it| it["kind"] == "MCP_ATTESTATION");
        Ok(factor.filter(|_| newest["sampleCount"].as_u64() >= Some(CALLS)))
    });
    found.await.unwrap()
}

/// Calls of each agent.
const CALLS: u64 = 25;

/// Two agents call the same server; others vouch for it to one of them only, because the other one's person
/// is the witness.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_attested_servers_become_a_factor_of_trust() {
    let scene = Scene::new().await;
    let owner = &scene.owner;
    let other = owner.add_manager(&scene.aim, "other").await.unwrap();
    let witness = other.register("witness", &[]).await.unwrap();
    let caller = owner.register("caller", &["mcp:*"]).await.unwrap();
    let own = other.register("own", &["mcp:*"]).await.unwrap();
    scene.trust(&witness, 1.0).await;
    scene.attest(&witness, &scene.digest).await;
    for _ in 0..CALLS {
        for agent in [&caller, &own] {
            let asked = json!({ "action": "mcp:forecast/forecast" });
            let answer = agent.verify(asked).await.unwrap();
            assert_eq!(answer.decision().0, "ALLOWED", "{}", answer.body);
        }
    }
    let found = factor(owner, &caller).await;
    // 25 calls at half a certainty each: 13.5/14.5, of 12.5/32.5.
    about(&found["value"], 13.5 / 14.5);
    about(&found["confidence"], 12.5 / 32.5);
    let evidence = found["evidence"].as_str().unwrap();
    assert!(
        evidence.starts_with("calls of MCP servers: 12."),
        "{evidence}"
    );
    let found = factor(owner, &own).await;
    assert_eq!(found["value"], Value::Null, "{found}");
    assert_eq!(found["confidence"], json!(0.0));
}
