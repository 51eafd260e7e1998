//! How long a credential lives on after it was taken back: three API processes on PostgreSQL and Kafka
//! under steady load of an agent that shows its signature, a token and a certificate, from the mutation's
//! answer to the last time that any of them is good anywhere.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it measured"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Kafka, Postgres};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::agent_tokens::{Bearer, VERIFY, said};
use crate::certificates::{Given, list_at};
use crate::fleet::{Agent, Owner, key_of, now, text};
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

/// What the agent shows.
#[derive(Clone)]
enum Shown {
    Signature(Agent),
    Token(Bearer, String),
    /// To a peer, who reads the revocation list.
    Certificate(Given, Owner),
}

impl Shown {
    const fn name(&self) -> &'static str {
        match self {
            Self::Signature(_) => "signature",
            Self::Token(..) => "token",
            Self::Certificate(..) => "certificate",
        }
    }

    async fn is_good_at(&self, node: &str) -> bool {
        let input = json!({ "action": "files:read", "resource": "/data" });
        match self {
            Self::Signature(agent) => {
                let answer = agent.verify(input).await.unwrap();
                answer.decision().0 == "ALLOWED"
            }
            Self::Token(bearer, token) => {
                let body = json!({ "query": VERIFY, "variables": { "input": input } });
                let proof = bearer.proof("/graphql", Some(token));
                let answer = bearer.post(node, &body, "DPoP", token, &proof).await;
                said(&answer).starts_with("ALLOWED")
            }
            Self::Certificate(given, owner) => {
                let list = list_at(node, owner).await;
                given.check(&given.authority, &list, now()).is_ok()
            }
        }
    }
}

/// Everything that an agent can show.
async fn all(owner: &Owner, agent: &Agent) -> [Shown; 3] {
    let bearer = Bearer::of(agent, key_of("ephemeral"));
    let token = bearer.token(agent, "files:read").await;
    [
        Shown::Signature(agent.clone()),
        Shown::Token(bearer, token),
        Shown::Certificate(Given::to(agent).await, owner.clone()),
    ]
}

/// Shows it to one node again and again until that has refused [`ENOUGH`] times in a row; when it was
/// accepted last, and how often.
async fn load(
    shown: Shown,
    node: String,
    warm: tokio::sync::mpsc::Sender<()>,
) -> (&'static str, Option<Accepted>, usize) {
    let start = Instant::now();
    let (mut last, mut accepted, mut refused) = (None, 0, 0);
    while refused < ENOUGH {
        let name = shown.name();
        assert!(start.elapsed() < PATIENCE, "{name} is accepted for ever");
        if shown.is_good_at(&node).await {
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
    (shown.name(), last, accepted)
}

/// When each of what was shown was accepted last, on any node, and how often.
type Last = BTreeMap<&'static str, (Vec<Accepted>, usize)>;

/// What every node accepted while `take_back` was done once all of them were warm.
async fn measure(
    nodes: &[AimProcess],
    shown: [Shown; 3],
    take_back: impl AsyncFnOnce(),
) -> (Instant, Last) {
    let (warm, mut is_warm) = tokio::sync::mpsc::channel(NODES * shown.len());
    let mut tasks = JoinSet::new();
    for node in nodes {
        for shown in &shown {
            let url = node.base_url().to_owned();
            let shown = match shown.clone() {
                Shown::Signature(agent) => Shown::Signature(Agent {
                    url: url.clone(),
                    ..agent
                }),
                other => other,
            };
            tasks.spawn(load(shown, url, warm.clone()));
        }
    }
    drop(warm);
    for _ in 0..tasks.len() {
        // A node that refuses before it is warm has nothing more to wait for.
        let _ = is_warm.recv().await;
    }
    take_back().await;
    let answered = Instant::now();
    let mut ended = Last::new();
    for (name, last, count) in tasks.join_all().await {
        let (all, total) = ended.entry(name).or_default();
        all.extend(last);
        *total += count;
    }
    (answered, ended)
}

/// Prints and gives back the worst.
fn worst(what: &str, last: &Last, after: impl Fn(&Accepted) -> Duration) -> Duration {
    let mut slowest = Duration::ZERO;
    for (name, (last, total)) in last {
        assert_eq!(last.len(), NODES, "{what}: {name} was good on every node");
        let worst = last.iter().map(&after).max().unwrap();
        println!("{what}, {name}: last accepted {worst:?} after, of {total} on {NODES} nodes");
        slowest = slowest.max(worst);
    }
    slowest
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
        let shown = all(&owner, &agent).await;
        let (answered, last) = measure(&nodes, shown, take_back).await;
        let after = |it: &Accepted| it.at.saturating_duration_since(answered);
        slowest = slowest.max(worst(name, &last, after));
        if name == "engageKillSwitch" {
            change(&owner, "releaseKillSwitch", json!({ "reason": "a test" })).await;
        }
    }
    // Quarantine has no mutation: the stream finds that this load is not what the agent usually does.
    let stream = start("stream");
    let agent = owner.register("wild", &["files:read"]).await.unwrap();
    lives(&owner, &agent).await.unwrap();
    let shown = all(&owner, &agent).await;
    let (_, last) = measure(&nodes, shown, async || {}).await;
    let query = "query($id: ID!) { agent(id: $id) { status statusChangedAt } }";
    let found = owner.ask(query, json!({ "id": agent.id })).await.unwrap();
    assert_eq!(found["agent"]["status"], "QUARANTINED", "{found}");
    let since: DateTime<Utc> = text(&found, "/agent/statusChangedAt")
        .unwrap()
        .parse()
        .unwrap();
    let after = |it: &Accepted| (it.time - since).to_std().unwrap_or_default();
    slowest = slowest.max(worst("quarantine", &last, after));
    drop(stream);
    println!("slowest: {slowest:?}");
    assert!(slowest < SOON, "{slowest:?}");
}
