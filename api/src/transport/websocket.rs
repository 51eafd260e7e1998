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
use http::{Method, StatusCode, header, request::Parts};

use super::{
    Shared,
    auth::Authenticate,
    error::ErrorCode,
    limits::{MAX_MESSAGE_SIZE, SOCKET_BUFFER_BYTES},
    messages::PROTOCOL,
    negotiate::Media,
    origin, respond,
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
    if !origin::is_allowed(&parts.headers, &shared.config.allowed_origins) {
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
