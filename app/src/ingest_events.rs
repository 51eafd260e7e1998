//! Events that fleets send over HTTP instead of Kafka.

use std::sync::Arc;

use aim_domain::event::ACTION_PERFORMED;
use aim_domain::id::EventId;
use aim_domain::signature::EventSignature;
use aim_eventlog::{EventSink, Record, Topic};
use bytes::Bytes;

use crate::{App, AppError, ErrorCode, Permit};

/// Where they are appended: the table or Kafka.
pub type IngestSink = Arc<dyn EventSinkDebug>;

/// An event sink that can be printed.
pub trait EventSinkDebug: EventSink + std::fmt::Debug {}
impl<T: EventSink + std::fmt::Debug> EventSinkDebug for T {}

/// Most events of one request.
const EVENTS_MAX: usize = 1_000;

/// An event as sent.
#[derive(Debug, Clone)]
pub struct IngestedEvent {
    /// The CloudEvent's bytes, as signed.
    pub payload: Bytes,
    /// The producer's signature.
    pub signature: Option<String>,
}

impl App {
    /// Appends events to the log and answers once they are durable. What is wrong with one is
    /// found by the stream, which makes it a dead letter: nothing that was accepted is lost.
    ///
    /// # Errors
    /// `InvalidInput` for too many, `Unavailable` when the log cannot be written; some may have
    /// been appended then, and sending all again is safe.
    pub async fn ingest_events(
        &self,
        permit: &Permit,
        events: Vec<IngestedEvent>,
    ) -> Result<usize, AppError> {
        if events.len() > EVENTS_MAX {
            let message = format!("has {} entries; send at most {EVENTS_MAX}", events.len());
            return Err(AppError::field("events", message));
        }
        let count = events.len();
        let mut records = Vec::with_capacity(count);
        for event in events {
            records.push(Record {
                topic: Topic::Actions,
                key: self.order_key(event.signature.as_deref()).await?,
                event_id: EventId::from_uuid(self.ids.next()),
                organization: Some(permit.scope().organization),
                event_type: ACTION_PERFORMED.to_owned(),
                payload: event.payload,
                signature: event.signature,
            });
        }
        self.ingest.append(records).await.map_err(|error| {
            tracing::error!(%error, "events could not be appended");
            AppError::new(
                ErrorCode::Unavailable,
                "the event log does not answer; send all again",
            )
        })?;
        Ok(count)
    }

    /// What keeps the order of an event: the id of the agent whose key signed it.
    async fn order_key(&self, signature: Option<&str>) -> Result<String, AppError> {
        let Some(signature) = signature.and_then(EventSignature::parse) else {
            return Ok(String::new());
        };
        Ok(match self.find_key(&signature.key_id).await? {
            Some((agent, ..)) => agent.to_string(),
            None => signature.key_id,
        })
    }
}
