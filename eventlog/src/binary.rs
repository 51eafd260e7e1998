//! CloudEvents 1.0 in binary mode: attributes in Kafka headers, the fact in the value.
//!
//! Such a record becomes one run of bytes, its *binary form*: the headers `ce_…` and `content-type`
//! sorted by the bytes of their names, each as `name`, `:`, value, line end; an empty line; the
//! value. These bytes are what the producer signs, what is parsed and what a dead letter keeps, so
//! that no header can be changed, added or taken away under a signature. They begin with a letter
//! and events in structured mode with `{`: bytes signed in one mode mean nothing in the other.

use aim_domain::trace::TraceContext;
use serde_json::value::RawValue;

use crate::envelope::Wire;
use crate::{EventData, Framed, Refusal};

/// What attributes' headers begin with.
const ATTRIBUTE: &str = "ce_";
/// The header with the data's format.
const CONTENT_TYPE: &str = "content-type";
/// What the content types of structured mode begin with.
const STRUCTURED: &[u8] = b"application/cloudevents";
/// Most headers of an event: six are known, the rest are extensions.
const HEADERS_MAX: usize = 64;

/// The binary form of a record with these headers and this value; `None` when the record is not in
/// binary mode. Headers other than `ce_…` and `content-type` are not part of the event.
#[must_use]
pub fn binary_form<'a>(
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    value: &[u8],
) -> Option<Vec<u8>> {
    let mut own: Vec<(&str, &[u8])> = headers
        .filter(|(name, _)| name.starts_with(ATTRIBUTE) || *name == CONTENT_TYPE)
        .collect();
    let mut types = own.iter().filter(|(name, _)| *name == CONTENT_TYPE);
    let is_structured = types.any(|(_, value)| {
        let begin = value.get(..STRUCTURED.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(STRUCTURED))
    });
    if is_structured || !own.iter().any(|(name, _)| name.starts_with(ATTRIBUTE)) {
        return None;
    }
    own.sort_by_key(|(name, _)| *name);
    let mut form = Vec::new();
    for (name, value) in own {
        form.extend_from_slice(name.as_bytes());
        form.push(b':');
        form.extend_from_slice(value);
        form.push(b'\n');
    }
    form.push(b'\n');
    form.extend_from_slice(value);
    Some(form)
}

/// Whether these bytes are a binary form, good or bad.
pub(crate) fn is_binary_form(bytes: &[u8]) -> bool {
    bytes.starts_with(ATTRIBUTE.as_bytes()) || bytes.starts_with(CONTENT_TYPE.as_bytes())
}

fn invalid(name: &str, remedy: &str) -> Refusal {
    let name: String = name.chars().take(64).collect();
    Refusal::new("EVENT_INVALID", format!("header `{name}` {remedy}"))
}

/// Reads a binary form as strictly as structured mode: what is missing is named, what comes twice,
/// is out of order or is no text is refused.
pub(crate) fn read(bytes: &[u8]) -> Result<Wire<'_>, Refusal> {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let Some(end) = end else {
        let detail = "the headers do not end with an empty line";
        return Err(Refusal::new("EVENT_MALFORMED", detail));
    };
    let head = std::str::from_utf8(&bytes[..end])
        .map_err(|_| Refusal::new("EVENT_MALFORMED", "a header is not UTF-8"))?;
    let headers = split(head)?;
    let find = |name: &str| {
        let found = headers.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| *value)
    };
    let need = |name: &str| find(name).ok_or_else(|| invalid(name, "is missing"));
    let data = data(find(CONTENT_TYPE), &bytes[end + 2..])?;
    let time = need("ce_time")?.parse();
    Ok(Wire {
        specversion: need("ce_specversion")?.into(),
        id: need("ce_id")?.into(),
        source: need("ce_source")?.into(),
        event_type: need("ce_type")?.into(),
        subject: find("ce_subject").map(Into::into),
        time: time.map_err(|_| invalid("ce_time", "is not a time of RFC 3339"))?,
        datacontenttype: None,
        traceparent: find("ce_traceparent").and_then(TraceContext::parse),
        data,
    })
}

/// A value that is framed says itself what it is: its content type is not looked at.
fn data<'a>(content_type: Option<&str>, value: &'a [u8]) -> Result<EventData<'a>, Refusal> {
    if let Some(framed) = Framed::of(value) {
        return Ok(EventData::Framed(framed));
    }
    if content_type.is_some_and(|kind| !is_json(kind)) {
        return Err(invalid(
            CONTENT_TYPE,
            "is not `application/json`, and the value names no schema",
        ));
    }
    let json: &RawValue = serde_json::from_slice(value).map_err(|error| {
        let detail = format!("the value is not data in JSON: {error}");
        Refusal::new("EVENT_MALFORMED", detail)
    })?;
    Ok(EventData::Json(json))
}

fn split(head: &str) -> Result<Vec<(&str, &str)>, Refusal> {
    let mut headers: Vec<(&str, &str)> = Vec::new();
    for line in head.split('\n') {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid(line, "has no value; write no line end in a value"))?;
        let attribute = name.strip_prefix(ATTRIBUTE).filter(|name| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !name.is_empty() && name.bytes().all(plain)
        });
        if name != CONTENT_TYPE && attribute.is_none() {
            return Err(invalid(name, "is no attribute; use `a` to `z` and digits"));
        }
        if matches!(attribute, Some("data" | "datacontenttype")) {
            return Err(invalid(name, "is not for binary mode; use the value"));
        }
        if value.chars().any(char::is_control) {
            return Err(invalid(name, "has a control character"));
        }
        match headers.last() {
            Some((last, _)) if *last == name => return Err(invalid(name, "comes twice")),
            Some((last, _)) if *last > name => return Err(invalid(name, "is out of order")),
            _ => headers.push((name, value)),
        }
        if headers.len() > HEADERS_MAX {
            return Err(invalid(name, "is one of more than 64; send fewer"));
        }
    }
    Ok(headers)
}

/// `application/json`, at most with its only character set.
fn is_json(kind: &str) -> bool {
    let (kind, parameter) = kind.split_once(';').unwrap_or((kind, "charset=utf-8"));
    let is = |text: &str, wanted| text.trim().eq_ignore_ascii_case(wanted);
    is(kind, "application/json") && is(parameter, "charset=utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ENVELOPE_MAX_BYTES, Envelope};

    const DATA: &[u8] = br#"{"action":"a"}"#;
    const GOOD: [(&str, &[u8]); 7] = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"urn:aim:agent:a"),
        ("ce_type", b"t"),
        ("ce_time", b"2026-01-05T09:00:02.123456789+01:00"),
        ("ce_traceparent", b"00-ab-cd-01"),
    ];

    type Headers = Vec<(&'static str, Vec<u8>)>;

    fn good() -> Headers {
        GOOD.map(|(name, value)| (name, value.to_vec())).to_vec()
    }

    fn form(headers: &Headers) -> Option<Vec<u8>> {
        let all = headers.iter().map(|(name, value)| (*name, &value[..]));
        binary_form(all, DATA)
    }

    #[test]
    fn the_form_is_the_documented_one_whatever_the_order_of_headers() {
        let wanted = b"ce_id:1\nce_source:urn:aim:agent:a\nce_specversion:1.0\n\
            ce_time:2026-01-05T09:00:02.123456789+01:00\nce_traceparent:00-ab-cd-01\nce_type:t\n\
            content-type:application/json\n\n{\"action\":\"a\"}";
        let mut headers = good();
        assert_eq!(form(&headers).unwrap(), wanted);
        headers.reverse();
        headers.push(("aim-signature", b"not covered".to_vec()));
        assert_eq!(form(&headers).unwrap(), wanted);
    }

    #[test]
    fn it_says_what_the_same_event_in_structured_mode_says() {
        let form = form(&good()).unwrap();
        let event = Envelope::parse(&form).unwrap();
        assert_eq!((&event.id[..], &event.event_type[..]), ("1", "t"));
        assert_eq!(event.source, "urn:aim:agent:a");
        assert_eq!(event.subject, None);
        assert_eq!(event.trace, None, "it cannot be read");
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        let mut headers = good();
        headers[6].1 = traceparent.as_bytes().to_vec();
        let traced = self::form(&headers).unwrap();
        let trace = Envelope::parse(&traced).unwrap().trace;
        assert_eq!(trace, TraceContext::parse(traceparent));
        assert!(trace.is_some());
        assert_eq!(event.time.to_rfc3339(), "2026-01-05T08:00:02.123456+00:00");
        assert_eq!(event.data.json(None).unwrap().as_bytes(), DATA);
    }

    #[test]
    fn what_is_structured_stays_so() {
        for kind in [
            "application/cloudevents+json",
            "Application/CloudEvents+json; charset=utf-8",
        ] {
            let mut headers = good();
            headers[0].1 = kind.as_bytes().to_vec();
            assert_eq!(form(&headers), None);
        }
        assert_eq!(
            form(&vec![("content-type", b"application/json".to_vec())]),
            None
        );
        assert_eq!(form(&Vec::new()), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["specversion", "id", "source", "type", "time"] {
            let name = format!("ce_{name}");
            let mut headers = good();
            headers.retain(|(own, _)| *own != name);
            let refusal = Envelope::parse(&form(&headers).unwrap()).unwrap_err();
            assert_eq!(refusal.code, "EVENT_INVALID");
            assert!(refusal.detail.contains(&name), "{refusal}");
        }
        let mut without = good();
        without.retain(|(own, _)| *own != "content-type");
        Envelope::parse(&form(&without).unwrap()).unwrap();
    }

    #[test]
    fn bad_headers_are_refused_by_name() {
        let long = vec![b'x'; 257];
        for (name, value, code, words) in [
            ("ce_id", &b"2"[..], "EVENT_INVALID", "twice"),
            ("ce_id", b"1", "EVENT_INVALID", "twice"),
            (
                "content-type",
                b"application/json",
                "EVENT_INVALID",
                "twice",
            ),
            ("ce_x", b"\xff", "EVENT_MALFORMED", "UTF-8"),
            ("ce_x", b"1\nce_id:2", "EVENT_INVALID", "out of order"),
            ("ce_x", b"1\nplain", "EVENT_INVALID", "`plain`"),
            ("ce_x", b"\0", "EVENT_INVALID", "control"),
            ("ce_X", b"1", "EVENT_INVALID", "`ce_X`"),
            ("ce_", b"1", "EVENT_INVALID", "`ce_`"),
            // What the bytes mean is decided by the bytes alone, which are signed: an extension.
            ("ce_a:b", b"1", "", ""),
            ("ce_x", b"1\nce_z:2", "", ""),
            (
                "ce_datacontenttype",
                b"application/json",
                "EVENT_INVALID",
                "value",
            ),
            ("ce_subject", b"", "EVENT_INVALID", "`subject`"),
            ("ce_subject", &long, "EVENT_INVALID", "`subject`"),
        ] {
            let mut headers = good();
            headers.push((name, value.to_vec()));
            let form = form(&headers).unwrap();
            let read = Envelope::parse(&form);
            let Err(refusal) = read else {
                assert_eq!(code, "", "{name}");
                continue;
            };
            assert_eq!(refusal.code, code, "{name}: {refusal}");
            assert!(refusal.detail.contains(words), "{name}: {refusal}");
        }
    }

    #[test]
    fn bad_values_of_known_headers_are_refused() {
        let large = vec![b'x'; ENVELOPE_MAX_BYTES];
        for (at, value, code) in [
            (0, &b"text/plain"[..], "EVENT_INVALID"),
            (0, b"application/json; charset=latin1", "EVENT_INVALID"),
            (1, b"0.3", "EVENT_INVALID"),
            (2, b"", "EVENT_INVALID"),
            (5, b"yesterday", "EVENT_INVALID"),
            (6, &large, "EVENT_TOO_LARGE"),
        ] {
            let mut headers = good();
            headers[at].1 = value.to_vec();
            let refusal = Envelope::parse(&form(&headers).unwrap()).unwrap_err();
            assert_eq!(refusal.code, code, "{refusal}");
        }
        let many = (0..=HEADERS_MAX).map(|n| format!("ce_a{n:03}:1\n"));
        let many = many.collect::<String>() + "\n{}";
        let refusal = Envelope::parse(many.as_bytes()).unwrap_err();
        assert!(refusal.detail.contains("more than 64"), "{refusal}");
        for (bytes, code) in [
            (&b"ce_id:1"[..], "EVENT_MALFORMED"),
            (b"ce_", "EVENT_MALFORMED"),
            (b"content-type\n\n{}", "EVENT_INVALID"),
        ] {
            assert_eq!(Envelope::parse(bytes).unwrap_err().code, code);
        }
        let good = form(&good()).unwrap();
        let bare = &good[..good.len() - DATA.len()];
        for (value, code) in [
            ("", "EVENT_MALFORMED"),
            ("{", "EVENT_MALFORMED"),
            ("[]", "EVENT_INVALID"),
        ] {
            let bytes = [bare, value.as_bytes()].concat();
            assert_eq!(Envelope::parse(&bytes).unwrap_err().code, code, "{value}");
        }
    }
}
