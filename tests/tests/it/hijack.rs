//! The story that must work: an agent that asks for the weather is made to post secrets to a host that
//! it never had to do with. Told through the API alone, and timed.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what is measured is read from the output; a test fails by panicking"
)]

use std::time::{Duration, Instant};

use aim_domain::audit::{Hash, verify_inclusion};
use aim_tests::{AimConfig, Kafka, Postgres, wait_for};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fleet::{Agent, Owner, now, text};
use crate::policies::{publish, set_mode};
use crate::story::watches;

const PATIENCE: Duration = Duration::from_secs(60);
/// From the finding to the first denial, on any node.
const SOON: TimeDelta = TimeDelta::seconds(1);
const WEATHER: &str = "https://api.weather.example/v1/today";
const ATTACKER: &str = "https://collect.attacker.example/in";
/// Ordinary actions; more than a detector has to see before anything is new.
const ORDINARY: i64 = 90;

/// Asks for the weather, as it always does.
async fn lives(owner: &Owner, agent: &Agent) {
    let before = applied(owner).await;
    let begin = now() - TimeDelta::minutes(ORDINARY);
    let minutes = (0..ORDINARY).map(|minute| begin + TimeDelta::minutes(minute));
    let lines = minutes.map(|time| agent.line(&agent.event_on("http:get", WEATHER, time)));
    owner.send(lines.collect()).await.unwrap();
    let all = || async {
        let is_all = applied(owner).await == before + ORDINARY.unsigned_abs();
        Ok(is_all.then_some(()))
    };
    wait_for("the ordinary actions", PATIENCE, all)
        .await
        .unwrap();
}

async fn applied(owner: &Owner) -> u64 {
    let counts = owner.counts().await.unwrap();
    counts["streamTotals"]["appliedCount"].as_u64().unwrap()
}

async fn status(owner: &Owner, agent: &Agent) -> String {
    let seen = owner.look(agent).await.unwrap();
    seen["status"].as_str().unwrap().to_owned()
}

/// Nobody foresaw the host: detectors find it, and a policy about findings stops the agent.
async fn what_nobody_foresaw(place: &str, owner: &Owner) {
    let agent = owner.register("weather-1", &["http:*"]).await.unwrap();
    lives(owner, &agent).await;
    let finding = json!({ "finding": { "kinds": ["NEW_DOMAIN"], "severity": "LOW" } });
    publish(owner, "no first contacts", finding, "QUARANTINE", &agent).await;
    let writes = json!({ "finding": { "kinds": ["FIRST_SEEN_WRITE"], "severity": "LOW" } });
    let watching = publish(owner, "no first writes", writes, "QUARANTINE", &agent).await;
    set_mode(owner, &watching, "SHADOW").await;
    let mut live = watches(owner, &agent).await.unwrap();
    let begun = Instant::now();
    let hijacked = json!({ "action": "http:post", "resource": ATTACKER });
    let first = agent.verify(hijacked.clone()).await.unwrap();
    assert_eq!(first.decision().0, "ALLOWED", "{}", first.body);
    let alert = live
        .until(|data| data["alertRaised"]["agentId"] == agent.id)
        .await
        .unwrap();
    let alerted = begun.elapsed();
    let summary = text(&alert, "/alertRaised/summary").unwrap();
    assert!(summary.contains("collect.attacker.example"), "{alert}");
    let denied = || async {
        let answer = agent.verify(hijacked.clone()).await?;
        Ok((answer.decision().0 == "DENIED").then(now))
    };
    let blocked = wait_for("a denial", PATIENCE, denied).await.unwrap();
    assert_eq!(status(owner, &agent).await, "QUARANTINED");
    let found = found(owner, &agent).await;
    let kinds: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
    for kind in [
        "NEW_DOMAIN",
        "FIRST_SEEN_WRITE",
        "POLICY_QUARANTINE",
        "POLICY_WATCHED",
    ] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let took = blocked - found.iter().map(|(_, at)| *at).min().unwrap();
    println!("{place}: request to alert {alerted:?}, finding to denial {took}");
    assert!(took < SOON, "{took}");
    is_proven(owner, &agent).await;
}

/// Kinds of what was found about an agent, and when it was recorded.
async fn found(owner: &Owner, agent: &Agent) -> Vec<(String, DateTime<Utc>)> {
    let query = "query($id: ID!) { anomalies(first: 50, filter: { agentId: $id }) {
        nodes { kind createdAt } } }";
    let answer = owner.ask(query, json!({ "id": agent.id })).await.unwrap();
    let nodes = answer["anomalies"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|it| {
            let at = text(it, "/createdAt").unwrap();
            (text(it, "/kind").unwrap(), at.parse().unwrap())
        })
        .collect()
}

/// The hosts were named before: not a byte leaves.
async fn what_was_foreseen(place: &str, owner: &Owner) {
    let agent = owner.register("weather-2", &["http:*"]).await.unwrap();
    lives(owner, &agent).await;
    let hosts = json!({ "hostOutside": ["*.weather.example"] });
    publish(owner, "weather alone", hosts, "QUARANTINE", &agent).await;
    let mut live = watches(owner, &agent).await.unwrap();
    let asked = json!({ "action": "http:get", "resource": WEATHER });
    assert_eq!(
        agent.verify(asked.clone()).await.unwrap().decision().0,
        "ALLOWED"
    );
    let begun = Instant::now();
    let hijacked = json!({ "action": "http:post", "resource": ATTACKER });
    let answer = agent.verify(hijacked).await.unwrap();
    let (decision, codes) = answer.decision();
    assert_eq!(
        (decision, codes[0]),
        ("DENIED", "POLICY_QUARANTINES"),
        "{}",
        answer.body
    );
    let said = answer.body.to_string();
    assert!(said.contains("collect.attacker.example"), "{said}");
    live.until(|data| data["alertRaised"]["agentId"] == agent.id)
        .await
        .unwrap();
    let alerted = begun.elapsed();
    // What it may do otherwise is over, too.
    let denied = || async {
        let answer = agent.verify(asked.clone()).await?;
        Ok((answer.decision().0 == "DENIED").then(|| begun.elapsed()))
    };
    let stopped = wait_for("the quarantine", PATIENCE, denied).await.unwrap();
    println!("{place}: denial to alert {alerted:?}, to quarantine everywhere {stopped:?}");
    assert_eq!(status(owner, &agent).await, "QUARANTINED");
    is_proven(owner, &agent).await;
}

/// The quarantine is in the audit log, under a root that is signed.
async fn is_proven(owner: &Owner, agent: &Agent) {
    let query = "query($id: ID!) {
        auditEntries(first: 10, filter: { agentId: $id, action: \"agent.quarantine\" }) {
            nodes { index leafHash reason proof { treeSize rootHash hashes } } }
        auditCheckpoint { treeSize rootHash } }";
    let proven = || async {
        let answer = owner.ask(query, json!({ "id": agent.id })).await?;
        let entry = &answer["auditEntries"]["nodes"][0];
        let is_under = entry["proof"]["rootHash"] == answer["auditCheckpoint"]["rootHash"];
        Ok((!entry["proof"].is_null() && is_under).then(|| entry.clone()))
    };
    let entry: Value = wait_for("a proof", PATIENCE, proven).await.unwrap();
    let hash = |value: &Value| -> Hash { value.as_str().unwrap().parse().unwrap() };
    let (index, proof) = (entry["index"].as_u64().unwrap(), &entry["proof"]);
    let path: Vec<Hash> = proof["hashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(hash)
        .collect();
    let (size, root) = (
        proof["treeSize"].as_u64().unwrap(),
        hash(&proof["rootHash"]),
    );
    verify_inclusion(index, size, &hash(&entry["leafHash"]), &path, &root).unwrap();
    let reason = entry["reason"].as_str().unwrap();
    assert!(reason.contains("collect.attacker.example"), "{reason}");
}

async fn hijack(place: &str, owner: &Owner) {
    what_nobody_foresaw(place, owner).await;
    what_was_foreseen(place, owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hijacked_agent_is_stopped_on_the_embedded_default() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    hijack("SQLite, one process", &owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hijacked_agent_is_stopped_on_split_roles_with_postgresql_and_kafka() {
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let brokers = Kafka::shared().unwrap().bootstrap();
    let prefix = format!("hijack-{}-", Uuid::now_v7().simple());
    let config = AimConfig::new()
        .database(database)
        .kafka(brokers, &prefix)
        .env("JWT_SECRET", "a secret of tests only, and a long one");
    let api = config.clone().role("api").start().unwrap();
    let _stream = config.role("stream").start().unwrap();
    let owner = Owner::of(&api).await.unwrap();
    hijack("PostgreSQL and Kafka, split roles", &owner).await;
}
