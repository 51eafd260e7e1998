//! A member's side of the consumer group: what its callbacks say, kept for the next poll.
//!
//! Rebalances are cooperative (KIP-429): only partitions that move stop being read. Such an assignor
//! deals out each topic by itself; so the group knows one topic only, and the partition of the same
//! number of every other topic goes along with it: all records of an agent meet in one reader.

use std::collections::VecDeque;

use parking_lot::Mutex;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;

/// What came or went, by topics' names.
pub(crate) enum Change {
    Assigned(Vec<(String, i32)>),
    Revoked(Vec<(String, i32)>),
}

/// What the group said and nobody has heard yet.
pub(crate) struct Group {
    /// Topics whose partitions go along.
    along: Vec<String>,
    changes: Mutex<VecDeque<Change>>,
}

impl Group {
    pub(crate) fn new(along: Vec<String>) -> Self {
        Self {
            along,
            changes: Mutex::default(),
        }
    }

    pub(crate) fn take_change(&self) -> Option<Change> {
        self.changes.lock().pop_front()
    }

    /// These partitions and those that go along.
    fn all(&self, list: &TopicPartitionList) -> Vec<(String, i32)> {
        let mut all = Vec::new();
        for element in list.elements() {
            all.push((element.topic().to_owned(), element.partition()));
            let along = self.along.iter();
            all.extend(along.map(|topic| (topic.clone(), element.partition())));
        }
        all
    }
}

impl ClientContext for Group {
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

impl ConsumerContext for Group {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let all = self.all(list);
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Taken up by `seek`, which knows where to begin.
            metrics::counter!("aim_rebalances_total", "kind" => "assigned").increment(1);
            self.changes.lock().push_back(Change::Assigned(all));
            return;
        }
        metrics::counter!("aim_rebalances_total", "kind" => "revoked").increment(1);
        let mut list = TopicPartitionList::new();
        for (topic, number) in &all {
            // The next reader tells of it now.
            lag_of(topic, *number).set(0.0);
            list.add_partition(topic, *number);
        }
        self.changes.lock().push_back(Change::Revoked(all));
        if let Err(error) = consumer.incremental_unassign(&list) {
            tracing::warn!(%error, "partitions could not be given back; giving back all");
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "partitions could not be given back");
            }
        }
    }
}
