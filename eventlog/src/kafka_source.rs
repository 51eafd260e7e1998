//! Reading from Kafka as a member of a consumer group.
//!
//! Positions belong to the reader's database: after an assignment nothing is fetched until each
//! partition has been sought, and the broker's own offset is only a hint for its tools.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka_sink::{ORGANIZATION_HEADER, POSITION_HEADER, SIGNATURE_HEADER};
use crate::{
    Delivery, EventLogError, EventSource, KafkaConfig, Partition, Polled, Topic, binary_form,
};

/// What the broker's callbacks left for the next poll.
#[derive(Default)]
struct Changes(Mutex<VecDeque<Change>>);

enum Change {
    Assigned(Vec<(String, i32)>),
    Revoked(Vec<(String, i32)>),
}

impl ClientContext for Changes {
    /// How far this reader is behind the end of each partition that it fetches.
    fn stats(&self, statistics: Statistics) {
        for (topic, all) in &statistics.topics {
            for (number, partition) in &all.partitions {
                // Negative until something was read, or the end was heard of.
                if partition.fetch_state == "active" && partition.app_offset >= 0 {
                    let lag = partition.hi_offset.saturating_sub(partition.app_offset);
                    lag_of(topic, *number).set(lag.max(0) as f64);
                }
            }
        }
    }
}

/// The gauge of a partition: as many as there are partitions, so its labels are bounded.
fn lag_of(topic: &str, number: i32) -> metrics::Gauge {
    let (topic, number) = (topic.to_owned(), number.to_string());
    metrics::gauge!("aim_consumer_lag", "topic" => topic, "partition" => number)
}

impl ConsumerContext for Changes {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let all = list.elements();
        let all = all
            .iter()
            .map(|e| (e.topic().to_owned(), e.partition()))
            .collect();
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Taken up by `seek`, which knows where to begin.
            metrics::counter!("aim_rebalances_total", "kind" => "assigned").increment(1);
            self.0.lock().push_back(Change::Assigned(all));
        } else {
            metrics::counter!("aim_rebalances_total", "kind" => "revoked").increment(1);
            for (topic, number) in &all {
                // The next reader tells of it now.
                lag_of(topic, *number).set(0.0);
            }
            self.0.lock().push_back(Change::Revoked(all));
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "partitions could not be given back");
            }
        }
    }
}

/// A member of the consumer group.
pub struct KafkaSource {
    consumer: Arc<BaseConsumer<Changes>>,
    config: KafkaConfig,
    /// Assigned partitions that wait for the rest to be sought.
    pending: BTreeMap<Partition, Option<i64>>,
    /// What the broker has been told; it would take a lower offset, too.
    committed: BTreeMap<Partition, i64>,
}

impl std::fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSource")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// Joins the group and subscribes to `topics`.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when the configuration is not understood.
    pub fn new(config: &KafkaConfig, topics: &[Topic]) -> Result<Self, EventLogError> {
        let consumer: BaseConsumer<Changes> = config
            .client()
            .set("group.id", &config.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // `range` gives partition n of both topics to one reader: an agent's records meet.
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", "10000")
            .set("fetch.wait.max.ms", "20")
            .set("queued.min.messages", "20000")
            // Bounds what waits in memory when the database is slower than the broker.
            .set("queued.max.messages.kbytes", "16384")
            // What the lag is measured from.
            .set("statistics.interval.ms", "2000")
            .create_with_context(Changes::default())?;
        let names: Vec<String> = topics.iter().map(|topic| config.topic(*topic)).collect();
        consumer.subscribe(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(Self {
            consumer: Arc::new(consumer),
            config: config.clone(),
            pending: BTreeMap::new(),
            committed: BTreeMap::new(),
        })
    }

    fn partitions(&self, all: &[(String, i32)]) -> Vec<Partition> {
        let find = |name: &str| {
            Topic::ALL
                .into_iter()
                .find(|t| self.config.topic(*t) == name)
        };
        all.iter()
            .filter_map(|(name, number)| {
                Some(Partition {
                    topic: find(name)?,
                    number: *number,
                })
            })
            .collect()
    }

    fn take_change(&mut self) -> Option<Polled> {
        let change = self.consumer.context().0.lock().pop_front()?;
        Some(match change {
            Change::Assigned(all) => {
                let all = self.partitions(&all);
                self.pending = all.iter().map(|partition| (*partition, None)).collect();
                Polled::Assigned(all)
            }
            Change::Revoked(all) => {
                self.pending.clear();
                Polled::Revoked(self.partitions(&all))
            }
        })
    }
}

/// Waits for the first message, then takes what has arrived.
fn drain(
    consumer: &BaseConsumer<Changes>,
    config: &KafkaConfig,
    max: usize,
    wait: Duration,
) -> Vec<Delivery> {
    let names = Topic::ALL.map(|topic| (topic, config.topic(topic)));
    let mut batch = Vec::new();
    let mut patience = wait;
    while batch.len() < max {
        match consumer.poll(patience) {
            None => break,
            Some(Err(error)) => {
                // The client goes on trying by itself; an outage is not the reader's end.
                tracing::debug!(%error, "kafka poll");
                break;
            }
            Some(Ok(message)) => {
                let topic = names.iter().find(|(_, name)| name == message.topic());
                if let Some((topic, _)) = topic {
                    batch.push(delivery(*topic, &message));
                }
                patience = Duration::ZERO;
            }
        }
    }
    batch
}

fn delivery(topic: Topic, message: &BorrowedMessage<'_>) -> Delivery {
    let header = |name: &str| {
        let headers = message.headers()?;
        let found = headers.iter().find(|header| header.key == name)?;
        std::str::from_utf8(found.value?).ok().map(str::to_owned)
    };
    // A signature that is no text, or one of several, is kept for the dead letter; it cannot verify.
    let all = message.headers().into_iter().flat_map(Headers::iter);
    let signatures: Vec<_> = all
        .filter(|header| header.key == SIGNATURE_HEADER)
        .map(|header| String::from_utf8_lossy(header.value.unwrap_or_default()))
        .collect();
    let value = message.payload().unwrap_or_default();
    let all = message.headers().into_iter().flat_map(Headers::iter);
    let all = all.map(|header| (header.key, header.value.unwrap_or_default()));
    // Only our own topic has origins: a fleet must not be able to claim one.
    let origin = (topic == Topic::Events)
        .then(|| header(POSITION_HEADER))
        .flatten();
    let received = message
        .timestamp()
        .to_millis()
        .and_then(DateTime::from_timestamp_millis);
    Delivery {
        partition: Partition {
            topic,
            number: message.partition(),
        },
        position: message.offset(),
        origin: origin.and_then(|text| text.parse().ok()),
        organization: header(ORGANIZATION_HEADER).and_then(|text| text.parse().ok()),
        payload: binary_form(all, value).map_or_else(|| Bytes::copy_from_slice(value), Bytes::from),
        signature: (!signatures.is_empty()).then(|| signatures.join(", ")),
        received_at: received.unwrap_or_default(),
    }
}

#[async_trait]
impl EventSource for KafkaSource {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, EventLogError> {
        if let Some(change) = self.take_change() {
            return Ok(change);
        }
        let (consumer, config) = (Arc::clone(&self.consumer), self.config.clone());
        let drained =
            tokio::task::spawn_blocking(move || drain(&consumer, &config, max, wait)).await;
        // A batch that was drained just before a rebalance is still good: the reader's own
        // positions decide what it may keep.
        match drained {
            Ok(batch) if !batch.is_empty() => Ok(Polled::Batch(batch)),
            _ => Ok(self.take_change().unwrap_or(Polled::Batch(Vec::new()))),
        }
    }

    async fn seek(&mut self, partition: Partition, position: i64) -> Result<(), EventLogError> {
        let Some(slot) = self.pending.get_mut(&partition) else {
            let name = self.config.topic(partition.topic);
            // Already fetching: move it.
            self.consumer.seek(
                &name,
                partition.number,
                offset(position),
                Duration::from_secs(10),
            )?;
            return Ok(());
        };
        *slot = Some(position);
        if self.pending.values().all(Option::is_some) {
            let mut list = TopicPartitionList::new();
            for (partition, position) in std::mem::take(&mut self.pending) {
                let name = self.config.topic(partition.topic);
                let position = offset(position.unwrap_or(0));
                list.add_partition_offset(&name, partition.number, position)?;
            }
            self.consumer.assign(&list)?;
        }
        Ok(())
    }

    async fn commit(&mut self, partition: Partition, next: i64) -> Result<(), EventLogError> {
        if self
            .committed
            .get(&partition)
            .is_some_and(|told| *told >= next)
        {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        let name = self.config.topic(partition.topic);
        list.add_partition_offset(&name, partition.number, Offset::Offset(next))?;
        self.consumer.commit(&list, CommitMode::Async)?;
        self.committed.insert(partition, next);
        Ok(())
    }
}

fn offset(position: i64) -> Offset {
    if position == 0 {
        Offset::Beginning
    } else {
        Offset::Offset(position)
    }
}
