//! Role: which response a client accepts, and whether its body is JSON.

use http::{HeaderMap, HeaderValue, header};

/// A response format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`: well-formed requests are answered 200, also with request errors.
    Json,
    /// `application/graphql-response+json`: the status tells whether anything was executed.
    GraphqlResponse,
    /// `text/event-stream`: only if named, because any browser accepts `*/*`.
    EventStream,
}

impl Media {
    pub(crate) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
        })
    }
}

/// What a request accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The preferred format.
    pub(crate) best: Media,
    /// Whether an event stream is accepted, preferred or not.
    pub(crate) event_stream: bool,
}

/// Chooses the format by weight, then by order; `None` if nothing we have is accepted (406).
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Accepted> {
    let mut any_header = false;
    let mut best: Option<(u16, Media)> = None;
    let mut event_stream = false;
    for value in headers.get_all(header::ACCEPT) {
        any_header = true;
        for range in value.to_str().ok()?.split(',') {
            let Some((weight, media)) = media_of(range) else {
                continue;
            };
            event_stream |= media == Media::EventStream;
            if best.is_none_or(|(known, _)| weight > known) {
                best = Some((weight, media));
            }
        }
    }
    match best {
        Some((_, best)) => Some(Accepted { best, event_stream }),
        None if any_header => None,
        None => Some(Accepted {
            best: Media::Json,
            event_stream: false,
        }),
    }
}

/// The weight in thousandths and the format of one media range, if we have it.
fn media_of(range: &str) -> Option<(u16, Media)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next()?;
    let media = match name.to_ascii_lowercase().as_str() {
        "application/json" | "application/*" | "*/*" => Media::Json,
        "application/graphql-response+json" => Media::GraphqlResponse,
        "text/event-stream" => Media::EventStream,
        _ => return None,
    };
    let mut weight = 1000;
    for parameter in parts {
        let (key, value) = parameter.split_once('=')?;
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => weight = thousandths(value.trim())?,
            "charset" if !is_utf8(value) => return None,
            _ => {}
        }
    }
    (weight > 0).then_some((weight, media))
}

fn thousandths(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok()?;
    (0.0..=1.0).contains(&weight).then_some(())?;
    // In range by the line above; `as` saturates anyway.
    Some((weight * 1000.0) as u16)
}

fn is_utf8(charset: &str) -> bool {
    matches!(
        charset
            .trim()
            .trim_matches('"')
            .to_ascii_lowercase()
            .as_str(),
        "utf-8" | "utf8"
    )
}

/// Whether the body is declared as JSON in UTF-8 and not compressed.
///
/// The rule also stops cross-site requests: a web page cannot send this type to another site
/// without asking first (CORS preflight).
pub(crate) fn is_json_body(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    let charset_fits = parts.all(|parameter| match parameter.split_once('=') {
        Some((key, value)) if key.trim().eq_ignore_ascii_case("charset") => is_utf8(value),
        _ => true,
    });
    let is_plain = headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    is_json && charset_fits && is_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn accept_is_ranked() {
        for (value, expected) in [
            ("*/*", Some(Media::Json)),
            ("application/*", Some(Media::Json)),
            (
                "application/graphql-response+json",
                Some(Media::GraphqlResponse),
            ),
            (
                "application/graphql-response+json, application/json;q=0.9",
                Some(Media::GraphqlResponse),
            ),
            (
                "application/json;q=0.5, application/graphql-response+json",
                Some(Media::GraphqlResponse),
            ),
            (
                "text/html, application/json; charset=utf-8",
                Some(Media::Json),
            ),
            ("text/event-stream", Some(Media::EventStream)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json; charset=iso-8859-1", None),
        ] {
            let found = accepted(&headers(header::ACCEPT, value)).map(|accepted| accepted.best);
            assert_eq!(found, expected, "{value}");
        }
        assert_eq!(
            accepted(&HeaderMap::new()).map(|accepted| accepted.best),
            Some(Media::Json)
        );
    }

    #[test]
    fn bodies_must_be_declared_as_json() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=latin1", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=x", false),
        ] {
            assert_eq!(
                is_json_body(&headers(header::CONTENT_TYPE, value)),
                expected,
                "{value}"
            );
        }
        assert!(!is_json_body(&HeaderMap::new()));
    }
}
