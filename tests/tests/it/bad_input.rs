//! What is refused, by which reason, and that it leaves nothing behind.

use std::time::Duration;

use aim_domain::signature::sign_event;
use aim_tests::{AimConfig, AimProcess, wait_for};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::fleet::{Agent, Answer, Owner, key_of, now};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server with one agent that may read files, and what is recorded before the bad input.
struct Scene {
    aim: AimProcess,
    owner: Owner,
    agent: Agent,
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        let aim = AimConfig::new().start()?;
        let owner = Owner::of(&aim).await?;
        let agent = owner.register("reader", &["files:read"]).await?;
        Ok(Self { aim, owner, agent })
    }

    /// Sends one request to verify, as broken by `break_it`: it must be refused and leave nothing.
    async fn refuses(
        reason: &str,
        send: impl AsyncFnOnce(&Agent) -> anyhow::Result<Answer>,
    ) -> anyhow::Result<()> {
        let scene = Self::new().await?;
        let before = scene.owner.counts().await?;
        let answer = send(&scene.agent).await?;
        anyhow::ensure!(
            answer.is_refused_for(reason),
            "{} {}",
            answer.status,
            answer.body
        );
        anyhow::ensure!(answer.status == 401, "{} {}", answer.status, answer.body);
        let after = scene.owner.counts().await?;
        anyhow::ensure!(before == after, "{before} became {after}");
        Ok(())
    }

    /// Sends one line to `/v1/events`: it must become a dead letter and nothing else.
    async fn buries(&self, line: String, reason: &str) -> anyhow::Result<()> {
        let mut expected = self.owner.counts().await?;
        let dead = &mut expected["streamTotals"]["deadLetterCount"];
        *dead = json!(dead.as_u64().unwrap_or_default() + 1);
        self.owner.send(line.clone()).await?;
        let letter = wait_for("the dead letter", PATIENCE, || async {
            let query = "{ deadLetters(first: 1) { nodes { reason payload } } }";
            let answer = self.owner.ask(query, json!({})).await?;
            Ok(answer.pointer("/deadLetters/nodes/0").cloned())
        })
        .await?;
        anyhow::ensure!(letter["reason"] == reason, "{letter}");
        let sent: Value = serde_json::from_str(&line)?;
        anyhow::ensure!(
            letter["payload"] == sent["event"],
            "not the bytes sent: {letter}"
        );
        let after = self.owner.counts().await?;
        anyhow::ensure!(expected == after, "{after} instead of {expected}");
        Ok(())
    }
}

fn read() -> Value {
    json!({ "action": "files:read", "resource": "/data" })
}

#[tokio::test]
async fn a_request_signed_by_another_key_in_the_agents_name_is_refused() {
    let outcome = Scene::refuses("SIGNATURE_INVALID", async |agent| {
        let mut signed = agent.sign_verify(read());
        let thief = sign_with_other_key(agent, &signed.body);
        signed.headers.signature = thief;
        agent.post(&signed).await
    });
    outcome.await.unwrap();
}

/// The `signature` field that a thief of the key id, but not of the key, could make.
fn sign_with_other_key(agent: &Agent, body: &[u8]) -> String {
    let thief = Agent {
        key: key_of("thief"),
        ..agent.clone()
    };
    thief.sign(body.to_vec(), now()).headers.signature
}

#[tokio::test]
async fn a_replayed_request_is_refused() {
    let scene = Scene::new().await.unwrap();
    let signed = scene.agent.sign_verify(read());
    let first = scene.agent.post(&signed).await.unwrap();
    assert_eq!(first.decision().0, "ALLOWED", "{}", first.body);
    let before = scene.owner.counts().await.unwrap();
    let second = scene.agent.post(&signed).await.unwrap();
    assert!(second.is_refused_for("NONCE_REPLAYED"), "{}", second.body);
    assert_eq!(scene.owner.counts().await.unwrap(), before);
}

#[tokio::test]
async fn a_replayed_request_is_refused_after_a_crash_too() {
    let mut scene = Scene::new().await.unwrap();
    let signed = scene.agent.sign_verify(read());
    let first = scene.agent.post(&signed).await.unwrap();
    assert_eq!(first.decision().0, "ALLOWED", "{}", first.body);
    let before = scene.owner.counts().await.unwrap();
    scene.aim.restart().unwrap();
    let second = scene.agent.post(&signed).await.unwrap();
    let message = second.body["errors"][0]["message"]
        .as_str()
        .unwrap_or_default();
    assert!(message.starts_with("NONCE_REPLAYED: "), "{}", second.body);
    assert_eq!(scene.owner.counts().await.unwrap(), before);
}

#[tokio::test]
async fn a_request_signed_too_long_ago_is_refused() {
    let outcome = Scene::refuses("SIGNATURE_STALE", async |agent| {
        let body = agent.sign_verify(read()).body;
        agent
            .post(&agent.sign(body, now() - TimeDelta::seconds(310)))
            .await
    });
    outcome.await.unwrap();
}

#[tokio::test]
async fn a_request_signed_in_the_future_is_refused() {
    let outcome = Scene::refuses("SIGNATURE_FROM_FUTURE", async |agent| {
        let body = agent.sign_verify(read()).body;
        agent
            .post(&agent.sign(body, now() + TimeDelta::seconds(90)))
            .await
    });
    outcome.await.unwrap();
}

#[tokio::test]
async fn a_request_whose_body_was_altered_is_refused() {
    let outcome = Scene::refuses("DIGEST_MISMATCH", async |agent| {
        let mut signed = agent.sign_verify(read());
        let body = String::from_utf8(signed.body)?;
        signed.body = body.replace("files:read", "files:grab").into_bytes();
        agent.post(&signed).await
    });
    outcome.await.unwrap();
}

#[tokio::test]
async fn a_request_signed_by_an_unknown_key_is_refused() {
    let outcome = Scene::refuses("KEY_UNKNOWN", async |agent| {
        let stranger = Agent {
            key: key_of("stranger"),
            ..agent.clone()
        };
        stranger.verify(read()).await
    });
    outcome.await.unwrap();
}

#[tokio::test]
async fn a_revoked_agent_is_denied_and_its_events_are_dead_letters() {
    let scene = Scene::new().await.unwrap();
    let first = scene.agent.verify(read()).await.unwrap();
    assert_eq!(first.decision().0, "ALLOWED", "{}", first.body);
    scene.owner.revoke(&scene.agent).await.unwrap();
    let answer = scene.agent.verify(read()).await.unwrap();
    let (decision, reasons) = answer.decision();
    assert_eq!(decision, "DENIED", "{}", answer.body);
    assert!(reasons.contains(&"AGENT_REVOKED"), "{}", answer.body);
    let line = scene.agent.line(&scene.agent.event("files:read", now()));
    scene.buries(line, "KEY_REVOKED").await.unwrap();
}

/// Posts a body to `/graphql` as the administrator.
async fn post(owner: &Owner, body: String) -> anyhow::Result<Answer> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let request = http.post(format!("{}/graphql", owner.url));
    let request = request
        .bearer_auth(&owner.token)
        .header("content-type", "application/json");
    let answer = request.body(body).send().await?;
    let status = answer.status().as_u16();
    let body = answer.json().await.unwrap_or_default();
    Ok(Answer { status, body })
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let scene = Scene::new().await.unwrap();
    let before = scene.owner.counts().await.unwrap();
    let padding = "x".repeat(256 * 1024);
    let body = json!({ "query": "{ __typename }", "variables": { "padding": padding } });
    let answer = post(&scene.owner, body.to_string()).await.unwrap();
    assert_eq!(answer.status, 413, "{}", answer.body);
    assert_eq!(scene.owner.counts().await.unwrap(), before);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let scene = Scene::new().await.unwrap();
    let before = scene.owner.counts().await.unwrap();
    for body in [
        "",
        "{",
        "nonsense",
        "[]",
        "7",
        r#"{"query":7}"#,
        r#"{"query":"{ __typename }"}}"#,
    ] {
        let answer = post(&scene.owner, body.to_owned()).await.unwrap();
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    let deep = format!(
        r#"{{"query":"{{ __typename }}","variables":{}"#,
        "[".repeat(100_000)
    );
    assert_eq!(post(&scene.owner, deep).await.unwrap().status, 400);
    assert_eq!(scene.owner.counts().await.unwrap(), before);
}

#[tokio::test]
async fn an_event_that_is_no_cloud_event_is_a_dead_letter() {
    let scene = Scene::new().await.unwrap();
    let line = scene.agent.line(r#"{"specversion":"1.0","id":"#);
    scene.buries(line, "EVENT_MALFORMED").await.unwrap();
}

#[tokio::test]
async fn an_event_of_another_agent_is_a_dead_letter() {
    let scene = Scene::new().await.unwrap();
    let other = scene.owner.register("other", &[]).await.unwrap();
    let line = other.line(&scene.agent.event("files:read", now()));
    scene.buries(line, "AGENT_MISMATCH").await.unwrap();
}

#[tokio::test]
async fn an_event_without_signature_is_a_dead_letter() {
    let scene = Scene::new().await.unwrap();
    let event = scene.agent.event("files:read", now());
    let line = json!({ "event": event, "signature": null }).to_string();
    scene.buries(line, "SIGNATURE_MISSING").await.unwrap();
}

#[tokio::test]
async fn an_event_with_nonsense_for_a_signature_is_a_dead_letter() {
    let scene = Scene::new().await.unwrap();
    let event = scene.agent.event("files:read", now());
    let line = json!({ "event": event, "signature": "nonsense" }).to_string();
    scene.buries(line, "SIGNATURE_MALFORMED").await.unwrap();
}

#[tokio::test]
async fn an_event_that_was_altered_is_a_dead_letter() {
    let scene = Scene::new().await.unwrap();
    let event = scene.agent.event("files:read", now());
    let altered = event.replace("report.csv", "salary.csv");
    let key_id = scene.agent.key.public_key().thumbprint();
    let signature = sign_event(&scene.agent.key, &key_id, event.as_bytes()).to_string();
    let line = json!({ "event": altered, "signature": signature }).to_string();
    scene.buries(line, "SIGNATURE_INVALID").await.unwrap();
}

#[tokio::test]
async fn an_event_from_the_future_is_a_dead_letter() {
    let scene = Scene::new().await.unwrap();
    let event = scene
        .agent
        .event("files:read", now() + TimeDelta::minutes(10));
    scene
        .buries(scene.agent.line(&event), "EVENT_FROM_FUTURE")
        .await
        .unwrap();
}

/// Every way to look at an agent and its verification.
const FOREIGN: &str = "query($agent: ID!, $verification: ID!) {
        agent(id: $agent) { name }
        node(id: $agent) { id }
        verification(id: $verification) { decision }
        agents(first: 10) { nodes { name } }
        verifications(first: 10, filter: { agentId: $agent }) { nodes { id } } }";

#[tokio::test]
async fn another_tenants_agent_does_not_exist() {
    let scene = Scene::new().await.unwrap();
    let foreign = scene
        .owner
        .register("foreign", &["files:read"])
        .await
        .unwrap();
    let answer = foreign.verify(read()).await.unwrap();
    let verification = answer.body["data"]["verifyAction"]["verification"]["id"].clone();
    assert!(verification.is_string(), "{}", answer.body);
    // The API makes no second organization: the agent is moved into one in the file.
    let file = scene.aim.data().join("aim.db");
    let database = Database::connect(format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    for statement in [
        "INSERT INTO organizations (id, name, slug, settings, created_at)
            SELECT randomblob(16), 'Other', 'other', settings, created_at FROM organizations",
        "UPDATE agents SET organization_id = (SELECT id FROM organizations WHERE slug = 'other')
            WHERE name = 'foreign'",
        "UPDATE verifications SET organization_id =
            (SELECT id FROM organizations WHERE slug = 'other')",
    ] {
        database.execute_unprepared(statement).await.unwrap();
    }
    let ids = json!({ "agent": foreign.id, "verification": verification });
    let answer = scene.owner.ask(FOREIGN, ids).await.unwrap();
    let nothing = json!({
        "agent": null,
        "node": null,
        "verification": null,
        "agents": { "nodes": [{ "name": "reader" }] },
        "verifications": { "nodes": [] },
    });
    assert_eq!(answer, nothing);
    let before = scene.owner.counts().await.unwrap();
    for (mutation, input, more) in [
        (
            "suspendAgent",
            "SuspendAgentInput",
            json!({ "reason": "no" }),
        ),
        (
            "reinstateAgent",
            "ReinstateAgentInput",
            json!({ "reason": "no" }),
        ),
        ("revokeAgent", "RevokeAgentInput", json!({ "reason": "no" })),
        (
            "grantCapability",
            "GrantCapabilityInput",
            json!({ "capability": "*" }),
        ),
    ] {
        let query = format!(
            "mutation($input: {input}!) {{ {mutation}(input: $input) {{ userErrors {{ code }} }} }}"
        );
        let mut input = more;
        input["agentId"] = json!(foreign.id);
        let answer = scene
            .owner
            .ask(&query, json!({ "input": input }))
            .await
            .unwrap();
        let expected = json!({ mutation: { "userErrors": [{ "code": "NOT_FOUND" }] } });
        assert_eq!(answer, expected);
    }
    assert_eq!(scene.owner.counts().await.unwrap(), before);
}

#[tokio::test]
async fn an_idempotency_key_gives_one_answer_for_one_action() {
    let scene = Scene::new().await.unwrap();
    let ask_on = |action: &'static str, resource: &'static str| {
        let input = json!({ "action": action, "resource": resource, "idempotencyKey": "run-7" });
        scene.agent.verify(input)
    };
    let ask = |action: &'static str| ask_on(action, "/data");
    let first = ask("files:read").await.unwrap().body;
    let before = scene.owner.counts().await.unwrap();
    assert!(
        first["data"]["verifyAction"]["verification"]["id"].is_string(),
        "{first}"
    );
    assert_eq!(ask("files:read").await.unwrap().body, first);
    let other = ask_on("files:read", "/other").await.unwrap().body;
    let payload = &other["data"]["verifyAction"];
    assert!(payload["verification"].is_null(), "{other}");
    assert_eq!(payload["userErrors"][0]["code"], "CONFLICT", "{other}");
    assert_eq!(scene.owner.counts().await.unwrap(), before);
    // What is denied is denied, whatever the key was for: no earlier yes is handed out for it.
    let denied = ask("files:write").await.unwrap();
    assert_eq!(denied.decision().0, "DENIED", "{}", denied.body);
}
