//! Which browser it is, and whether a form is its own.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::transport::{is_allowed, is_cross_site};

const COOKIE: &str = "aim_browser";
/// Characters of the secret.
const LENGTH: usize = 43;

/// The secret of a browser that was here before.
pub(super) fn remembered(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    (value.len() == LENGTH).then_some(value)
}

/// Gives a browser its secret, until it is closed. `Lax`, because issuers send browsers back.
pub(super) fn kept(response: &mut Response, secret: &str, is_https: bool) {
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={secret}; Path=/auth; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

/// Whether the browser does not say that another site's page sent this.
pub(super) fn is_ours(headers: &HeaderMap, url: &str) -> bool {
    let own: Vec<_> = HeaderValue::from_str(url).into_iter().collect();
    is_allowed(headers, &own) && !is_cross_site(headers, &own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_server_send_forms() {
        for (fields, expected) in [
            (&[][..], true),
            (&[("origin", "https://aim.example")], true),
            (&[("origin", "http://10.0.0.1:8080")], true),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("10.0.0.1:8080"));
            for (name, value) in fields {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(
                is_ours(&headers, "https://aim.example"),
                expected,
                "{fields:?}"
            );
        }
    }

    #[test]
    fn a_secret_has_one_shape() {
        let mut headers = HeaderMap::new();
        let secret = "a".repeat(LENGTH);
        for (line, expected) in [
            (format!("x=1; aim_browser={secret}"), Some(secret.as_str())),
            (format!("aim_browser={secret}a"), None),
            ("aim_browser=".to_owned(), None),
            (format!("other={secret}"), None),
        ] {
            headers.insert(header::COOKIE, line.parse().unwrap());
            assert_eq!(remembered(&headers), expected, "{line}");
        }
    }
}
