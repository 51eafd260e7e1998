//! Trying things before they count: what would be decided, and what a draft would have done.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, Postgres};
use chrono::{Datelike, TimeDelta};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, now, text};
use crate::policies::{publish, set_mode};

const SIMULATE: &str = "query($input: SimulateActionInput!) { simulateAction(input: $input) {
    decision reasons { code } policies { name } isGranted } }";
const EXPLAIN: &str = "query($id: ID!) { explainVerification(id: $id) {
    verification { decision } now { decision }
    policies { said { name version mode } text { rule { kind network { allow } } } } } }";
const BACKTEST: &str = "query($input: BacktestPolicyInput!) { backtestPolicy(input: $input) {
    examinedCount matchedCount newlyDeniedCount newlyPendingCount newlyAllowedCount
    unchangedCount undecidedCount stoppedAt assumptions
    changes { verificationId before after } } }";
const COUNTS: [&str; 7] = [
    "examinedCount",
    "matchedCount",
    "newlyDeniedCount",
    "newlyPendingCount",
    "newlyAllowedCount",
    "unchangedCount",
    "undecidedCount",
];
/// Action, time, address; decision and the reasons for it.
type Case = (
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
    &'static [&'static str],
);
/// On a Monday, by the clock of UTC; in Kathmandu it is always 5:45 later.
const ASKED: &[Case] = &[
    (
        "files:read",
        "02:15",
        Some("10.1.1.1"),
        "ALLOWED",
        &["CAPABILITY_GRANTED"],
    ),
    (
        "files:read",
        "02:14",
        Some("10.1.1.1"),
        "PENDING_APPROVAL",
        &["CAPABILITY_GRANTED", "POLICY_ASKS"],
    ),
    (
        "files:read",
        "02:15",
        Some("11.1.1.1"),
        "DENIED",
        &["POLICY_FORBIDS"],
    ),
    ("files:read", "02:15", None, "DENIED", &["POLICY_FORBIDS"]),
    (
        "db:read",
        "02:15",
        Some("10.1.1.1"),
        "DENIED",
        &["CAPABILITY_MISSING"],
    ),
];

async fn scene(aim: &AimProcess) -> (Owner, Agent, String) {
    let owner = Owner::of(aim).await.unwrap();
    let agent = owner.register("reader", &["files:*"]).await.unwrap();
    let network = json!({ "network": { "allow": ["10.0.0.0/8"] } });
    publish(&owner, "from inside", network, "FORBID", &agent).await;
    let hours = json!({ "time": {
        "zone": "Asia/Kathmandu", "side": "OUTSIDE",
        "windows": [{ "days": ["MONDAY"], "from": "08:00", "to": "18:00" }],
    } });
    let night = publish(&owner, "by day", hours, "REQUIRE_APPROVAL", &agent).await;
    (owner, agent, night)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_decided_is_said_and_nothing_is_written() {
    let aim = AimConfig::new().start().unwrap();
    let (owner, agent, _) = scene(&aim).await;
    let before = owner.counts().await.unwrap();
    let today = now().date_naive();
    let monday = today + TimeDelta::days(7 - i64::from(today.weekday().num_days_from_monday()));
    for (action, at, address, decision, codes) in ASKED {
        let input = json!({
            "agentId": agent.id, "action": action, "at": format!("{monday}T{at}:00Z"),
            "address": address,
        });
        let answer = owner
            .ask(SIMULATE, json!({ "input": input }))
            .await
            .unwrap();
        let found = &answer["simulateAction"];
        assert_eq!(found["decision"], *decision, "{input} {found}");
        let reasons = found["reasons"].as_array().unwrap().iter();
        let reasons: Vec<&str> = reasons.filter_map(|it| it["code"].as_str()).collect();
        assert_eq!(reasons, *codes, "{input}");
    }
    assert_eq!(owner.counts().await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_explained_by_the_texts_of_then() {
    let aim = AimConfig::new().start().unwrap();
    let (owner, agent, night) = scene(&aim).await;
    let answer = agent
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    assert_eq!(
        answer.decision().0,
        "DENIED",
        "the tests come from elsewhere"
    );
    let id = text(&answer.body, "/data/verifyAction/verification/id").unwrap();
    set_mode(&owner, &night, "DISABLED").await;
    let answer = owner.ask(EXPLAIN, json!({ "id": id })).await.unwrap();
    let found = &answer["explainVerification"];
    let first = json!({
        "said": { "name": "from inside", "version": 1, "mode": "ENFORCED" },
        "text": { "rule": { "kind": "NETWORK", "network": { "allow": ["10.0.0.0/8"] } } },
    });
    assert_eq!(found["policies"][0], first, "{found}");
    assert_eq!(found["now"]["decision"], "DENIED");
}

/// A draft as tried.
struct Draft<'a> {
    rule: Value,
    effect: &'a str,
    actions: &'a [&'a str],
    replaces: Option<&'a str>,
}

impl Draft<'_> {
    async fn tried(&self, owner: &Owner, first: u64, after: Option<&str>) -> Tried {
        let text = json!({
            "name": "draft", "rule": self.rule, "effect": self.effect, "severity": "LOW",
            "scope": { "actions": self.actions },
        });
        let input = json!({
            "text": text, "replacesPolicyId": self.replaces, "first": first, "after": after,
            "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z",
        });
        let mut answer = owner
            .ask(BACKTEST, json!({ "input": input }))
            .await
            .unwrap();
        Tried(answer["backtestPolicy"].take())
    }
}

struct Tried(Value);

impl Tried {
    fn counts(&self) -> [u64; 7] {
        COUNTS.map(|name| self.0[name].as_u64().unwrap())
    }

    fn changed(&self) -> Vec<&str> {
        let changes = self.0["changes"].as_array().unwrap().iter();
        changes
            .filter_map(|it| it["verificationId"].as_str())
            .collect()
    }
}

/// Five decisions, one of them forbidden by the policy.
async fn decided(agent: &Agent) -> Vec<String> {
    let mut ids = Vec::new();
    for (action, resource, decision) in [
        ("files:read", "/data/a", "ALLOWED"),
        ("files:read", "/tmp/a", "DENIED"),
        ("files:list", "/data/b", "ALLOWED"),
        ("mail:send", "/data/c", "DENIED"),
        ("db:delete", "/data/d", "PENDING_APPROVAL"),
    ] {
        let asked = json!({ "action": action, "resource": resource });
        let answer = agent.verify(asked).await.unwrap();
        assert_eq!(answer.decision().0, decision, "{}", answer.body);
        ids.push(text(&answer.body, "/data/verifyAction/verification/id").unwrap());
    }
    ids
}

async fn is_tried_on_what_is_on_record(aim: AimProcess) {
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner
        .register("reader", &["files:*", "db:delete"])
        .await
        .unwrap();
    let outside = json!({ "resourceOutside": ["/data/*"] });
    let policy = publish(&owner, "only data", outside.clone(), "FORBID", &agent).await;
    let ids = decided(&agent).await;
    let all = Draft {
        rule: json!({ "isAlways": true }),
        effect: "FORBID",
        actions: &[],
        replaces: None,
    };
    let found = all.tried(&owner, 100, None).await;
    assert_eq!(found.counts(), [5, 5, 3, 0, 0, 2, 0], "{}", found.0);
    assert_eq!(found.changed(), [&ids[0], &ids[2], &ids[4]]);
    assert_eq!(found.0["changes"][2]["before"], "PENDING_APPROVAL");
    assert!(found.0["stoppedAt"].is_null() && found.0["assumptions"][0].is_string());
    let next = all.tried(&owner, 1, Some(&ids[0])).await;
    assert_eq!(next.changed(), [&ids[2]]);
    assert_eq!(
        next.counts(),
        found.counts(),
        "all are counted whatever is listed"
    );
    let asks = Draft {
        effect: "REQUIRE_APPROVAL",
        actions: &["files:read"],
        ..all
    };
    let found = asks.tried(&owner, 100, None).await;
    assert_eq!(found.counts(), [5, 2, 0, 1, 0, 4, 0], "{}", found.0);
    // In the place of the one that forbids, one that looks at another action.
    let other = Draft {
        rule: outside,
        effect: "FORBID",
        actions: &["files:write"],
        replaces: Some(&policy),
    };
    let found = other.tried(&owner, 100, None).await;
    assert_eq!(found.counts(), [5, 0, 0, 0, 1, 4, 0], "{}", found.0);
    assert_eq!(found.changed(), [&ids[1]]);
    let network = Draft {
        rule: json!({ "network": { "deny": ["10.0.0.0/8"] } }),
        actions: &["files:*"],
        replaces: None,
        ..other
    };
    let found = network.tried(&owner, 100, None).await;
    assert_eq!(
        found.counts(),
        [5, 0, 0, 0, 0, 2, 3],
        "not on record, not guessed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_tried_on_what_is_on_record_in_sqlite() {
    is_tried_on_what_is_on_record(AimConfig::new().start().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_tried_on_what_is_on_record_in_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let aim = AimConfig::new().database(&url).start().unwrap();
    is_tried_on_what_is_on_record(aim).await;
}
