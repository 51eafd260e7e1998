//! Role: opens websockets: which requests are upgrades, which origins may, with which buffers.
//!
//! Guarantees: a web page of a foreign origin is refused before the upgrade (browsers send cookies
//! and no preflight with a websocket); an idle socket keeps small buffers.

use std::sync::Arc;

use async_graphql::Executor;
use axum::{
    extract::{FromRequestParts, WebSocketUpgrade},
    response::Response,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts};

use super::{
    Shared,
    auth::Authenticate,
    error::ErrorCode,
    limits::{MAX_MESSAGE_SIZE, SOCKET_BUFFER_BYTES},
    messages::PROTOCOL,
    negotiate::Media,
    respond,
    session::Session,
};

/// Whether the request asks for a websocket.
pub(crate) fn is_upgrade(parts: &Parts) -> bool {
    parts.method == Method::GET
        && parts
            .headers
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers the upgrade and runs the session.
pub(crate) async fn upgrade<E: Executor, A: Authenticate>(
    shared: Arc<Shared<E, A>>,
    mut parts: Parts,
) -> Response {
    if !is_allowed_origin(&parts.headers, &shared.config.allowed_origins) {
        let error = ErrorCode::Forbidden
            .error("the origin may not open websockets: add it to the allowed origins");
        return respond::refuse(StatusCode::FORBIDDEN, Media::Json, error);
    }
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let error = ErrorCode::BadUserInput.error("the websocket handshake is malformed");
            return respond::refuse(rejection.status(), Media::Json, error);
        }
    };
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .max_message_size(MAX_MESSAGE_SIZE)
        .max_frame_size(MAX_MESSAGE_SIZE)
        .on_upgrade(move |socket| Session::new(shared, socket, parts).run())
}

/// Whether `Origin` is absent, the own host, or listed.
fn is_allowed_origin(headers: &HeaderMap, allowed: &[HeaderValue]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("api.example:8080"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(
                is_allowed_origin(&headers, &allowed),
                expected,
                "{origin:?}"
            );
        }
    }
}
