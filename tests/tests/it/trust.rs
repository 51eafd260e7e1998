//! A person's word on an agent's trust: decisions heed it while it lives, on every node.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_tests::{AimConfig, Postgres, wait_for};
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, now};

const PATIENCE: Duration = Duration::from_secs(30);
const OVERRIDE: &str =
    "mutation($input: OverrideTrustScoreInput!) { overrideTrustScore(input: $input) {
    agent { trust { score effectiveScore override { score reason setBy } } }
    userErrors { code field message } } }";
const WITHDRAW: &str = "mutation($input: WithdrawTrustOverrideInput!) {
    withdrawTrustOverride(input: $input) {
        agent { trust { effectiveScore override { score } } } userErrors { code } } }";

fn until(life: TimeDelta) -> String {
    (now() + life).to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn overrides(owner: &Owner, agent: &Agent, score: f64, life: TimeDelta) -> Value {
    let input = json!({
        "agentId": agent.id, "score": score, "reason": "under investigation",
        "expiresAt": until(life),
    });
    let mut answer = owner
        .ask(OVERRIDE, json!({ "input": input }))
        .await
        .unwrap();
    answer["overrideTrustScore"].take()
}

async fn asks(agent: &Agent) -> String {
    let input = json!({ "action": "files:read", "resource": "/data" });
    let answer = agent.verify(input).await.unwrap();
    let (decision, reasons) = answer.decision();
    format!("{decision} {}", reasons.join(" "))
}

#[tokio::test]
async fn an_override_decides_until_it_is_withdrawn_or_over() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    assert_eq!(asks(&agent).await, "ALLOWED CAPABILITY_GRANTED");
    let query = "{
        trustSummary { meanScore unscoredCount bands { band agentCount } } }";
    let answer = owner.ask(query, json!({})).await.unwrap();
    assert_eq!(answer["trustSummary"]["meanScore"], json!(null));
    assert_eq!(answer["trustSummary"]["unscoredCount"], json!(1));
    assert_eq!(
        answer["trustSummary"]["bands"][3],
        json!({ "band": "HIGH", "agentCount": 0 })
    );

    let said = overrides(&owner, &agent, 0.1, TimeDelta::hours(1)).await;
    assert_eq!(said["userErrors"], json!([]), "{said}");
    let trust = &said["agent"]["trust"];
    assert_eq!(
        trust["score"],
        json!(null),
        "the score is not what was said"
    );
    assert_eq!(trust["effectiveScore"], json!(0.1));
    assert_eq!(trust["override"]["reason"], "under investigation");
    assert_eq!(asks(&agent).await, "DENIED TRUST_TOO_LOW");

    let input = json!({ "input": { "agentId": agent.id, "reason": "it was a drill" } });
    let said = owner.ask(WITHDRAW, input.clone()).await.unwrap();
    let trust = json!({ "effectiveScore": null, "override": null });
    assert_eq!(said["withdrawTrustOverride"]["agent"]["trust"], trust);
    assert_eq!(asks(&agent).await, "ALLOWED CAPABILITY_GRANTED");
    let said = owner.ask(WITHDRAW, input).await.unwrap();
    assert_eq!(
        said["withdrawTrustOverride"]["userErrors"],
        json!([{ "code": "CONFLICT" }])
    );

    overrides(&owner, &agent, 0.1, TimeDelta::seconds(2)).await;
    assert_eq!(asks(&agent).await, "DENIED TRUST_TOO_LOW");
    let again = || async { Ok((asks(&agent).await == "ALLOWED CAPABILITY_GRANTED").then_some(())) };
    wait_for("the override to be over", PATIENCE, again)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_override_that_makes_no_sense_is_refused_field_by_field() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    for (score, life, field) in [
        (1.01, TimeDelta::hours(1), "score"),
        (-0.01, TimeDelta::hours(1), "score"),
        (0.5, TimeDelta::seconds(-1), "expiresAt"),
        (0.5, TimeDelta::days(91), "expiresAt"),
    ] {
        let said = overrides(&owner, &agent, score, life).await;
        assert_eq!(said["agent"], json!(null), "{said}");
        assert_eq!(said["userErrors"][0]["code"], "INVALID", "{said}");
        assert_eq!(said["userErrors"][0]["field"], json!([field]), "{said}");
    }
    assert_eq!(asks(&agent).await, "ALLOWED CAPABILITY_GRANTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_reaches_the_other_nodes() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let first = AimConfig::new().database(&url).start().unwrap();
    let owner = Owner::of(&first).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    // The same secrets, as two nodes of one installation have them.
    let second = AimConfig::new().database(&url).role("api").start().unwrap();
    let elsewhere = Agent {
        url: second.base_url().to_owned(),
        ..agent.clone()
    };
    assert_eq!(asks(&elsewhere).await, "ALLOWED CAPABILITY_GRANTED");
    overrides(&owner, &agent, 0.0, TimeDelta::hours(1)).await;
    let denied = || async { Ok((asks(&elsewhere).await == "DENIED TRUST_TOO_LOW").then_some(())) };
    wait_for("the other node to hear of it", PATIENCE, denied)
        .await
        .unwrap();
}
