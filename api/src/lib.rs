//! The GraphQL door: axum and async-graphql over `app/`. Owns no rule and no query.

mod audit;
mod agent_token;
mod auth;
mod certificates;
mod client_address;
mod dpop;
mod error_code;
mod events;
mod graphql;
mod health;
mod models;
mod oidc;
mod oauth;
pub mod transport;

pub use auth::Authenticator;
pub use client_address::TrustedProxies;
pub use graphql::{AimSchema, schema};

use std::path::PathBuf;
use std::sync::Arc;

use aim_app::App;
use axum::Router;
use axum::http::HeaderValue;
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use transport::{SchemaError, TransportConfig};

/// How an API process is set up.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Whether clients may ask for the schema, and GraphiQL is served.
    pub introspection: bool,
    /// Origins of web pages that may call from another host.
    pub allowed_origins: Vec<String>,
    /// Where GraphiQL's and React's files are.
    pub graphiql_dir: Option<PathBuf>,
    /// Page that browsers are sent to behind a sign-in at an issuer; none answers them JSON.
    pub oidc_return_url: Option<String>,
}

/// What the plain HTTP endpoints share.
#[derive(Debug)]
struct Door {
    app: Arc<App>,
    auth: Authenticator,
    oidc_return_url: Option<String>,
}

/// All routes of an API process.
///
/// # Errors
/// [`SchemaError`] when the schema's own SDL does not validate: a programming mistake.
pub fn router(
    app: &Arc<App>,
    auth: Authenticator,
    config: &ApiConfig,
    metrics: PrometheusHandle,
) -> Result<Router, SchemaError> {
    let schema = schema();
    let clock = Arc::clone(app);
    let mut transport = TransportConfig::new(schema.sdl(), Arc::new(move || clock.clock().now()));
    transport.introspection = config.introspection;
    transport.suggestions = config.introspection;
    transport.graphiql = config.introspection;
    transport.graphiql_dir.clone_from(&config.graphiql_dir);
    transport.allowed_origins = config
        .allowed_origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok())
        .collect();
    let graphql = transport::router(schema, auth.clone(), transport)?;
    let door = Arc::new(Door {
        app: Arc::clone(app),
        auth,
        oidc_return_url: config.oidc_return_url.clone(),
    });
    let plain = Router::new()
        .route("/v1/events", post(events::post))
        .route("/v1/models", post(models::post))
        .route("/v1/audit/export", get(audit::export))
        .route("/auth/oidc/start", get(oidc::start))
        .route("/auth/oidc/callback", get(oidc::callback))
        .route(oauth::TOKEN_PATH, post(oauth::token))
        .route("/v1/agents/jwks.json", get(oauth::agents_jwks))
        .route(
            "/v1/organizations/{id}/authority.pem",
            get(certificates::authority),
        )
        .route("/v1/organizations/{id}/crl.der", get(certificates::list))
        .route("/.well-known/jwks.json", get(oauth::jwks))
        .route(
            "/.well-known/oauth-authorization-server",
            get(oauth::server_metadata),
        )
        .route(
            "/.well-known/oauth-protected-resource",
            get(oauth::resource_metadata),
        )
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route(
            "/metrics",
            get(move || async move { health::metrics(&metrics) }),
        )
        .with_state(door);
    Ok(plain.merge(graphql))
}

/// The routes of a process that serves no API: whether it lives, and its metrics.
pub fn health_router(app: &Arc<App>, metrics: PrometheusHandle) -> Router {
    let app = Arc::clone(app);
    Router::new()
        .route("/health/live", get(health::live))
        .route(
            "/health/ready",
            get(async move || health::readiness(&app).await),
        )
        .route("/metrics", get(async move || health::metrics(&metrics)))
}
