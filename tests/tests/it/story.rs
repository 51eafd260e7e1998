//! The story that the product is for: an agent is registered, asks, acts, goes wild, is stopped,
//! and comes back. The same on the embedded default and on split roles with PostgreSQL and Kafka.

#![expect(
    clippy::print_stdout,
    reason = "what is measured is read from the output"
)]

use std::time::{Duration, Instant};

use aim_tests::{AimConfig, Kafka, Postgres, wait_for, wait_until};
use anyhow::Context;
use chrono::{DurationRound, TimeDelta};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

use crate::fleet::{Agent, Owner, now, text};

/// A debug build on a loaded machine; what is measured is printed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two attempts to see a subscription begin.
const LOOK: Duration = Duration::from_millis(300);
/// Minutes of ordinary life: a rate is learned from 12.
const MINUTES: i64 = 30;
/// Actions in each, far apart.
const SECONDS: [i64; 3] = [5, 25, 45];
/// Actions of the burst: more than a hundred times the ordinary rate.
const BURST: i64 = 400;

/// Open subscriptions of one person.
pub(crate) struct Subscriptions(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Subscriptions {
    pub(crate) async fn open(owner: &Owner) -> anyhow::Result<Self> {
        let url = owner.url.replacen("http", "ws", 1) + "/graphql";
        let mut request = url.into_client_request()?;
        let protocol = "graphql-transport-ws".parse()?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        let mut made = Self(socket);
        let token = format!("Bearer {}", owner.token);
        let init = json!({ "type": "connection_init", "payload": { "authorization": token } });
        made.send(init).await?;
        let answer = made.next().await?;
        anyhow::ensure!(answer["type"] == "connection_ack", "{answer}");
        Ok(made)
    }

    pub(crate) async fn subscribe(
        &mut self,
        query: &str,
        after: Option<&str>,
    ) -> anyhow::Result<()> {
        let id = Uuid::now_v7().to_string();
        let payload = json!({ "query": query, "variables": { "after": after } });
        self.send(json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await
    }

    async fn send(&mut self, message: Value) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }

    async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
            let message = message
                .context("nothing comes")?
                .context("the connection ended")??;
            if let Message::Text(text) = message {
                return Ok(serde_json::from_str(&text)?);
            }
        }
    }

    /// The data of the next result that `wanted` takes, whichever subscription's.
    pub(crate) async fn until(
        &mut self,
        wanted: impl Fn(&Value) -> bool + Send,
    ) -> anyhow::Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut message = self.next().await?;
            anyhow::ensure!(message["type"] == "next", "{message}");
            let data = message["payload"]["data"].take();
            if wanted(&data) {
                return Ok(data);
            }
            anyhow::ensure!(Instant::now() < end, "not what was waited for: {data}");
        }
    }
}

const VERIFICATIONS: &str = "subscription { verificationRecorded { cursor agentId } }";
const ALERTS: &str = "subscription($after: String) { alertRaised(after: $after) {
    severity agentId summary alert { kind status evidence { label observed expected } } } }";
const SCORES: &str = "subscription($after: String) { trustScoreChanged(after: $after) {
    agentId previousScore score } }";

/// Grants decide.
async fn asks(agent: &Agent) -> anyhow::Result<()> {
    let answer = agent
        .verify(json!({ "action": "files:read", "resource": "/data" }))
        .await?;
    assert_eq!(answer.decision(), ("ALLOWED", vec!["CAPABILITY_GRANTED"]));
    let answer = agent
        .verify(json!({ "action": "files:delete", "resource": "/data" }))
        .await?;
    let (decision, reasons) = answer.decision();
    assert_eq!(decision, "DENIED");
    assert!(reasons.contains(&"CAPABILITY_MISSING"), "{}", answer.body);
    Ok(())
}

/// Half an hour of an ordinary day; returns the score that it earns. Comes before the agent asks
/// anything: rates are learned in the order of time.
pub(crate) async fn lives(owner: &Owner, agent: &Agent) -> anyhow::Result<f64> {
    let minute = now().duration_trunc(TimeDelta::minutes(1))?;
    let times = (1..=MINUTES).rev().flat_map(|back| {
        SECONDS.map(|second| minute - TimeDelta::minutes(back) + TimeDelta::seconds(second))
    });
    let lines: String = times
        .map(|time| agent.line(&agent.event("files:read", time)))
        .collect();
    owner.send(lines).await?;
    let all = MINUTES.unsigned_abs() * SECONDS.len() as u64;
    wait_until("the ordinary actions to be applied", PATIENCE, || async {
        let counts = owner.counts().await.unwrap_or_default();
        counts["streamTotals"]["appliedCount"] == all
    })
    .await?;
    let seen = owner.look(agent).await?;
    assert_eq!(seen["status"], "VERIFIED", "{seen}");
    let counts = owner.counts().await?;
    assert_eq!(counts["alerts"]["totalCount"], 0, "{counts}");
    seen["trust"]["score"]
        .as_f64()
        .with_context(|| format!("no score: {seen}"))
}

/// Opens subscriptions to alerts and scores that miss nothing from now on.
pub(crate) async fn watches(owner: &Owner, agent: &Agent) -> anyhow::Result<Subscriptions> {
    let mut live = Subscriptions::open(owner).await?;
    live.subscribe(VERIFICATIONS, None).await?;
    // The protocol does not say when a subscription has begun: ask until one fact comes.
    let first = loop {
        agent
            .verify(json!({ "action": "files:read", "resource": "/data" }))
            .await?;
        if let Ok(message) = tokio::time::timeout(LOOK, live.next()).await {
            break message?;
        }
    };
    let fact = &first["payload"]["data"]["verificationRecorded"];
    assert_eq!(fact["agentId"], agent.id, "{first}");
    let cursor = text(fact, "/cursor")?;
    live.subscribe(ALERTS, Some(&cursor)).await?;
    live.subscribe(SCORES, Some(&cursor)).await?;
    Ok(live)
}

/// The burst; returns how long the alert took.
async fn goes_wild(
    owner: &Owner,
    agent: &Agent,
    live: &mut Subscriptions,
    before: f64,
) -> anyhow::Result<Duration> {
    let time = now();
    // After everything the server knows of: what is late counts into no rate.
    let burst = (1..=BURST)
        .map(|step| agent.line(&agent.event("files:read", time + TimeDelta::microseconds(step))));
    let burst: String = burst.collect();
    let start = Instant::now();
    owner.send(burst).await?;
    let mut fell = false;
    let is_lower = |data: &Value| {
        data["trustScoreChanged"]["score"]
            .as_f64()
            .is_some_and(|score| score < before)
    };
    let alert = loop {
        let data = live.until(|_| true).await?;
        fell |= is_lower(&data);
        if data["alertRaised"]["severity"] == "CRITICAL" {
            break data;
        }
    };
    let took = start.elapsed();
    let alert = &alert["alertRaised"];
    assert_eq!(alert["agentId"], agent.id);
    assert_eq!(alert["alert"]["kind"], "RATE_SPIKE", "{alert}");
    assert_eq!(alert["alert"]["status"], "OPEN", "{alert}");
    let evidence = alert["alert"]["evidence"].as_array();
    assert!(evidence.is_some_and(|facts| !facts.is_empty()), "{alert}");
    if !fell {
        live.until(is_lower).await?;
    }
    Ok(took)
}

/// It may do nothing until a person says so.
async fn is_stopped_and_comes_back(
    owner: &Owner,
    agent: &Agent,
    before: f64,
) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let read = || agent.verify(json!({ "action": "files:read", "resource": "/data" }));
    // Another process decides than the one that found it: it learns of the quarantine by an event.
    wait_until("a denial", PATIENCE, || async {
        read()
            .await
            .is_ok_and(|answer| answer.decision().0 == "DENIED")
    })
    .await?;
    let took = start.elapsed();
    let answer = read().await?;
    let (decision, reasons) = answer.decision();
    assert_eq!(decision, "DENIED");
    assert!(reasons.contains(&"AGENT_QUARANTINED"), "{}", answer.body);
    let score = wait_for("a lower score", PATIENCE, || async {
        let seen = owner.look(agent).await?;
        anyhow::ensure!(seen["status"] == "QUARANTINED", "{seen}");
        Ok(seen["trust"]["score"]
            .as_f64()
            .filter(|score| *score < before))
    })
    .await?;
    println!("trust {before:.3} before the burst, {score:.3} after it");
    let query = "mutation($input: ReinstateAgentInput!) { reinstateAgent(input: $input) {
        agent { status } userErrors { code message } } }";
    let input = json!({ "agentId": agent.id, "reason": "the loop in its plan is fixed" });
    let answer = owner.ask(query, json!({ "input": input })).await?;
    assert_eq!(text(&answer, "/reinstateAgent/agent/status")?, "VERIFIED");
    let answer = read().await?;
    assert_eq!(
        answer.decision(),
        ("ALLOWED", vec!["CAPABILITY_GRANTED"]),
        "{}",
        answer.body
    );
    Ok(took)
}

async fn story(place: &str, owner: &Owner) -> anyhow::Result<()> {
    let agent = owner.register("story-reader", &["files:read"]).await?;
    let before = lives(owner, &agent).await?;
    asks(&agent).await?;
    let mut live = watches(owner, &agent).await?;
    let alerted = goes_wild(owner, &agent, &mut live, before).await?;
    let denied = is_stopped_and_comes_back(owner, &agent, before).await?;
    println!("{place}: burst to alert {alerted:?}, alert to denial {denied:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_goes_wild_is_stopped_on_the_embedded_default() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    story("SQLite, one process", &owner).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_goes_wild_is_stopped_on_split_roles_with_postgresql_and_kafka() {
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let brokers = Kafka::shared().unwrap().bootstrap();
    let prefix = format!("story-{}-", Uuid::now_v7().simple());
    let config = AimConfig::new()
        .database(database)
        .kafka(brokers, &prefix)
        .env("JWT_SECRET", "a secret of tests only, and a long one");
    let api = config.clone().role("api").start().unwrap();
    let _stream = config.role("stream").start().unwrap();
    let owner = Owner::of(&api).await.unwrap();
    story("PostgreSQL and Kafka, split roles", &owner)
        .await
        .unwrap();
}
