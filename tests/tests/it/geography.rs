//! Where agents act from, end to end: by a database of addresses, behind a proxy and in events.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use aim_tests::{AimConfig, mmdb, wait_for};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, now};

const PATIENCE: Duration = Duration::from_secs(60);
const LONDON: &str = "81.2.69.142";
const LINKOPING: &str = "89.160.20.128";
const FOUND: &str = "query($id: ID!) { agent(id: $id) {
    trustHistory(first: 1) { nodes { factors { kind value confidence evidence } } } }
    anomalies(first: 50) { nodes { kind agent { id } evidence { label observed } } } }";

const RECALCULATE: &str = "mutation($input: RecalculateTrustInput!) {
    recalculateTrust(input: $input) { userErrors { code } } }";

fn databases(folder: &Path) -> (String, String) {
    let place = |country: &str, latitude: f64, longitude: f64| {
        json!({
            "country": { "iso_code": country },
            "location": { "latitude": latitude, "longitude": longitude },
        })
    };
    let cities = [
        ("81.2.69.0/24", place("GB", 51.5142, -0.0931)),
        ("89.160.20.0/24", place("SE", 58.4167, 15.6167)),
    ];
    let networks = [(
        "89.160.0.0/17",
        json!({ "autonomous_system_number": 29_518 }),
    )];
    let file = |name: &str, bytes: anyhow::Result<Vec<u8>>| {
        let file = folder.join(name);
        std::fs::write(&file, bytes.unwrap()).unwrap();
        file.display().to_string()
    };
    (
        file("city.mmdb", mmdb("GeoLite2-City", &cities)),
        file("asn.mmdb", mmdb("GeoLite2-ASN", &networks)),
    )
}

/// Asks as if from `address`, through a proxy on this machine.
async fn asks_from(agent: &Agent, address: &str) {
    let signed = agent.sign_verify(json!({ "action": "files:read", "resource": "/data" }));
    let request = agent
        .http
        .post(format!("{}/graphql", agent.url))
        .header("content-type", "application/json")
        .header("x-forwarded-for", address)
        .header("content-digest", &signed.headers.content_digest)
        .header("signature-input", &signed.headers.signature_input)
        .header("signature", &signed.headers.signature)
        .body(signed.body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let verification = &answer["data"]["verifyAction"]["verification"];
    assert_eq!(verification["decision"], "ALLOWED", "{answer}");
}

/// Waits until both findings of geography are there, and returns the factor as of then.
async fn factor_after_journey(owner: &Owner, agent: &Agent) -> Value {
    let look = async || owner.ask(FOUND, json!({ "id": agent.id })).await;
    wait_for("the journey to be found", PATIENCE, || async {
        let answer = look().await?;
        let nodes = answer["anomalies"]["nodes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let has = |kind: &str| {
            let mut nodes = nodes.iter().filter(|node| node["agent"]["id"] == agent.id);
            nodes.any(|node| node["kind"] == kind)
        };
        Ok((has("IMPOSSIBLE_TRAVEL") && has("NEW_COUNTRY")).then_some(()))
    })
    .await
    .unwrap();
    // A score that moved little is kept only when it is asked for.
    let input = json!({ "input": { "agentId": agent.id } });
    owner.ask(RECALCULATE, input).await.unwrap();
    wait_for("the factor to be kept", PATIENCE, || async {
        let answer = look().await?;
        let factors = &answer["agent"]["trustHistory"]["nodes"][0]["factors"];
        let mut factors = factors.as_array().into_iter().flatten();
        let factor = factors
            .find(|it| it["kind"] == "GEOGRAPHIC_SIGNALS")
            .cloned();
        Ok(factor.filter(|it| it["value"].as_f64().is_some_and(|value| value < 1.0)))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn decisions_know_where_they_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (cities, networks) = databases(folder.path());
    let aim = AimConfig::new()
        .env("AIM_GEO_DATABASE", cities)
        .env("AIM_GEO_ASN_DATABASE", networks)
        .env("AIM_TRUSTED_PROXIES", "127.0.0.0/8")
        .start()
        .unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("traveller", &["files:read"]).await.unwrap();
    for _ in 0..31 {
        asks_from(&agent, LONDON).await;
    }
    // What the client wrote itself stands before what the proxy saw.
    asks_from(&agent, &format!("{LONDON}, {LINKOPING}")).await;
    let factor = factor_after_journey(&owner, &agent).await;
    assert!(factor["confidence"].as_f64().unwrap() > 0.5, "{factor}");
    let evidence = factor["evidence"].as_str().unwrap();
    assert!(evidence.contains("located actions"), "{evidence}");
}

#[tokio::test]
async fn events_say_where_they_are_from() {
    let folder = tempfile::tempdir().unwrap();
    let (cities, _) = databases(folder.path());
    let aim = AimConfig::new()
        .env("AIM_GEO_DATABASE", cities)
        .start()
        .unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("traveller", &["files:read"]).await.unwrap();
    let start = now() - TimeDelta::minutes(40);
    let event = |minute: i64, more: Value| {
        let event = agent.event("files:read", start + TimeDelta::minutes(minute));
        let mut event: Value = serde_json::from_str(&event).unwrap();
        for (name, value) in more.as_object().unwrap() {
            event["data"][name] = value.clone();
        }
        agent.line(&event.to_string())
    };
    let mut lines = String::new();
    for minute in 0..31 {
        lines.push_str(&event(minute, json!({ "client_address": LONDON })));
    }
    let tokyo = json!({ "country": "JP", "latitude": 35.68, "longitude": 139.69 });
    lines.push_str(&event(32, json!({ "location": tokyo })));
    lines.push_str(&event(33, json!({ "location": { "country": "EARTH" } })));
    owner.send(lines).await.unwrap();
    let factor = factor_after_journey(&owner, &agent).await;
    assert!(factor["confidence"].as_f64().unwrap() > 0.5, "{factor}");
    let counts = owner.counts().await.unwrap();
    assert_eq!(counts["streamTotals"]["deadLetterCount"], 1, "{counts}");
}

#[test]
fn a_bad_database_or_proxy_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("city.mmdb");
    std::fs::write(&file, "no database").unwrap();
    for (name, value) in [
        ("AIM_GEO_DATABASE", file.to_str().unwrap()),
        ("AIM_GEO_ASN_DATABASE", "/nowhere/asn.mmdb"),
        ("AIM_TRUSTED_PROXIES", "somewhere"),
    ] {
        let error = AimConfig::new().env(name, value).start().unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(value), "{error}");
    }
}
