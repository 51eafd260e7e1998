//! Reading from Kafka as a member of a consumer group.
//!
//! Positions belong to the reader's database: after an assignment nothing is fetched until each
//! partition has been sought, and the broker's own offset is only a hint for its tools.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::BytesMut;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka_group::{Change, Group};
use crate::kafka_record::delivery;
use crate::{Delivery, EventLogError, EventSource, KafkaConfig, Partition, Polled, Topic};

/// Least time from one word to the broker about how far we are to the next.
const HINT_EVERY: Duration = Duration::from_secs(1);

/// A member of the consumer group.
pub struct KafkaSource {
    consumer: Arc<BaseConsumer<Group>>,
    config: KafkaConfig,
    /// Assigned partitions that wait for the rest to be sought.
    pending: BTreeMap<Partition, Option<i64>>,
    hints: Hints,
}

/// How far we are, for the broker's tools.
#[derive(Debug, Default)]
struct Hints {
    /// What the broker has been told; it would take a lower offset, too.
    told: BTreeMap<Partition, i64>,
    /// What it is told next.
    due: BTreeMap<Partition, i64>,
    /// When it was last told.
    since: Option<Instant>,
}

impl std::fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSource")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// Joins the group that deals out the partitions of the first of `topics`; whoever gets one
    /// reads the partition of the same number of the others as well.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when the configuration is not understood.
    pub fn new(config: &KafkaConfig, topics: &[Topic]) -> Result<Self, EventLogError> {
        let names: Vec<String> = topics.iter().map(|topic| config.topic(*topic)).collect();
        let along = names.iter().skip(1).cloned();
        let consumer: BaseConsumer<Group> = config
            .client()
            .set("group.id", &config.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // A rebalance stops only the partitions that move.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "10000")
            .set("fetch.wait.max.ms", "20")
            // Bound what waits in memory when the database is slower than the broker: two batches
            // of each partition.
            .set("queued.min.messages", "4096")
            .set("queued.max.messages.kbytes", "4096")
            // How long a partition whose queue is full is not fetched; a second, if left out.
            .set("fetch.queue.backoff.ms", "5")
            // What the lag is measured from.
            .set("statistics.interval.ms", "2000")
            .create_with_context(Group::new(along.collect()))?;
        if let Some(name) = names.first() {
            consumer.subscribe(&[name])?;
        }
        Ok(Self {
            consumer: Arc::new(consumer),
            config: config.clone(),
            pending: BTreeMap::new(),
            hints: Hints::default(),
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

    fn take_change(&mut self) -> Result<Option<Polled>, EventLogError> {
        let Some(change) = self.consumer.context().take_change() else {
            return Ok(None);
        };
        Ok(Some(match change {
            Change::Assigned(all) => {
                let all = self.partitions(&all);
                let fresh = all.iter().map(|partition| (*partition, None));
                self.pending.extend(fresh);
                self.take_up()?;
                Polled::Assigned(all)
            }
            Change::Revoked(all) => {
                let all = self.partitions(&all);
                // The next reader tells of them.
                self.hints
                    .due
                    .retain(|partition, _| !all.contains(partition));
                if !self.pending.is_empty() {
                    self.pending.retain(|partition, _| !all.contains(partition));
                    self.take_up()?;
                }
                Polled::Revoked(all)
            }
        }))
    }

    /// Tells the broker how far we are, all partitions at once and not after every batch: its answers
    /// to heartbeats wait behind those to commits, and a member that waits too long for one is out.
    fn tell(&mut self) -> Result<(), EventLogError> {
        let is_early = self
            .hints
            .since
            .is_some_and(|since| since.elapsed() < HINT_EVERY);
        if is_early || self.hints.due.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for (partition, next) in &self.hints.due {
            let name = self.config.topic(partition.topic);
            list.add_partition_offset(&name, partition.number, Offset::Offset(*next))?;
        }
        self.consumer.commit(&list, CommitMode::Async)?;
        self.hints.since = Some(Instant::now());
        self.hints.told.append(&mut self.hints.due);
        Ok(())
    }

    /// Begins to fetch once every new partition has been sought. Also with none: the group waits
    /// for each member's answer, and a member with nothing to read must not keep it waiting.
    fn take_up(&mut self) -> Result<(), EventLogError> {
        if self.pending.values().any(Option::is_none) {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for (partition, position) in &self.pending {
            let name = self.config.topic(partition.topic);
            let position = offset(position.unwrap_or(0));
            list.add_partition_offset(&name, partition.number, position)?;
        }
        self.consumer.incremental_assign(&list)?;
        self.pending.clear();
        Ok(())
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.hints.since = None;
        if let Err(error) = self.tell() {
            tracing::debug!(%error, "offset hint");
        }
    }
}

/// Waits for the first message, then takes what has arrived.
fn drain(
    consumer: &BaseConsumer<Group>,
    config: &KafkaConfig,
    max: usize,
    wait: Duration,
) -> Vec<Delivery> {
    let names = Topic::ALL.map(|topic| (topic, config.topic(topic)));
    let mut batch = Vec::new();
    let mut piece = BytesMut::new();
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
                    batch.push(delivery(*topic, &message, &mut piece));
                }
                patience = Duration::ZERO;
            }
        }
    }
    batch
}

#[async_trait]
impl EventSource for KafkaSource {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, EventLogError> {
        if let Some(change) = self.take_change()? {
            return Ok(change);
        }
        if let Err(error) = self.tell() {
            tracing::debug!(%error, "offset hint");
        }
        let (consumer, config) = (Arc::clone(&self.consumer), self.config.clone());
        let drained =
            tokio::task::spawn_blocking(move || drain(&consumer, &config, max, wait)).await;
        // A batch that was drained just before a rebalance is still good: the reader's own
        // positions decide what it may keep.
        match drained {
            Ok(batch) if !batch.is_empty() => Ok(Polled::Batch(batch)),
            _ => Ok(self.take_change()?.unwrap_or(Polled::Batch(Vec::new()))),
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
        self.take_up()
    }

    async fn commit(&mut self, partition: Partition, next: i64) -> Result<(), EventLogError> {
        let Hints { told, due, .. } = &mut self.hints;
        let before = told.get(&partition).max(due.get(&partition));
        if before.is_none_or(|before| *before < next) {
            due.insert(partition, next);
        }
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
