//! Role: the seam to whoever knows actors. The transport asks once per HTTP request and once per
//! websocket, and hands the answer to the resolvers as request data.
//!
//! Guarantees: the authenticator sees the method, target, headers and body bytes exactly as
//! received, so that signatures over them can be verified; without its answer nothing is executed;
//! what it accepted is not used after `expires_at`.

use std::{fmt, future::Future, time::Duration};

use async_graphql::{Data, ServerError, parser::types::OperationType};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderValue, request::Parts};

use super::{error::ErrorCode, rate::Caller};

/// Who is asking, and until when that is known.
#[derive(Debug, Clone)]
pub struct Identity<A> {
    /// The actor; "anonymous" is one of its values, not an error.
    pub actor: A,
    /// When a connection of this actor must end (close code 4403); `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
}

impl<A> Identity<A> {
    /// An identity without an end.
    pub fn lasting(actor: A) -> Self {
        Self {
            actor,
            expires_at: None,
        }
    }
}

/// Finds out who is asking.
pub trait Authenticate: Send + Sync + 'static {
    /// What resolvers get as request data.
    type Actor: Clone + Send + Sync + 'static;

    /// Authenticates one HTTP request; `body` is empty for GET.
    ///
    /// # Errors
    /// [`AuthError`] if credentials are present and wrong. Absent credentials are an actor.
    fn http(
        &self,
        parts: &Parts,
        body: &Bytes,
    ) -> impl Future<Output = Result<Identity<Self::Actor>, AuthError>> + Send;

    /// Authenticates a websocket from its upgrade request and the `connection_init` payload.
    ///
    /// # Errors
    /// [`AuthError`] closes the socket with 4403.
    fn connection(
        &self,
        parts: &Parts,
        init_payload: Option<serde_json::Value>,
    ) -> impl Future<Output = Result<Identity<Self::Actor>, AuthError>> + Send;

    /// Resolves when what was accepted is no longer so, before `expires_at`: a connection then ends as
    /// at `expires_at`.
    fn ended(&self, _identity: &Identity<Self::Actor>) -> BoxFuture<'static, ()> {
        std::future::pending().boxed()
    }

    /// Uses up what is good for one request only, where what the request changes does not: called for
    /// each query and subscription over HTTP before it is executed.
    ///
    /// # Errors
    /// [`AuthError`] if it was used before; then nothing is executed.
    fn spend(
        &self,
        _identity: &Identity<Self::Actor>,
    ) -> impl Future<Output = Result<(), AuthError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whose budget a request is taken from; `None` for the actor when its credentials were refused.
    fn caller(&self, _parts: &Parts, _actor: Option<&Self::Actor>) -> Caller {
        Caller::at(None)
    }

    /// Request data for one operation: the actor, and whatever lives as long as the operation, such
    /// as data loaders. Called once per operation, also for each operation on a websocket.
    fn data(&self, identity: &Identity<Self::Actor>, _kind: OperationType) -> Data {
        let mut data = Data::default();
        data.insert(identity.actor.clone());
        data
    }
}

/// Why nobody could be authenticated, in words for the client.
#[derive(Debug, Clone)]
pub struct AuthError {
    /// `Unauthenticated`, `Forbidden`, `RateLimited`, `Unavailable`, `BadUserInput` or `Internal`.
    pub code: ErrorCode,
    /// Shown to the client, except with `Internal`.
    pub message: String,
    /// `WWW-Authenticate` of a 401; `None` answers `Bearer`.
    pub challenge: Option<HeaderValue>,
    /// `Retry-After` of a 429 or 503.
    pub retry_after: Option<Duration>,
}

impl AuthError {
    /// An error without headers.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            challenge: None,
            retry_after: None,
        }
    }

    /// Credentials are wrong.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unauthenticated, message)
    }

    pub(crate) fn to_server_error(&self) -> ServerError {
        if self.code == ErrorCode::Internal {
            tracing::error!(message = %self.message, "authentication failed");
            return self.code.error("internal error");
        }
        self.code.error(self.message.as_str())
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AuthError {}
