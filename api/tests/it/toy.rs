//! A small schema with one field for each thing the transport has to get right.

use std::{sync::Arc, time::Duration};

use aim_api::transport::{
    AuthError, Authenticate, Budgets, Caller, CallerKind, ErrorCode, Identity, RateLimits,
    TransportConfig, router,
};
use async_graphql::{
    Context, Error, ErrorExtensions, InputObject, Object, Schema, Subscription, ValidationMode,
    futures_util::{Stream, stream},
};
use axum::Router;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{header, request::Parts};

pub(crate) type ToySchema = Schema<Query, Mutation, Ticks>;

#[derive(Debug)]
pub(crate) struct Query;

#[derive(Debug, InputObject)]
pub(crate) struct EchoInput {
    text: String,
    times: Option<i32>,
}

#[Object]
impl Query {
    async fn hello(&self) -> &'static str {
        "world"
    }

    async fn who(&self, context: &Context<'_>) -> String {
        context.data_unchecked::<String>().clone()
    }

    async fn echo(&self, input: EchoInput) -> String {
        input
            .text
            .repeat(usize::try_from(input.times.unwrap_or(1)).unwrap_or(0))
    }

    async fn at(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        time
    }

    async fn secret(&self) -> Option<Result<String, Error>> {
        Some(Err(Error::new("password is hunter2")))
    }

    async fn forbidden(&self) -> Option<Result<String, Error>> {
        Some(Err(
            Error::new("not yours").extend_with(|_, values| values.set("code", "FORBIDDEN"))
        ))
    }

    async fn panics(&self) -> Option<String> {
        let numbers: Vec<String> = Vec::new();
        Some(numbers[0].clone())
    }

    async fn slow(&self) -> bool {
        std::future::pending().await
    }

    async fn list(&self, #[graphql(default = 20)] first: i32) -> Vec<Node> {
        (0..first).map(|_| Node).collect()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Node;

#[Object]
impl Node {
    async fn id(&self) -> i32 {
        1
    }

    async fn list(&self, first: Option<i32>) -> Vec<Node> {
        (0..first.unwrap_or(1)).map(|_| Node).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Mutation;

#[Object]
impl Mutation {
    async fn set(&self, value: i32) -> i32 {
        value
    }
}

#[derive(Debug)]
pub(crate) struct Ticks;

#[Subscription]
impl Ticks {
    /// Numbers from 0 to before `count`.
    async fn ticks(&self, #[graphql(default = 3)] count: i32) -> impl Stream<Item = i32> {
        stream::iter(0..count)
    }

    /// Nothing, for ever.
    async fn silence(&self) -> impl Stream<Item = i32> {
        stream::pending()
    }

    /// Large texts without end, as fast as they are read.
    async fn flood(&self) -> impl Stream<Item = String> {
        stream::repeat_with(|| "x".repeat(4096))
    }

    /// Cannot start.
    async fn broken(&self) -> Result<stream::Empty<i32>, Error> {
        Err(Error::new("database is down"))
    }

    /// One event and then a failure.
    async fn lags(&self) -> impl Stream<Item = Result<i32, Error>> {
        let lagged = Error::new("too slow")
            .extend_with(|_, values| values.set("code", "SUBSCRIPTION_LAGGED"));
        stream::iter([Ok(1), Err(lagged), Ok(2)])
    }
}

/// Believes `Bearer NAME`, or `{"token": "NAME"}` on a websocket; refuses the name `bad`. The name
/// `brief` is known for 300 ms.
#[derive(Debug)]
pub(crate) struct Names;

impl Names {
    fn identity(name: &str) -> Result<Identity<String>, AuthError> {
        match name {
            "bad" => Err(AuthError::unauthenticated("the token is wrong")),
            "down" => Err(AuthError::new(
                ErrorCode::Internal,
                "key store at 10.0.0.7 is down",
            )),
            "brief" => Ok(Identity {
                actor: name.to_owned(),
                expires_at: Some(epoch() + Duration::from_millis(300)),
            }),
            name => Ok(Identity::lasting(name.to_owned())),
        }
    }
}

impl Authenticate for Names {
    type Actor = String;

    async fn http(&self, parts: &Parts, body: &Bytes) -> Result<Identity<String>, AuthError> {
        if let Some(length) = parts.headers.get("x-expect-length") {
            assert_eq!(length.as_bytes(), body.len().to_string().as_bytes());
        }
        let name = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        Self::identity(name.unwrap_or("anonymous"))
    }

    async fn connection(
        &self,
        parts: &Parts,
        payload: Option<serde_json::Value>,
    ) -> Result<Identity<String>, AuthError> {
        assert_eq!(parts.uri.path(), "/graphql");
        let token = payload
            .as_ref()
            .and_then(|payload| payload.get("token")?.as_str());
        Self::identity(token.unwrap_or("anonymous"))
    }

    /// Each name of one letter is an agent, others are people.
    fn caller(&self, _: &Parts, actor: Option<&String>) -> Caller {
        let Some(name) = actor.filter(|name| *name != "anonymous") else {
            return Caller::at(None);
        };
        let kind = match name.len() {
            1 => CallerKind::Agent,
            _ => CallerKind::Person,
        };
        let key = name
            .bytes()
            .fold(0, |key, byte| key << 8 | u128::from(byte));
        Caller { kind, key }
    }
}

/// The time is always this; expiry is measured from it.
pub(crate) fn epoch() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH
}

pub(crate) fn schema() -> ToySchema {
    Schema::build(Query, Mutation, Ticks)
        .validation_mode(ValidationMode::Fast)
        .finish()
}

pub(crate) fn config() -> TransportConfig {
    let mut config = TransportConfig::new(schema().sdl(), Arc::new(epoch));
    config.introspection = true;
    config.graphiql = true;
    config.strict_get = false;
    config
}

pub(crate) fn app(config: TransportConfig) -> Router {
    limited(config, RateLimits::default())
}

pub(crate) fn limited(config: TransportConfig, limits: RateLimits) -> Router {
    let budgets = Arc::new(Budgets::new(limits));
    router(schema(), Names, budgets, config).expect("the schema is valid")
}
