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
    /// Topics that do not belong together: an agent's records would not meet in one reader.
    #[error(
        "topic `{}` has {} partitions and `{}` has {}; give both as many: an agent's records must have \
         one number in both",
        .0.0, .0.1, .1.0, .1.1
    )]
    Uneven((String, usize), (String, usize)),
    /// The schema registry could not be used.
    #[error("schema registry: {0}")]
    Registry(String),
    /// A partition that is not assigned to this reader.
    #[error("partition {0} of `{1}` is not assigned to this reader")]
    NotAssigned(i32, &'static str),
}
