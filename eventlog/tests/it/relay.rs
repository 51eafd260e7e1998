//! The relay while the broker fails, answers half of a batch, or is slow.
//!
//! The broker is librdkafka's mock: it is there for faults on demand only.

#![expect(
    clippy::future_not_send,
    reason = "the mock broker stays on the thread of its test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aim_entities::consumer_offset;
use aim_eventlog::{
    EventSink, EventSource, KafkaConfig, KafkaSink, KafkaSource, Partition, Polled, Record, Relay,
    TableSink, Topic, Wake,
};
use aim_tests::wait_for;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sea_orm::{DatabaseConnection, EntityTrait};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::logs::{Still, database, record};

const PATIENCE: Duration = Duration::from_secs(60);
const BACK_OFF: Duration = Duration::from_millis(500);
/// The only broker.
const BROKER: i32 = 1;
/// What no repetition by the client itself heals.
const REFUSED: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
/// What concerns one request only: those behind it may be under way already.
const INVALID: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD;
const FINE: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;

struct Scene {
    broker: MockCluster<'static, DefaultProducerContext>,
    config: KafkaConfig,
    db: DatabaseConnection,
    wake: Wake,
    stop: CancellationToken,
    _home: TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scene {
    async fn new(partitions: i32) -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let url = format!("sqlite://{}?mode=rwc", home.path().join("log.db").display());
        let broker = MockCluster::new(1)?;
        let config = KafkaConfig {
            brokers: broker.bootstrap_servers(),
            group: Uuid::now_v7().to_string(),
            topic_prefix: String::new(),
            partitions,
        };
        for topic in Topic::ALL {
            broker.create_topic(&config.topic(topic), partitions, 1)?;
        }
        Ok(Self {
            broker,
            config,
            db: database(&url).await?,
            wake: Wake::default(),
            stop: CancellationToken::new(),
            _home: home,
        })
    }

    async fn append(&self, records: Vec<Record>) -> anyhow::Result<()> {
        let sink = TableSink::new(self.db.clone(), Arc::new(Still), self.wake.clone());
        Ok(sink.append(records).await?)
    }

    fn start_relay(&self) -> anyhow::Result<()> {
        let sink = KafkaSink::gapless(&self.config)?;
        let relay = Relay::new(self.db.clone(), sink, self.wake.clone(), Arc::new(Still));
        let stop = self.stop.clone();
        tokio::spawn(async move { relay.run(stop).await });
        Ok(())
    }

    /// Waits until the relay says that it is behind `last`, which it must not say before `least`
    /// has gone by.
    async fn arrives(&self, last: i64, begin: Instant, least: Duration) -> anyhow::Result<()> {
        let db = &self.db;
        wait_for("the relay", PATIENCE, || async move {
            let (position, elapsed) = (position(db).await?, begin.elapsed());
            assert!(
                position == 0 || elapsed >= least,
                "{position} after {elapsed:?}"
            );
            Ok((position == last + 1).then_some(()))
        })
        .await
    }

    /// What the broker has, until every one of `count` records has come: key and origin by
    /// partition.
    async fn copied(&self, count: i64) -> anyhow::Result<BTreeMap<Partition, Vec<(String, i64)>>> {
        let mut source = KafkaSource::new(&self.config, &[Topic::Events])?;
        let mut found: BTreeMap<Partition, Vec<(String, i64)>> = BTreeMap::new();
        let (mut all, end) = (BTreeSet::new(), Instant::now() + PATIENCE);
        while all.len() < usize::try_from(count)? {
            anyhow::ensure!(Instant::now() < end, "{} of {count} came", all.len());
            match source.poll(1_000, Duration::from_millis(100)).await? {
                Polled::Assigned(partitions) => {
                    for partition in partitions {
                        source.seek(partition, 0).await?;
                    }
                }
                Polled::Revoked(partitions) => anyhow::bail!("{partitions:?} taken away"),
                Polled::Batch(batch) => {
                    for it in batch {
                        let origin = it.origin.unwrap_or_default();
                        let text = String::from_utf8_lossy(&it.payload);
                        let key = text.split(':').next().unwrap_or_default().to_owned();
                        found.entry(it.partition).or_default().push((key, origin));
                        all.insert(origin);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Nothing is lost, and a reader that takes what lies behind the highest origin so far, as the
    /// stream does, gets every record once and in order.
    async fn is_whole(&self, count: i64) -> anyhow::Result<()> {
        let found = self.copied(count).await?;
        let mut kept = BTreeSet::new();
        for (partition, records) in &found {
            let mut newest = 0;
            for (_, origin) in records {
                if *origin > newest {
                    newest = *origin;
                    kept.insert(newest);
                }
            }
            let keys: BTreeSet<_> = records.iter().map(|(key, _)| key).collect();
            for (other, records) in found.iter().filter(|(other, _)| *other != partition) {
                let strays = records.iter().filter(|(key, _)| keys.contains(key)).count();
                anyhow::ensure!(strays == 0, "{other:?} and {partition:?} share a key");
            }
        }
        let lost: Vec<_> = (1..=count).filter(|it| !kept.contains(it)).collect();
        anyhow::ensure!(lost.is_empty(), "a reader misses {lost:?}");
        Ok(())
    }
}

/// Where the relay says that it is: the next position to copy.
async fn position(db: &DatabaseConnection) -> anyhow::Result<i64> {
    let key = ("relay".to_owned(), Topic::Events.name().to_owned(), 0);
    let row = consumer_offset::Entity::find_by_id(key).one(db).await?;
    Ok(row.map_or(0, |row| row.next_position))
}

/// Records of nine agents in turns.
fn records(count: i64, bytes: usize) -> Vec<Record> {
    let all = (1..=count).map(|number| {
        let key = format!("agent-{}", number % 9);
        let padding = "x".repeat(bytes);
        record(Topic::Events, &key, format!("{key}:{number}:{padding}"))
    });
    all.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_for_a_while_gets_everything_in_order() {
    let scene = Scene::new(3).await.unwrap();
    scene.broker.broker_down(BROKER).unwrap();
    scene.append(records(300, 10)).await.unwrap();
    scene.start_relay().unwrap();
    scene.append(records(200, 10)).await.unwrap();
    assert_eq!(position(&scene.db).await.unwrap(), 0);
    scene.broker.broker_up(BROKER).unwrap();
    scene
        .arrives(500, Instant::now(), Duration::ZERO)
        .await
        .unwrap();
    scene.is_whole(500).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_is_asked_again_with_pauses() {
    let scene = Scene::new(1).await.unwrap();
    let refusals = 3;
    let errors = vec![REFUSED; refusals];
    scene.broker.request_errors(RDKafkaApiKey::Produce, &errors);
    scene.append(records(20, 10)).await.unwrap();
    let begin = Instant::now();
    scene.start_relay().unwrap();
    // One request a round: each refusal costs one pause, and nothing counts as copied before.
    let least = BACK_OFF * u32::try_from(refusals).unwrap();
    scene.arrives(20, begin, least).await.unwrap();
    scene.is_whole(20).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_batch_is_copied_again_whole() {
    // Records this large make several requests a partition.
    for errors in [
        vec![REFUSED],
        vec![FINE, REFUSED],
        vec![INVALID],
        vec![FINE, FINE, INVALID, FINE, INVALID],
    ] {
        for partitions in [1, 3] {
            let scene = Scene::new(partitions).await.unwrap();
            scene.broker.request_errors(RDKafkaApiKey::Produce, &errors);
            scene.append(records(90, 50_000)).await.unwrap();
            let begin = Instant::now();
            scene.start_relay().unwrap();
            scene.arrives(90, begin, BACK_OFF).await.unwrap();
            let whole = scene.is_whole(90).await;
            assert!(
                whole.is_ok(),
                "{errors:?}, {partitions} partitions: {whole:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_broker_is_waited_for() {
    let scene = Scene::new(3).await.unwrap();
    let slow = Duration::from_millis(400);
    scene.broker.broker_round_trip_time(BROKER, slow).unwrap();
    let begin = Instant::now();
    scene.start_relay().unwrap();
    for _ in 0..3 {
        scene.append(records(40, 10)).await.unwrap();
    }
    scene.arrives(120, begin, slow).await.unwrap();
    scene.is_whole(120).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_move_the_position_forward_only() {
    let scene = Scene::new(3).await.unwrap();
    scene.start_relay().unwrap();
    scene.start_relay().unwrap();
    let mut newest = 0;
    for round in 1..=5 {
        scene.append(records(30, 10)).await.unwrap();
        let db = &scene.db;
        wait_for("the relays", PATIENCE, || async move {
            Ok((position(db).await? > round * 30 - 10).then_some(()))
        })
        .await
        .unwrap();
        let now = position(&scene.db).await.unwrap();
        assert!(now >= newest, "{now} after {newest}");
        newest = now;
    }
    scene
        .arrives(150, Instant::now(), Duration::ZERO)
        .await
        .unwrap();
    scene.is_whole(150).await.unwrap();
}
