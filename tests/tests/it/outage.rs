//! Without the broker decisions go on, and what happened meanwhile is not lost.

use std::time::{Duration, Instant};

use aim_tests::{AimConfig, Kafka, Postgres, wait_for};
use serde_json::json;

use crate::fleet::{Agent, Owner, now};

/// A debug build on a loaded machine, and a broker that has to be found again.
const PATIENCE: Duration = Duration::from_secs(120);
/// Slowest answer without a broker: an answer that waited for it would take far longer.
const PROMPT: Duration = Duration::from_secs(5);
/// Verifications of each phase.
const EACH: u64 = 20;

/// Asks and is allowed, each time soon.
async fn ask(agent: &Agent) -> anyhow::Result<Duration> {
    let mut slowest = Duration::ZERO;
    for _ in 0..EACH {
        let start = Instant::now();
        let input = json!({ "action": "files:read", "resource": "/data" });
        let answer = agent.verify(input).await?;
        anyhow::ensure!(answer.decision().0 == "ALLOWED", "{}", answer.body);
        slowest = slowest.max(start.elapsed());
    }
    anyhow::ensure!(slowest < PROMPT, "an answer took {slowest:?}");
    Ok(slowest)
}

async fn samples(owner: &Owner, agent: &Agent, wanted: u64) -> anyhow::Result<()> {
    wait_for("all samples", PATIENCE, || async {
        let seen = owner.look(agent).await?;
        let count = seen["trust"]["sampleCount"].as_u64();
        anyhow::ensure!(count <= Some(wanted), "counted twice: {seen}");
        anyhow::ensure!(count == Some(wanted), "not {wanted} yet: {seen}");
        Ok(Some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_go_on_without_the_broker_and_nothing_is_lost() {
    let mut kafka = Kafka::start().unwrap();
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let config = AimConfig::new()
        .database(database)
        .kafka(kafka.bootstrap(), "outage-")
        .env("JWT_SECRET", "a secret of tests only, and a long one");
    let api = config.clone().role("api").start().unwrap();
    let mut stream = config.role("stream").start().unwrap();
    let owner = Owner::of(&api).await.unwrap();
    let agent = owner.register("persistent", &["files:read"]).await.unwrap();
    let before = ask(&agent).await.unwrap();
    samples(&owner, &agent, EACH).await.unwrap();

    kafka.stop().unwrap();
    let during = ask(&agent).await.unwrap();
    let start = Instant::now();
    kafka.start_again().unwrap();
    let back = Instant::now();
    let after = ask(&agent).await.unwrap();
    samples(&owner, &agent, 3 * EACH).await.unwrap();
    println!("slowest answer: {before:?} before, {during:?} without, {after:?} after");
    println!(
        "broker back after {:?}, everything counted {:?} later",
        back - start,
        back.elapsed()
    );

    let time = now();
    let lines = (0..EACH).map(|_| agent.line(&agent.event("files:read", time)));
    owner.send(lines.collect()).await.unwrap();
    samples(&owner, &agent, 4 * EACH).await.unwrap();

    // Without the broker it cannot say good-bye to it, and ends all the same.
    kafka.stop().unwrap();
    stream.stop().unwrap();
}
