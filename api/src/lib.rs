//! The GraphQL door: axum and async-graphql over `app/`. Owns no rule and no query.

mod access_token;
mod agent_token;
mod audit;
mod auth;
mod authzen;
mod certificates;
mod client_address;
mod door;
mod dpop;
mod error_code;
mod events;
mod form;
mod graphql;
mod health;
mod login;
mod models;
mod oauth;
mod oidc;
mod report_files;
mod report_pdf;
mod server;
pub mod tokens;
mod trace;
pub mod transport;
mod verification_export;

pub use auth::Authenticator;
pub use client_address::TrustedProxies;
pub use graphql::{AimSchema, schema, sdl};
pub use health::{Build, Vitals};
pub use server::{ServerLimits, serve};

use std::path::PathBuf;
use std::sync::Arc;

use aim_app::App;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use door::Door;
use transport::{Budgets, RateLimits, SchemaError, TransportConfig, TrustedDocuments};

/// How an API process is set up.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Whether GET requests need a header field that no other site's page can send unasked, and
    /// browsers are told to use TLS only.
    pub production: bool,
    /// Whether clients may ask for the schema, and GraphiQL is served.
    pub introspection: bool,
    /// Origins of web pages that may call from another host; see [`transport::parse_origins`].
    pub allowed_origins: Vec<HeaderValue>,
    /// The only documents that are executed; any valid one if absent.
    pub trusted_documents: Option<TrustedDocuments>,
    /// Points a minute.
    pub rates: RateLimits,
    /// Websockets and event streams that one actor may have open.
    pub streams_per_actor: u32,
    /// Where GraphiQL's and React's files are.
    pub graphiql_dir: Option<PathBuf>,
    /// Page that browsers are sent to behind a sign-in at an issuer; none answers them JSON.
    pub oidc_return_url: Option<String>,
}

/// All routes of an API process.
///
/// # Errors
/// [`SchemaError`] when the schema's own SDL does not validate: a programming mistake.
pub fn router(
    app: &Arc<App>,
    auth: Authenticator,
    config: &ApiConfig,
    vitals: Vitals,
) -> Result<Router, SchemaError> {
    let schema = schema();
    let clock = Arc::clone(app);
    let mut transport = TransportConfig::new(sdl(), Arc::new(move || clock.clock().now()));
    transport.introspection = config.introspection;
    transport.suggestions = config.introspection;
    transport.graphiql = config.introspection;
    transport.graphiql_dir.clone_from(&config.graphiql_dir);
    transport
        .allowed_origins
        .clone_from(&config.allowed_origins);
    transport.strict_get = config.production;
    transport
        .trusted_documents
        .clone_from(&config.trusted_documents);
    transport.streams_per_actor = config.streams_per_actor;
    let budgets = Arc::new(Budgets::new(config.rates));
    let graphql = transport::router(schema, auth.clone(), Arc::clone(&budgets), transport)?;
    let door = Arc::new(Door {
        app: Arc::clone(app),
        auth,
        oidc_return_url: config.oidc_return_url.clone(),
        budgets,
    });
    let Vitals { metrics, build } = vitals;
    let plain = Router::new()
        .route("/v1/events", post(events::post))
        .route("/v1/models", post(models::post))
        .route(authzen::EVALUATION_PATH, post(authzen::evaluation))
        .route(authzen::EVALUATIONS_PATH, post(authzen::evaluations))
        .route(authzen::METADATA_PATH, get(authzen::metadata))
        .route("/v1/audit/export", get(audit::export))
        .route("/v1/verifications/export", get(verification_export::export))
        .route("/v1/reports/{id}", get(report_files::download))
        .route("/auth/oidc/start", get(oidc::start))
        .route("/auth/oidc/callback", get(oidc::callback))
        .merge(login::routes())
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
        .route("/health/live", get(async move || health::live(&build)))
        .route("/health/ready", get(health::ready))
        .route(
            "/metrics",
            get(move || async move { health::metrics(&metrics) }),
        )
        .with_state(door);
    let production = config.production;
    let secured =
        map_response(move |response: Response| async move { secured(response, production) });
    let traced = from_fn_with_state(Arc::clone(app), trace::request);
    Ok(plain.merge(graphql).layer(secured).layer(traced))
}

/// Every response, also of a path that does not exist, with the security headers.
fn secured(response: Response, production: bool) -> Response {
    let mut response = transport::secured(response);
    if production {
        // Browsers heed it over TLS only, which a proxy in front of us speaks.
        let year = HeaderValue::from_static("max-age=31536000");
        response
            .headers_mut()
            .insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// The routes of a process that serves no API: whether it lives, and its metrics.
pub fn health_router(app: &Arc<App>, vitals: Vitals) -> Router {
    let Vitals { metrics, build } = vitals;
    let app = Arc::clone(app);
    Router::new()
        .route("/health/live", get(async move || health::live(&build)))
        .route(
            "/health/ready",
            get(async move || health::readiness(&app).await),
        )
        .route("/metrics", get(async move || health::metrics(&metrics)))
}
