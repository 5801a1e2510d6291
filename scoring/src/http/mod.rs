//! The HTTP rim: routes, headers, problems, traces.
//!
//! In reading order: this page (routes and how they are served) → `payments`, `labels`, `entities`, `status` (handlers) → `request`
//! (tenant, deadline, body) → `problem` (every error and its status) → `trace` (span, access line, metrics around each request) →
//! `openapi`, `ids`.
//!
//! Never knows: how a verdict is made, how JSON fields are checked ([`crate::wire`] does), files, configuration keys.

mod actor;
mod entities;
mod labels;
mod openapi;
mod payments;
mod problem;
mod request;
mod status;
#[cfg(test)]
mod tests;
mod trace;
mod training;

use crate::service::Service;
use crate::wire::InputRules;
use axum::Router;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use metrics_exporter_prometheus::PrometheusHandle;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

pub use actor::{ACTOR, ACTOR_SIGNATURE, ACTOR_TIME, signed_message};
pub use entities::{SubgraphLink, SubgraphNode, SubgraphReply};
pub use labels::LabelReply;
pub use openapi::openapi_json;
pub use payments::REPLAYED;
pub use problem::{Problem, ProblemKind};
pub use request::{DEADLINE, MAX_BODY_BYTES, MAX_DEADLINE_MS, TENANT};
pub use status::ReadyReply;
pub use trace::describe;
pub use training::NEXT_POSITION;

/// Checked settings of the rim.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpConfig {
    /// Tenant of requests that name none.
    pub default_tenant: String,
    /// How long a caller waits who does not say.
    pub default_deadline: Duration,
    /// Limits on requests.
    pub input: InputRules,
}

/// What the handlers share.
pub struct App {
    service: Service,
    config: HttpConfig,
    metrics: Option<PrometheusHandle>,
    taken: actor::Taken,
}

/// Every route: method and path, as documented.
pub const ROUTES: &[(&str, &str)] = &[
    ("post", "/v1/transactions:score"),
    ("get", "/v1/verdicts/{transaction_id}"),
    ("post", "/v1/labels"),
    ("get", "/v1/entities/{kind}/{id}/subgraph"),
    ("get", "/v1/training/stream"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
];

/// The routes of a service. Without a `metrics` handle `/metrics` is empty.
pub fn router(service: Service, config: HttpConfig, metrics: Option<PrometheusHandle>) -> Router {
    let routes = Router::new()
        .route("/v1/transactions:score", post(payments::score))
        .route("/v1/verdicts/{transaction_id}", get(payments::verdict))
        .route("/v1/labels", post(labels::add))
        .route("/v1/entities/{kind}/{id}/subgraph", get(entities::subgraph))
        .route("/v1/training/stream", get(training::stream))
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics))
        .route("/openapi.json", get(openapi::document));
    rim(routes).with_state(Arc::new(App { service, config, metrics, taken: actor::Taken::default() }))
}

/// What stands around all routes: problems for what matches none, panics caught, traces.
fn rim<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    let no_route =
        || async { Problem::new(ProblemKind::NotFound, "there is no such route; GET /openapi.json lists them") };
    let no_method =
        || async { Problem::new(ProblemKind::MethodNotAllowed, "the Allow header names the methods this route takes") };
    routes
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(CatchPanicLayer::custom(trace::caught_panic))
        .layer(axum::middleware::from_fn(trace::around))
}

/// Serves the routes until `shutdown` resolves, then finishes the requests begun and returns. Connections that stay silent are closed;
/// bound the time from outside.
///
/// # Errors
/// Where the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // A verdict is one small write: waiting for more would cost 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not switch off Nagle's algorithm");
        }
    });
    axum::serve(listener, routes).with_graceful_shutdown(shutdown).await
}
