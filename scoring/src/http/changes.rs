//! Changes: who changed what scores, and when.

use super::App;
use super::problem::{Problem, ProblemKind};
use crate::control::ControlEvent;
use crate::wire::format_timestamp;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most changes of an answer.
const MAX_LIMIT: usize = 1_000;

/// Changes in the order of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChangesReply {
    /// The changes; those that were refused because they contradicted what stood are among them.
    pub changes: Vec<ChangeEntry>,
    /// Position to ask with next.
    pub next: u64,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChangeEntry {
    /// Its log position.
    pub position: u64,
    /// When it was submitted, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// The change and who made it.
    #[serde(flatten)]
    pub event: ControlEvent,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    #[serde(default)]
    from: u64,
    #[serde(default = "Form::limit")]
    limit: usize,
}

impl Form {
    fn limit() -> usize {
        200
    }
}

/// Every change of what scores: models, experiments, policies, lists, drift alarms.
#[utoipa::path(
    get, path = "/v1/changes", tag = "control", operation_id = "listChanges",
    params(
        ("from" = Option<u64>, Query, description = "Log position to begin at; 0 unless said otherwise"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most changes; 200 unless said otherwise"),
    ),
    responses(
        (status = 200, description = "The changes, oldest first", body = ChangesReply),
        (status = 400, description = "The query at fault", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    form: Result<Query<Form>, QueryRejection>,
) -> Result<Json<ChangesReply>, Problem> {
    let Query(form) = form.map_err(|error| Problem::new(ProblemKind::Malformed, error.body_text()))?;
    if !(1..=MAX_LIMIT).contains(&form.limit) {
        return Err(Problem::new(ProblemKind::Malformed, format!("limit must be from 1 to {MAX_LIMIT}")));
    }
    let events = app.service.control().events(form.from, form.limit)?;
    let next = events.last().map_or(form.from, |(position, _)| position + 1);
    let entry =
        |(position, event): (u64, ControlEvent)| ChangeEntry { position, at: format_timestamp(event.at_ms), event };
    Ok(Json(ChangesReply { changes: events.into_iter().map(entry).collect(), next }))
}
