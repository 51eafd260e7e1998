//! Reading and appending, whatever the log is.

use std::time::Duration;

use aim_domain::id::{EventId, OrganizationId};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::{EventLogError, Partition, Topic};

/// A record to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where.
    pub topic: Topic,
    /// What keeps its order: the agent's id.
    pub key: String,
    /// The event's identity.
    pub event_id: EventId,
    /// Whose it is, where that is known without trusting the payload.
    pub organization: Option<OrganizationId>,
    /// CloudEvents `type`.
    pub event_type: String,
    /// The bytes as made by the producer.
    pub payload: Bytes,
    /// The producer's signature over the bytes.
    pub signature: Option<String>,
}

/// A record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// From where.
    pub partition: Partition,
    /// At which position.
    pub position: i64,
    /// Position in the outbox of a record that came from there; redeliveries have it again.
    pub origin: Option<i64>,
    /// Who sent it in, where that is known: whoever should hear what is wrong with it.
    pub organization: Option<OrganizationId>,
    /// The bytes.
    pub payload: Bytes,
    /// The producer's signature over the bytes.
    pub signature: Option<String>,
    /// When it was appended.
    pub received_at: DateTime<Utc>,
}

/// What a poll brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// These partitions are ours now; seek each before it delivers.
    Assigned(Vec<Partition>),
    /// These are not ours any more.
    Revoked(Vec<Partition>),
    /// What has arrived, in order per partition; empty when nothing came in time.
    Batch(Vec<Delivery>),
}

/// A reader of the log. See the crate's guarantees.
#[async_trait]
pub trait EventSource: Send {
    /// Waits at most `wait` for at least one record, then takes what has arrived, at most `max`.
    ///
    /// # Errors
    /// [`EventLogError`] when the log cannot be read now; polling again is safe.
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, EventLogError>;

    /// Sets where an assigned partition is read from next.
    ///
    /// # Errors
    /// [`EventLogError`] when the partition is not ours or the log does not answer.
    async fn seek(&mut self, partition: Partition, position: i64) -> Result<(), EventLogError>;

    /// Tells the log's own tools how far we are, soon. Only a hint; never moves backwards.
    ///
    /// # Errors
    /// [`EventLogError`] when the log does not answer.
    async fn commit(&mut self, partition: Partition, next: i64) -> Result<(), EventLogError>;
}

/// An appender to the log.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Appends records; when it returns they are durable.
    ///
    /// # Errors
    /// [`EventLogError`] when they could not all be appended; some may have been.
    async fn append(&self, records: Vec<Record>) -> Result<(), EventLogError>;
}
