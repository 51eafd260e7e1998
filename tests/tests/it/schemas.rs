//! Events in Avro and Protocol Buffers through a real schema registry.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_domain::signature::sign_event;
use aim_tests::{AimConfig, AimProcess, Kafka, Postgres, Registry, wait_for};
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::json;
use uuid::Uuid;

use crate::fleet::{Agent, Owner, key_of, now};

const PATIENCE: Duration = Duration::from_secs(60);
/// How long events are seen to wait: many batches.
const A_WHILE: Duration = Duration::from_secs(2);
const AVRO: &str = include_str!("../../../docs/action-performed.avsc");
const PROTOBUF: &str = include_str!("../../../docs/action-performed.proto");
const JSON: &str =
    r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{}}"#;
const RECURSIVE: &str = r#"{"type":"record","name":"A","fields":[
    {"name":"action","type":"string"},{"name":"next","type":["null","A"]}]}"#;

fn framed(schema: u32, data: &[u8]) -> Vec<u8> {
    [&[0], &schema.to_be_bytes()[..], data].concat()
}

/// A text shorter than 64 bytes, as Avro writes it.
fn avro_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(2 * text.len()).unwrap();
    [&[length], text.as_bytes()].concat()
}

/// Reads something and ends well; the nine other fields are null.
fn avro(action: &str) -> Vec<u8> {
    [avro_text(action), vec![0; 10]].concat()
}

/// The same in Protocol Buffers, as the first message.
fn protobuf(action: &str) -> Vec<u8> {
    let length = u8::try_from(action.len()).unwrap();
    let outcome = [18, 2, b'o', b'k'];
    [&[0, 10, length], action.as_bytes(), &outcome].concat()
}

/// A fleet with a Kafka client of its own.
struct Fleet<'a> {
    producer: FutureProducer,
    topic: String,
    agent: &'a Agent,
}

impl<'a> Fleet<'a> {
    fn new(brokers: &str, prefix: &str, agent: &'a Agent) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        Ok(Self {
            producer: config.create()?,
            topic: format!("{prefix}aim.actions"),
            agent,
        })
    }

    /// Sends an event in binary mode, signed with the key of the agent called `signer`.
    async fn send_as(&self, signer: &str, value: &[u8]) -> anyhow::Result<()> {
        let attributes = [
            ("ce_id", Uuid::now_v7().to_string()),
            ("ce_source", format!("urn:aim:agent:{}", self.agent.name)),
            ("ce_specversion", "1.0".to_owned()),
            ("ce_time", now().to_rfc3339()),
            ("ce_type", "aim.action.performed.v1".to_owned()),
        ];
        let mut form = Vec::new();
        let mut headers = OwnedHeaders::new();
        for (key, text) in &attributes {
            form.extend_from_slice(format!("{key}:{text}\n").as_bytes());
            let value = Some(text);
            headers = headers.insert(Header { key, value });
        }
        form.push(b'\n');
        form.extend_from_slice(value);
        let key = key_of(signer);
        let signature = sign_event(&key, &key.public_key().thumbprint(), &form).to_string();
        headers = headers.insert(Header {
            key: "aim-signature",
            value: Some(&signature),
        });
        let record = FutureRecord::to(&self.topic)
            .key(&self.agent.id)
            .headers(headers)
            .payload(value);
        let sent = self.producer.send(record, PATIENCE).await;
        sent.map_err(|(error, _)| error)?;
        Ok(())
    }

    async fn send(&self, value: &[u8]) -> anyhow::Result<()> {
        self.send_as(&self.agent.name, value).await
    }
}

/// How many actions the agent's score comes from.
async fn samples(owner: &Owner, agent: &Agent) -> anyhow::Result<u64> {
    let agent = owner.look(agent).await?;
    Ok(agent["trust"]["sampleCount"].as_u64().unwrap_or_default())
}

async fn wait_for_samples(owner: &Owner, agent: &Agent, count: u64) -> anyhow::Result<()> {
    wait_for("actions to be applied", PATIENCE, || async {
        Ok((samples(owner, agent).await? >= count).then_some(()))
    })
    .await?;
    let found = samples(owner, agent).await?;
    anyhow::ensure!(found == count, "{found} actions, not {count}");
    Ok(())
}

async fn reasons(owner: &Owner, count: usize) -> anyhow::Result<Vec<String>> {
    wait_for("dead letters", PATIENCE, || async {
        let query = "{ deadLetters(first: 50) { nodes { reason } } }";
        let answer = owner.ask(query, json!({})).await?;
        let nodes = answer["deadLetters"]["nodes"].as_array();
        let reasons = nodes.into_iter().flatten();
        let reasons = reasons.filter_map(|node| node["reason"].as_str().map(str::to_owned));
        let mut reasons: Vec<String> = reasons.collect();
        reasons.sort();
        Ok((reasons.len() >= count).then_some(reasons))
    })
    .await
}

fn start(registry: &Registry, prefix: &str) -> anyhow::Result<AimProcess> {
    AimConfig::new()
        .database(Postgres::shared()?.fresh_database()?)
        .kafka(Kafka::shared()?.bootstrap(), prefix)
        .env("AIM_SCHEMA_REGISTRY", registry.url())
        .start()
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_read_by_the_schema_that_it_names_and_waits_for_a_registry_that_is_away() {
    let mut registry = Registry::start().unwrap();
    let by_avro = registry.register("a", "AVRO", AVRO).await.unwrap();
    let by_protobuf = registry.register("p", "PROTOBUF", PROTOBUF).await.unwrap();
    let by_json = registry.register("j", "JSON", JSON).await.unwrap();
    let unfit = registry.register("r", "AVRO", RECURSIVE).await.unwrap();
    let prefix = format!("schemas-{}-", Uuid::now_v7().simple());
    let aim = start(&registry, &prefix).unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("framed", &["files:read"]).await.unwrap();
    let brokers = Kafka::shared().unwrap().bootstrap();
    let fleet = Fleet::new(brokers, &prefix, &agent).unwrap();

    let json = br#"{"action":"files:read","outcome":"ok"}"#;
    for value in [
        framed(by_avro, &avro("files:read")),
        framed(by_protobuf, &protobuf("files:read")),
        framed(by_json, json),
        json.to_vec(),
    ] {
        fleet.send(&value).await.unwrap();
    }
    wait_for_samples(&owner, &agent, 4).await.unwrap();

    for value in [
        framed(by_avro, &avro("files:read")[..5]),
        framed(by_protobuf, &avro("files:read")),
        framed(unfit, &avro_text("files:read")),
        framed(4_000_000_000, &avro("files:read")),
    ] {
        fleet.send(&value).await.unwrap();
    }
    let stranger = framed(4_000_000_001, &avro("files:read"));
    fleet.send_as("nobody", &stranger).await.unwrap();
    // Nobody's key is in nobody's organization: its dead letter is the installation's.
    let given_up = reasons(&owner, 4).await.unwrap();
    let wanted = [
        "EVENT_MALFORMED",
        "EVENT_MALFORMED",
        "SCHEMA_UNFIT",
        "SCHEMA_UNKNOWN",
    ];
    assert_eq!(given_up, wanted);

    // The registry goes away before the next schema was ever asked for.
    let schema = AVRO.replace("aim.v1", "aim.v2");
    let next = registry.register("a2", "AVRO", &schema).await.unwrap();
    registry.set_paused(true).unwrap();
    fleet
        .send(&framed(next, &avro("files:read")))
        .await
        .unwrap();
    fleet.send(json).await.unwrap();
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(
        samples(&owner, &agent).await.unwrap(),
        4,
        "nothing is passed over"
    );
    registry.set_paused(false).unwrap();
    wait_for_samples(&owner, &agent, 6).await.unwrap();
    assert_eq!(
        reasons(&owner, 4).await.unwrap(),
        wanted,
        "nothing was given up"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_registry_such_data_is_given_up_with_a_remedy() {
    let prefix = format!("unschooled-{}-", Uuid::now_v7().simple());
    let brokers = Kafka::shared().unwrap().bootstrap();
    let config = AimConfig::new()
        .database(Postgres::shared().unwrap().fresh_database().unwrap())
        .kafka(brokers, &prefix);
    let aim = config.start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("framed", &["files:read"]).await.unwrap();
    let fleet = Fleet::new(brokers, &prefix, &agent).unwrap();
    fleet.send(&framed(1, &avro("files:read"))).await.unwrap();
    assert_eq!(reasons(&owner, 1).await.unwrap(), ["SCHEMA_UNKNOWN"]);
}
