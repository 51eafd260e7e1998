//! Kafka: messages through the real client, and over crashes of the broker.

use std::time::{Duration, Instant};

use aim_tests::Kafka;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};

const PATIENCE: Duration = Duration::from_secs(30);

async fn produce(bootstrap: &str, topic: &str, messages: &[&str]) -> anyhow::Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("message.timeout.ms", "30000")
        .create()?;
    for message in messages {
        let record = FutureRecord::to(topic).key("agent").payload(*message);
        producer
            .send(record, PATIENCE)
            .await
            .map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// Everything of the topic from its beginning, until there are `count`.
fn consume(bootstrap: &str, topic: &str, count: usize) -> anyhow::Result<Vec<String>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", format!("{topic}-{}", uuid::Uuid::now_v7()))
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&[topic])?;
    let end = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while found.len() < count {
        anyhow::ensure!(Instant::now() < end, "only {found:?}");
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            found.push(String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned());
        }
    }
    Ok(found)
}

#[tokio::test]
async fn messages_come_back_in_order_and_topics_have_four_partitions() {
    let broker = Kafka::shared().unwrap();
    produce(broker.bootstrap(), "orders", &["1", "2", "3"])
        .await
        .unwrap();
    assert_eq!(
        consume(broker.bootstrap(), "orders", 3).unwrap(),
        ["1", "2", "3"]
    );
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .create()
        .unwrap();
    let metadata = client.fetch_metadata(Some("orders"), PATIENCE).unwrap();
    assert_eq!(metadata.topics()[0].partitions().len(), 4);
}

#[tokio::test]
async fn acknowledged_messages_survive_stop_and_crash() {
    let mut broker = Kafka::start().unwrap();
    let bootstrap = broker.bootstrap().to_owned();
    produce(&bootstrap, "kept", &["before"]).await.unwrap();
    broker.stop().unwrap();
    assert!(std::net::TcpStream::connect(&bootstrap).is_err());
    broker.start_again().unwrap();
    produce(&bootstrap, "kept", &["between"]).await.unwrap();
    broker.kill9().unwrap();
    broker.start_again().unwrap();
    assert_eq!(broker.bootstrap(), bootstrap);
    assert_eq!(
        consume(&bootstrap, "kept", 2).unwrap(),
        ["before", "between"]
    );
}
