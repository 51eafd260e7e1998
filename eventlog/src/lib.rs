//! The event log: one trait to read it, one to append to it, three implementations.
//!
//! - the table `event_log` (embedded default and transactional outbox),
//! - Apache Kafka (fleets, scale-out),
//! - memory (tests with faults on demand).
//!
//! Guarantees of every [`EventSource`]: events of one key keep their order; delivery is at least
//! once; no committed record is ever passed over; `commit` only moves forward; a record that cannot
//! be decoded is delivered as such. Who reads keeps its position with the state it produced.

#[cfg(test)]
mod asyncapi;
mod bell;
mod binary;
mod dead;
mod envelope;
mod error;
mod kafka;
mod kafka_group;
mod kafka_record;
mod kafka_replay;
mod kafka_sink;
mod kafka_source;
mod memory;
mod observed;
mod portions;
mod registry;
mod relay;
mod schema;
mod source;
mod table;
mod tail;
mod time;
mod topic;
mod wake;

pub use bell::{LOG_CHANNEL, ring_for_all};
pub use binary::binary_form;
pub use dead::Refusal;
pub use envelope::{ENVELOPE_MAX_BYTES, Envelope, EventData, record_of};
pub use error::EventLogError;
pub use kafka::{KafkaConfig, ensure_topics, missing_topics};
pub use kafka_replay::{ReplayFrom, TopicReplay};
pub use kafka_sink::KafkaSink;
pub use kafka_source::KafkaSource;
pub use memory::{MemoryLog, MemorySource};
pub use observed::{agent_of_source, parse_action};
pub use portions::portions;
pub use registry::{Known, SchemaRegistry};
pub use relay::Relay;
pub use schema::{Framed, Schema};
pub use source::{Delivery, EventSink, EventSource, Polled, Record};
pub use table::{LOG_LOCK_KEY, TableSink, TableSource, append_rows, newest_position};
pub use tail::{TableTail, TailedEvent, read_types};
pub use topic::{Partition, Topic};
pub use wake::{Listener, Wake};
