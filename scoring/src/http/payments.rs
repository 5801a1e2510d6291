//! Payments: asking for a verdict, and for one that was given.

use super::App;
use super::door::tenant;
use super::problem::{Problem, ProblemKind};
use super::request::{deadline, json_body};
use crate::clock;
use crate::ids;
use crate::service::{Answer, Submission};
use crate::verdict::{StageTimes, Verdict};
use crate::wire::{ScoreRequest, read_score_request};
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use fraudnet_graph::{Body as EventBody, Event, SCHEMA_VERSION};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// Name of the response header that says a verdict had been given before.
pub const REPLAYED: &str = "idempotent-replayed";

/// Name of the response header that names what the service had to do without.
pub const DEGRADED: &str = "fraudnet-degraded";

/// Scores a payment: a verdict within the deadline. One transaction id has one verdict for ever: the same body again gets the same bytes.
#[utoipa::path(
    post, path = "/v1/transactions:score", tag = "payments", operation_id = "scoreTransaction", request_body = ScoreRequest,
    params(
        ("X-Tenant" = Option<String>, Header, description = "Tenant the payment belongs to; the configured default where absent"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds; 100 unless configured otherwise"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context"),
    ),
    responses(
        (status = 200, description = "The verdict", body = Verdict, headers(
            ("Server-Timing" = String, description = "Milliseconds per stage, `durable` among them; on fresh verdicts"),
            ("Fraudnet-Degraded" = String, description = "`redis` where the store that replicas share could not be asked"),
            ("Idempotent-Replayed" = bool, description = "`true` where the verdict had been given before"),
            ("traceparent" = String, description = "W3C trace context of this request"),
        )),
        (status = 400, description = "Not JSON, unknown fields, or a header at fault", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came in too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The payment was loaded as history and has no verdict", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields at fault, or the id was used with another body", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "A fault in the service", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Full or not ready; see Retry-After", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 504, description = "Not durable by the deadline: ask for the verdict by id", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn score(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let tenant = tenant(request.extensions())?;
    let deadline = deadline(&request, app.config.default_deadline)?;
    let body = json_body(request).await?;
    let now_ms = clock::now_ms();
    let mut received = read_score_request(&body, now_ms, &app.config.input)?;
    tracing::Span::current().record("transaction_id", received.payment.transaction_id.as_str());
    // Before the body's hash, which would else tell who paid to whoever tries identifiers.
    app.service.name(&tenant, &mut received.payment, deadline).await?;
    let submission = Submission {
        body_hash: received.body_hash(),
        event: Event {
            event_id: ids::event_id(),
            tenant,
            schema_version: SCHEMA_VERSION,
            occurred_at_ms: received.occurred_at_ms.unwrap_or(now_ms),
            ingested_at_ms: now_ms,
            source: "http".to_owned(),
            actor: String::new(),
            body: EventBody::Payment(received.payment),
        },
        deadline,
    };
    let answer = app.service.score(submission).await?;
    let timing = (!answer.repeated).then(|| server_timing(&answer)).flatten();
    let Answer { repeated, degraded, .. } = answer;
    let mut response = verdict_response(answer.body);
    if repeated {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if degraded {
        response.headers_mut().insert(DEGRADED, HeaderValue::from_static("redis"));
    }
    if let Some(timing) = timing {
        response.headers_mut().insert("server-timing", timing);
    }
    Ok(response)
}

/// The verdict that was given on a payment, byte for byte.
#[utoipa::path(
    get, path = "/v1/verdicts/{transaction_id}", tag = "payments", operation_id = "getVerdict",
    params(
        ("transaction_id" = String, Path, description = "Your id of the payment, percent-encoded"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant the payment belongs to; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The verdict", body = Verdict),
        (status = 400, description = "A header or the path at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No verdict is stored under this id", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "A fault in the service", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn verdict(
    State(app): State<Arc<App>>,
    transaction_id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(transaction_id) = transaction_id.map_err(bad_path)?;
    let tenant = tenant(request.extensions())?;
    match app.service.verdict(&tenant, &transaction_id).await? {
        Some(body) => {
            tracing::Span::current().record("transaction_id", transaction_id.as_str());
            Ok(verdict_response(body))
        }
        None => {
            let detail = "no verdict is stored under this transaction_id: score the payment first, or ask again shortly where scoring it gave 504";
            Err(Problem::new(ProblemKind::NotFound, detail))
        }
    }
}

/// A path whose parameters cannot be decoded.
pub(super) fn bad_path(_: PathRejection) -> Problem {
    Problem::new(ProblemKind::Malformed, "the path must be percent-encoded UTF-8")
}

fn verdict_response(body: Arc<[u8]>) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_owner(body)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Deserialize)]
struct Timed {
    stage_us: StageTimes,
}

/// The stages as the verdict tells them, and the wait for the disk that came after it was written.
fn server_timing(answer: &Answer) -> Option<HeaderValue> {
    let Timed { stage_us } = serde_json::from_slice(&answer.body).ok()?;
    HeaderValue::from_str(&timing_text(&stage_us, answer.durable_wait)).ok()
}

fn timing_text(stages: &StageTimes, durable: Duration) -> String {
    let ms = |micros: u32| f64::from(micros) / 1e3;
    format!(
        "engine_queue;dur={:.3}, observe;dur={:.3}, inference_queue;dur={:.3}, inference;dur={:.3}, policy;dur={:.3}, durable;dur={:.3}",
        ms(stages.engine_queue),
        ms(stages.observe),
        ms(stages.inference_queue),
        ms(stages.inference),
        ms(stages.policy),
        durable.as_secs_f64() * 1e3,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timing_is_in_milliseconds() {
        let stages = StageTimes { engine_queue: 7, observe: 41, inference_queue: 0, inference: 380, policy: 2 };
        let text = timing_text(&stages, Duration::from_micros(1_234));
        assert_eq!(
            text,
            "engine_queue;dur=0.007, observe;dur=0.041, inference_queue;dur=0.000, inference;dur=0.380, policy;dur=0.002, durable;dur=1.234"
        );
        let body: Arc<[u8]> =
            format!("{{\"decision\":\"approve\",\"stage_us\":{}}}", serde_json::to_string(&stages).unwrap())
                .into_bytes()
                .into();
        let answer = Answer { body, repeated: false, durable_wait: Duration::from_micros(1_234), degraded: false };
        assert_eq!(server_timing(&answer).unwrap(), text.as_str());
    }
}
