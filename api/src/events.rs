//! `POST /v1/events`: events of fleets over HTTP, for those without Kafka.
//!
//! The body is JSON lines, each `{"event": "<CloudEvent as text>", "signature": "<key id>=:..:"}`.
//! The event is text inside, so that the bytes that were signed arrive as they were. Answered with
//! 202 and `{"accepted": n}` once they are durable; problems are RFC 9457 documents.

use std::sync::Arc;

use aim_app::{AppError, ErrorCode, IngestedEvent};
use aim_domain::role::Permission;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde_json::json;

use crate::door::Door;
use crate::error_code::code;

/// Most bytes of a body: 1,000 events of 4 KiB.
const BODY_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Events for each point of the sender's budget beyond the first.
const EVENTS_PER_POINT: usize = 100;

#[derive(Deserialize)]
struct Line {
    event: String,
    signature: Option<String>,
}

/// Takes events in.
pub(crate) async fn post(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let outcome = async {
        let refused = |error| problem(&error);
        let body = read(body, BODY_MAX_BYTES).await.map_err(refused)?;
        let actor = door.identify(&parts, &body).await?;
        let request_id = door.app.next_id().to_string();
        let permit = actor.permit(Permission::IngestEvents, &request_id);
        let permit = permit.map_err(refused)?;
        let events = lines(&body).map_err(refused)?;
        let points = events.len() / EVENTS_PER_POINT;
        door.charge(&parts, &actor, u32::try_from(points).unwrap_or(u32::MAX))?;
        let accepted = door.app.ingest_events(&permit, events).await;
        accepted.map_err(refused)
    };
    match outcome.await {
        Ok(accepted) => (
            StatusCode::ACCEPTED,
            axum::Json(json!({ "accepted": accepted })),
        )
            .into_response(),
        Err(refused) => refused,
    }
}

/// A body of at most `most` bytes.
pub(crate) async fn read(body: Body, most: usize) -> Result<Bytes, AppError> {
    let collected = Limited::new(body, most).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|_| {
            let message = format!("the body is larger than {most} bytes or ended early");
            AppError::new(ErrorCode::InvalidInput, message)
        })
}

fn lines(body: &[u8]) -> Result<Vec<IngestedEvent>, AppError> {
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(index, line)| {
            let line: Line = serde_json::from_slice(line).map_err(|error| {
                AppError::field(
                    &format!("line {}", index + 1),
                    format!("is not {{event, signature}}: {error}"),
                )
            })?;
            Ok(IngestedEvent {
                payload: line.event.into(),
                signature: line.signature,
            })
        })
        .collect()
}

/// A problem document (RFC 9457).
pub(crate) fn problem(error: &AppError) -> Response {
    let status = match error.code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::PreconditionFailed => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": error.message,
        "code": code(error.code).as_str(),
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, body.to_string()).into_response()
}
