//! The way from an event to the alert at a subscriber.

use std::time::{Duration, Instant};

use aim_domain::clock::Clock;
use anyhow::Context;
use futures::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::fleet::{Agent, Event, Way};
use crate::bench::histogram;
use crate::client::Client;
use crate::clock::SystemClock;

/// Usual actions of an agent before the one that raises an alert: more than it takes to be known.
const USUAL: usize = 40;
/// From the last of them to the one that counts, so that nothing of it is still on its way.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest wait for an alert.
const PATIENCE: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Time from sending the event of an agent that writes to a stranger until a subscriber has the
/// alert, again and again, each time of another agent.
pub(crate) async fn measure(
    client: &Client,
    way: &Way,
    agents: &[Agent],
) -> anyhow::Result<Histogram<u64>> {
    let mut socket = subscribe(client).await?;
    let mut latency = histogram()?;
    for agent in agents {
        let now = SystemClock.now();
        let usual: Vec<Event<'_>> = (0..USUAL).map(|_| agent.usual(0, now)).collect();
        way.send(&usual).await?;
        tokio::time::sleep(PAUSE).await;
        let stranger = "mallory@stranger.example";
        let alarming = agent.does("send_email", stranger, SystemClock.now());
        let start = Instant::now();
        way.send(&[alarming]).await?;
        hear(&mut socket, &agent.id).await?;
        latency.saturating_record(start.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
    }
    Ok(latency)
}

async fn subscribe(client: &Client) -> anyhow::Result<Socket> {
    let url = client.url.replacen("http", "ws", 1) + "/graphql";
    let mut request = url.into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let token = format!("Bearer {}", client.token().await?);
    let init = json!({ "type": "connection_init", "payload": { "authorization": token } });
    socket.send(Message::text(init.to_string())).await?;
    let query = "subscription { alertRaised { agentId } }";
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": query } });
    socket.send(Message::text(subscribe.to_string())).await?;
    Ok(socket)
}

async fn hear(socket: &mut Socket, agent: &str) -> anyhow::Result<()> {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await;
        let message = next.context("no alert came")?;
        let message = message.context("the subscription ended")??;
        let Ok(text) = message.to_text() else {
            continue;
        };
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        anyhow::ensure!(message["type"] != "error", "{message}");
        if message["payload"]["data"]["alertRaised"]["agentId"] == agent {
            return Ok(());
        }
    }
}
