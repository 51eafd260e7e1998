//! What can go wrong between us and the log.

/// A failed read or append.
#[derive(Debug, thiserror::Error)]
pub enum EventLogError {
    /// The table could not be used.
    #[error("event log table: {0}")]
    Table(#[from] sea_orm::DbErr),
    /// The broker could not be used.
    #[error("kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// A partition that is not assigned to this reader.
    #[error("partition {0} of `{1}` is not assigned to this reader")]
    NotAssigned(i32, &'static str),
}
