//! Whether the process lives and is ready, and its metrics.

use std::sync::Arc;

use aim_app::App;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::door::Door;

/// What this program was built from.
#[derive(Debug, Clone)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit, or `unknown`.
    pub commit: &'static str,
    /// What of it is in use: names, with commas between them.
    pub features: String,
}

/// What a process tells of itself.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// What it measured.
    pub metrics: PrometheusHandle,
    /// What it was built from.
    pub build: Build,
}

/// The process answers, and says what it is.
pub(crate) fn live(build: &Build) -> String {
    let (version, commit, features) = (build.version, build.commit, &build.features);
    format!("live\nversion: {version}\ncommit: {commit}\nfeatures: {features}\n")
}

/// The database answers and the event log is being followed.
pub(crate) async fn ready(State(door): State<Arc<Door>>) -> Response {
    readiness(&door.app).await
}

/// The same, wherever the use cases are.
pub(crate) async fn readiness(app: &App) -> Response {
    match app.check_ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{}\n", error.message),
        )
            .into_response(),
    }
}

/// Metrics in Prometheus's text form, with those of the process as of now.
pub(crate) fn metrics(handle: &PrometheusHandle) -> Response {
    metrics_process::Collector::default().collect();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        handle.render(),
    )
        .into_response()
}
