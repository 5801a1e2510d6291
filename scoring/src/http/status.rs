//! What orchestration and monitoring ask: alive, ready, metrics.

use super::App;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Whether the service takes traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReadyReply {
    /// Takes traffic.
    pub ready: bool,
    /// In words.
    pub state: String,
    /// Log entries still to replay, or messages still to read.
    pub lag: u64,
    /// Parts that do not work at present, and why; the service answers all the same where it is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
}

/// Says that the process answers; nothing about whether it is ready.
#[utoipa::path(get, path = "/livez", tag = "status", operation_id = "livez", responses((status = 200, description = "Alive", body = String, content_type = "text/plain")))]
pub(super) async fn livez() -> &'static str {
    "alive\n"
}

/// Says whether payments are taken.
#[utoipa::path(
    get, path = "/readyz", tag = "status", operation_id = "readyz",
    responses(
        (status = 200, description = "Takes traffic", body = ReadyReply),
        (status = 503, description = "Replaying, catching up, draining, cut off or failed", body = ReadyReply, headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let readiness = app.service.readiness();
    let reply = Json(ReadyReply {
        ready: readiness.ready,
        state: readiness.state,
        lag: readiness.lag,
        degraded: readiness.degraded,
    });
    if reply.ready {
        reply.into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], reply).into_response()
    }
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "status", operation_id = "metrics", responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    // Gauges that nobody sets while nothing happens.
    let _ = app.service.readiness();
    let text = app.metrics.as_ref().map(|handle| handle.render()).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
