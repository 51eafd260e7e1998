//! From Kafka's records to deliveries.

use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::kafka_sink::{ORGANIZATION_HEADER, POSITION_HEADER, SIGNATURE_HEADER};
use crate::{Delivery, Partition, Topic, binary_form};

/// What a record's headers say, by the first of each name.
#[derive(Default)]
struct Said<'a> {
    position: Option<&'a [u8]>,
    organization: Option<&'a [u8]>,
    /// All of them: one that is no text, or one of several, is kept for the dead letter; it cannot
    /// verify.
    signature: Option<String>,
    /// The rest.
    others: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Said<'a> {
    fn of(message: &'a BorrowedMessage<'_>) -> Self {
        let mut said = Self::default();
        for header in message.headers().into_iter().flat_map(Headers::iter) {
            let value = header.value.unwrap_or_default();
            match header.key {
                POSITION_HEADER => said.position = said.position.or(Some(value)),
                ORGANIZATION_HEADER => said.organization = said.organization.or(Some(value)),
                SIGNATURE_HEADER => {
                    let text = String::from_utf8_lossy(value);
                    said.signature = Some(match said.signature.take() {
                        Some(before) => format!("{before}, {text}"),
                        None => text.into_owned(),
                    });
                }
                name => said.others.push((name, value)),
            }
        }
        said
    }
}

fn parse<T: std::str::FromStr>(value: Option<&[u8]>) -> Option<T> {
    std::str::from_utf8(value?).ok()?.parse().ok()
}

/// What the values of a batch are copied to in one piece.
const PIECE: usize = 64 * 1024;

/// The record, its value at the end of `piece` or of a new one.
pub(crate) fn delivery(
    topic: Topic,
    message: &BorrowedMessage<'_>,
    piece: &mut BytesMut,
) -> Delivery {
    let said = Said::of(message);
    let value = message.payload().unwrap_or_default();
    // Only our own topic has origins: a fleet must not be able to claim one.
    let origin = said.position.filter(|_| topic == Topic::Events);
    let received = message.timestamp().to_millis();
    let received = received.and_then(DateTime::from_timestamp_millis);
    Delivery {
        partition: Partition {
            topic,
            number: message.partition(),
        },
        position: message.offset(),
        origin: parse(origin),
        organization: parse(said.organization),
        payload: binary_form(said.others.into_iter(), value)
            .map_or_else(|| copy(value, piece), Bytes::from),
        signature: said.signature,
        received_at: received.unwrap_or_default(),
    }
}

fn copy(value: &[u8], piece: &mut BytesMut) -> Bytes {
    if piece.capacity() < value.len() {
        *piece = BytesMut::with_capacity(PIECE.max(value.len()));
    }
    piece.extend_from_slice(value);
    piece.split().freeze()
}
