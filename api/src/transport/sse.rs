//! Role: GraphQL over server-sent events, one operation per connection ("distinct connections
//! mode" of the graphql-sse protocol).
//!
//! Guarantees: events are made only as fast as the client reads them, so a slow client holds one
//! event and its subscription's own bound applies; the stream ends when the identity expires.

use std::{convert::Infallible, sync::Arc};

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::{Executor, Request, ServerError, parser::types::OperationType};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep_until};

use super::{
    Shared,
    auth::{Authenticate, Identity},
    error::{ErrorCode, Reply},
    execute::{self, Step},
    negotiate::Media,
    respond,
    streams::OpenStream,
};

/// Tells proxies not to hold events back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Streams one operation's results.
pub(crate) fn stream<E: Executor, A: Authenticate>(
    shared: &Arc<Shared<E, A>>,
    kind: OperationType,
    request: Request,
    identity: &Identity<A::Actor>,
    open: OpenStream,
) -> Response {
    let timing = shared.config.timing;
    let replies: BoxStream<'static, Reply> = if kind == OperationType::Subscription {
        execute::subscription(&shared.executor, request)
            .map(|step| match step {
                Step::Next(reply) => reply,
                // Without `data: null` the client cannot take it for an event.
                Step::Failed(reply) => Reply {
                    data: None,
                    ..reply
                },
            })
            .boxed()
    } else {
        let shared = Arc::clone(shared);
        let once = async move { execute::once(&shared.executor, request, timing.execution).await };
        stream::once(once).boxed()
    };
    let deadline = shared.config.deadline(identity.expires_at);
    let ended = if kind == OperationType::Subscription {
        shared.authenticator.ended(identity)
    } else {
        // `signOut` itself is answered.
        std::future::pending().boxed()
    };
    respond_with(
        Feed {
            replies,
            deadline,
            ended,
            keep_alive: timing.keep_alive,
            done: false,
            _open: open,
        }
        .into_stream(),
    )
}

/// Answers request errors as a stream, because an event source shows its user no other body.
pub(crate) fn refused(errors: Vec<ServerError>) -> Response {
    let replies = stream::iter([next(&Reply::refused(errors)), COMPLETE]);
    respond_with(replies)
}

fn respond_with(events: impl stream::Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(events.map(Ok::<_, Infallible>));
    let mut response = respond::body(StatusCode::OK, Media::EventStream, body);
    response
        .headers_mut()
        .insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

fn next(reply: &Reply) -> Bytes {
    // JSON has no line breaks outside strings and escapes those inside.
    let mut event = b"event: next\ndata: ".to_vec();
    event.extend_from_slice(&reply.to_json());
    event.extend_from_slice(b"\n\n");
    Bytes::from(event)
}

struct Feed {
    replies: BoxStream<'static, Reply>,
    deadline: Option<Instant>,
    ended: BoxFuture<'static, ()>,
    keep_alive: std::time::Duration,
    done: bool,
    _open: OpenStream,
}

impl Feed {
    fn into_stream(self) -> impl stream::Stream<Item = Bytes> + Send {
        stream::unfold(self, |mut feed| async move {
            let event = feed.event().await?;
            Some((event, feed))
        })
    }

    async fn event(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let silent_until = Instant::now() + self.keep_alive;
        let wake_at = self
            .deadline
            .map_or(silent_until, |deadline| deadline.min(silent_until));
        tokio::select! {
            reply = self.replies.next() => match reply {
                Some(reply) => Some(next(&reply)),
                None => {
                    self.done = true;
                    Some(COMPLETE)
                }
            },
            () = &mut self.ended => Some(self.last("the session has ended: sign in again")),
            () = sleep_until(wake_at) => {
                if self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
                    return Some(COMMENT);
                }
                Some(self.last("the session expired: sign in again"))
            }
        }
    }

    /// The last event of a stream whose asker is not believed any more.
    fn last(&mut self, why: &str) -> Bytes {
        self.done = true;
        let error = ErrorCode::Unauthenticated.error(why);
        let mut last = next(&Reply::refused(vec![error])).to_vec();
        last.extend_from_slice(&COMPLETE);
        Bytes::from(last)
    }
}
