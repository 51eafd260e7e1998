//! Agents that act, and how their events get to the stream.

use aim_domain::id::EventId;
use aim_domain::signature::{SecretKey, sign_event};
use aim_eventlog::{EventSink, KafkaConfig, KafkaSink, Record, Topic};
use chrono::{DateTime, SecondsFormat, Utc};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use uuid::Uuid;

use crate::client::{Client, event_line};

/// Registrations under way at once.
const AT_ONCE: usize = 32;
/// What agents do all day: action, and how many targets it has.
const DEEDS: [(&str, usize); 6] = [
    ("files:read", 40),
    ("db:query_orders", 1),
    ("search_documents", 8),
    ("files:write", 12),
    ("calendar:list_events", 4),
    ("create_ticket", 3),
];

/// An agent with its key.
pub(crate) struct Agent {
    key: SecretKey,
    key_id: String,
    /// Global id.
    pub(crate) id: String,
    uuid: String,
}

impl Agent {
    /// Registers an agent that may do everything.
    pub(crate) async fn register(client: &Client) -> anyhow::Result<Self> {
        let key = SecretKey::from_seed(&rand::random());
        let name = format!("bench-{:016x}", rand::random::<u64>());
        let agent = client.register(&name, &key).await?;
        client.grant(&agent, "*").await?;
        let key_id = key.public_key().thumbprint();
        Ok(Self {
            key,
            key_id,
            id: agent.id,
            uuid: agent.uuid,
        })
    }

    /// Registers many.
    pub(crate) async fn register_all(client: &Client, count: usize) -> anyhow::Result<Vec<Self>> {
        let all = futures::stream::iter(0..count).map(|_| Self::register(client));
        all.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// What it does as its `number`th action: something usual.
    pub(crate) fn usual(&self, number: usize, time: DateTime<Utc>) -> Event<'_> {
        let (action, targets) = DEEDS[number % DEEDS.len()];
        let target = number / DEEDS.len() % targets;
        self.does(action, &format!("/data/{action}/{target}"), time)
    }

    /// Any action.
    pub(crate) fn does(&self, action: &str, resource: &str, time: DateTime<Utc>) -> Event<'_> {
        let event = json!({
            "specversion": "1.0",
            "id": Uuid::from_u128(rand::random()).to_string(),
            "source": format!("urn:aim:agent:{}", self.uuid),
            "type": "aim.action.performed.v1",
            "time": time.to_rfc3339_opts(SecondsFormat::Micros, true),
            "data": { "action": action, "resource": resource, "arguments": {}, "outcome": "ok" },
        });
        Event {
            agent: self,
            text: event.to_string(),
        }
    }
}

/// An event of an agent.
pub(crate) struct Event<'a> {
    agent: &'a Agent,
    text: String,
}

/// How events get to the stream.
pub(crate) enum Way {
    /// By `POST /v1/events`, signed.
    Http(Client),
    /// Straight to the topic, signed or not.
    Kafka { sink: KafkaSink, is_signed: bool },
}

impl Way {
    /// Straight to the topic of these brokers.
    pub(crate) fn kafka(brokers: &str, prefix: &str, is_signed: bool) -> anyhow::Result<Self> {
        let config = KafkaConfig {
            brokers: brokers.to_owned(),
            group: String::new(),
            topic_prefix: prefix.to_owned(),
            partitions: 0,
        };
        let sink = KafkaSink::new(&config);
        Ok(Self::Kafka { sink, is_signed })
    }

    /// Sends events; they are durable when it returns.
    pub(crate) async fn send(&self, events: &[Event<'_>]) -> anyhow::Result<()> {
        let sign = |event: &Event<'_>| {
            let agent = event.agent;
            sign_event(&agent.key, &agent.key_id, event.text.as_bytes()).to_string()
        };
        match self {
            Self::Http(client) => {
                let lines = events
                    .iter()
                    .map(|event| event_line(&event.text, &sign(event)));
                client.send_events(lines.collect()).await
            }
            Self::Kafka { sink, is_signed } => {
                let records = events.iter().map(|event| Record {
                    topic: Topic::Actions,
                    key: event.agent.uuid.clone(),
                    event_id: EventId::from_uuid(Uuid::nil()),
                    organization: None,
                    event_type: String::new(),
                    payload: event.text.clone().into(),
                    signature: is_signed.then(|| sign(event)),
                });
                Ok(sink.append(records.collect()).await?)
            }
        }
    }
}
