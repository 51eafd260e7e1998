//! `kill -9` at the worst moment: what was acknowledged is there, nothing counts twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, Kafka, Postgres, wait_for, wait_until};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::fleet::{Agent, Owner};
use crate::replay::{PATIENCE, Recording, Running, To, counts, scores};

/// Times faster than recorded: two days last a few seconds, so that the kill comes in the middle.
const SPEED: &str = "36000";
/// Events applied when the kill comes.
const SOME: u64 = 600;
/// Verifications acknowledged when the kill comes.
const ENOUGH: usize = 200;
/// Who ask at the same time.
const ASKERS: usize = 4;

/// Ids of acknowledged verifications, with the key that each was asked with.
type Acknowledged = Arc<Mutex<Vec<(String, String)>>>;

async fn total(owner: &Owner, name: &str) -> anyhow::Result<u64> {
    let counts = owner.counts().await?;
    Ok(counts["streamTotals"][name].as_u64().unwrap_or(0))
}

/// Waits until the stream is in the middle of a recording.
async fn in_the_middle(owner: &Owner) -> anyhow::Result<()> {
    wait_until("some events to be applied", PATIENCE, || async {
        total(owner, "appliedCount")
            .await
            .is_ok_and(|count| count >= SOME)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_survives_kill_9_on_the_embedded_default() {
    let recording = Recording::write().unwrap();
    let (sent, good) = (recording.sent, recording.good);
    let mut aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let mut paced = recording.command(&owner.url, &To::Http).unwrap();
    paced.args(["--speed", SPEED]);
    let running = Running::start(paced).unwrap();
    in_the_middle(&owner).await.unwrap();
    aim.kill9().unwrap();
    assert!(running.end().await.is_err(), "the kill came after the end");
    let start = Instant::now();
    aim.restart().unwrap();
    println!("SQLite: ready {:?} after the kill", start.elapsed());
    let applied = total(&owner, "appliedCount").await.unwrap();
    assert!((SOME..good).contains(&applied), "{applied} are applied");
    let again = recording.command(&owner.url, &To::Http).unwrap();
    let summary = Running::start(again).unwrap().end().await.unwrap();
    assert_eq!(counts(&summary)[0], sent);
    // What was durable but not yet applied when it was killed is applied without being sent again.
    let crashed = scores(&owner, good).await.unwrap();
    assert_eq!(total(&owner, "appliedCount").await.unwrap(), good);

    let other = AimConfig::new().start().unwrap();
    let owner = Owner::of(&other).await.unwrap();
    let whole = recording.command(&owner.url, &To::Http).unwrap();
    let summary = Running::start(whole).unwrap().end().await.unwrap();
    assert_eq!(counts(&summary), [sent, good, 0, sent - good]);
    assert_eq!(scores(&owner, good).await.unwrap(), crashed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_survives_kill_9_of_the_stream_on_postgresql_and_kafka() {
    let recording = Recording::write().unwrap();
    let (sent, good) = (recording.sent, recording.good);
    let brokers = Kafka::shared().unwrap().bootstrap();
    let start = |killed: &'static str| {
        let prefix = format!("crash-{killed}-{}-", Uuid::now_v7().simple());
        let database = Postgres::shared().unwrap().fresh_database().unwrap();
        let config = AimConfig::new()
            .database(database)
            .kafka(brokers, &prefix)
            .env("JWT_SECRET", "a secret of tests only, and a long one");
        let api = config.clone().role("api").start().unwrap();
        (api, config.role("stream").start().unwrap(), prefix)
    };
    let (api, mut stream, prefix) = start("killed");
    let owner = Owner::of(&api).await.unwrap();
    let to = To::Kafka {
        brokers,
        prefix: &prefix,
    };
    let mut paced = recording.command(&owner.url, &to).unwrap();
    paced.args(["--speed", SPEED]);
    let running = Running::start(paced).unwrap();
    in_the_middle(&owner).await.unwrap();
    stream.kill9().unwrap();
    let applied = total(&owner, "appliedCount").await.unwrap();
    assert!((SOME..good).contains(&applied), "{applied} are applied");
    let begin = Instant::now();
    stream.restart().unwrap();
    println!(
        "Kafka: the stream is ready {:?} after the kill",
        begin.elapsed()
    );
    assert_eq!(
        counts(&running.end().await.unwrap()),
        [sent, good, 0, sent - good]
    );
    println!(
        "Kafka: everything is applied {:?} after the kill",
        begin.elapsed()
    );
    let again = Running::start(recording.command(&owner.url, &to).unwrap()).unwrap();
    assert_eq!(
        counts(&again.end().await.unwrap()),
        [sent, 0, good, sent - good]
    );
    let crashed = scores(&owner, good).await.unwrap();
    assert_eq!(total(&owner, "appliedCount").await.unwrap(), good);

    let (other, _stream, prefix) = start("whole");
    let owner = Owner::of(&other).await.unwrap();
    let to = To::Kafka {
        brokers,
        prefix: &prefix,
    };
    let whole = Running::start(recording.command(&owner.url, &to).unwrap()).unwrap();
    assert_eq!(
        counts(&whole.end().await.unwrap()),
        [sent, good, 0, sent - good]
    );
    assert_eq!(scores(&owner, good).await.unwrap(), crashed);
}

/// Asks until the server is gone.
async fn ask_on(agent: Agent, acknowledged: Acknowledged) {
    loop {
        let key = Uuid::now_v7().to_string();
        let input = json!({
            "action": "files:read", "resource": "/data", "idempotencyKey": key,
        });
        let Ok(answer) = agent.verify(input).await else {
            return;
        };
        let id = &answer.body["data"]["verifyAction"]["verification"]["id"];
        match id.as_str() {
            Some(id) => acknowledged.lock().await.push((id.to_owned(), key)),
            None => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_verification_is_lost_by_kill_9() {
    let mut aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("asker", &["files:read"]).await.unwrap();
    let acknowledged = Acknowledged::default();
    let asking = (0..ASKERS).map(|_| tokio::spawn(ask_on(agent.clone(), acknowledged.clone())));
    let asking: Vec<_> = asking.collect();
    wait_until("enough answers", PATIENCE, || async {
        acknowledged.lock().await.len() >= ENOUGH
    })
    .await
    .unwrap();
    aim.kill9().unwrap();
    for task in asking {
        task.await.unwrap();
    }
    let all = acknowledged.lock().await.clone();
    aim.restart().unwrap();
    for (id, _) in &all {
        let query = "query($id: ID!) { verification(id: $id) { id decision } }";
        let answer = owner.ask(query, json!({ "id": id })).await.unwrap();
        assert_eq!(answer["verification"]["id"], *id, "lost: {answer}");
        assert_eq!(answer["verification"]["decision"], "ALLOWED", "{answer}");
    }
    // A retry after the crash gets the answer from before it.
    for (id, key) in all.iter().rev().take(10) {
        let input = json!({ "action": "files:read", "resource": "/data", "idempotencyKey": key });
        let answer = agent.verify(input).await.unwrap();
        let again = &answer.body["data"]["verifyAction"]["verification"]["id"];
        assert_eq!(again, id, "{}", answer.body);
    }
    let seen: Value = wait_for("all samples", Duration::from_secs(60), || async {
        let seen = owner.look(&agent).await?;
        let enough = seen["trust"]["sampleCount"].as_u64() >= Some(all.len() as u64);
        Ok(enough.then_some(seen))
    })
    .await
    .unwrap();
    println!("{} acknowledged, none lost; then {seen}", all.len());
}
