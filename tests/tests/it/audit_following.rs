//! Following the log: an entry has its index soon, and whoever listens hears of each checkpoint once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use aim_domain::audit::{KeyRing, VerifierKey};
use aim_tests::{AimConfig, Postgres};
use serde_json::{Value, json};

use crate::audit_log::{PATIENCE, Scene, good};
use crate::fleet::Owner;

/// Decisions that are timed.
const TIMED: usize = 20;
/// The promise.
const SOON: Duration = Duration::from_secs(1);

/// How long the newest entry of a decision waits for its index, from its answer on: that is given
/// after the commit.
async fn time_to_index(scene: &Scene) -> Duration {
    let answer = scene.agent.verify(json!({ "action": "files:read" }));
    let answer = answer.await.unwrap();
    let committed = Instant::now();
    let id = answer.body.pointer("/data/verifyAction/verification/id");
    let query = "query($filter: AuditFilter) { auditEntries(first: 1, filter: $filter) {
        nodes { index } } }";
    let filter = json!({ "filter": { "action": "action.verify" } });
    assert!(id.is_some(), "{}", answer.body);
    loop {
        let found = scene.owner.ask(query, filter.clone()).await.unwrap();
        if found["auditEntries"]["nodes"][0]["index"].is_u64() {
            return committed.elapsed();
        }
        assert!(committed.elapsed() < PATIENCE, "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_has_its_index_within_a_second_of_its_commit() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    for (name, config) in [
        ("SQLite", AimConfig::new()),
        ("PostgreSQL", AimConfig::new().database(&url)),
    ] {
        let scene = Scene::of(config.start().unwrap()).await;
        let mut times = Vec::new();
        for _ in 0..TIMED {
            times.push(time_to_index(&scene).await);
        }
        times.sort_unstable();
        let (middle, slowest) = (times[TIMED / 2], times[TIMED - 1]);
        println!("commit to index on {name}: median {middle:?}, slowest of {TIMED} {slowest:?}");
        assert!(slowest < SOON, "{times:?}");
    }
}

/// Checkpoints behind a cursor, or from now on, as they are told.
struct Listener {
    response: reqwest::Response,
    seen: String,
}

impl Listener {
    async fn open(owner: &Owner, after: Option<&str>) -> Self {
        let query = "subscription($after: String) { auditCheckpointed(after: $after) {
            cursor occurredAt number treeSize rootHash checkpointId checkpoint { id note rootHash } } }";
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http
            .post(format!("{}/graphql", owner.url))
            .header("accept", "text/event-stream")
            .bearer_auth(&owner.token)
            .json(&json!({ "query": query, "variables": { "after": after } }));
        Self {
            response: request.send().await.unwrap(),
            seen: String::new(),
        }
    }

    async fn next(&mut self) -> Value {
        loop {
            while let Some((line, rest)) = self.seen.split_once('\n') {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                self.seen = rest;
                let event = line.strip_prefix("data: ");
                let event = event.and_then(|it| serde_json::from_str::<Value>(it).ok());
                if let Some(mut event) = event {
                    let told = event["data"]["auditCheckpointed"].take();
                    assert!(told.is_object(), "{event}");
                    return told;
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk());
            let chunk = chunk.await.unwrap().unwrap().unwrap();
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_hears_of_each_checkpoint_once_and_in_order() {
    let mut scene = Scene::new().await;
    let keys = good(&["key", "--database-url", &scene.url()]);
    let key: VerifierKey = keys.lines().next().unwrap().parse().unwrap();
    let ring = KeyRing::new(key.name.clone(), vec![key.key.clone()]);
    let mut told = Vec::new();
    let mut listener = Listener::open(&scene.owner, Some("ZXZlbnQ6MA")).await;
    while told
        .last()
        .is_none_or(|it: &Value| it["treeSize"].as_u64() < Some(scene.size))
    {
        told.push(listener.next().await);
    }
    drop(listener);
    // What is missed comes first, then what happens.
    scene.decide(2).await;
    let cursor = told.last().unwrap()["cursor"].as_str().unwrap().to_owned();
    let mut listener = Listener::open(&scene.owner, Some(&cursor)).await;
    told.push(listener.next().await);
    scene.decide(2).await;
    while told
        .last()
        .is_none_or(|it| it["treeSize"].as_u64() < Some(scene.size))
    {
        told.push(listener.next().await);
    }
    for (number, it) in (1..).zip(&told) {
        assert_eq!(it["number"].as_u64(), Some(number), "{it}");
        let checkpoint = ring
            .open(it["checkpoint"]["note"].as_str().unwrap())
            .unwrap();
        assert_eq!(it["treeSize"].as_u64(), Some(checkpoint.size), "{it}");
        assert_eq!(it["rootHash"], checkpoint.root.to_string(), "{it}");
        assert_eq!(it["checkpointId"], it["checkpoint"]["id"], "{it}");
    }
    assert!(told.len() >= 9, "one for each decision: {}", told.len());
}
