//! Labels: hearing later whether a payment was fraud.

use super::App;
use super::door::tenant;
use super::problem::Problem;
use super::request::{deadline, json_body};
use crate::clock;
use crate::ids;
use crate::service::ServiceError;
use crate::wire::{LabelRequest, read_label_request};
use axum::Json;
use axum::extract::{Request, State};
use fraudnet_graph::{Body, Event, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What became of a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LabelReply {
    /// The payment it speaks of.
    pub transaction_id: String,
    /// Its position in the event log; it is durable there.
    pub position: u64,
    /// Whether the payment is known. A label of an unknown payment is kept, but counts nowhere.
    pub transaction_known: bool,
}

/// Takes a label; answers once it is durable. Sending it again does no harm.
#[utoipa::path(
    post, path = "/v1/labels", tag = "labels", operation_id = "addLabel", request_body = LabelRequest,
    params(
        ("X-Tenant" = Option<String>, Header, description = "Tenant the payment belongs to; the configured default where absent"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context"),
    ),
    responses(
        (status = 200, description = "The label is durable", body = LabelReply),
        (status = 400, description = "Not JSON, unknown fields, or a header at fault", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came in too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields at fault", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "A fault in the service", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Full or not ready; see Retry-After", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 504, description = "Not durable by the deadline: send it again", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(State(app): State<Arc<App>>, request: Request) -> Result<Json<LabelReply>, Problem> {
    let tenant = tenant(request.extensions())?;
    let deadline = deadline(&request, app.config.default_deadline)?;
    let body = json_body(request).await?;
    let now_ms = clock::now_ms();
    let received = read_label_request(&body, now_ms, &app.config.input)?;
    let transaction_id = received.label.transaction_id.clone();
    tracing::Span::current().record("transaction_id", transaction_id.as_str());
    let event = Event {
        event_id: ids::event_id(),
        tenant,
        schema_version: SCHEMA_VERSION,
        occurred_at_ms: received.known_at_ms.unwrap_or(now_ms),
        ingested_at_ms: now_ms,
        source: "http".to_owned(),
        actor: String::new(),
        body: Body::Label(received.label),
    };
    let receipt = app.service.label(event, deadline).await.map_err(|error| match error {
        ServiceError::NotDurableInTime => Problem {
            detail: "the label is not durable yet: send it again, which does no harm".to_owned(),
            ..Problem::from(ServiceError::NotDurableInTime)
        },
        error => Problem::from(error),
    })?;
    Ok(Json(LabelReply { transaction_id, position: receipt.position, transaction_known: receipt.transaction_known }))
}
