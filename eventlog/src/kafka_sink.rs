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
/// dead letter depends on it: anybody who may produce can set it.
pub(crate) const ORGANIZATION_HEADER: &str = "aim-organization";

/// An idempotent producer that waits for every replica.
pub struct KafkaSink {
    /// Made anew after an error that its client cannot get over.
    producer: Mutex<FutureProducer>,
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
    /// Makes the producer; the brokers are found in the background.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when the configuration is not understood.
    pub fn new(config: &KafkaConfig) -> Result<Self, EventLogError> {
        Self::make(config, false)
    }

    /// Like [`Self::new`], for the relay: what lies behind a record that could not be written is not
    /// written either. Readers take a record whose position is not above all before it for a
    /// redelivery: one that came late because it had to be sent again would be lost to them.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when the configuration is not understood.
    pub fn gapless(config: &KafkaConfig) -> Result<Self, EventLogError> {
        Self::make(config, true)
    }

    fn make(config: &KafkaConfig, is_gapless: bool) -> Result<Self, EventLogError> {
        Ok(Self {
            producer: Mutex::new(connect(config, is_gapless)?),
            config: config.clone(),
            is_gapless,
        })
    }

    /// Appends records that came from the outbox, each with its position there.
    pub(crate) async fn append_from(
        &self,
        records: &[(Record, Option<i64>)],
    ) -> Result<(), EventLogError> {
        let producer = &self.producer.lock().clone();
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
            *self.producer.lock() = connect(&self.config, self.is_gapless)?;
        }
        sent
    }

    /// Waits until everything queued has been sent.
    ///
    /// # Errors
    /// [`EventLogError::Kafka`] when that takes longer than `limit`.
    pub fn flush(&self, limit: Duration) -> Result<(), EventLogError> {
        Ok(self.producer.lock().clone().flush(limit)?)
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
