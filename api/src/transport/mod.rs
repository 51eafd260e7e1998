//! Role: GraphQL over HTTP, websockets and server-sent events, for any schema.
//!
//! The way of a request: limits of the protocol ([`http`]) → who is asking ([`Authenticate`]) →
//! parameters → [`document`] guard → executor → masked errors. The transport knows neither our
//! schema nor our actors; it is generic over `async_graphql::Executor` and [`Authenticate`].
//!
//! Because the guard has validated the document, the schema should be built with
//! `ValidationMode::Fast` and without limits of its own: the executor's strict mode would repeat
//! the work on every request.

mod auth;
mod config;
mod connect;
mod document;
mod error;
mod execute;
mod graphiql;
mod http;
pub mod limits;
mod messages;
mod negotiate;
mod origin;
mod params;
mod persisted;
mod rate;
mod respond;
mod session;
mod sse;
mod streams;
mod websocket;

use std::sync::Arc;

use ::http::{HeaderName, Method, header};
use async_graphql::Executor;
use axum::{
    Router,
    routing::{any, get},
};
use tower_http::cors::CorsLayer;

pub(crate) use self::origin::{is_allowed, is_cross_site};
pub(crate) use self::respond::secured;
use self::streams::Streams;
pub use self::{
    auth::{AuthError, Authenticate, Identity},
    config::{Clock, Timing, TransportConfig},
    document::{DocumentGuard, DocumentRules, PreparedRequest, SchemaError},
    error::ErrorCode,
    origin::parse_origins,
    params::Params,
    persisted::{DocumentHash, TrustedDocuments},
    rate::{Allowance, Budgets, Caller, CallerKind, RateLimits},
};

/// What every request needs.
struct Shared<E, A> {
    executor: E,
    authenticator: A,
    guard: DocumentGuard,
    budgets: Arc<Budgets>,
    streams: Arc<Streams>,
    config: TransportConfig,
}

/// The routes `/graphql` (GET, POST, websocket) and, by configuration, `/graphiql`.
///
/// # Errors
/// [`SchemaError`] if `config.sdl` is not a valid schema, or a trusted document is not valid.
pub fn router<E: Executor, A: Authenticate>(
    executor: E,
    authenticator: A,
    budgets: Arc<Budgets>,
    config: TransportConfig,
) -> Result<Router, SchemaError> {
    let rules = DocumentRules {
        introspection: config.introspection,
        suggestions: config.suggestions,
    };
    let guard = DocumentGuard::new(&config.sdl, rules, config.trusted_documents.clone())?;
    let cors = cors(&config);
    let serves_graphiql = config.graphiql.then(|| config.graphiql_dir.clone());
    let shared = Arc::new(Shared {
        executor,
        authenticator,
        guard,
        budgets,
        streams: Streams::new(config.streams_per_actor),
        config,
    });
    let mut router = Router::new()
        .route("/graphql", any(http::endpoint::<E, A>))
        .with_state(shared);
    if let Some(cors) = cors {
        router = router.layer(cors);
    }
    if let Some(folder) = serves_graphiql {
        let pages = Router::new()
            .route("/graphiql", get(graphiql::page))
            .route("/graphiql/{file}", get(graphiql::asset))
            .with_state(folder);
        router = router.merge(pages);
    }
    Ok(router)
}

/// Cross-origin rules, or none if only the own origin calls.
fn cors(config: &TransportConfig) -> Option<CorsLayer> {
    if config.allowed_origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_origin(config.allowed_origins.clone())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("content-digest"),
            HeaderName::from_static("signature"),
            HeaderName::from_static("signature-input"),
            origin::PREFLIGHT,
        ])
        .expose_headers([
            rate::RATE_LIMIT,
            rate::RATE_LIMIT_POLICY,
            header::RETRY_AFTER,
        ])
        .max_age(std::time::Duration::from_secs(600));
    Some(layer)
}
