//! Around every request: trace context (W3C `traceparent`), span, access line, metrics, and a panic turned into a problem.
//!
//! A caller's trace goes on; else a new one begins. The id stands in the span, so in every log line below it, and goes back in the
//! response's `traceparent`. The access line holds no body, no query, no path parameter but what a handler put into the span.

use super::ids;
use super::problem::{Problem, ProblemKind};
use crate::clock;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use std::any::Any;
use std::time::Instant;
use tracing::{Instrument, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Name of the W3C header.
pub(super) const TRACEPARENT: &str = "traceparent";
/// What stands in metrics and logs for a request that matched no route.
const UNMATCHED: &str = "(unmatched)";

/// When the request's head was read: deadlines count from here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival(pub(super) Instant);

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` header as W3C Trace Context says; what does not follow it is ignored, never refused.
    pub(super) fn parse(header: &str) -> Option<TraceContext> {
        let bytes = header.as_bytes();
        let (version, rest_allowed) = (bytes.get(0..2)?, bytes.len() > 55);
        let marks = bytes.len() >= 55 && bytes[2] == b'-' && bytes[35] == b'-' && bytes[52] == b'-';
        if !marks || version == b"ff" || (version == b"00" && rest_allowed) || (rest_allowed && bytes[55] != b'-') {
            return None;
        }
        hex(version)?;
        let context = TraceContext {
            trace_id: hex(&bytes[3..35])?,
            span_id: hex(&bytes[36..52])? as u64,
            flags: hex(&bytes[53..55])? as u8 & 1,
        };
        (context.trace_id != 0 && context.span_id != 0).then_some(context)
    }

    fn header(self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |value, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

fn incoming(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let first = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { TraceContext::parse(first) }
}

/// Joins the span to the caller's trace and says where it stands in it.
fn join(span: &Span, caller: Option<TraceContext>) -> TraceContext {
    if let Some(caller) = caller {
        let remote = SpanContext::new(
            TraceId::from(caller.trace_id),
            SpanId::from(caller.span_id),
            TraceFlags::new(caller.flags),
            true,
            TraceState::default(),
        );
        // Fails where spans are not exported: then there is nothing to join.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote));
    }
    let exported = span.context().span().span_context().clone();
    if exported.is_valid() && !exported.is_remote() {
        return TraceContext {
            trace_id: u128::from_be_bytes(exported.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(exported.span_id().to_bytes()),
            flags: exported.trace_flags().to_u8(),
        };
    }
    TraceContext {
        trace_id: caller.map_or_else(ids::next_u128, |caller| caller.trace_id),
        span_id: ids::next_u64(),
        flags: caller.map_or(0, |caller| caller.flags),
    }
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
    span.record("trace_id", format_args!("{:032x}", context.trace_id));

    let mut response = next.run(request).instrument(span.clone()).await;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparents() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(good).unwrap();
        assert_eq!(context.header(), good);
        assert!(TraceContext::parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later").is_some());
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bé-1",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
