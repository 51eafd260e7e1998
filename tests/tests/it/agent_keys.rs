//! The life of agents' keys: rotation with an overlap, revocation, reminders, the last key's end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_domain::signature::{PossessionProof, SecretKey, sign_rotation};
use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::fleet::{Agent, Answer, Owner, database_of, key_of, now, text};

const PATIENCE: Duration = Duration::from_secs(90);
const ROTATE: &str = "mutation($input: RotateAgentKeyInput!) { rotateAgentKey(input: $input) {
    agent { id status } userErrors { code message field } } }";
const KEYS: &str = "query($id: ID!) { agent(id: $id) { status statusReason keys { totalCount nodes {
    id keyId status createdBy expiresAt lastUsedAt replacedBy revokedAt revokedBy revokedReason } } } }";

struct Scene {
    aim: AimProcess,
    owner: Owner,
    agent: Agent,
}

impl Scene {
    async fn new() -> Self {
        let aim = AimConfig::new().start().unwrap();
        let owner = Owner::of(&aim).await.unwrap();
        let agent = owner.register("reader", &["files:read"]).await.unwrap();
        Self { aim, owner, agent }
    }

    fn proof(&self, key: &SecretKey) -> PossessionProof {
        let (organization, agent) = (self.owner.organization, self.agent.uuid());
        sign_rotation(organization, agent, key, now().timestamp())
    }

    fn input(&self, key: &SecretKey, grace: u32) -> Value {
        rotation(&self.agent, key, &self.proof(key), grace)
    }

    async fn keys(&self) -> Value {
        let mut answer = self
            .owner
            .ask(KEYS, json!({ "id": self.agent.id }))
            .await
            .unwrap();
        answer["agent"].take()
    }
}

fn rotation(agent: &Agent, key: &SecretKey, proof: &PossessionProof, grace: u32) -> Value {
    json!({
        "agentId": agent.id,
        "publicKey": key.public_key().to_base64url(),
        "proofOfPossession": {
            "created": proof.created, "signature": STANDARD.encode(&proof.signature) },
        "graceSeconds": grace,
    })
}

/// Sends a signed request of the agent.
async fn signed(agent: &Agent, query: &str, variables: Value) -> Answer {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let request = agent.sign(body.into_bytes(), now());
    agent.post(&request).await.unwrap()
}

async fn rotates(agent: &Agent, input: Value) -> Value {
    let mut answer = signed(agent, ROTATE, json!({ "input": input })).await;
    assert!(answer.body["errors"].is_null(), "{}", answer.body);
    answer.body["data"]["rotateAgentKey"].take()
}

async fn asks(agent: &Agent) -> String {
    let answer = agent
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    let (decision, reasons) = answer.decision();
    format!("{decision} {}", reasons.join(" "))
}

fn errors(outcome: &Value) -> Vec<String> {
    let all = outcome["userErrors"].as_array().unwrap().iter();
    let word = |it: &Value| match it["field"][0].as_str() {
        Some(field) => format!("{} {field}", it["code"].as_str().unwrap()),
        None => it["code"].as_str().unwrap().to_owned(),
    };
    all.map(word).collect()
}

#[tokio::test]
async fn a_rotated_key_overlaps_with_the_new_one_and_has_one_successor() {
    let scene = Scene::new().await;
    let old = &scene.agent;
    let new = old.with_key(key_of("second"));
    let done = rotates(old, scene.input(&new.key, 3_600)).await;
    assert_eq!(errors(&done), [""; 0], "{done}");
    for agent in [old, &new] {
        assert_eq!(asks(agent).await, "ALLOWED CAPABILITY_GRANTED");
    }
    let found = scene.keys().await;
    let keys = &found["keys"]["nodes"];
    assert_eq!(keys[0]["status"], "ACTIVE", "{keys}");
    assert_eq!(keys[1]["status"], "RETIRING");
    assert_eq!(keys[1]["replacedBy"], keys[0]["id"]);
    assert_eq!(keys[0]["createdBy"], format!("agent:{}", old.uuid()));

    // Whoever has the old key cannot make a key of their own with it.
    let thief = scene.input(&key_of("thief"), 0);
    assert_eq!(errors(&rotates(old, thief.clone()).await), ["CONFLICT"]);
    // The newest key can, and a person with the new key's proof can.
    let third = new.with_key(key_of("third"));
    let done = rotates(&new, scene.input(&third.key, 0)).await;
    assert_eq!(errors(&done), [""; 0], "{done}");
    for gone in [old, &new] {
        assert_eq!(asks(gone).await, "DENIED KEY_EXPIRED");
    }
    let fourth = old.with_key(key_of("fourth"));
    let input = json!({ "input": scene.input(&fourth.key, 60) });
    let answer = scene.owner.ask(ROTATE, input).await.unwrap();
    assert_eq!(errors(&answer["rotateAgentKey"]), [""; 0], "{answer}");
    for agent in [&third, &fourth] {
        assert_eq!(asks(agent).await, "ALLOWED CAPABILITY_GRANTED");
    }
    let statuses: Vec<_> = scene.keys().await["keys"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["status"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(statuses, ["ACTIVE", "RETIRING", "EXPIRED", "EXPIRED"]);
}

#[tokio::test]
async fn a_rotated_key_ends_exactly_at_the_end_of_its_overlap() {
    const GRACE: u32 = 3;
    let scene = Scene::new().await;
    let old = &scene.agent;
    let done = rotates(old, scene.input(&key_of("second"), GRACE)).await;
    assert_eq!(errors(&done), [""; 0], "{done}");
    let end = text(&scene.keys().await, "/keys/nodes/1/expiresAt").unwrap();
    let end: DateTime<Utc> = end.parse().unwrap();
    let query = "mutation($input: VerifyActionInput!) { verifyAction(input: $input) {
        verification { decision createdAt reasons { code } } } }";
    let (mut allowed, mut denied) = (0, 0);
    while denied == 0 {
        let input = json!({ "input": { "action": "files:read" } });
        let answer = signed(old, query, input).await;
        let made = &answer.body["data"]["verifyAction"]["verification"];
        let at: DateTime<Utc> = made["createdAt"].as_str().unwrap().parse().unwrap();
        if made["decision"] == "ALLOWED" {
            assert!(at < end, "allowed at {at}, ended at {end}");
            allowed += 1;
        } else {
            assert_eq!(made["reasons"][0]["code"], "KEY_EXPIRED");
            assert!(at >= end, "denied at {at}, ends at {end}");
            denied += 1;
        }
    }
    assert!(allowed > 0);
}

#[tokio::test]
async fn a_rotation_needs_the_new_keys_proof_and_the_old_keys_signature() {
    let scene = Scene::new().await;
    let (agent, new) = (&scene.agent, key_of("second"));
    let good = scene.proof(&new);
    let stranger = scene.owner.register("stranger", &[]).await.unwrap();
    let proofs = [
        ("by the old key", scene.proof(&agent.key)),
        ("for another agent", {
            sign_rotation(
                scene.owner.organization,
                stranger.uuid(),
                &new,
                good.created,
            )
        }),
        ("too old", {
            let long_ago = now() - TimeDelta::seconds(400);
            sign_rotation(
                scene.owner.organization,
                agent.uuid(),
                &new,
                long_ago.timestamp(),
            )
        }),
        (
            "cut",
            PossessionProof {
                signature: good.signature[..63].to_vec(),
                ..good.clone()
            },
        ),
        (
            "empty",
            PossessionProof {
                signature: Vec::new(),
                ..good.clone()
            },
        ),
    ];
    for (name, proof) in proofs {
        let done = rotates(agent, rotation(agent, &new, &proof, 60)).await;
        assert_eq!(
            errors(&done),
            ["INVALID proofOfPossession"],
            "{name}: {done}"
        );
    }
    let long = rotates(agent, rotation(agent, &new, &good, 604_801)).await;
    assert_eq!(errors(&long), ["INVALID graceSeconds"]);
    let used = scene.input(&stranger.key, 60);
    assert_eq!(errors(&rotates(agent, used).await), ["CONFLICT publicKey"]);
    // An agent's own keys are its own: another agent's are not its to exchange.
    let input = json!({ "input": rotation(agent, &new, &good, 60) });
    let answer = signed(&stranger, ROTATE, input).await;
    let code = answer.body.pointer("/errors/0/extensions/code");
    assert_eq!(code, Some(&json!("FORBIDDEN")), "{}", answer.body);
    // A suspended agent does not get a new key by its old one.
    let query = "mutation($input: SuspendAgentInput!) { suspendAgent(input: $input) {
        agent { status } } }";
    let input = json!({ "input": { "agentId": agent.id, "reason": "a test" } });
    scene.owner.ask(query, input).await.unwrap();
    let answer = signed(agent, ROTATE, json!({ "input": scene.input(&new, 60) })).await;
    let code = answer.body.pointer("/errors/0/extensions/code");
    assert_eq!(code, Some(&json!("FORBIDDEN")), "{}", answer.body);
    assert_eq!(scene.keys().await["keys"]["totalCount"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_replayed_on_another_node() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let aim = AimConfig::new().database(&url).start().unwrap();
    let second = AimConfig::new().database(&url).role("api").start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    let scene = Scene { aim, owner, agent };
    let new = scene.agent.with_key(key_of("second"));
    let input = json!({ "input": scene.input(&new.key, 3_600) });
    let body = json!({ "query": ROTATE, "variables": input }).to_string();
    let request = scene.agent.sign(body.into_bytes(), now());
    let first = scene.agent.post(&request).await.unwrap();
    assert_eq!(
        errors(&first.body["data"]["rotateAgentKey"]),
        [""; 0],
        "{}",
        first.body
    );
    let again = scene.agent.post(&request).await.unwrap();
    assert!(again.is_refused_for("NONCE_REPLAYED"), "{}", again.body);
    let there = scene
        .agent
        .post_to(second.base_url(), &request)
        .await
        .unwrap();
    let error = there.body["errors"][0]["message"]
        .as_str()
        .unwrap_or_default();
    assert!(error.starts_with("NONCE_REPLAYED"), "{}", there.body);
    // Nor is a question asked twice.
    let body = json!({ "query": "{ agents { totalCount } }" }).to_string();
    let request = new.sign(body.into_bytes(), now());
    let first = new.post(&request).await.unwrap();
    assert_eq!(
        first.body["data"]["agents"]["totalCount"], 1,
        "{}",
        first.body
    );
    let there = new.post_to(second.base_url(), &request).await.unwrap();
    assert!(there.is_refused_for("NONCE_REPLAYED"), "{}", there.body);
    // The new key is good there at once, although nothing told that node yet.
    let elsewhere = Agent {
        url: second.base_url().to_owned(),
        ..new
    };
    assert_eq!(asks(&elsewhere).await, "ALLOWED CAPABILITY_GRANTED");
}

#[tokio::test]
async fn a_revoked_key_is_good_for_nothing() {
    let scene = Scene::new().await;
    let agent = &scene.agent;
    let answer = agent
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    let allowed = text(&answer.body, "/data/verifyAction/verification/id").unwrap();
    let key = text(&scene.keys().await, "/keys/nodes/0/id").unwrap();
    let revoke = async || {
        let query = "mutation($input: RevokeAgentKeyInput!) { revokeAgentKey(input: $input) {
            key { status revokedBy revokedReason } userErrors { code field } } }";
        let input = json!({ "input": { "keyId": key, "reason": "it was on a stolen disk" } });
        let mut answer = scene.owner.ask(query, input).await.unwrap();
        answer["revokeAgentKey"].take()
    };
    let revoked = revoke().await;
    assert_eq!(revoked["key"]["status"], "REVOKED", "{revoked}");
    assert_eq!(revoked["key"]["revokedReason"], "it was on a stolen disk");
    assert!(
        revoked["key"]["revokedBy"]
            .as_str()
            .unwrap()
            .starts_with("user:")
    );
    assert_eq!(errors(&revoke().await), ["CONFLICT"]);

    assert_eq!(asks(agent).await, "DENIED KEY_REVOKED");
    let report = "mutation($input: ReportActionResultInput!) { reportActionResult(input: $input) {
        userErrors { code } } }";
    let result = json!({ "input": { "verificationId": allowed, "isSuccess": true } });
    let rotate = json!({ "input": scene.input(&key_of("second"), 60) });
    for (query, variables) in [
        ("{ agents { totalCount } }", json!({})),
        (report, result),
        (ROTATE, rotate),
    ] {
        let answer = signed(agent, query, variables).await;
        let error = &answer.body["errors"][0];
        assert_eq!(
            error["extensions"]["code"], "UNAUTHENTICATED",
            "{query}: {}",
            answer.body
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("KEY_REVOKED: "), "{message}");
    }
    // An agent without a key is suspended, and says why.
    let suspended = || async {
        let agent = scene.keys().await;
        Ok((agent["status"] == "SUSPENDED").then_some(agent))
    };
    let agent = wait_for("the suspension", PATIENCE, suspended)
        .await
        .unwrap();
    assert!(
        agent["statusReason"].as_str().unwrap().contains("last key"),
        "{agent}"
    );
}

/// Audit entries of one action, newest first.
async fn audited(owner: &Owner, action: &str) -> Vec<Value> {
    let query = "query($action: String!) { auditEntries(first: 100, filter: { action: $action }) {
        nodes { actorType after reason } } }";
    let mut answer = owner.ask(query, json!({ "action": action })).await.unwrap();
    serde_json::from_value(answer["auditEntries"]["nodes"].take()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reminder_is_given_once_and_the_last_keys_end_suspends_once_on_two_nodes() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let first = AimConfig::new().database(&url).start().unwrap();
    let _second = AimConfig::new().database(&url).role("api").start().unwrap();
    let owner = Owner::of(&first).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    let kept = owner.register("kept", &["files:read"]).await.unwrap();
    let database = Database::connect(&url).await.unwrap();
    let ends_for = async |agent: &Agent, interval: &str| {
        let (id, end) = (agent.uuid(), format!("now() + interval '{interval}'"));
        // What is written behind the store's back is noted beside the agent as the store notes it.
        for statement in [
            format!("UPDATE agent_keys SET expires_at = {end} WHERE agent_id = '{id}'"),
            format!("UPDATE agents SET keys_end_at = {end} WHERE id = '{id}'"),
        ] {
            database.execute_unprepared(&statement).await.unwrap();
        }
    };
    let ends = async |interval: &str| ends_for(&agent, interval).await;
    let count = async |action: &str, wanted: usize| {
        let enough = || async {
            let found = audited(&owner, action).await;
            Ok((found.len() >= wanted).then_some(found))
        };
        wait_for(action, PATIENCE, enough).await.unwrap()
    };
    for (interval, days, number) in [("10 days", 14, 1), ("5 days", 7, 2), ("1 hour", 1, 3)] {
        ends(interval).await;
        let reminders = count("agent-key.remind", number).await;
        assert_eq!(reminders.len(), number, "{reminders:?}");
        assert_eq!(reminders[0]["actorType"], "system");
        assert_eq!(reminders[0]["after"]["days"], days, "{reminders:?}");
    }
    ends("-1 seconds").await;
    let suspended = count("agent.suspend", 1).await;
    assert_eq!(suspended.len(), 1, "{suspended:?}");
    // Rounds go on, on both nodes; another agent's end shows that one has passed since.
    ends_for(&kept, "0 seconds").await;
    assert_eq!(count("agent.suspend", 2).await.len(), 2);
    assert_eq!(audited(&owner, "agent-key.remind").await.len(), 3);
    let denied = || async {
        let answer = asks(&agent).await;
        Ok((answer == "DENIED AGENT_SUSPENDED").then_some(()))
    };
    wait_for("the suspension to be heard of", PATIENCE, denied)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_policy_counts_for_keys_made_after_it() {
    let scene = Scene::new().await;
    let set = async |input: Value| {
        let query = "mutation($input: SetKeyPolicyInput!) { setKeyPolicy(input: $input) {
            keyPolicy { lifeDays graceSeconds reminderDays suspendsExpired }
            userErrors { code message field } } }";
        let mut answer = scene
            .owner
            .ask(query, json!({ "input": input }))
            .await
            .unwrap();
        answer["setKeyPolicy"].take()
    };
    let bad = json!({ "lifeDays": 731, "graceSeconds": 604_801, "reminderDays": [0] });
    let wrong = [
        "INVALID lifeDays",
        "INVALID graceSeconds",
        "INVALID reminderDays",
    ];
    assert_eq!(errors(&set(bad).await), wrong);
    let policy = json!({ "lifeDays": 10, "graceSeconds": 0, "reminderDays": [1, 3] });
    let policy = set(policy).await;
    assert_eq!(
        policy["keyPolicy"]["reminderDays"],
        json!([3, 1]),
        "{policy}"
    );
    let late = scene.owner.register("late", &[]).await.unwrap();
    let answer = scene
        .owner
        .ask(KEYS, json!({ "id": late.id }))
        .await
        .unwrap();
    let end: DateTime<Utc> = text(&answer, "/agent/keys/nodes/0/expiresAt")
        .unwrap()
        .parse()
        .unwrap();
    let left = end - now();
    assert!(
        left < TimeDelta::days(10) && left > TimeDelta::days(9),
        "{left}"
    );
    let before: DateTime<Utc> = text(&scene.keys().await, "/keys/nodes/0/expiresAt")
        .unwrap()
        .parse()
        .unwrap();
    assert!(before - now() > TimeDelta::days(80));
    let answer = scene
        .owner
        .ask("{ organization { keyPolicy { lifeDays } } }", json!({}));
    assert_eq!(
        answer.await.unwrap()["organization"]["keyPolicy"]["lifeDays"],
        10
    );
}

#[tokio::test]
async fn private_keys_are_nowhere_to_be_downloaded() {
    let scene = Scene::new().await;
    let query = "{ __schema { types { name kind fields { name } } } }";
    let schema = scene.owner.ask(query, json!({})).await.unwrap();
    let mut seen = 0;
    for kind in schema["__schema"]["types"].as_array().unwrap() {
        for field in kind["fields"].as_array().into_iter().flatten() {
            let name = field["name"].as_str().unwrap().to_lowercase();
            // One that the server was asked to make is in the answer to its registration, and nowhere
            // else: `server_made_keys.rs`.
            let registers = ["RegisterAgentPayload", "AdoptAgentSightingPayload"];
            if registers.iter().any(|it| kind["name"] == *it) && name == "privatekey" {
                continue;
            }
            assert!(
                !name.contains("private") && !name.contains("seed"),
                "{kind}"
            );
            seen += 1;
        }
    }
    assert!(seen > 100);
    // Nor is there a place to keep one: the table of keys has public halves only.
    let rows = database_of(&scene.aim).await.unwrap();
    let columns = "SELECT name FROM pragma_table_info('agent_keys')";
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, columns);
    let rows = rows.query_all_raw(statement).await.unwrap();
    let names: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "name").unwrap())
        .collect();
    assert!(names.contains(&"public_key".to_owned()));
    assert!(
        !names
            .iter()
            .any(|name| name.contains("private") || name.contains("secret"))
    );
    for path in [
        "/v1/agents/x/credentials",
        "/agents/x/private-key",
        "/v1/agents/x/keys",
    ] {
        let url = format!("{}{path}", scene.aim.base_url());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(http.get(url).send().await.unwrap().status(), 404, "{path}");
    }
}

/// Signatures of the reference cover JSON that the server writes anew: commas, Unicode, numbers and
/// null break them, or let another body through. Ours cover the bytes.
#[tokio::test]
async fn signatures_are_over_bytes_as_sent_not_over_reserialized_json() {
    let scene = Scene::new().await;
    let query = "mutation($input: VerifyActionInput!) { verifyAction(input: $input) {
        verification { decision } userErrors { message } } }";
    let query = serde_json::to_string(query).unwrap();
    for arguments in [
        r#"{"a":1.0,"b":10000000000000000000,"c":1e2}"#,
        r#"{ "b" : [ 1 , 2 ] , "a" : null }"#,
        "{\"\u{e9}\":\"caf\u{e9}, \u{4f60}\u{597d} \u{1f600}\"}",
        r#"{"\u00e9":"caf\u00e9\/\u4f60"}"#,
    ] {
        let body = format!(
            r#"{{"variables":{{"input":{{"action":"files:read","arguments":{arguments}}}}},   "query":{query}}}"#
        );
        let request = scene.agent.sign(body.clone().into_bytes(), now());
        let answer = scene.agent.post(&request).await.unwrap();
        let decision = answer
            .body
            .pointer("/data/verifyAction/verification/decision");
        assert_eq!(
            decision,
            Some(&json!("ALLOWED")),
            "{arguments}: {}",
            answer.body
        );
        // The same document, written otherwise, is another body.
        let parsed: Value = serde_json::from_str(&body).unwrap();
        let mut other = scene.agent.sign(body.into_bytes(), now());
        other.body = parsed.to_string().into_bytes();
        let answer = scene.agent.post(&other).await.unwrap();
        assert!(
            answer.is_refused_for("DIGEST_MISMATCH"),
            "{arguments}: {}",
            answer.body
        );
    }
}
