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

const WEIGH: &str = "mutation($input: SetTrustWeightsInput!) { setTrustWeights(input: $input) {
    organization { trustWeights { agentHistory mcpAttestation actionRisk capabilityViolations
        frequency temporalPattern geographicSignals communityFeedback } }
    userErrors { code field } } }";
const RECALCULATE: &str = "mutation($input: RecalculateTrustInput!) {
    recalculateTrust(input: $input) { agent { id } userErrors { code } } }";
const HISTORY: &str = "query($id: ID!) { agent(id: $id) { trust { score }
    trustHistory(first: 1) { totalCount nodes { score factors {
        kind value weight confidence } } } } }";

fn weights() -> Value {
    json!({
        "agentHistory": 0.1, "mcpAttestation": 0.0, "actionRisk": 0.1,
        "capabilityViolations": 0.5, "frequency": 0.1, "temporalPattern": 0.1,
        "geographicSignals": 0.0, "communityFeedback": 0.1,
    })
}

/// The newest entry of the history once there are more than `kept`, and how many there are.
async fn newest(owner: &Owner, agent: &Agent, kept: u64) -> (Value, u64) {
    wait_for("a score to be kept", PATIENCE, || async {
        let answer = owner.ask(HISTORY, json!({ "id": agent.id })).await?;
        let history = &answer["agent"]["trustHistory"];
        let count = history["totalCount"].as_u64().unwrap_or(0);
        let mut newest = history["nodes"][0].clone();
        newest["current"] = answer["agent"]["trust"]["score"].clone();
        Ok((count > kept).then_some((newest, count)))
    })
    .await
    .unwrap()
}

/// The score by its factors, and the weight of capability violations.
fn by_factors(snapshot: &Value) -> (f64, f64) {
    let (mut above, mut below, mut violations) = (0.0, 0.0, 0.0);
    for factor in snapshot["factors"].as_array().unwrap() {
        let number = |name: &str| factor[name].as_f64().unwrap_or(0.0);
        above += number("weight") * number("confidence") * number("value");
        below += number("weight") * number("confidence");
        if factor["kind"] == "CAPABILITY_VIOLATIONS" {
            violations = number("weight");
        }
    }
    (above / below, violations)
}

#[tokio::test]
async fn an_organization_weighs_factors_its_own_way() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    let idle = owner.register("idle", &["files:read"]).await.unwrap();
    for number in 0..20 {
        let action = if number % 10 == 0 {
            "mail:send"
        } else {
            "files:read"
        };
        agent.verify(json!({ "action": action })).await.unwrap();
    }
    let (before, kept) = newest(&owner, &agent, 0).await;
    let (score, violations) = by_factors(&before);
    assert!((violations - 0.2).abs() < 1e-9, "{before}");
    assert!((score - before["score"].as_f64().unwrap()).abs() < 1e-4);

    let input = json!({ "input": { "weights": weights(), "reason": "we grant little" } });
    for _ in 0..2 {
        let said = owner.ask(WEIGH, input.clone()).await.unwrap();
        assert_eq!(said["setTrustWeights"]["userErrors"], json!([]), "{said}");
        let set = &said["setTrustWeights"]["organization"]["trustWeights"];
        assert_eq!(*set, weights());
    }
    let query = "{ auditEntries(first: 1, filter: { action: \"organization.set-trust-weights\" }) {
        totalCount } }";
    let audited = owner.ask(query, json!({})).await.unwrap();
    assert_eq!(audited["auditEntries"]["totalCount"], 1);

    for agent in [&agent, &idle] {
        let input = json!({ "input": { "agentId": agent.id } });
        let said = owner.ask(RECALCULATE, input).await.unwrap();
        assert_eq!(said["recalculateTrust"]["userErrors"], json!([]), "{said}");
    }
    let (after, kept) = newest(&owner, &agent, kept).await;
    let (score, violations) = by_factors(&after);
    assert!((violations - 0.5).abs() < 1e-9, "{after}");
    assert!((score - after["score"].as_f64().unwrap()).abs() < 1e-4);
    assert!(
        after["score"].as_f64() < before["score"].as_f64(),
        "{after}"
    );
    assert_eq!(after["current"], after["score"]);

    // Again gives the same: nothing but the weights has changed.
    let input = json!({ "input": { "agentId": agent.id } });
    owner.ask(RECALCULATE, input).await.unwrap();
    let (again, _) = newest(&owner, &agent, kept).await;
    assert_eq!(again, after);
    let answer = owner.ask(HISTORY, json!({ "id": idle.id })).await.unwrap();
    assert_eq!(answer["agent"]["trust"]["score"], Value::Null);
}

#[tokio::test]
async fn weights_that_are_none_are_refused_one_by_one() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let mut bad = weights();
    bad["agentHistory"] = json!(-0.1);
    bad["capabilityViolations"] = json!(0.6);
    let mut more = weights();
    more["frequency"] = json!(0.2);
    for (weights, reason, fields) in [
        (
            bad,
            "why",
            json!([
                ["weights", "agentHistory"],
                ["weights", "capabilityViolations"]
            ]),
        ),
        (more, "why", json!([["weights"]])),
        (weights(), "", json!([["reason"]])),
    ] {
        let input = json!({ "input": { "weights": weights, "reason": reason } });
        let said = owner.ask(WEIGH, input).await.unwrap();
        let errors = said["setTrustWeights"]["userErrors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|error| error["field"].clone()).collect();
        assert_eq!(json!(named), fields, "{said}");
    }
    let query = "{ organization { trustWeights { capabilityViolations } } }";
    let answer = owner.ask(query, json!({})).await.unwrap();
    let kept = answer.pointer("/organization/trustWeights/capabilityViolations");
    assert_eq!(kept, Some(&json!(0.2)));
}
