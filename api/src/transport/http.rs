//! Role: GraphQL over HTTP on one path: POST, GET for queries, event streams, and the websocket
//! upgrade.
//!
//! Guarantees: bodies are bounded in bytes and time; requests of any type but JSON are refused, so
//! that another site's page cannot make a browser send one, and so are GET requests that a browser
//! says it sent for one; a mutation never runs over GET; nobody is executed for before the
//! authenticator answered and their budget was charged.

use std::{sync::Arc, time::Duration};

use async_graphql::{Executor, parser::types::OperationType};
use axum::{body::Body, extract::State, response::Response};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};

use super::{
    Shared,
    auth::{AuthError, Authenticate, Identity},
    config::TransportConfig,
    document::PreparedRequest,
    error::{ErrorCode, Reply},
    execute,
    limits::{MAX_BODY_BYTES, REFUSED_CREDENTIALS_POINTS},
    negotiate::{self, Accepted, Media},
    origin,
    params::Params,
    rate::{self, Allowance, Caller},
    respond, sse, websocket,
};

/// Every request to the GraphQL path.
pub(crate) async fn endpoint<E: Executor, A: Authenticate>(
    State(shared): State<Arc<Shared<E, A>>>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if websocket::is_upgrade(&parts) {
        return websocket::upgrade(shared, parts).await;
    }
    let mut budget = None;
    let mut response = match answer(&shared, &parts, body, &mut budget).await {
        Ok(response) | Err(response) => response,
    };
    if let Some(allowance) = budget {
        allowance.write(response.headers_mut());
    }
    response
}

/// The answer; `Err` only ends the function early, both are complete responses.
async fn answer<E: Executor, A: Authenticate>(
    shared: &Arc<Shared<E, A>>,
    parts: &Parts,
    body: Body,
    budget: &mut Option<Allowance>,
) -> Result<Response, Response> {
    let (accepted, bytes) = read(&shared.config, parts, body).await?;
    let media = accepted.best;
    let (identity, caller) = identify(shared, parts, &bytes, media, budget).await?;
    let is_get = parts.method == Method::GET;
    let params = if is_get {
        Params::from_uri(&parts.uri)
    } else {
        Params::from_json(&bytes)
    }
    .map_err(|error| respond::refuse(StatusCode::BAD_REQUEST, media, error))?;
    let prepared = match shared.guard.prepare(params) {
        Ok(prepared) => prepared,
        Err(errors) if media == Media::EventStream => return Ok(sse::refused(errors)),
        Err(errors) => return Err(respond::reply(media, Reply::refused(errors))),
    };
    let points = rate::further_points(&caller, &prepared);
    charge(shared, &caller, points, media, budget)?;
    let PreparedRequest {
        kind, mut request, ..
    } = prepared;
    if is_get && kind == OperationType::Mutation {
        return Err(not_allowed(
            "POST",
            "mutations are not served over GET: send a POST",
        ));
    }
    if kind != OperationType::Mutation {
        let spent = shared.authenticator.spend(&identity).await;
        spent.map_err(|error| respond::unauthenticated(media, &error))?;
    }
    request.data = shared.authenticator.data(&identity, kind);
    if media == Media::EventStream || (kind == OperationType::Subscription && accepted.event_stream)
    {
        let open = shared.streams.open(caller);
        let open = open.map_err(|e| respond::refuse(StatusCode::TOO_MANY_REQUESTS, media, e))?;
        return Ok(sse::stream(shared, kind, request, &identity, open));
    }
    if kind == OperationType::Subscription {
        let error = ErrorCode::BadUserInput
            .error("subscriptions need `accept: text/event-stream` or a websocket");
        return Err(respond::refuse(StatusCode::BAD_REQUEST, media, error));
    }
    let limit = shared.config.timing.execution;
    let reply = execute::once(&shared.executor, request, limit).await;
    Ok(respond::reply(media, reply))
}

/// What the request accepts, and its body: empty for a GET.
async fn read(
    config: &TransportConfig,
    parts: &Parts,
    body: Body,
) -> Result<(Accepted, Bytes), Response> {
    let is_get = parts.method == Method::GET;
    if !is_get && parts.method != Method::POST {
        return Err(not_allowed(
            "GET, POST",
            "only GET and POST are served: send a POST",
        ));
    }
    let accepted = negotiate::accepted(&parts.headers).ok_or_else(not_acceptable)?;
    let media = accepted.best;
    if is_get {
        check_sender(config, &parts.headers, media)?;
        return Ok((accepted, Bytes::new()));
    }
    if !negotiate::is_json_body(&parts.headers) {
        let error = ErrorCode::BadUserInput
            .error("the body is not declared as JSON: send `content-type: application/json`");
        return Err(respond::refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            media,
            error,
        ));
    }
    let bytes = read_body(body, config.timing.execution).await;
    let bytes = bytes.map_err(|problem| problem.response(media))?;
    Ok((accepted, bytes))
}

/// Who asks, and whose budget it is: charged for one point, and the address for wrong credentials.
async fn identify<E: Executor, A: Authenticate>(
    shared: &Shared<E, A>,
    parts: &Parts,
    bytes: &Bytes,
    media: Media,
    budget: &mut Option<Allowance>,
) -> Result<(Identity<A::Actor>, Caller), Response> {
    match authenticate(shared, parts, bytes).await {
        Ok(identity) => {
            let caller = shared.authenticator.caller(parts, Some(&identity.actor));
            charge(shared, &caller, 1, media, budget)?;
            Ok((identity, caller))
        }
        Err(error) => {
            if error.code == ErrorCode::Unauthenticated {
                let address = shared.authenticator.caller(parts, None);
                charge(shared, &address, REFUSED_CREDENTIALS_POINTS, media, budget)?;
            }
            Err(respond::unauthenticated(media, &error))
        }
    }
}

async fn authenticate<E: Executor, A: Authenticate>(
    shared: &Shared<E, A>,
    parts: &Parts,
    body: &Bytes,
) -> Result<Identity<A::Actor>, AuthError> {
    tokio::time::timeout(
        shared.config.timing.execution,
        shared.authenticator.http(parts, body),
    )
    .await
    .unwrap_or_else(|_| {
        Err(AuthError::new(
            ErrorCode::Timeout,
            "authentication timed out",
        ))
    })
}

/// Takes points out of the caller's budget and remembers what is left.
#[expect(
    clippy::result_large_err,
    reason = "a refusal is the whole answer, made once"
)]
fn charge<E: Executor, A: Authenticate>(
    shared: &Shared<E, A>,
    caller: &Caller,
    points: u32,
    media: Media,
    budget: &mut Option<Allowance>,
) -> Result<(), Response> {
    match shared.budgets.charge(caller, points) {
        Ok(None) => Ok(()),
        Ok(left) => {
            *budget = left;
            Ok(())
        }
        Err(refused) => {
            let error = refused.refusal();
            *budget = Some(refused);
            Err(respond::refuse(StatusCode::TOO_MANY_REQUESTS, media, error))
        }
    }
}

/// Refuses a GET request that a page of another site may have made a browser send.
#[expect(
    clippy::result_large_err,
    reason = "a refusal is the whole answer, made once"
)]
fn check_sender(
    config: &TransportConfig,
    headers: &HeaderMap,
    media: Media,
) -> Result<(), Response> {
    if origin::is_cross_site(headers, &config.allowed_origins) {
        let error = ErrorCode::Forbidden
            .error("a page of another site may not ask: add its origin to the allowed origins");
        return Err(respond::refuse(StatusCode::FORBIDDEN, media, error));
    }
    if config.strict_get && !origin::is_preflighted(headers) {
        let error = ErrorCode::BadUserInput.error(
            "another site's page could have sent this: send `graphql-require-preflight: 1`, or a POST",
        );
        return Err(respond::refuse(StatusCode::BAD_REQUEST, media, error));
    }
    Ok(())
}

/// Why a body was not read.
enum BodyProblem {
    TooLarge,
    TooSlow,
    Broken,
}

impl BodyProblem {
    fn response(&self, media: Media) -> Response {
        let (status, code, message) = match self {
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::BadUserInput,
                format!("the body is larger than {MAX_BODY_BYTES} bytes: send less"),
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::Timeout,
                "the body did not arrive in time: send it again".to_owned(),
            ),
            Self::Broken => (
                StatusCode::BAD_REQUEST,
                ErrorCode::BadUserInput,
                "the body ended early: send it again".to_owned(),
            ),
        };
        respond::refuse(status, media, code.error(message))
    }
}

async fn read_body(body: Body, limit: Duration) -> Result<Bytes, BodyProblem> {
    tokio::time::timeout(limit, collect(body))
        .await
        .unwrap_or(Err(BodyProblem::TooSlow))
}

/// Collects a body; one that came in a single piece is not copied.
async fn collect(body: Body) -> Result<Bytes, BodyProblem> {
    let mut chunks = body.into_data_stream();
    let mut first = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyProblem::Broken)?;
        let so_far = joined.as_ref().map_or(first.len(), BytesMut::len);
        if so_far + chunk.len() > MAX_BODY_BYTES {
            return Err(BodyProblem::TooLarge);
        }
        match &mut joined {
            Some(bytes) => bytes.extend_from_slice(&chunk),
            None if first.is_empty() => first = chunk,
            None => {
                let mut bytes = BytesMut::from(first.as_ref());
                bytes.extend_from_slice(&chunk);
                joined = Some(bytes);
            }
        }
    }
    Ok(joined.map_or(first, BytesMut::freeze))
}

fn not_allowed(methods: &'static str, message: &str) -> Response {
    let error = ErrorCode::BadUserInput.error(message);
    let mut response = respond::refuse(StatusCode::METHOD_NOT_ALLOWED, Media::Json, error);
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

fn not_acceptable() -> Response {
    let error = ErrorCode::BadUserInput.error(
        "`accept` names no type we have: send `application/graphql-response+json`, \
         `application/json` or `text/event-stream`",
    );
    respond::refuse(StatusCode::NOT_ACCEPTABLE, Media::Json, error)
}
