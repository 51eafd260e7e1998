//! Reading a stretch of a topic once, beside the consumer group and without touching its positions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aim_domain::id::EventId;
use bytes::BytesMut;
use chrono::{DateTime, Utc};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka_record::delivery;
use crate::{EventLogError, KafkaConfig, Record, Topic};

/// How long the brokers have to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one read waits for records.
const WAIT: Duration = Duration::from_millis(200);

/// Where to begin in each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayFrom {
    /// At this offset; what the broker has deleted meanwhile is passed over.
    Offset(i64),
    /// At the first record that was appended then or later.
    Time(DateTime<Utc>),
}

/// A reader of a topic from somewhere up to where it ended when the reader was made.
pub struct TopicReplay {
    consumer: Arc<BaseConsumer>,
    topic: Topic,
    /// What is left of each partition: the next offset, and the one after the last.
    left: BTreeMap<i32, (i64, i64)>,
}

impl std::fmt::Debug for TopicReplay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicReplay")
            .field("topic", &self.topic)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl TopicReplay {
    /// Finds where to begin and to end; `only` is one partition instead of all. Blocks until the brokers
    /// have answered.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when the brokers do not answer, or there is no such topic or partition.
    pub fn open(
        config: &KafkaConfig,
        topic: Topic,
        from: ReplayFrom,
        only: Option<i32>,
    ) -> Result<Self, EventLogError> {
        let name = config.topic(topic);
        let consumer: BaseConsumer = config
            .client()
            // Needed by the client; nothing is ever committed.
            .set("group.id", format!("{name}-replay"))
            .set("enable.auto.commit", "false")
            .create()?;
        let found = consumer.fetch_metadata(Some(&name), PATIENCE)?;
        let all = found.topics().iter().flat_map(MetadataTopic::partitions);
        let numbers: Vec<i32> = match only {
            Some(number) => vec![number],
            None => all.map(MetadataPartition::id).collect(),
        };
        let begins = begins(&consumer, &name, from, &numbers)?;
        let mut left = BTreeMap::new();
        for number in numbers {
            let (low, high) = consumer.fetch_watermarks(&name, number, PATIENCE)?;
            let begin = begins.get(&number).copied().unwrap_or(high).max(low);
            if begin < high {
                left.insert(number, (begin, high));
            }
        }
        let mut list = TopicPartitionList::new();
        for (number, (begin, _)) in &left {
            list.add_partition_offset(&name, *number, Offset::Offset(*begin))?;
        }
        consumer.assign(&list)?;
        Ok(Self {
            consumer: Arc::new(consumer),
            topic,
            left,
        })
    }

    /// How many records are left, at most: compaction and transactions leave holes.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        let counts = self.left.values().map(|(next, end)| end.abs_diff(*next));
        counts.sum()
    }

    /// The next records, at most `max`, with when they were appended; those of one partition in their
    /// order. Empty at the end.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when the brokers do not answer.
    pub fn next(&mut self, max: usize) -> Result<Vec<(Record, DateTime<Utc>)>, EventLogError> {
        let mut records = Vec::new();
        let mut piece = BytesMut::new();
        while records.len() < max && !self.left.is_empty() {
            let consumer = Arc::clone(&self.consumer);
            let Some(message) = consumer.poll(WAIT) else {
                if !records.is_empty() {
                    break;
                }
                self.pass_holes()?;
                continue;
            };
            let message = message?;
            let key = message.key().map(String::from_utf8_lossy);
            let key = key.unwrap_or_default().into_owned();
            let delivery = delivery(self.topic, &message, &mut piece);
            let number = delivery.partition.number;
            let Some((next, end)) = self.left.get_mut(&number) else {
                continue;
            };
            if delivery.position >= *end {
                self.left.remove(&number);
                continue;
            }
            *next = delivery.position + 1;
            if *next >= *end {
                self.left.remove(&number);
            }
            let record = Record {
                topic: self.topic,
                key,
                event_id: EventId::from_uuid(uuid::Uuid::nil()),
                organization: delivery.organization,
                event_type: String::new(),
                payload: delivery.payload,
                signature: delivery.signature,
            };
            records.push((record, delivery.received_at));
        }
        Ok(records)
    }

    /// Ends partitions whose last offsets hold no records.
    fn pass_holes(&mut self) -> Result<(), EventLogError> {
        for element in self.consumer.position()?.elements() {
            let Offset::Offset(position) = element.offset() else {
                continue;
            };
            if self
                .left
                .get(&element.partition())
                .is_some_and(|(_, end)| position >= *end)
            {
                self.left.remove(&element.partition());
            }
        }
        Ok(())
    }
}

/// Where each partition begins; those without any record that late are missing.
fn begins(
    consumer: &BaseConsumer,
    name: &str,
    from: ReplayFrom,
    numbers: &[i32],
) -> Result<BTreeMap<i32, i64>, EventLogError> {
    let time = match from {
        ReplayFrom::Offset(offset) => {
            return Ok(numbers.iter().map(|number| (*number, offset)).collect());
        }
        ReplayFrom::Time(time) => time.timestamp_millis(),
    };
    let mut list = TopicPartitionList::new();
    for number in numbers {
        list.add_partition_offset(name, *number, Offset::Offset(time))?;
    }
    let found = consumer.offsets_for_times(list, PATIENCE)?;
    let begins = found.elements().into_iter().filter_map(|element| {
        let Offset::Offset(offset) = element.offset() else {
            return None;
        };
        Some((element.partition(), offset))
    });
    Ok(begins.collect())
}
