//! Role: the messages and close codes of the graphql-transport-ws protocol, as text.

use std::{borrow::Cow, sync::Arc};

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    error::Reply,
    limits::{MAX_JSON_DEPTH, MAX_OPERATION_ID_BYTES},
    params::nesting_exceeds,
};

/// The sub-protocol's name.
pub(crate) const PROTOCOL: &str = "graphql-transport-ws";

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    GoingAway = 1001,
    ProtocolError = 1002,
    MessageTooBig = 1009,
    TryAgainLater = 1013,
    InvalidMessage = 4400,
    Unauthorized = 4401,
    Forbidden = 4403,
    ProtocolNotAcceptable = 4406,
    InitTimeout = 4408,
    DuplicateOperation = 4409,
    TooManyInits = 4429,
    InternalError = 4500,
}

/// A message from the client.
#[derive(Debug)]
pub(crate) enum ClientMessage<'a> {
    Init(Option<serde_json::Value>),
    Ping(Option<&'a RawValue>),
    Pong,
    Subscribe { id: Arc<str>, payload: &'a RawValue },
    Complete { id: Cow<'a, str> },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

impl<'a> ClientMessage<'a> {
    /// Reads a message; the error is the reason to close with 4400.
    pub(crate) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if nesting_exceeds(text.as_bytes(), MAX_JSON_DEPTH) {
            return Err("message nests too deeply");
        }
        let envelope: Envelope<'a> =
            serde_json::from_str(text).map_err(|_| "message is not an object with a `type`")?;
        let id = |id: Option<Cow<'a, str>>| match id {
            Some(id) if !id.is_empty() && id.len() <= MAX_OPERATION_ID_BYTES => Ok(id),
            Some(_) => Err("message `id` is empty or too long"),
            None => Err("message has no `id`"),
        };
        match envelope.kind.as_ref() {
            "connection_init" => Ok(Self::Init(init_payload(envelope.payload)?)),
            "ping" => Ok(Self::Ping(map(envelope.payload)?)),
            "pong" => map(envelope.payload).map(|_| Self::Pong),
            "complete" => Ok(Self::Complete {
                id: id(envelope.id)?,
            }),
            "subscribe" => Ok(Self::Subscribe {
                id: Arc::from(id(envelope.id)?.as_ref()),
                payload: envelope.payload.ok_or("message has no `payload`")?,
            }),
            _ => Err("message `type` is unknown"),
        }
    }
}

/// A payload that is an object or absent.
fn map(payload: Option<&RawValue>) -> Result<Option<&RawValue>, &'static str> {
    match payload {
        Some(value) if !value.get().starts_with('{') => Err("message `payload` is not an object"),
        payload => Ok(payload),
    }
}

fn init_payload(payload: Option<&RawValue>) -> Result<Option<serde_json::Value>, &'static str> {
    map(payload)?
        .map(|value| serde_json::from_str(value.get()))
        .transpose()
        .map_err(|_| "message `payload` is not valid JSON")
}

#[derive(Serialize)]
struct Outgoing<'a, P: ?Sized> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a P>,
}

impl<P: Serialize + ?Sized> Outgoing<'_, P> {
    /// The message as text; one that cannot be written is logged and becomes an error message.
    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            tracing::error!(%error, "websocket message cannot be written as JSON");
            r#"{"type":"pong"}"#.to_owned()
        })
    }
}

pub(crate) fn ack() -> String {
    r#"{"type":"connection_ack"}"#.to_owned()
}

pub(crate) fn pong(payload: Option<&RawValue>) -> String {
    Outgoing {
        id: None,
        kind: "pong",
        payload,
    }
    .text()
}

pub(crate) fn next(id: &str, reply: &Reply) -> String {
    Outgoing {
        id: Some(id),
        kind: "next",
        payload: Some(reply),
    }
    .text()
}

pub(crate) fn error(id: &str, errors: &[ServerError]) -> String {
    Outgoing {
        id: Some(id),
        kind: "error",
        payload: Some(errors),
    }
    .text()
}

pub(crate) fn complete(id: &str) -> String {
    Outgoing::<()> {
        id: Some(id),
        kind: "complete",
        payload: None,
    }
    .text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_must_follow_the_protocol() {
        let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "x".repeat(129));
        for text in [
            "",
            "[]",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"start","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","payload":{}}"#,
            r#"{"type":"subscribe","id":"","payload":{}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":1,"payload":{}}"#,
            r#"{"type":"connection_init","payload":"x"}"#,
            r#"{"type":"ping","payload":[]}"#,
            long.as_str(),
        ] {
            assert!(ClientMessage::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn payloads_may_be_absent_or_null() {
        for text in [
            r#"{"type":"connection_init"}"#,
            r#"{"type":"connection_init","payload":null}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"pong","payload":{"a":1}}"#,
        ] {
            assert!(ClientMessage::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn messages_are_written_as_the_protocol_says() {
        assert_eq!(complete("a\"b"), r#"{"id":"a\"b","type":"complete"}"#);
        assert_eq!(pong(None), r#"{"type":"pong"}"#);
        assert_eq!(error("1", &[]), r#"{"id":"1","type":"error","payload":[]}"#);
    }
}
