//! What an organization says beyond grants counts for decisions, on every node, and is on record.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_tests::{AimConfig, Postgres, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, text};

const PATIENCE: Duration = Duration::from_secs(30);
const FIELDS: &str = "policy { id mode version text { name rule { kind } } }
    userErrors { code message field }";

/// A policy of the organization that has everything.
pub(crate) const POLICY: &str = "INSERT INTO policies (id, organization_id, version, body, reason, published_by,
    published_at, mode, live_name, created_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f610',
    organization_id, 1, '{\"name\":\"a test\",\"rule\":{\"kind\":\"CAPABILITY_VIOLATION\"},
    \"effect\":\"ALERT\",\"severity\":\"LOW\"}', 'a test', 'user:1', created_at, 'DISABLED', 'a test',
    created_at FROM agents WHERE name = 'reader'";
/// The global id of that: `Policy:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f610`.
pub(crate) const POLICY_ID: &str = "UG9saWN5OjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjYxMA";

/// Publishes a policy about what one agent does.
pub(crate) async fn publish(
    owner: &Owner,
    name: &str,
    rule: Value,
    effect: &str,
    agent: &Agent,
) -> String {
    let said = json!({
        "name": name, "rule": rule, "effect": effect, "severity": "MEDIUM",
        "scope": { "agentIds": [agent.id] },
    });
    let input = json!({ "text": said, "mode": "ENFORCED", "reason": "a test" });
    let answer = ask(owner, "publishPolicy", "PublishPolicyInput", input).await;
    assert_eq!(answer["userErrors"], json!([]), "{answer}");
    text(&answer, "/policy/id").unwrap()
}

pub(crate) async fn ask(owner: &Owner, mutation: &str, kind: &str, input: Value) -> Value {
    let query = format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {FIELDS} }} }}");
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    answer[mutation].take()
}

pub(crate) async fn set_mode(owner: &Owner, id: &str, mode: &str) -> Value {
    let input = json!({ "policyId": id, "mode": mode, "reason": "a test" });
    ask(owner, "changePolicyMode", "ChangePolicyModeInput", input).await
}

/// The decision about an action, with the codes of its reasons.
async fn decided(agent: &Agent, url: &str, input: Value) -> (String, Vec<String>) {
    let agent = Agent {
        url: url.to_owned(),
        ..agent.clone()
    };
    let answer = agent.verify(input).await.unwrap();
    let (decision, codes) = answer.decision();
    let codes = codes.into_iter().map(str::to_owned).collect();
    (decision.to_owned(), codes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_counts_on_every_node_in_the_mode_it_is_in() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let first = AimConfig::new().database(&url).start().unwrap();
    let second = AimConfig::new().database(&url).role("api").start().unwrap();
    let owner = Owner::of(&first).await.unwrap();
    let agent = owner.register("reader", &["files:*"]).await.unwrap();
    let nodes = [first.base_url(), second.base_url()];
    let on_every_node = async |wanted: &str, code: &str| {
        for node in nodes {
            let same = || async {
                let asked = json!({ "action": "files:read", "resource": "/secrets/a" });
                let (decision, codes) = decided(&agent, node, asked).await;
                let is_so = decision == wanted && codes.iter().any(|it| it == code);
                Ok(is_so.then_some(()))
            };
            wait_for(wanted, PATIENCE, same).await.unwrap();
        }
    };
    on_every_node("ALLOWED", "CAPABILITY_GRANTED").await;
    let outside = json!({ "resourceOutside": ["/data/*"] });
    let id = publish(&owner, "only data", outside, "FORBID", &agent).await;
    on_every_node("DENIED", "POLICY_FORBIDS").await;
    let asked = json!({ "action": "files:read", "resource": "/data/a" });
    let fine = decided(&agent, nodes[1], asked).await;
    assert_eq!(fine.0, "ALLOWED", "what the policy lets through");

    assert_eq!(
        set_mode(&owner, &id, "SHADOW").await["policy"]["mode"],
        "SHADOW"
    );
    on_every_node("ALLOWED", "CAPABILITY_GRANTED").await;
    let query = "query($id: ID!) { verifications(first: 1, filter: { policyId: $id }) { totalCount
        nodes { decision policies { name mode effect version why } } } }";
    let answer = owner.ask(query, json!({ "id": id })).await.unwrap();
    let newest = &answer["verifications"]["nodes"][0];
    assert_eq!(newest["decision"], "ALLOWED");
    let hits = newest["policies"].as_array().unwrap();
    let hit = hits.iter().find(|it| it["name"] == "only data").unwrap();
    assert_eq!(
        (&hit["mode"], &hit["effect"]),
        (&json!("SHADOW"), &json!("FORBID"))
    );
    assert!(hit["why"].as_str().unwrap().contains("/secrets/a"), "{hit}");
    assert!(answer["verifications"]["totalCount"].as_u64().unwrap() >= 4);

    assert_eq!(
        set_mode(&owner, &id, "DISABLED").await["userErrors"],
        json!([])
    );
    on_every_node("ALLOWED", "CAPABILITY_GRANTED").await;
    publish(
        &owner,
        "ask first",
        json!({ "isAlways": true }),
        "REQUIRE_APPROVAL",
        &agent,
    )
    .await;
    on_every_node("PENDING_APPROVAL", "POLICY_ASKS").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_wants_looked_at_is_an_alert_and_what_it_quarantines_is_stopped() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:*"]).await.unwrap();
    let always = json!({ "isAlways": true });
    publish(&owner, "tell me", always.clone(), "ALERT", &agent).await;
    let asked = json!({ "action": "files:read" });
    assert_eq!(
        decided(&agent, aim.base_url(), asked.clone()).await.0,
        "ALLOWED"
    );
    let alert = || async {
        let query = "{ alerts(first: 1) { nodes { kind severity summary } } }";
        let answer = owner.ask(query, json!({})).await?;
        Ok(answer["alerts"]["nodes"].get(0).cloned())
    };
    let alert = wait_for("an alert", PATIENCE, alert).await.unwrap();
    assert_eq!(alert["kind"], "POLICY_ALERT", "{alert}");
    assert_eq!(alert["severity"], "MEDIUM");
    assert!(
        alert["summary"].as_str().unwrap().contains("tell me"),
        "{alert}"
    );
    assert_eq!(owner.look(&agent).await.unwrap()["status"], "VERIFIED");

    publish(&owner, "stop it", always, "QUARANTINE", &agent).await;
    let (decision, codes) = decided(&agent, aim.base_url(), asked.clone()).await;
    assert_eq!(
        (decision.as_str(), codes),
        ("DENIED", vec!["POLICY_QUARANTINES".to_owned()])
    );
    let stopped = || async {
        let is_so = owner.look(&agent).await?["status"] == "QUARANTINED";
        Ok(is_so.then_some(()))
    };
    wait_for("quarantine", PATIENCE, stopped).await.unwrap();
    let (decision, codes) = decided(&agent, aim.base_url(), asked).await;
    assert_eq!(
        (decision.as_str(), codes),
        ("DENIED", vec!["AGENT_QUARANTINED".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_never_change_and_every_step_is_on_record() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:*"]).await.unwrap();
    let query = "{ policies(first: 20) { nodes { mode text { name } } } }";
    let answer = owner.ask(query, json!({})).await.unwrap();
    let begins = answer["policies"]["nodes"].as_array().unwrap();
    assert_eq!(begins.len(), 6, "what an organization begins with");
    assert!(begins.iter().all(|it| it["mode"] == "SHADOW"), "{answer}");

    let risk = json!({ "risk": "CRITICAL" });
    let id = publish(&owner, "first", risk, "FORBID", &agent).await;
    let said = |name: &str, rule: Value| {
        json!({
            "policyId": id, "reason": format!("because {name}"),
            "text": { "name": name, "rule": rule, "effect": "FORBID", "severity": "HIGH" },
        })
    };
    let next = said("second", json!({ "isCapabilityViolation": true }));
    let answer = ask(&owner, "publishPolicy", "PublishPolicyInput", next.clone()).await;
    assert_eq!(answer["policy"]["version"], 2, "{answer}");
    assert_eq!(answer["policy"]["mode"], "ENFORCED", "as before");
    let again = ask(&owner, "publishPolicy", "PublishPolicyInput", next).await;
    assert_eq!(again["policy"]["version"], 2, "the same is not said twice");

    let input = json!({ "policyId": id, "reason": "not needed" });
    let answer = ask(&owner, "archivePolicy", "ArchivePolicyInput", input.clone()).await;
    assert_eq!(answer["policy"]["mode"], "DISABLED");
    let again = ask(&owner, "archivePolicy", "ArchivePolicyInput", input).await;
    assert_eq!(again["userErrors"][0]["code"], "CONFLICT");
    let query = "query($id: ID!) { policy(id: $id) { archivedAt versions { nodes {
        version reason text { name } } } } }";
    let answer = owner.ask(query, json!({ "id": id })).await.unwrap();
    assert!(answer["policy"]["archivedAt"].is_string());
    let wanted = json!([
        { "version": 2, "reason": "because second", "text": { "name": "second" } },
        { "version": 1, "reason": "a test", "text": { "name": "first" } },
    ]);
    assert_eq!(answer["policy"]["versions"]["nodes"], wanted);
    let query = "{ auditEntries(first: 10, filter: { objectType: \"policy\" }) {
        nodes { action reason } } }";
    let answer = owner.ask(query, json!({})).await.unwrap();
    let wanted = json!([
        { "action": "policy.archive", "reason": "not needed" },
        { "action": "policy.publish", "reason": "because second" },
        { "action": "policy.publish", "reason": "a test" },
    ]);
    assert_eq!(answer["auditEntries"]["nodes"], wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let said = |name: &str, rule: Value| {
        json!({
            "reason": "a test",
            "text": { "name": name, "rule": rule, "effect": "FORBID", "severity": "HIGH" },
        })
    };
    let two = json!({ "risk": "LOW", "isAlways": true });
    let windows = json!([{ "from": "25:00", "to": "18:00" }]);
    for (wrong, field) in [
        (json!({}), "text.rule"),
        (two, "text.rule"),
        (
            json!({ "network": { "allow": ["10.0.0.0/8", "here"] } }),
            "text.rule.network.allow.1",
        ),
        (
            json!({ "trust": { "least": 2.0 } }),
            "text.rule.trust.least",
        ),
        (
            json!({ "time": { "zone": "UTC", "windows": windows, "side": "INSIDE" } }),
            "text.rule.time.windows.0",
        ),
        (json!({ "cedar": "forbid(" }), "text.rule.cedar"),
        (
            json!({ "cedar": "forbid(principal, action, resource) when { context.danger };" }),
            "text.rule.cedar",
        ),
    ] {
        let answer = ask(
            &owner,
            "publishPolicy",
            "PublishPolicyInput",
            said("x", wrong),
        )
        .await;
        let path = answer["userErrors"][0]["field"].as_array().unwrap();
        let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
        assert_eq!(path.join("."), field, "{answer}");
    }
}

#[tokio::test]
async fn what_cedar_denies_is_denied_with_the_reason_that_its_author_gave() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:*"]).await.unwrap();
    let cedar = "@reason(\"keys stay where they are\")
        forbid(principal, action in Action::\"files\", resource) when { resource.name like \"*.pem\" };";
    let rule = json!({ "cedar": cedar });
    let id = publish(&owner, "no keys", rule, "FORBID", &agent).await;
    for (resource, wanted) in [("/a.txt", "ALLOWED"), ("/a.pem", "DENIED")] {
        let asked = json!({ "action": "files:read", "resource": resource });
        let answer = agent.verify(asked).await.unwrap();
        assert_eq!(answer.decision().0, wanted, "{}", answer.body);
        let said = answer.body.to_string();
        assert_eq!(
            said.contains("keys stay where they are"),
            wanted == "DENIED",
            "{said}"
        );
    }
    let query = "query($id: ID!) { policy(id: $id) { text { rule { kind cedar } } } }";
    let found = owner.ask(query, json!({ "id": id })).await.unwrap();
    assert_eq!(
        found["policy"]["text"]["rule"],
        json!({ "kind": "CEDAR", "cedar": cedar })
    );
}
