//! A policy tells the targets that it names: of what it denies, asks a person about and wants looked at.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, Postgres, Receiver, Reply, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, text};
use crate::house::mutation;
use crate::notifications::{PATIENCE, done, reaching};

/// A channel that hears of nothing but what policies tell it.
async fn channel(owner: &Owner, name: &str, url: &str) -> String {
    let input = json!({ "name": name, "url": url, "eventTypes": [] });
    let made = "notificationTarget { id eventTypes }";
    let made = done(owner, "createSlackTarget", made, input).await;
    assert_eq!(made["notificationTarget"]["eventTypes"], json!([]));
    text(&made, "/notificationTarget/id").unwrap()
}

/// What is published about one action of an agent.
struct Published<'a> {
    id: Option<&'a str>,
    name: &'a str,
    action: &'a str,
    effect: &'a str,
    mode: &'a str,
    targets: &'a [&'a str],
}

impl Published<'_> {
    async fn publish(&self, owner: &Owner) -> Value {
        let said = json!({
            "name": self.name, "rule": { "isAlways": true }, "effect": self.effect,
            "severity": "HIGH", "scope": { "actions": [self.action] },
            "notificationTargetIds": self.targets,
        });
        let input = json!({
            "policyId": self.id, "text": said, "mode": self.mode, "reason": "a test",
        });
        let fields = "policy { id version text { notificationTargetIds } }";
        let query = mutation("publishPolicy", fields);
        let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
        answer["publishPolicy"].take()
    }
}

const fn policy<'a>(name: &'a str, action: &'a str, effect: &'a str) -> Published<'a> {
    Published {
        id: None,
        name,
        action,
        effect,
        mode: "ENFORCED",
        targets: &[],
    }
}

async fn tries(agent: &Agent, action: &str) -> String {
    let asked = json!({ "action": action, "resource": "/ledger" });
    let answer = agent.verify(asked).await.unwrap();
    answer.decision().0.to_owned()
}

/// The lines of the message number `index` of a channel.
async fn message(channel: &Receiver, index: usize) -> Vec<String> {
    let request = channel.request(index, PATIENCE).await.unwrap();
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let text = body["text"].as_str().unwrap();
    text.lines().map(str::to_owned).collect()
}

/// How many deliveries a target has, by type.
async fn told(owner: &Owner, target: &str) -> Vec<String> {
    let query = "query($id: ID!) { notificationTarget(id: $id) {
        deliveries(first: 100) { nodes { eventType } } } }";
    let answer = owner.ask(query, json!({ "id": target })).await.unwrap();
    let nodes = &answer["notificationTarget"]["deliveries"]["nodes"];
    let nodes = nodes.as_array().unwrap().iter();
    nodes
        .map(|it| it["eventType"].as_str().unwrap().to_owned())
        .collect()
}

async fn everything_of_it(config: AimConfig) {
    let (people, programs) = (
        Receiver::start().await.unwrap(),
        Receiver::start().await.unwrap(),
    );
    // The first attempt fails: it is tried again like any other.
    programs.next([Reply::Status(500, String::new())]);
    let aim = config.start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let people_id = channel(&owner, "payments", people.url()).await;
    let input = json!({ "name": "ledger", "url": programs.url(), "eventTypes": [] });
    let made = done(
        &owner,
        "createWebhook",
        "created { notificationTarget { id } }",
        input,
    )
    .await;
    let programs_id = text(&made, "/created/notificationTarget/id").unwrap();
    let agent = owner
        .register("clerk", &["pay:*", "files:read"])
        .await
        .unwrap();
    let targets = [people_id.as_str(), programs_id.as_str()];

    let forbids = Published {
        targets: &targets,
        ..policy("no payments", "pay:out", "FORBID")
    };
    let forbids = forbids.publish(&owner).await;
    let told_ids = &forbids["policy"]["text"]["notificationTargetIds"];
    assert_eq!(*told_ids, json!(targets), "{forbids}");
    let quiet = policy("nobody hears of it", "pay:quiet", "FORBID")
        .publish(&owner)
        .await;
    assert_eq!(quiet["userErrors"], json!([]), "{quiet}");
    let shadow = Published {
        mode: "SHADOW",
        targets: &targets,
        ..policy("only watching", "pay:quiet", "FORBID")
    };
    shadow.publish(&owner).await;
    assert_eq!(tries(&agent, "pay:quiet").await, "DENIED");
    assert_eq!(tries(&agent, "pay:out").await, "DENIED");
    let said = message(&people, 0).await;
    assert_eq!(said[0], "*A policy denied an action* (High)", "{said:?}");
    assert_eq!(
        said[1..4],
        [
            "Action: `pay:out`",
            "Resource: `/ledger`",
            "Policy: `no payments`"
        ]
    );
    assert_eq!(said.last().unwrap(), "Agent: `clerk`");
    is_tried_again(&programs).await;

    asks_and_alerts(&owner, &agent, (&people, &people_id)).await;
    // Neither the policy that names nobody nor the one that only watches told of anything.
    let all = told(&owner, &people_id).await;
    assert_eq!(all.len(), 3, "{all:?}");
    is_kept_with_code(&owner).await;
    goes_with_its_policies(&owner, &people_id, &text(&forbids, "/policy/id").unwrap()).await;
}

/// The first attempt failed; it and its successor have one id.
async fn is_tried_again(programs: &Receiver) {
    let (failed, taken) = (
        programs.request(0, PATIENCE).await.unwrap(),
        programs.request(1, PATIENCE).await.unwrap(),
    );
    assert_eq!(failed.headers["webhook-id"], taken.headers["webhook-id"]);
    let body: Value = serde_json::from_str(&taken.body).unwrap();
    assert_eq!(body["type"], "aim.verification.recorded.v1", "{body}");
    assert_eq!(body["data"]["decision"], "DENIED");
    assert_eq!(body["data"]["policies"][0]["name"], "no payments");
}

/// An approval that waits and an alert are told, too; the alert once, however often it is matched.
async fn asks_and_alerts(owner: &Owner, agent: &Agent, (channel, id): (&Receiver, &str)) {
    let targets = [id];
    let asks = policy("a person signs", "pay:in", "REQUIRE_APPROVAL");
    Published {
        targets: &targets,
        ..asks
    }
    .publish(owner)
    .await;
    assert_eq!(tries(agent, "pay:in").await, "PENDING_APPROVAL");
    let said = message(channel, 1).await;
    assert!(
        said[0].starts_with("*An action waits for approval*"),
        "{said:?}"
    );
    assert!(
        said.contains(&"Policy: `a person signs`".to_owned()),
        "{said:?}"
    );
    let alerts = policy("look at it", "files:read", "ALERT");
    Published {
        targets: &targets,
        ..alerts
    }
    .publish(owner)
    .await;
    for _ in 0..3 {
        assert_eq!(tries(agent, "files:read").await, "ALLOWED");
    }
    let said = message(channel, 2).await;
    assert_eq!(said[0], "*A policy raised an alert* (High)", "{said:?}");
    assert!(said[1].contains("look at it"), "{said:?}");
    let query = "{ anomalies(first: 10, filter: { kind: POLICY_ALERT }) { totalCount } }";
    wait_for("all three findings", PATIENCE, || async {
        let found = owner.ask(query, json!({})).await?;
        Ok((found["anomalies"]["totalCount"] == 3).then_some(()))
    })
    .await
    .unwrap();
}

/// The document has whom a policy tells; applied again it changes nothing, and strangers are refused.
async fn is_kept_with_code(owner: &Owner) {
    let answer = owner.ask("{ policyBundle }", json!({})).await.unwrap();
    let bundle = answer["policyBundle"].as_str().unwrap();
    let mut document: Value = serde_json::from_str(bundle).unwrap();
    let all = document["policies"].as_array().unwrap();
    let at = all
        .iter()
        .position(|it| it["text"]["name"] == "no payments")
        .unwrap();
    assert_eq!(
        all[at]["text"]["notify"].as_array().unwrap().len(),
        2,
        "{bundle}"
    );
    let apply = async |document: String| {
        let query = mutation("applyPolicies", "changes { name step }");
        let input = json!({ "bundle": document, "reason": "a test" });
        let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
        answer["applyPolicies"].take()
    };
    let same = apply(bundle.to_owned()).await;
    let changes = same["changes"].as_array().unwrap();
    assert!(changes.iter().all(|it| it["step"] == "KEEP"), "{same}");
    document["policies"][at]["text"]["notify"] = json!(["0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f610"]);
    let refused = apply(document.to_string()).await;
    let error = &refused["userErrors"][0];
    let path = json!(["bundle", "policies", at.to_string(), "text", "notify"]);
    assert_eq!(error["field"], path, "{refused}");
    assert!(
        error["message"].as_str().unwrap().contains("0190a1b2-c3d4"),
        "{refused}"
    );
}

/// A target that policies tell is not deleted from under them, and what is no target is named.
async fn goes_with_its_policies(owner: &Owner, target: &str, forbids: &str) {
    let query = mutation("deleteNotificationTarget", "notificationTarget { id }");
    let input = json!({ "notificationTargetId": target, "reason": "a test" });
    let variables = json!({ "input": input });
    let refused = owner.ask(&query, variables.clone()).await.unwrap();
    let error = &refused["deleteNotificationTarget"]["userErrors"][0];
    assert_eq!(error["code"], "CONFLICT", "{refused}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("`a person signs`, `look at it`, `no payments`"),
        "{message}"
    );
    let quiet = Published {
        id: Some(forbids),
        ..policy("no payments", "pay:out", "FORBID")
    };
    assert_eq!(quiet.publish(owner).await["policy"]["version"], 2);
    let policies = "{ policies(first: 100) { nodes { id text { notificationTargetIds } } } }";
    let all = owner.ask(policies, json!({})).await.unwrap();
    for policy in all["policies"]["nodes"].as_array().unwrap() {
        let named = policy["text"]["notificationTargetIds"].as_array().unwrap();
        if named.contains(&json!(target)) {
            let input = json!({ "policyId": policy["id"], "reason": "a test" });
            done(owner, "archivePolicy", "policy { id }", input).await;
        }
    }
    let gone = owner.ask(&query, variables).await.unwrap();
    assert_eq!(
        gone["deleteNotificationTarget"]["userErrors"],
        json!([]),
        "{gone}"
    );

    let targets = [target];
    let lost = Published {
        targets: &targets,
        ..policy("too late", "pay:out", "FORBID")
    };
    let refused = lost.publish(owner).await;
    let field = json!(["text", "notificationTargetIds", "0"]);
    assert_eq!(refused["userErrors"][0]["field"], field, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_tells_its_targets_and_nobody_else_on_sqlite() {
    everything_of_it(reaching()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_tells_its_targets_and_nobody_else_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    everything_of_it(reaching().database(&url)).await;
}
