//! Role: which web pages may make a browser ask: origins, and requests that another site's page
//! could send without being asked first (CSRF).

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::negotiate::is_json_body;

/// Proves by being there: a page cannot send it to another site without a preflight.
pub(crate) const PREFLIGHT: HeaderName = HeaderName::from_static("graphql-require-preflight");

/// Reads origins such as `https://aim.example`, several with commas.
///
/// # Errors
/// Which of them is none. `*` is refused: a list says who is meant.
pub fn parse_origins(list: &str) -> Result<Vec<HeaderValue>, String> {
    let parts = list.split(',').map(str::trim).filter(|it| !it.is_empty());
    parts
        .map(|part| {
            let uri = part.parse::<Uri>().ok();
            let is_origin = uri.is_some_and(|it| {
                matches!(it.scheme_str(), Some("http" | "https"))
                    && it.authority().is_some_and(|it| !it.as_str().contains('@'))
                    && !part.ends_with('/')
                    && it.path() == "/"
                    && it.query().is_none()
            });
            let value = HeaderValue::from_str(part).ok();
            value.filter(|_| is_origin).ok_or_else(|| {
                format!("origin `{part}` is none; give scheme and host as in `https://aim.example`")
            })
        })
        .collect()
}

/// Whether `Origin` is absent, the own host, or listed.
pub(crate) fn is_allowed(headers: &HeaderMap, allowed: &[HeaderValue]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    if allowed.contains(origin) {
        return true;
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let uri = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.parse::<Uri>().ok());
    match (uri.as_ref().and_then(Uri::authority), host) {
        (Some(authority), Some(host)) => authority.as_str().eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// Whether the browser says that a page of another site sent it, which may not.
pub(crate) fn is_cross_site(headers: &HeaderMap, allowed: &[HeaderValue]) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let from_elsewhere = matches!(site, Some(b"cross-site" | b"same-site"));
    from_elsewhere && !(headers.contains_key(header::ORIGIN) && is_allowed(headers, allowed))
}

/// Whether the request has a header field that a page can send to another site only after a
/// preflight (CORS), or the browser says that an own page sent it. `authorization` does not count:
/// browsers add a remembered one by themselves.
pub(crate) fn is_preflighted(headers: &HeaderMap) -> bool {
    let names = [
        "graphql-require-preflight",
        "apollo-require-preflight",
        "signature-input",
    ];
    let is_own = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site.as_bytes() == b"same-origin");
    is_own || names.iter().any(|name| headers.contains_key(*name)) || is_json_body(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields.iter();
        fields
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn foreign_origins_are_refused() {
        let allowed = [HeaderValue::from_static("https://app.example")];
        for (origin, expected) in [
            (None, true),
            (Some("https://app.example"), true),
            (Some("http://api.example:8080"), true),
            (Some("http://api.example:8081"), false),
            (Some("http://api.example"), false),
            (Some("https://evil.example"), false),
            (Some("null"), false),
        ] {
            let mut headers = headers(&[("host", "api.example:8080")]);
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_allowed(&headers, &allowed), expected, "{origin:?}");
        }
    }

    #[test]
    fn lists_of_origins_are_read_strictly() {
        let read = parse_origins("https://a.example, http://b.example:8080,").unwrap();
        assert_eq!(read, ["https://a.example", "http://b.example:8080"]);
        for bad in [
            "*",
            "null",
            "a.example",
            "https://a.example/",
            "https://a.example/x",
            "ftp://a",
            "https://u@a",
        ] {
            assert!(parse_origins(bad).unwrap_err().contains(bad), "{bad}");
        }
    }

    #[test]
    fn what_a_browser_says_is_from_another_site_counts() {
        let allowed = [HeaderValue::from_static("https://app.example")];
        for (fields, expected) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://evil.example"),
                ],
                true,
            ),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://app.example"),
                ],
                false,
            ),
        ] {
            assert_eq!(
                is_cross_site(&headers(fields), &allowed),
                expected,
                "{fields:?}"
            );
        }
    }

    #[test]
    fn simple_requests_are_not_preflighted() {
        for (fields, expected) in [
            (&[][..], false),
            (
                &[("accept", "application/json"), ("content-language", "en")],
                false,
            ),
            (&[("content-type", "text/plain")], false),
            (&[("content-type", "application/json")], true),
            (&[("authorization", "Basic x")], false),
            (&[("graphql-require-preflight", "1")], true),
            (&[("apollo-require-preflight", "1")], true),
            (&[("signature-input", "sig=()")], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(is_preflighted(&headers(fields)), expected, "{fields:?}");
        }
    }
}
