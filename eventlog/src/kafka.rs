//! How to reach Apache Kafka, and the topics there.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::{EventLogError, Topic};

/// Where the brokers are and what we are called there.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// Consumer group of the stream.
    pub group: String,
    /// Put before the names of topics; empty in production, unique in tests.
    pub topic_prefix: String,
    /// Partitions of a topic that we make ourselves; both topics get as many, so that one reader
    /// gets all records of an agent.
    pub partitions: i32,
}

impl KafkaConfig {
    /// The topic's name at the brokers.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.topic_prefix, topic.name())
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "aim")
            // A broker that comes back is found again within a second.
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true");
        client
    }
}

/// How long the brokers have to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long they have when somebody only wants to know whether they are there.
const LOOK: Duration = Duration::from_secs(5);

/// Makes both topics where they are missing. The replication factor is the brokers' default.
///
/// # Errors
/// [`EventLogError::Kafka`] when the brokers do not answer or refuse; [`EventLogError::Uneven`] when
/// somebody gave the topics different numbers of partitions.
pub async fn ensure_topics(config: &KafkaConfig) -> Result<(), EventLogError> {
    let admin: AdminClient<DefaultClientContext> = config.client().create()?;
    let names = Topic::ALL.map(|topic| config.topic(topic));
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| NewTopic::new(name, config.partitions, TopicReplication::Fixed(-1)))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    for outcome in admin.create_topics(&topics, &options).await? {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code).into()),
        }
    }
    let counts = tokio::task::spawn_blocking(move || counts(&admin, names)).await;
    let counts = counts.map_err(|_| KafkaError::Canceled)??;
    // A topic that the brokers do not tell of yet was made just now, and as told.
    match counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [one, other] if one.1 != other.1 => Err(EventLogError::Uneven(one.clone(), other.clone())),
        _ => Ok(()),
    }
}

/// Those of our topics that the brokers do not have. Makes nothing.
///
/// # Errors
/// [`EventLogError::Kafka`] when the brokers do not answer.
pub async fn missing_topics(config: &KafkaConfig) -> Result<Vec<String>, EventLogError> {
    let admin: AdminClient<DefaultClientContext> = config.client().create()?;
    let ours = Topic::ALL.map(|topic| config.topic(topic));
    let missing = tokio::task::spawn_blocking(move || {
        // Of all: asking for one by its name may make it.
        let found = admin.inner().fetch_metadata(None, LOOK)?;
        let is_missing = |name: &String| found.topics().iter().all(|it| it.name() != name);
        Ok::<_, KafkaError>(ours.into_iter().filter(is_missing).collect())
    });
    Ok(missing.await.map_err(|_| KafkaError::Canceled)??)
}

/// How many partitions the topics have.
fn counts(
    admin: &AdminClient<DefaultClientContext>,
    names: [String; 2],
) -> Result<Vec<(String, usize)>, KafkaError> {
    let count = |name: String| {
        let found = admin.inner().fetch_metadata(Some(&name), PATIENCE)?;
        let count = found
            .topics()
            .iter()
            .map(|topic| topic.partitions().len())
            .sum();
        Ok((name, count))
    };
    names.into_iter().map(count).collect()
}
