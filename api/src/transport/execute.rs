//! Role: runs prepared requests on the executor, for every protocol alike.
//!
//! Guarantees: a query or mutation ends within its time; a panic in a resolver ends one operation
//! only and tells the client nothing; errors leave masked.

use std::{panic::AssertUnwindSafe, time::Duration};

use async_graphql::{Executor, Request};
use futures::{FutureExt, Stream, StreamExt};

use super::error::{ErrorCode, Reply};

/// Executes a query or mutation.
pub(crate) async fn once<E: Executor>(executor: &E, request: Request, limit: Duration) -> Reply {
    let execution = AssertUnwindSafe(executor.execute(request)).catch_unwind();
    match tokio::time::timeout(limit, execution).await {
        Ok(Ok(response)) => Reply::executed(response),
        Ok(Err(_panic)) => panicked(),
        Err(_elapsed) => {
            tracing::warn!(?limit, "graphql execution timed out");
            Reply::refused(vec![ErrorCode::Timeout.error(format!(
                "execution took longer than {} s and was given up: ask for less",
                limit.as_secs_f32()
            ))])
        }
    }
}

/// One step of a subscription.
#[derive(Debug)]
pub(crate) enum Step {
    /// An event's result.
    Next(Reply),
    /// The subscription failed and ends.
    Failed(Reply),
}

/// Executes a subscription. After [`Step::Failed`] the stream ends.
pub(crate) fn subscription<E: Executor>(
    executor: &E,
    request: Request,
) -> impl Stream<Item = Step> + Send + use<E> {
    let responses = AssertUnwindSafe(executor.execute_stream(request, None)).catch_unwind();
    responses.scan(Phase::Before, |phase, response| {
        if *phase == Phase::Failed {
            return std::future::ready(None);
        }
        let reply = response.map_or_else(|_panic| panicked(), Reply::executed);
        // The executor reports a failed start like an event: the first result, without data.
        let failed = reply.data.is_none()
            || reply.has_code(ErrorCode::SubscriptionLagged)
            || (*phase == Phase::Before && reply.is_null());
        *phase = if failed {
            Phase::Failed
        } else {
            Phase::Running
        };
        std::future::ready(Some(if failed {
            Step::Failed(reply)
        } else {
            Step::Next(reply)
        }))
    })
}

#[derive(PartialEq, Eq)]
enum Phase {
    Before,
    Running,
    Failed,
}

fn panicked() -> Reply {
    tracing::error!("a resolver panicked");
    Reply::refused(vec![ErrorCode::Internal.error("internal error")])
}
