//! Around every request: trace context (W3C `traceparent`), span, access line, metrics, and a panic turned into a problem.
//!
//! A caller's trace goes on; else a new one begins. The id stands in the span, so in every log line below it, and goes back in the
//! response's `traceparent`. The access line holds no body, no query, no path parameter but what a handler put into the span.

use super::problem::{Problem, ProblemKind};
use crate::clock;
use crate::trace_context::{TraceContext, join, within};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::time::Instant;
use tracing::{Instrument, field::Empty};

/// Name of the W3C header.
pub(super) const TRACEPARENT: &str = "traceparent";
/// What stands in metrics and logs for a request that matched no route.
const UNMATCHED: &str = "(unmatched)";

/// When the request's head was read: deadlines count from here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival(pub(super) Instant);

fn incoming(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let first = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { TraceContext::parse(first) }
}

/// The outermost layer.
pub(super) async fn around(mut request: Request, next: Next) -> Response {
    let arrival = clock::monotonic();
    request.extensions_mut().insert(Arrival(arrival));
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let method = request.method().clone();
    let span = tracing::info_span!(
        "request",
        otel.name = route,
        otel.kind = "server",
        trace_id = Empty,
        transaction_id = Empty,
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = Empty,
    );
    let context = join(&span, incoming(request.headers()));
    span.record("trace_id", context.trace_id());

    let mut response = within(context, next.run(request)).instrument(span.clone()).await;

    let status = response.status();
    let elapsed = arrival.elapsed();
    span.record("http.response.status_code", status.as_u16());
    if let Ok(value) = HeaderValue::from_str(&context.header()) {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    let latency_ms = (elapsed.as_secs_f64() * 1e6).round() / 1e3;
    span.in_scope(|| tracing::info!(method = method.as_str(), route, status = status.as_u16(), latency_ms, "answered"));
    let method = if route == UNMATCHED { "(any)" } else { method_name(&method) };
    metrics::counter!("fraudnet_http_requests_total", "method" => method, "route" => route.to_owned(), "status" => status.as_str().to_owned())
        .increment(1);
    metrics::histogram!("fraudnet_http_request_seconds", "route" => route.to_owned()).record(elapsed.as_secs_f64());
    response
}

/// A bounded set of method names: callers may invent others, and each would be a time series for ever.
fn method_name(method: &axum::http::Method) -> &'static str {
    ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"]
        .into_iter()
        .find(|name| method.as_str() == *name)
        .unwrap_or("(other)")
}

/// Describes the metrics of this layer to the installed recorder.
pub fn describe() {
    metrics::describe_counter!("fraudnet_http_requests_total", "Requests answered, by method, route and status");
    metrics::describe_histogram!(
        "fraudnet_http_request_seconds",
        metrics::Unit::Seconds,
        "Time from a request's head to its answer, by route"
    );
    super::door::describe();
    metrics::describe_counter!("fraudnet_http_panics_total", "Requests that made a handler panic");
}

/// A panic in a handler is our bug, not the end of the connection.
pub(super) fn caught_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let reason = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(reason, "a handler panicked");
    metrics::counter!("fraudnet_http_panics_total").increment(1);
    Problem::new(
        ProblemKind::Internal,
        "the request hit a fault in the service; its trace id finds the reason in the log",
    )
    .into_response()
}
