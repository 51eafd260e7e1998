//! Role: HTTP responses, every one with the same security headers and a JSON body of errors or
//! data.

use async_graphql::ServerError;
use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{
    auth::AuthError,
    error::{ErrorCode, Reply},
    negotiate::Media,
};

/// Headers of every response. The API has no page of its own, so nothing may be loaded or framed.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Adds the security headers that the response does not set itself.
pub(crate) fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.reserve(SECURITY_HEADERS.len());
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    response
}

/// A body with its type.
pub(crate) fn body(status: StatusCode, media: Media, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media.content_type());
    secured(response)
}

/// Refuses a request with one status in every format.
pub(crate) fn refuse(status: StatusCode, media: Media, error: ServerError) -> Response {
    let media = if media == Media::EventStream {
        Media::Json
    } else {
        media
    };
    body(status, media, Reply::refused(vec![error]).to_json())
}

/// Answers a GraphQL result.
///
/// Request errors are 400, unless the client accepts `application/json` only: there, 200 says that
/// the answer comes from GraphQL and not from something in between.
pub(crate) fn reply(media: Media, reply: Reply) -> Response {
    let status = if reply.data.is_some() {
        StatusCode::OK
    } else if reply.has_code(ErrorCode::Timeout) {
        StatusCode::GATEWAY_TIMEOUT
    } else if reply.has_code(ErrorCode::Internal) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else if media == Media::Json {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    let mut response = body(status, media, reply.to_json());
    response.headers_mut().extend(reply.headers);
    response
}

/// Answers failed authentication.
pub(crate) fn unauthenticated(media: Media, error: &AuthError) -> Response {
    let status = match error.code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = refuse(status, media, error.to_server_error());
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        let challenge = error
            .challenge
            .clone()
            .unwrap_or_else(|| HeaderValue::from_static("Bearer"));
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(wait) = error.retry_after {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(wait.as_secs().max(1)),
        );
    }
    response
}
