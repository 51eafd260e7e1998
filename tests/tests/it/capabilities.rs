//! Capabilities that agents ask for, grants with their history, and attempts without.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, now, text};

const PATIENCE: Duration = Duration::from_secs(30);

async fn asked(agent: &Agent, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let signed = agent.sign(body.into_bytes(), now());
    agent.post(&signed).await.unwrap().body
}

async fn requests(agent: &Agent, capability: &str, resource: Option<&str>) -> Value {
    let query = "mutation($input: RequestCapabilityInput!) { requestCapability(input: $input) {
        capabilityRequest { id status } userErrors { code message } } }";
    let input = json!({ "capability": capability, "resource": resource, "lifeSeconds": 3600,
        "reason": "the report needs it" });
    let mut answer = asked(agent, query, json!({ "input": input })).await;
    answer["data"]["requestCapability"].take()
}

async fn answers(person: &Owner, name: &str, id: &str) -> Value {
    let (first, rest) = name.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{ capabilityRequest {{
            status decidedBy decidedReason grantId }} userErrors {{ code message }} }} }}",
        first.to_uppercase()
    );
    let input = json!({ "requestId": id, "reason": "seen" });
    let mut answer = person.ask(&query, json!({ "input": input })).await.unwrap();
    answer[name].take()
}

async fn decision(agent: &Agent, action: &str) -> String {
    let answer = agent
        .verify(json!({ "action": action, "resource": "/data" }))
        .await
        .unwrap();
    answer.decision().0.to_owned()
}

async fn started(database: Option<&str>) -> (AimProcess, Owner, Agent) {
    let config = AimConfig::new();
    let config = match database {
        Some(url) => config.database(url),
        None => config,
    };
    let aim = config.start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("worker", &["files:read"]).await.unwrap();
    (aim, owner, agent)
}

async fn asks_and_is_answered(database: Option<&str>) {
    let (_aim, owner, agent) = started(database).await;
    assert_eq!(decision(&agent, "reports:get").await, "DENIED");
    let made = requests(&agent, "reports:get", None).await;
    assert_eq!(made["capabilityRequest"]["status"], "PENDING", "{made}");
    let id = text(&made, "/capabilityRequest/id").unwrap();
    // The same is not asked twice, and what is granted is not asked for.
    for (capability, resource) in [("reports:get", None), ("files:read", Some("/data"))] {
        let again = requests(&agent, capability, resource).await;
        assert_eq!(again["userErrors"][0]["code"], "CONFLICT", "{again}");
    }
    let other = requests(&agent, "reports:get", Some("/data/*")).await;
    let other = text(&other, "/capabilityRequest/id").unwrap();
    let approved = answers(&owner, "approveCapabilityRequest", &id).await;
    assert_eq!(
        approved["capabilityRequest"]["status"], "APPROVED",
        "{approved}"
    );
    let rejected = answers(&owner, "rejectCapabilityRequest", &other).await;
    assert_eq!(
        rejected["capabilityRequest"]["decidedReason"], "seen",
        "{rejected}"
    );
    let twice = answers(&owner, "approveCapabilityRequest", &other).await;
    assert_eq!(twice["userErrors"][0]["code"], "CONFLICT", "{twice}");
    assert_eq!(decision(&agent, "reports:get").await, "ALLOWED");

    let history =
        "{ capabilityGrants(first: 10) { totalCount nodes { id capability grantedBy reason
        expiresAt revokedAt revokedBy agent { name } } } }";
    let seen = owner.ask(history, json!({})).await.unwrap();
    let grant = &seen["capabilityGrants"]["nodes"][0];
    assert_eq!(
        grant["id"], approved["capabilityRequest"]["grantId"],
        "{seen}"
    );
    assert_eq!(grant["reason"], "seen");
    assert!(grant["expiresAt"].is_string(), "as long as was asked for");
    let revoke = "mutation($input: RevokeCapabilityInput!) { revokeCapability(input: $input) {
        grant { revokedAt } userErrors { message } } }";
    let input = json!({ "grantId": grant["id"], "reason": "a test" });
    owner.ask(revoke, json!({ "input": input })).await.unwrap();
    let seen = owner.ask(history, json!({})).await.unwrap();
    let grant = &seen["capabilityGrants"]["nodes"][0];
    assert!(
        grant["revokedBy"].as_str().unwrap().starts_with("user:"),
        "{seen}"
    );
    assert_eq!(decision(&agent, "reports:get").await, "DENIED");

    // Another agent sees nothing of it.
    let peer = owner.register("peer", &[]).await.unwrap();
    let list = "{ capabilityRequests(first: 10) { totalCount } }";
    for (who, count) in [(&agent, 2), (&peer, 0)] {
        let seen = asked(who, list, json!({})).await;
        assert_eq!(
            seen["data"]["capabilityRequests"]["totalCount"], count,
            "{seen}"
        );
    }
}

#[tokio::test]
async fn an_agent_asks_and_a_person_answers() {
    asks_and_is_answered(None).await;
}

#[tokio::test]
async fn an_agent_asks_and_a_person_answers_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    asks_and_is_answered(Some(&url)).await;
}

async fn attempts(owner: &Owner, wanted: i64) -> Value {
    let query =
        "{ capabilityViolations(first: 10) { nodes { action resource risk severity attemptCount
        lastVerificationId agent { name } } } }";
    let seen = || async {
        let seen = owner.ask(query, json!({})).await?;
        let nodes = &seen["capabilityViolations"]["nodes"];
        let all = nodes.as_array().into_iter().flatten();
        let count: i64 = all.filter_map(|it| it["attemptCount"].as_i64()).sum();
        Ok((count == wanted).then(|| nodes.clone()))
    };
    wait_for("the attempts to be counted", PATIENCE, seen)
        .await
        .unwrap()
}

#[tokio::test]
async fn attempts_without_a_grant_are_counted_once_and_get_worse() {
    let (mut aim, mut owner, mut agent) = started(None).await;
    for _ in 0..3 {
        assert_eq!(decision(&agent, "reports:get").await, "DENIED");
    }
    assert_eq!(decision(&agent, "files:read").await, "ALLOWED");
    let seen = attempts(&owner, 3).await;
    assert_eq!(seen.as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen[0]["action"], "reports:get");
    assert_eq!(seen[0]["risk"], "LOW");
    assert_eq!(
        seen[0]["severity"], "MEDIUM",
        "three times is no mistake: {seen}"
    );
    assert_eq!(seen[0]["agent"]["name"], "worker");
    // A process that dies counts none of them again.
    aim.kill9().unwrap();
    aim.restart().unwrap();
    aim.base_url().clone_into(&mut owner.url);
    aim.base_url().clone_into(&mut agent.url);
    assert_eq!(decision(&agent, "reports:get").await, "DENIED");
    let seen = attempts(&owner, 4).await;
    assert_eq!(seen[0]["attemptCount"], 4, "{seen}");
}
