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
/// Where nothing is said.
const LIMIT: usize = 200;

/// Changes, in the order of the log or the newest first.
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
    from: Option<u64>,
    limit: Option<usize>,
    newest: Option<usize>,
}

/// Every change of what scores: models, experiments, policies, lists, drift alarms.
#[utoipa::path(
    get, path = "/v1/changes", tag = "control", operation_id = "listChanges",
    params(
        ("from" = Option<u64>, Query, description = "Log position to begin at; 0 unless said otherwise"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most changes; 200 unless said otherwise"),
        ("newest" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "So many of the newest instead, the newest first"),
    ),
    responses(
        (status = 200, description = "The changes, oldest first unless the newest were asked for", body = ChangesReply),
        (status = 400, description = "The query at fault", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    form: Result<Query<Form>, QueryRejection>,
) -> Result<Json<ChangesReply>, Problem> {
    let Query(form) = form.map_err(|error| Problem::new(ProblemKind::Malformed, error.body_text()))?;
    let malformed = |detail: &str| Problem::new(ProblemKind::Malformed, detail);
    if [form.limit, form.newest].into_iter().flatten().any(|count| !(1..=MAX_LIMIT).contains(&count)) {
        return Err(malformed(&format!("limit and newest must be from 1 to {MAX_LIMIT}")));
    }
    let control = app.service.control();
    let events = match form.newest {
        Some(_) if form.from.is_some() || form.limit.is_some() => {
            return Err(malformed("newest is asked for alone, without from and limit"));
        }
        Some(newest) => control.newest(newest)?,
        None => control.events(form.from.unwrap_or(0), form.limit.unwrap_or(LIMIT))?,
    };
    let last = events.iter().map(|(position, _)| position + 1).max();
    let next = last.unwrap_or(form.from.unwrap_or(0));
    let entry =
        |(position, event): (u64, ControlEvent)| ChangeEntry { position, at: format_timestamp(event.at_ms), event };
    Ok(Json(ChangesReply { changes: events.into_iter().map(entry).collect(), next }))
}
