//! A log in memory that fails on demand, for tests of what reads it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aim_domain::clock::Clock;
use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::{Delivery, EventLogError, EventSink, EventSource, Partition, Polled, Record, Topic};

type Partitions = BTreeMap<Partition, Vec<Delivery>>;

/// The log: a fixed number of partitions a topic, a record's key decides which.
#[derive(Debug, Clone)]
pub struct MemoryLog {
    partitions: Arc<Mutex<Partitions>>,
    count: i32,
    clock: Arc<dyn Clock>,
}

impl MemoryLog {
    /// An empty log with `count` partitions a topic.
    #[must_use]
    pub fn new(count: i32, clock: Arc<dyn Clock>) -> Self {
        let all = Topic::ALL.into_iter();
        let all = all.flat_map(|topic| (0..count).map(move |number| Partition { topic, number }));
        let partitions = all.map(|partition| (partition, Vec::new())).collect();
        Self {
            partitions: Arc::new(Mutex::new(partitions)),
            count,
            clock,
        }
    }

    /// A reader of every partition.
    #[must_use]
    pub fn source(&self) -> MemorySource {
        MemorySource {
            log: self.clone(),
            positions: BTreeMap::new(),
            committed: BTreeMap::new(),
            announce: true,
        }
    }

    fn partition_of(&self, topic: Topic, key: &str) -> Partition {
        let sum = key
            .bytes()
            .fold(0_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
        let number = i32::try_from(sum % self.count.unsigned_abs().max(1)).unwrap_or(0);
        Partition { topic, number }
    }
}

#[async_trait]
impl EventSink for MemoryLog {
    async fn append(&self, records: Vec<Record>) -> Result<(), EventLogError> {
        let mut partitions = self.partitions.lock().await;
        for record in records {
            let partition = self.partition_of(record.topic, &record.key);
            let log = partitions.entry(partition).or_default();
            let position = i64::try_from(log.len()).unwrap_or(i64::MAX);
            log.push(Delivery {
                partition,
                position,
                origin: None,
                organization: record.organization,
                payload: record.payload,
                signature: record.signature,
                received_at: self.clock.now(),
            });
        }
        Ok(())
    }
}

/// A reader of a [`MemoryLog`].
#[derive(Debug)]
pub struct MemorySource {
    log: MemoryLog,
    positions: BTreeMap<Partition, i64>,
    committed: BTreeMap<Partition, i64>,
    announce: bool,
}

impl MemorySource {
    /// Makes the next poll announce all partitions again, as after a rebalance.
    pub fn rebalance(&mut self) {
        self.announce = true;
        self.positions.clear();
    }

    /// How far the reader said it is.
    #[must_use]
    pub fn committed(&self, partition: Partition) -> Option<i64> {
        self.committed.get(&partition).copied()
    }
}

#[async_trait]
impl EventSource for MemorySource {
    async fn poll(&mut self, max: usize, _: Duration) -> Result<Polled, EventLogError> {
        let partitions = self.log.partitions.lock().await;
        if self.announce {
            self.announce = false;
            return Ok(Polled::Assigned(partitions.keys().copied().collect()));
        }
        let mut batch = Vec::new();
        for (partition, position) in &mut self.positions {
            let log = partitions.get(partition).map_or(&[][..], Vec::as_slice);
            let from = usize::try_from(*position).unwrap_or(0).min(log.len());
            let room = max.saturating_sub(batch.len());
            batch.extend(log[from..].iter().take(room).cloned());
            *position = i64::try_from(log.len().min(from.saturating_add(room))).unwrap_or(i64::MAX);
        }
        Ok(Polled::Batch(batch))
    }

    async fn seek(&mut self, partition: Partition, position: i64) -> Result<(), EventLogError> {
        self.positions.insert(partition, position);
        Ok(())
    }

    async fn commit(&mut self, partition: Partition, next: i64) -> Result<(), EventLogError> {
        let committed = self.committed.entry(partition).or_insert(next);
        *committed = next.max(*committed);
        Ok(())
    }
}
