//! `aim bench stream`: events through the stream, and their way to a subscriber.

use std::time::{Duration, Instant};

use aim_domain::clock::Clock;
use aim_domain::signature::{SecretKey, sign_event};
use anyhow::Context;
use chrono::SecondsFormat;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use uuid::Uuid;

use super::{histogram, ms};
use crate::cli::Target;
use crate::client::{Client, event_line};
use crate::clock::SystemClock;
use crate::out;

/// Events of one request.
const BATCH: usize = 500;
/// An agent's score appears with this many actions (`LEAST_SAMPLES`).
const FIRST_SCORE: usize = 20;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct StreamArgs {
    #[command(flatten)]
    target: Target,
    /// Events of the throughput measurement.
    #[arg(long, default_value_t = 50_000)]
    events: usize,
    /// Agents that they come from.
    #[arg(long, default_value_t = 100)]
    agents: usize,
    /// Measurements of the way from event to subscriber.
    #[arg(long, default_value_t = 50)]
    probes: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

struct Producer {
    name: String,
    key: SecretKey,
    key_id: String,
    id: String,
}

impl Producer {
    async fn register(client: &Client) -> anyhow::Result<Self> {
        let key = SecretKey::from_seed(&rand::random());
        let name = format!("bench-{:016x}", rand::random::<u64>());
        let agent = client.register(&name, &key).await?;
        client.grant(&agent, "*").await?;
        let key_id = key.public_key().thumbprint();
        Ok(Self {
            name,
            key,
            key_id,
            id: agent.id,
        })
    }

    fn event(&self) -> String {
        let event = json!({
            "specversion": "1.0",
            "id": Uuid::from_u128(rand::random()).to_string(),
            "source": format!("urn:aim:agent:{}", self.name),
            "type": "aim.action.performed.v1",
            "time": SystemClock.now().to_rfc3339_opts(SecondsFormat::Micros, true),
            "data": { "action": "files:read", "resource": "/data/report.csv", "arguments": {}, "outcome": "ok" },
        });
        let text = event.to_string();
        let signature = sign_event(&self.key, &self.key_id, text.as_bytes()).to_string();
        event_line(&text, &signature)
    }
}

/// Measures and prints.
pub(crate) async fn run(args: StreamArgs) -> anyhow::Result<()> {
    let client = Client::sign_in(&args.target).await?;
    let (rate, seconds) = throughput(&client, &args).await?;
    let latency = latency(&client, args.probes).await?;
    let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|q| ms(&latency, q));
    let header = [
        "events",
        "seconds",
        "events/s",
        "to subscriber p50 ms",
        "p95 ms",
        "p99 ms",
    ];
    let row = vec![
        args.events.to_string(),
        format!("{seconds:.1}"),
        format!("{rate:.0}"),
        format!("{p50:.1}"),
        format!("{p95:.1}"),
        format!("{p99:.1}"),
    ];
    let value = json!({
        "events": args.events, "seconds": seconds, "eventsPerSecond": rate,
        "toSubscriberMs": { "p50": p50, "p95": p95, "p99": p99 },
    });
    out::table(args.json, &header, &[row], &value);
    Ok(())
}

/// Sends signed events as fast as they are taken, until all are applied.
async fn throughput(client: &Client, args: &StreamArgs) -> anyhow::Result<(f64, f64)> {
    let mut producers = Vec::new();
    for _ in 0..args.agents.max(1) {
        producers.push(Producer::register(client).await?);
    }
    let lines: Vec<String> = (0..args.events)
        .map(|n| producers[n % producers.len()].event())
        .collect();
    let before: u64 = client.totals().await?.iter().sum();
    let start = Instant::now();
    for batch in lines.chunks(BATCH) {
        client.send_events(batch.concat()).await?;
    }
    while client.totals().await?.iter().sum::<u64>() < before + args.events as u64 {
        anyhow::ensure!(
            start.elapsed() < PATIENCE,
            "the stream did not apply all events"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok((args.events as f64 / seconds, seconds))
}

/// Time from sending the event that gives an agent its first score until a subscriber has it.
async fn latency(client: &Client, probes: usize) -> anyhow::Result<hdrhistogram::Histogram<u64>> {
    let url = client.url.replacen("http", "ws", 1) + "/graphql";
    let mut request = url.into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let init = json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", client.token) } });
    socket.send(Message::text(init.to_string())).await?;
    let query = "subscription { trustScoreChanged { agentId score } }";
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": query } });
    socket.send(Message::text(subscribe.to_string())).await?;
    let mut latency = histogram()?;
    for _ in 0..probes {
        let producer = Producer::register(client).await?;
        let first: String = (1..FIRST_SCORE).map(|_| producer.event()).collect();
        client.send_events(first).await?;
        let last = producer.event();
        let start = Instant::now();
        client.send_events(last).await?;
        loop {
            let next = tokio::time::timeout(PATIENCE, socket.next()).await?;
            let message = next.context("the subscription ended")??;
            let Ok(text) = message.to_text() else {
                continue;
            };
            let message: Value = serde_json::from_str(text).unwrap_or_default();
            anyhow::ensure!(message["type"] != "error", "{message}");
            let changed = &message["payload"]["data"]["trustScoreChanged"];
            if changed["agentId"] == producer.id.as_str() {
                break;
            }
        }
        latency.saturating_record(start.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
    }
    Ok(latency)
}
