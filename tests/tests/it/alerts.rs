//! Alerts as people work on them: one an incident, assigned, suppressed, resolved.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_tests::{AimConfig, AimProcess, wait_for};
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, database_of, now, text};
use sea_orm::ConnectionTrait;

const PATIENCE: Duration = Duration::from_secs(30);
/// Attempts without a grant until a finding raises an alert.
const ATTEMPTS: usize = 5;

const ALERTS: &str = "query($filter: AlertFilter) { alerts(first: 100, filter: $filter) { nodes {
    id kind kinds severity status anomalyCount assignee { id email } assignedAt
    atlasTechniques { id name } owaspAgentic { id name }
    anomalies(first: 100) { totalCount nodes { kind alertId } } } } }";
const ANOMALIES: &str = "query($filter: AnomalyFilter) { anomalies(first: 100, filter: $filter) {
    totalCount nodes { kind severity alertId suppressionId atlasTechniques { id } } } }";
const ASSIGN: &str = "mutation($input: AssignAlertInput!) { assignAlert(input: $input) {
    alert { assignee { email } assignedAt } userErrors { code } } }";
const SUPPRESS: &str = "mutation($input: SuppressAlertsInput!) { suppressAlerts(input: $input) {
    suppression { id kind reason agent { name } withdrawnAt } userErrors { code field } } }";
const WITHDRAW: &str = "mutation($input: WithdrawAlertSuppressionInput!) {
    withdrawAlertSuppression(input: $input) {
        suppression { id withdrawnAt } userErrors { code field } } }";
const RESOLVE: &str = "mutation($input: ResolveAlertInput!) { resolveAlert(input: $input) {
    alert { status verdict } userErrors { code } } }";

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

    async fn ask(&self, query: &str, input: Value) -> Value {
        let asked = self.owner.ask(query, json!({ "input": input })).await;
        let answer = asked.unwrap();
        answer.as_object().unwrap().values().next().unwrap().clone()
    }

    async fn alerts(&self, filter: Value) -> Vec<Value> {
        let answer = self.owner.ask(ALERTS, json!({ "filter": filter })).await;
        answer.unwrap()["alerts"]["nodes"]
            .as_array()
            .unwrap()
            .clone()
    }

    async fn anomalies(&self, filter: Value) -> Vec<Value> {
        let answer = self.owner.ask(ANOMALIES, json!({ "filter": filter })).await;
        answer.unwrap()["anomalies"]["nodes"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Tries what nobody granted, until the finding that raises an alert is recorded.
    async fn misbehaves(&self, agent: &Agent) {
        for _ in 0..ATTEMPTS {
            let input = json!({ "action": "payments:transfer", "resource": "/bank" });
            let answer = agent.verify(input).await.unwrap();
            assert_eq!(answer.decision(), ("DENIED", vec!["CAPABILITY_MISSING"]));
        }
        let filter = json!({ "agentId": agent.id, "severity": "HIGH" });
        let found = || async {
            let found = self.anomalies(filter.clone()).await;
            Ok((!found.is_empty()).then_some(()))
        };
        wait_for("the finding", PATIENCE, found).await.unwrap();
    }

    async fn person(&self, name: &str) -> String {
        let person = self.owner.add_manager(&self.aim, name).await.unwrap();
        let viewer = person
            .ask("{ viewer { ... on User { id } } }", json!({}))
            .await
            .unwrap();
        text(&viewer, "/viewer/id").unwrap()
    }

    async fn audited(&self, action: &str) -> u64 {
        let query = "query($action: String) {
            auditEntries(first: 1, filter: { action: $action }) { totalCount } }";
        let answer = self.owner.ask(query, json!({ "action": action })).await;
        answer.unwrap()["auditEntries"]["totalCount"]
            .as_u64()
            .unwrap()
    }
}

fn until(life: TimeDelta) -> String {
    (now() + life).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[tokio::test]
async fn an_incident_is_one_alert_that_says_what_it_is_a_sign_of() {
    let scene = Scene::new().await;
    scene.misbehaves(&scene.agent).await;
    let alerts = scene.alerts(json!({ "agentId": scene.agent.id })).await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let alert = &alerts[0];
    assert_eq!(alert["kind"], "CAPABILITY_DRIFT");
    assert_eq!(alert["kinds"], json!(["CAPABILITY_DRIFT"]));
    assert_eq!(alert["severity"], "HIGH");
    let technique = json!([{ "id": "AML.T0053", "name": "AI Agent Tool Invocation" }]);
    assert_eq!(alert["atlasTechniques"], technique);
    let risks = json!([
        { "id": "ASI01", "name": "Agent Goal Hijack" },
        { "id": "ASI03", "name": "Identity and Privilege Abuse" },
    ]);
    assert_eq!(alert["owaspAgentic"], risks);
    assert_eq!(alert["anomalies"]["totalCount"], alert["anomalyCount"]);
    let listed = alert["anomalies"]["nodes"].as_array().unwrap();
    assert!(listed.iter().all(|it| it["alertId"] == alert["id"]));
    let same = scene.anomalies(json!({ "alertId": alert["id"] })).await;
    assert_eq!(same.len(), listed.len());

    // Small findings before it are recorded, and belong to no alert.
    let all = scene.anomalies(json!({})).await;
    assert!(all.len() > listed.len(), "{all:?}");
    assert!(all.iter().any(|it| it["alertId"].is_null()), "{all:?}");
}

#[tokio::test]
async fn an_alert_is_given_to_a_person_of_the_organization() {
    let scene = Scene::new().await;
    scene.misbehaves(&scene.agent).await;
    let alert = scene.alerts(json!({})).await[0]["id"].clone();
    let person = scene.person("helper").await;
    let stranger = scene.person("stranger").await;
    let database = database_of(&scene.aim).await.unwrap();
    for statement in [
        "INSERT INTO organizations (id, name, slug, settings, created_at)
            SELECT randomblob(16), 'Other', 'other', settings, created_at FROM organizations",
        "UPDATE users SET organization_id = (SELECT id FROM organizations WHERE slug = 'other')
            WHERE email = 'stranger@test.local'",
    ] {
        database.execute_unprepared(statement).await.unwrap();
    }
    let input = json!({ "alertId": alert, "userId": stranger });
    let refused = scene.ask(ASSIGN, input).await;
    assert_eq!(refused["userErrors"], json!([{ "code": "NOT_FOUND" }]));

    let input = json!({ "alertId": alert, "userId": person });
    for _ in 0..2 {
        let said = scene.ask(ASSIGN, input.clone()).await;
        assert_eq!(said["userErrors"], json!([]), "{said}");
        assert_eq!(said["alert"]["assignee"]["email"], "helper@test.local");
        assert!(said["alert"]["assignedAt"].is_string());
    }
    assert_eq!(scene.audited("alert.assign").await, 1);
    for (filter, count) in [
        (json!({ "assigneeId": person }), 1),
        (json!({ "assigneeId": stranger }), 0),
        (json!({ "status": "OPEN", "severity": "HIGH" }), 1),
        (json!({ "status": "RESOLVED" }), 0),
        (json!({ "severity": "LOW" }), 0),
    ] {
        let found = scene.alerts(filter.clone()).await;
        assert_eq!(found.len(), count, "{filter}");
    }
    let nobody = scene.ask(ASSIGN, json!({ "alertId": alert })).await;
    let free = json!({ "assignee": null, "assignedAt": null });
    assert_eq!(nobody["alert"], free);

    let input = json!({ "alertId": alert, "verdict": "FALSE_POSITIVE" });
    for _ in 0..2 {
        let said = scene.ask(RESOLVE, input.clone()).await;
        assert_eq!(said["alert"]["status"], "RESOLVED", "{said}");
    }
    assert_eq!(scene.audited("alert.resolve").await, 1);
    let other = json!({ "alertId": alert, "verdict": "TRUE_POSITIVE" });
    let late = json!({ "alertId": alert, "userId": person });
    for (query, input) in [(RESOLVE, other), (ASSIGN, late)] {
        let refused = scene.ask(query, input).await;
        assert_eq!(refused["userErrors"], json!([{ "code": "CONFLICT" }]));
    }
}

#[tokio::test]
async fn a_suppressed_finding_is_recorded_and_raises_nothing() {
    let scene = Scene::new().await;
    let other = scene.owner.register("other", &[]).await.unwrap();
    let input = json!({
        "agentId": scene.agent.id, "kind": "CAPABILITY_DRIFT", "reason": "a load test",
        "expiresAt": until(TimeDelta::hours(1)),
    });
    let said = scene.ask(SUPPRESS, input.clone()).await;
    assert_eq!(said["userErrors"], json!([]), "{said}");
    assert_eq!(said["suppression"]["agent"]["name"], "reader");
    assert_eq!(scene.ask(SUPPRESS, input).await, said, "not said twice");
    let id = &said["suppression"]["id"];

    scene.misbehaves(&scene.agent).await;
    scene.misbehaves(&other).await;
    let alerts = scene.alerts(json!({})).await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let filter = json!({ "agentId": other.id });
    assert_eq!(scene.alerts(filter).await, alerts, "only the other's");
    let filter = json!({ "agentId": scene.agent.id, "severity": "HIGH" });
    let silent = scene.anomalies(filter).await;
    assert_eq!(silent[0]["suppressionId"], *id);
    assert_eq!(silent[0]["alertId"], Value::Null);

    let live = "{ alertSuppressions(first: 10, filter: { isLive: true }) { nodes { id } } }";
    let listed = scene.owner.ask(live, json!({})).await.unwrap();
    assert_eq!(listed["alertSuppressions"]["nodes"][0]["id"], *id);
    let input = json!({ "suppressionId": id, "reason": "it is over" });
    for _ in 0..2 {
        let said = scene.ask(WITHDRAW, input.clone()).await;
        assert!(said["suppression"]["withdrawnAt"].is_string(), "{said}");
    }
    assert_eq!(scene.audited("alert.suppress").await, 1);
    assert_eq!(scene.audited("alert.withdraw-suppression").await, 1);
    let listed = scene.owner.ask(live, json!({})).await.unwrap();
    assert_eq!(listed["alertSuppressions"]["nodes"], json!([]));

    // The twentieth attempt is critical: it raises an alert again.
    for _ in 0..3 {
        scene.misbehaves(&scene.agent).await;
    }
    let filter = json!({ "agentId": scene.agent.id });
    let raised = || async { Ok((!scene.alerts(filter.clone()).await.is_empty()).then_some(())) };
    wait_for("an alert", PATIENCE, raised).await.unwrap();
}

#[tokio::test]
async fn a_suppression_that_makes_no_sense_is_refused_field_by_field() {
    let scene = Scene::new().await;
    let soon = until(TimeDelta::hours(1));
    for (kind, reason, expires_at, field) in [
        (None, "why", soon.clone(), "agentId"),
        (Some("OFF_HOURS"), " ", soon, "reason"),
        (
            Some("OFF_HOURS"),
            "why",
            until(TimeDelta::seconds(-1)),
            "expiresAt",
        ),
        (
            Some("OFF_HOURS"),
            "why",
            until(TimeDelta::days(91)),
            "expiresAt",
        ),
    ] {
        let input = json!({ "kind": kind, "reason": reason, "expiresAt": expires_at });
        let said = scene.ask(SUPPRESS, input).await;
        assert_eq!(said["suppression"], Value::Null, "{said}");
        let refused = json!([{ "code": "INVALID", "field": [field] }]);
        assert_eq!(said["userErrors"], refused);
    }
}
