//! CloudEvents 1.0 in JSON: what is on the wire, in structured mode or as the binary form.

use std::borrow::Cow;

use aim_domain::event::NewEvent;
use aim_domain::trace::TraceContext;
use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{Framed, Record, Refusal, Schema, Topic, binary, time};

/// Most bytes of one event: actions are small, and a bigger one would stall its partition.
pub const ENVELOPE_MAX_BYTES: usize = 64 * 1024;
/// Most bytes of `id`, `source`, `type` and `subject`.
const ATTRIBUTE_MAX_BYTES: usize = 256;

/// An event as read, its texts where they stand in the bytes.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// Unique together with `source`.
    pub id: Cow<'a, str>,
    /// Who says it.
    pub source: Cow<'a, str>,
    /// What kind of fact it is.
    pub event_type: Cow<'a, str>,
    /// What it is about.
    pub subject: Option<Cow<'a, str>>,
    /// When it happened, by the producer's clock, in whole microseconds.
    pub time: DateTime<Utc>,
    /// The span that it happened in: extension attribute `traceparent`. One that cannot be read is none.
    pub trace: Option<TraceContext>,
    /// The fact.
    pub data: EventData<'a>,
}

/// The fact, as sent.
#[derive(Debug, Clone, Copy)]
pub enum EventData<'a> {
    /// A JSON object.
    Json(&'a RawValue),
    /// In the format of a schema, unread.
    Framed(Framed<'a>),
}

impl<'a> EventData<'a> {
    /// As JSON; what is framed by its schema.
    ///
    /// # Errors
    /// [`Refusal`] when it is not of the schema, or is framed and there is none.
    pub fn json(self, schema: Option<&Schema>) -> Result<Cow<'a, str>, Refusal> {
        match (self, schema) {
            (Self::Json(text), _) => Ok(Cow::Borrowed(text.get())),
            (Self::Framed(data), Some(schema)) => Ok(Cow::Owned(schema.json(data)?)),
            (Self::Framed(data), None) => {
                let detail = format!(
                    "the value names schema {}, and there is no registry; set `schema_registry`",
                    data.schema
                );
                Err(Refusal::new("SCHEMA_UNKNOWN", detail))
            }
        }
    }
}

fn json<'de, D: Deserializer<'de>>(reader: D) -> Result<EventData<'de>, D::Error> {
    <&RawValue>::deserialize(reader).map(EventData::Json)
}

/// What is no text, or no `traceparent`, is no reason to refuse an event.
fn trace<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<TraceContext>, D::Error> {
    let raw = <&RawValue>::deserialize(reader)?;
    let text = serde_json::from_str::<Cow<'_, str>>(raw.get());
    Ok(text.ok().and_then(|text| TraceContext::parse(&text)))
}

/// The attributes as sent, before they are checked.
#[derive(Deserialize)]
pub(crate) struct Wire<'a> {
    #[serde(borrow)]
    pub(crate) specversion: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) source: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    pub(crate) event_type: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) subject: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "time::read")]
    pub(crate) time: DateTime<Utc>,
    #[serde(borrow)]
    pub(crate) datacontenttype: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "trace")]
    pub(crate) traceparent: Option<TraceContext>,
    #[serde(borrow, deserialize_with = "json")]
    pub(crate) data: EventData<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads an event strictly, from its JSON or its binary form; see [`binary_form`].
    ///
    /// [`binary_form`]: crate::binary_form
    ///
    /// # Errors
    /// [`Refusal`] naming the attribute, what it holds and what it should.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > ENVELOPE_MAX_BYTES {
            let detail = format!("has {} bytes, at most {ENVELOPE_MAX_BYTES}", bytes.len());
            return Err(Refusal::new("EVENT_TOO_LARGE", detail));
        }
        if binary::is_binary_form(bytes) {
            return Self::check(binary::read(bytes)?);
        }
        let wire = serde_json::from_slice(bytes).map_err(|error| {
            Refusal::new(
                "EVENT_MALFORMED",
                format!("not a CloudEvent in JSON: {error}"),
            )
        })?;
        Self::check(wire)
    }

    fn check(wire: Wire<'a>) -> Result<Self, Refusal> {
        let invalid = |name: &str, value: &str, remedy: &str| {
            let value: String = value.chars().take(64).collect();
            Refusal::new("EVENT_INVALID", format!("`{name}` is `{value}`; {remedy}"))
        };
        if wire.specversion != "1.0" {
            return Err(invalid("specversion", &wire.specversion, "use `1.0`"));
        }
        let subject = wire.subject.as_deref().unwrap_or("-");
        for (name, value) in [
            ("id", wire.id.as_ref()),
            ("source", &wire.source),
            ("type", &wire.event_type),
            ("subject", subject),
        ] {
            if value.is_empty() || value.len() > ATTRIBUTE_MAX_BYTES {
                return Err(invalid(name, value, "give 1 to 256 bytes"));
            }
        }
        if let Some(kind) = wire
            .datacontenttype
            .filter(|kind| kind != "application/json")
        {
            return Err(invalid("datacontenttype", &kind, "use `application/json`"));
        }
        if let EventData::Json(data) = wire.data
            && !data.get().starts_with('{')
        {
            return Err(invalid("data", data.get(), "give a JSON object"));
        }
        Ok(Self {
            id: wire.id,
            source: wire.source,
            event_type: wire.event_type,
            subject: wire.subject,
            time: wire.time.trunc_subsecs(6),
            trace: wire.traceparent,
            data: wire.data,
        })
    }
}

#[derive(Serialize)]
struct OwnWire<'a, T> {
    specversion: &'static str,
    id: String,
    source: &'static str,
    #[serde(rename = "type")]
    event_type: &'static str,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    /// Extension attribute: whose event it is.
    organization: String,
    /// Extension attribute of CloudEvents' Distributed Tracing.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    data: &'a T,
}

/// The record of one of our own facts, in its wire form.
#[must_use]
pub fn record_of(event: &NewEvent) -> Record {
    let wire = OwnWire {
        specversion: "1.0",
        id: event.id.to_string(),
        source: "urn:aim:server",
        event_type: event.fact.event_type(),
        subject: event.agent.to_string(),
        time: event
            .time
            .to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        datacontenttype: "application/json",
        organization: event.organization.to_string(),
        traceparent: event.trace.map(|it| it.to_string()),
        data: &event.fact,
    };
    Record {
        topic: Topic::Events,
        key: wire.subject.clone(),
        event_id: event.id,
        organization: Some(event.organization),
        event_type: wire.event_type.to_owned(),
        // Our own facts are plain structures; they always have a JSON form.
        payload: Bytes::from(serde_json::to_vec(&wire).unwrap_or_default()),
        signature: None,
    }
}

#[cfg(test)]
mod tests {
    use aim_domain::event::TrustRecalculationRequested;
    use aim_domain::id::{AgentId, EventId, OrganizationId};
    use uuid::Uuid;

    use super::*;

    const GOOD: &str = r#"{"specversion":"1.0","id":"1","source":"urn:aim:agent:a","type":"t","time":"2026-01-05T09:00:02.123456789+01:00","data":{}}"#;

    #[test]
    fn reads_a_good_event() {
        let event = Envelope::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(event.time.to_rfc3339(), "2026-01-05T08:00:02.123456+00:00");
    }

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn our_own_facts_say_which_trace_they_belong_to() {
        let agent = AgentId::from_uuid(Uuid::nil());
        let fact = TrustRecalculationRequested { agent };
        let mut event = NewEvent {
            id: EventId::from_uuid(Uuid::nil()),
            organization: OrganizationId::from_uuid(Uuid::nil()),
            agent,
            time: DateTime::UNIX_EPOCH,
            trace: None,
            fact: fact.into(),
        };
        let without = record_of(&event).payload;
        assert!(!String::from_utf8_lossy(&without).contains("traceparent"));
        assert_eq!(Envelope::parse(&without).unwrap().trace, None);
        event.trace = TraceContext::parse(TRACEPARENT);
        let with = record_of(&event).payload;
        let member = format!(r#""traceparent":"{TRACEPARENT}""#);
        assert!(String::from_utf8_lossy(&with).contains(&member));
        assert_eq!(Envelope::parse(&with).unwrap().trace, event.trace);
    }

    #[test]
    fn a_trace_that_cannot_be_read_is_none() {
        for (value, is_read) in [
            (format!(r#""{TRACEPARENT}""#), true),
            (format!(r#""\u0030{}""#, &TRACEPARENT[1..]), true),
            (format!(r#""{}""#, TRACEPARENT.to_uppercase()), false),
            (format!(r#""{}""#, "0".repeat(60_000)), false),
            (r#""00-ab-cd-01""#.to_owned(), false),
            (r#""""#.to_owned(), false),
            ("null".to_owned(), false),
            ("17".to_owned(), false),
            (format!(r#"["{TRACEPARENT}"]"#), false),
            (format!(r#"{{"a":"{TRACEPARENT}"}}"#), false),
        ] {
            let text = GOOD.replace("{}", &format!(r#"{{}},"traceparent":{value}"#));
            let trace = Envelope::parse(text.as_bytes()).unwrap().trace;
            assert_eq!(trace.is_some(), is_read, "{value:.80}");
        }
    }

    #[test]
    fn refuses_bad_ones_by_name() {
        for (from, to, code, words) in [
            (
                r#""1.0""#,
                r#""0.3""#,
                "EVENT_INVALID",
                "`specversion` is `0.3`",
            ),
            (r#""id":"1""#, r#""id":"""#, "EVENT_INVALID", "`id`"),
            (r#""data":{}"#, r#""data":[]"#, "EVENT_INVALID", "`data`"),
            (r#""data":{}"#, r#""dat":{}"#, "EVENT_MALFORMED", "data"),
            ("+01:00", "", "EVENT_MALFORMED", "time"),
            (r#""type":"t","#, "", "EVENT_MALFORMED", "type"),
            ("}}", "}", "EVENT_MALFORMED", "EOF"),
        ] {
            let refusal = Envelope::parse(GOOD.replace(from, to).as_bytes()).unwrap_err();
            assert_eq!(refusal.code, code, "{refusal}");
            assert!(
                refusal.detail.contains(words) || code == "EVENT_MALFORMED",
                "{refusal}"
            );
        }
        let large = vec![b' '; ENVELOPE_MAX_BYTES + 1];
        assert_eq!(Envelope::parse(&large).unwrap_err().code, "EVENT_TOO_LARGE");
        let deep = GOOD.replace("{}", &format!("{{\"a\":{}}}", "[".repeat(10_000)));
        assert_eq!(
            Envelope::parse(deep.as_bytes()).unwrap_err().code,
            "EVENT_MALFORMED"
        );
    }
}
