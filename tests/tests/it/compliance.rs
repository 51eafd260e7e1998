//! What frameworks ask for is counted from what is on record, and changes with it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Owner, text};
use crate::roots::{ADMIN, Foreigner, Root, query};

const PATIENCE: Duration = Duration::from_secs(30);
const FRAMEWORKS: [&str; 6] = [
    "SOC2",
    "ISO27001",
    "HIPAA",
    "GDPR",
    "EU_AI_ACT",
    "NIST_AI_RMF",
];
const REPORT: &str =
    "query($framework: ComplianceFramework!) { complianceReport(framework: $framework) {
    name edition auditTreeSize auditRootHash csv
    controls { number title checks { kind wanted days outcome count lackingCount lacking } } } }";

pub(crate) const ROOTS: &[Root] = &[query(
    "complianceReport",
    ADMIN,
    Foreigner::Own,
    "(framework: SOC2) { name }",
    |_| Value::Null,
)];

async fn report(owner: &Owner, framework: &str) -> Value {
    let mut answer = owner
        .ask(REPORT, json!({ "framework": framework }))
        .await
        .unwrap();
    answer["complianceReport"].take()
}

/// Outcome, count, and how many lack it.
fn check(report: &Value, kind: &str) -> (String, u64, u64) {
    let controls = report["controls"].as_array().unwrap().iter();
    let mut checks = controls.flat_map(|it| it["checks"].as_array().unwrap());
    let found = checks.find(|it| it["kind"] == kind).unwrap();
    let number = |name: &str| found[name].as_u64().unwrap();
    (
        text(found, "/outcome").unwrap(),
        number("count"),
        number("lackingCount"),
    )
}

fn is(found: &(String, u64, u64), outcome: &str, count: u64, lacking: u64) {
    assert_eq!(
        (found.0.as_str(), found.1, found.2),
        (outcome, count, lacking)
    );
}

async fn counts(aim: AimProcess) {
    let owner = Owner::of(&aim).await.unwrap();
    let before = report(&owner, "ISO27001").await;
    is(&check(&before, "AGENTS_PROVEN"), "NOT_APPLICABLE", 0, 0);
    is(&check(&before, "SECOND_FACTOR"), "NOT_MET", 1, 1);
    is(&check(&before, "POLICIES_ENFORCED"), "NOT_MET", 1, 1);
    is(&check(&before, "AUDIT_WITNESSED"), "NOT_MET", 1, 1);
    is(&check(&before, "AUDIT_KEPT"), "MET", 1, 0);
    is(&check(&before, "AUDIT_UNBROKEN"), "MET", 1, 0);

    // One grant for everything, one for something; an enforced policy; contents kept for half a year.
    let agent = owner
        .register("reader", &["files:read", "*"])
        .await
        .unwrap();
    let input = json!({ "mode": "ENFORCED", "reason": "a test", "text": {
        "name": "a test", "rule": { "risk": "HIGH" }, "effect": "REQUIRE_APPROVAL", "severity": "LOW" } });
    let publish = "mutation($input: PublishPolicyInput!) { publishPolicy(input: $input) {
        policy { id } userErrors { message } } }";
    owner.ask(publish, json!({ "input": input })).await.unwrap();
    let keep = "mutation($input: SetAuditRetentionInput!) { setAuditRetention(input: $input) {
        userErrors { message } } }";
    let input = json!({ "input": { "days": 184, "reason": "a test" } });
    owner.ask(keep, input).await.unwrap();

    let after = report(&owner, "ISO27001").await;
    is(&check(&after, "AGENTS_PROVEN"), "MET", 1, 0);
    is(&check(&after, "GRANTS_NARROW"), "NOT_MET", 2, 1);
    is(&check(&after, "POLICIES_ENFORCED"), "MET", 1, 0);
    is(&check(&after, "AUDIT_KEPT"), "NOT_MET", 1, 1);
    let acts = report(&owner, "EU_AI_ACT").await;
    is(&check(&acts, "AUDIT_KEPT"), "MET", 1, 0);
    is(&check(&acts, "HUMAN_OVERSIGHT"), "MET", 1, 0);
    is(&check(&acts, "TRUST_KNOWN"), "NOT_MET", 1, 1);
    let lacking = acts.pointer("/controls/0/checks/1/lacking/0").unwrap();
    assert_eq!(*lacking, agent.id, "{acts}");

    // What it says can be held against the audit log.
    let signed = || async {
        let report = report(&owner, "SOC2").await;
        let (outcome, count, _) = check(&report, "AUDIT_SIGNED");
        let size = report["auditTreeSize"].as_u64().unwrap_or_default();
        Ok((outcome == "MET" && size > 4).then_some((count, size)))
    };
    let (count, size) = wait_for("a signed log", PATIENCE, signed).await.unwrap();
    assert_eq!(count, size);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_count_what_is_on_record_on_sqlite() {
    counts(AimConfig::new().start().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_count_what_is_on_record_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    counts(AimConfig::new().database(&url).start().unwrap()).await;
}

#[tokio::test]
async fn every_report_has_its_lines_in_csv_and_promises_nothing() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    for framework in FRAMEWORKS {
        let report = report(&owner, framework).await;
        let controls = report["controls"].as_array().unwrap();
        let checks = controls
            .iter()
            .map(|it| it["checks"].as_array().unwrap().len());
        let lines = report["csv"]
            .as_str()
            .unwrap()
            .trim_end()
            .split("\r\n")
            .count();
        assert_eq!(lines, checks.sum::<usize>() + 1, "{framework}");
        assert!(!report.to_string().to_lowercase().contains("compliant"));
    }
}
