//! Whether the process lives and is ready, and its metrics.

use std::sync::Arc;

use aim_app::App;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::door::Door;

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "live\n"
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
