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
mod document;
mod error;
mod execute;
mod graphiql;
mod http;
pub mod limits;
mod messages;
mod negotiate;
mod params;
mod respond;
mod session;
mod sse;
mod websocket;

use std::sync::Arc;

use ::http::{HeaderName, Method, header};
use async_graphql::Executor;
use axum::{
    Router,
    routing::{any, get},
};
use tower_http::cors::CorsLayer;

pub use self::{
    auth::{AuthError, Authenticate, Identity},
    config::{Clock, Timing, TransportConfig},
    document::{DocumentGuard, DocumentRules, PreparedRequest, SchemaError},
    error::ErrorCode,
    params::Params,
};

/// What every request needs.
struct Shared<E, A> {
    executor: E,
    authenticator: A,
    guard: DocumentGuard,
    config: TransportConfig,
}

/// The routes `/graphql` (GET, POST, websocket) and, by configuration, `/graphiql`.
///
/// # Errors
/// [`SchemaError`] if `config.sdl` is not a valid schema.
pub fn router<E: Executor, A: Authenticate>(
    executor: E,
    authenticator: A,
    config: TransportConfig,
) -> Result<Router, SchemaError> {
    let rules = DocumentRules {
        introspection: config.introspection,
        suggestions: config.suggestions,
    };
    let guard = DocumentGuard::new(&config.sdl, rules)?;
    let cors = cors(&config);
    let serves_graphiql = config.graphiql.then(|| config.graphiql_dir.clone());
    let shared = Arc::new(Shared {
        executor,
        authenticator,
        guard,
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
        ])
        .max_age(std::time::Duration::from_secs(600));
    Some(layer)
}
