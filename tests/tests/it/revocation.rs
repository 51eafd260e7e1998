//! How long a credential lives on after it was taken back: three API processes on PostgreSQL and Kafka
//! under steady signed load, from the mutation's answer to the last request that any of them accepts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Kafka, Postgres};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fleet::{Agent, Owner, now, text};
use crate::story::lives;

/// The promise.
const SOON: Duration = Duration::from_secs(1);
/// Accepted on every node before anything is taken back.
const WARM: usize = 20;
/// Refused in a row, after which a node is believed to have heard.
const ENOUGH: usize = 25;
const PATIENCE: Duration = Duration::from_secs(60);
const NODES: usize = 3;

/// An answer that let the agent act: when it came, by both clocks of this machine.
#[derive(Clone, Copy)]
struct Accepted {
    at: Instant,
    time: DateTime<Utc>,
}

/// Asks one node again and again until it has refused [`ENOUGH`] times in a row; the last that it
/// accepted, and how many.
async fn load(agent: Agent, warm: tokio::sync::mpsc::Sender<()>) -> (Option<Accepted>, usize) {
    let start = Instant::now();
    let (mut last, mut accepted, mut refused) = (None, 0, 0);
    while refused < ENOUGH {
        assert!(start.elapsed() < PATIENCE, "accepted for ever");
        let input = json!({ "action": "files:read", "resource": "/data" });
        let answer = agent.verify(input).await.unwrap();
        if answer.decision().0 == "ALLOWED" {
            last = Some(Accepted {
                at: Instant::now(),
                time: now(),
            });
            (accepted, refused) = (accepted + 1, 0);
            if accepted == WARM {
                let _ = warm.send(()).await;
            }
        } else {
            refused += 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (last, accepted)
}

/// What every node accepted last while `take_back` was done once all of them were warm.
async fn measure(
    nodes: &[AimProcess],
    agent: &Agent,
    take_back: impl AsyncFnOnce(),
) -> (Instant, Vec<Accepted>, usize) {
    let (warm, mut is_warm) = tokio::sync::mpsc::channel(NODES);
    let mut tasks = JoinSet::new();
    for node in nodes {
        let agent = Agent {
            url: node.base_url().to_owned(),
            ..agent.clone()
        };
        tasks.spawn(load(agent, warm.clone()));
    }
    drop(warm);
    for _ in nodes {
        // A node that refuses before it is warm has nothing more to wait for.
        let _ = is_warm.recv().await;
    }
    take_back().await;
    let answered = Instant::now();
    let ended = tasks.join_all().await;
    let total = ended.iter().map(|(_, count)| count).sum();
    (
        answered,
        ended.into_iter().filter_map(|(last, _)| last).collect(),
        total,
    )
}

async fn change(owner: &Owner, name: &str, input: Value) {
    let (first, rest) = name.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{ userErrors {{ message }} }} }}",
        first.to_uppercase()
    );
    let answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    assert_eq!(answer[name]["userErrors"], json!([]), "{answer}");
}

async fn key_of_record(owner: &Owner, agent: &Agent) -> String {
    let query = "query($id: ID!) { agent(id: $id) { keys { nodes { id } } } }";
    let answer = owner.ask(query, json!({ "id": agent.id })).await.unwrap();
    text(&answer, "/agent/keys/nodes/0/id").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_is_good_nowhere_within_a_second() {
    let kafka = Kafka::shared().unwrap();
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let config = AimConfig::new()
        .database(database)
        .kafka(kafka.bootstrap(), "revocation-")
        .env("JWT_SECRET", "a secret of tests only, and a long one");
    let start = |role: &str| config.clone().role(role).start().unwrap();
    let nodes: Vec<_> = (0..NODES).map(|_| start("api")).collect();
    let owner = Owner::of(&nodes[0]).await.unwrap();
    let mut slowest = Duration::ZERO;
    for name in [
        "revokeAgentKey",
        "suspendAgent",
        "killAgent",
        "engageKillSwitch",
    ] {
        let agent = owner.register(name, &["files:read"]).await.unwrap();
        let key = key_of_record(&owner, &agent).await;
        let take_back = async || {
            let input = match name {
                "revokeAgentKey" => json!({ "keyId": key, "reason": "a test" }),
                "engageKillSwitch" => json!({ "reason": "a test" }),
                _ => json!({ "agentId": agent.id, "reason": "a test" }),
            };
            change(&owner, name, input).await;
        };
        let (answered, last, total) = measure(&nodes, &agent, take_back).await;
        let after = last
            .iter()
            .map(|it| it.at.saturating_duration_since(answered));
        let worst = after.max().unwrap();
        println!("{name}: last accepted {worst:?} after the answer, of {total} on {NODES} nodes");
        slowest = slowest.max(worst);
        if name == "engageKillSwitch" {
            change(&owner, "releaseKillSwitch", json!({ "reason": "a test" })).await;
        }
    }
    // Quarantine has no mutation: the stream finds that this load is not what the agent usually does.
    let stream = start("stream");
    let agent = owner.register("wild", &["files:read"]).await.unwrap();
    lives(&owner, &agent).await.unwrap();
    let (_, last, total) = measure(&nodes, &agent, async || {}).await;
    let query = "query($id: ID!) { agent(id: $id) { status statusChangedAt } }";
    let found = owner.ask(query, json!({ "id": agent.id })).await.unwrap();
    assert_eq!(found["agent"]["status"], "QUARANTINED", "{found}");
    let since: DateTime<Utc> = text(&found, "/agent/statusChangedAt")
        .unwrap()
        .parse()
        .unwrap();
    let after = last
        .iter()
        .map(|it| (it.time - since).to_std().unwrap_or_default());
    let worst = after.max().unwrap();
    println!("quarantine: last accepted {worst:?} after it, of {total} on {NODES} nodes");
    slowest = slowest.max(worst);
    drop(stream);
    println!("slowest: {slowest:?}");
    assert!(slowest < SOON, "{slowest:?}");
}
