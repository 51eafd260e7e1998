//! Appending to Kafka.

use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use parking_lot::Mutex;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use crate::{EventLogError, EventSink, KafkaConfig, Record};

/// Name of the header with the producer's signature.
pub(crate) const SIGNATURE_HEADER: &str = "aim-signature";
/// Name of the header with the record's position in the outbox.
pub(crate) const POSITION_HEADER: &str = "aim-position";
/// Name of the header with the organization that sent it in over HTTP. Nothing but the owner of a
/// dead letter, and the inbox that an unknown agent waits in, depends on it: anybody who may produce
/// can set it.
pub(crate) const ORGANIZATION_HEADER: &str = "aim-organization";

/// An idempotent producer that waits for every replica.
pub struct KafkaSink {
    /// Where nothing may ever be sent it is made when it is first needed, for it has threads of its
    /// own; and anew after an error that its client cannot get over.
    producer: Mutex<Option<FutureProducer>>,
    config: KafkaConfig,
    is_gapless: bool,
}

impl std::fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSink")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl KafkaSink {
    /// A producer that connects with the first record.
    #[must_use]
    pub fn new(config: &KafkaConfig) -> Self {
        Self {
            producer: Mutex::new(None),
            config: config.clone(),
            is_gapless: false,
        }
    }

    /// Like [`Self::new`], for the relay: what lies behind a record that could not be written is not
    /// written either. Readers take a record whose position is not above all before it for a
    /// redelivery: one that came late because it had to be sent again would be lost to them.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when the configuration is not understood.
    pub fn gapless(config: &KafkaConfig) -> Result<Self, EventLogError> {
        Ok(Self {
            producer: Mutex::new(Some(connect(config, true)?)),
            config: config.clone(),
            is_gapless: true,
        })
    }

    fn producer(&self) -> Result<FutureProducer, EventLogError> {
        let mut held = self.producer.lock();
        let producer = match held.take() {
            Some(producer) => producer,
            None => connect(&self.config, self.is_gapless)?,
        };
        Ok(held.insert(producer).clone())
    }

    /// Appends records that came from the outbox, each with its position there.
    pub(crate) async fn append_from(
        &self,
        records: &[(Record, Option<i64>)],
    ) -> Result<(), EventLogError> {
        let producer = &self.producer()?;
        let sends = records.iter().map(|(record, origin)| async move {
            let topic = self.config.topic(record.topic);
            let mut headers = OwnedHeaders::new().insert(Header {
                key: "content-type",
                value: Some("application/cloudevents+json"),
            });
            if let Some(signature) = &record.signature {
                headers = headers.insert(Header {
                    key: SIGNATURE_HEADER,
                    value: Some(signature),
                });
            }
            if let Some(organization) = record.organization {
                let value = organization.to_string();
                headers = headers.insert(Header {
                    key: ORGANIZATION_HEADER,
                    value: Some(&value),
                });
            }
            if let Some(position) = origin {
                let position = position.to_string();
                headers = headers.insert(Header {
                    key: POSITION_HEADER,
                    value: Some(&position),
                });
            }
            let message = FutureRecord::to(&topic)
                .key(record.key.as_bytes())
                .payload(record.payload.as_ref())
                .headers(headers);
            let sent = producer.send(message, Duration::from_secs(30)).await;
            sent.map_err(|(error, _)| EventLogError::Kafka(error))
        });
        let sent = try_join_all(sends).await.map(|_| ());
        if sent.is_err() && producer.client().fatal_error().is_some() {
            *self.producer.lock() = Some(connect(&self.config, self.is_gapless)?);
        }
        sent
    }

    /// Waits until everything queued has been sent.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when that takes longer than `limit`.
    pub fn flush(&self, limit: Duration) -> Result<(), EventLogError> {
        let producer = self.producer.lock().clone();
        producer.map_or(Ok(()), |producer| Ok(producer.flush(limit)?))
    }
}

fn connect(config: &KafkaConfig, is_gapless: bool) -> Result<FutureProducer, EventLogError> {
    let mut client = config.client();
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // The Java clients' choice, so that a fleet's events of an agent meet ours.
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "2")
        .set("message.timeout.ms", "30000");
    if is_gapless {
        client
            .set("enable.gapless.guarantee", "true")
            // What is on its way already when a request fails could not be held back.
            .set("max.in.flight.requests.per.connection", "1");
    }
    Ok(client.create()?)
}

#[async_trait]
impl EventSink for KafkaSink {
    async fn append(&self, records: Vec<Record>) -> Result<(), EventLogError> {
        let records: Vec<_> = records.into_iter().map(|record| (record, None)).collect();
        self.append_from(&records).await
    }
}
