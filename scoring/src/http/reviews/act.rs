//! What people do with cases.

use super::super::App;
use super::super::actor::{Authorised, by_person};
use super::super::door::caller;
use super::super::payments::bad_path;
use super::super::problem::{Problem, ProblemKind};
use super::super::request::MAX_BODY_BYTES;
use super::{BulkReply, BulkRequest, CaseReply};
use crate::cases::{CaseAction, CaseChange, CaseFilter, CaseTarget, Preview};
use crate::clock;
use crate::reviews::{By, Done, ReviewError};
use crate::wire::holds_card_number;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Largest bulk action, bytes of JSON: five hundred cases.
const MAX_BULK_BYTES: usize = 256 * 1024;
/// What can be done with a case, as it stands behind the colon.
const STEPS: &str = "take, release, assign, snooze, note, escalate, decide, approve, reject, undo, reopen";

/// Acts on a case: `take`, `release`, `assign` (`to`), `snooze` (`until_ms`), `note` (`text`), `escalate` (`reason`), `decide` (`outcome`,
/// `reason`, `note`), `approve`, `reject` (`reason`), `undo`, `reopen` (`reason`). The body names the `version` that was seen; where the case
/// has another one by now nothing is done, and the answer holds the case as it stands.
#[utoipa::path(
    post, path = "/v1/reviews/{case_id}:{step}", tag = "reviews", operation_id = "stepReview", request_body = Value,
    params(
        ("case_id" = String, Path, description = "Its id"),
        ("step" = String, Path, description = "What is done"),
        ("X-Actor" = Option<String>, Header, description = "Who acts; signed where the service trusts keys only"),
        ("X-Tenant" = Option<String>, Header, description = "Whose case; the configured default where absent"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It is done; the case as it stands after it", body = CaseReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such case of this tenant, or no such step", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The case does not allow it, `code` says why; where it changed since, `case` is as it stands", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields at fault", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn step(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<CaseReply>, Problem> {
    let Path(last) = path.map_err(bad_path)?;
    let Some((case_id, step)) = last.rsplit_once(':') else {
        return Err(no_such_step());
    };
    let (tenant, is_lead, Authorised { actor, body, deadline }) = asked(&app, request, MAX_BODY_BYTES).await?;
    let mut fields = object(&body, &format!("{case_id}:{step}"))?;
    let Some(version) = fields.remove("version").and_then(|version| version.as_u64()) else {
        return Err(Problem::new(
            ProblemKind::Malformed,
            "the body must name the version of the case that was seen: {\"version\": 3}",
        ));
    };
    let action = action(step, fields)?;
    let target = CaseTarget { case_id: case_id.to_owned(), version };
    let by = By { tenant: &tenant, actor: &actor, is_lead };
    let done = app.service.reviews().submit(by, CaseChange::Acted { target, action }, deadline).await?;
    one(done)
}

/// Takes whatever is next: the case with the most at stake for its age among those that the caller may work on. The body is a filter, `{}`
/// for none. However many ask at once, each gets another case.
#[utoipa::path(
    post, path = "/v1/reviews:next", tag = "reviews", operation_id = "takeNextReview", request_body = CaseFilter,
    params(
        ("X-Actor" = Option<String>, Header, description = "Who acts; signed where the service trusts keys only"),
        ("X-Tenant" = Option<String>, Header, description = "Whose case; the configured default where absent"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "The case, held by the caller from now on", body = CaseReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nothing waits that the caller may take (`nothing_to_take`)", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn next(State(app): State<Arc<App>>, request: Request) -> Result<Json<CaseReply>, Problem> {
    let (tenant, is_lead, Authorised { actor, body, deadline }) = asked(&app, request, MAX_BODY_BYTES).await?;
    let fields = Value::Object(object(&body, "a filter such as {\"min_loss_hundredths\": 50000}")?);
    let filter: CaseFilter = read(fields, "a filter such as {\"min_loss_hundredths\": 50000}")?;
    let by = By { tenant: &tenant, actor: &actor, is_lead };
    let done = app.service.reviews().submit(by, CaseChange::TakeNext { filter }, deadline).await?;
    one(done)
}

/// Does the same with many cases. Each is accepted or refused by itself; `POST /v1/reviews:bulk-preview` tells beforehand.
#[utoipa::path(
    post, path = "/v1/reviews:bulk", tag = "reviews", operation_id = "bulkReviews", request_body = BulkRequest,
    params(
        ("X-Actor" = Option<String>, Header, description = "Who acts; signed where the service trusts keys only"),
        ("X-Tenant" = Option<String>, Header, description = "Whose cases; the configured default where absent"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "What became of each", body = BulkReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 256 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Too many cases, or one twice", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn bulk(State(app): State<Arc<App>>, request: Request) -> Result<Json<BulkReply>, Problem> {
    let (tenant, is_lead, Authorised { actor, body, deadline }) = asked(&app, request, MAX_BULK_BYTES).await?;
    let change = bulk_change(&body)?;
    let by = By { tenant: &tenant, actor: &actor, is_lead };
    let done = app.service.reviews().submit(by, change, deadline).await?;
    Ok(Json(BulkReply { results: done.bulk.into_iter().map(Into::into).collect() }))
}

/// What a bulk action would do now: how many cases it would change, refuse (and why), label, and leave to a second person.
#[utoipa::path(
    post, path = "/v1/reviews:bulk-preview", tag = "reviews", operation_id = "previewBulkReviews", request_body = BulkRequest,
    params(
        ("X-Actor" = Option<String>, Header, description = "Who would act; signed where the service trusts keys only"),
        ("X-Tenant" = Option<String>, Header, description = "Whose cases; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "What it would do", body = Preview),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Too many cases, or one twice", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn preview(State(app): State<Arc<App>>, request: Request) -> Result<Json<Preview>, Problem> {
    let (tenant, is_lead, Authorised { actor, body, .. }) = asked(&app, request, MAX_BULK_BYTES).await?;
    let change = bulk_change(&body)?;
    let by = By { tenant: &tenant, actor: &actor, is_lead };
    Ok(Json(app.service.reviews().preview(by, change).map_err(ReviewError::Refused)?))
}

/// Whose cases a request is about, whether a lead sends it, and who.
async fn asked(app: &App, request: Request, most: usize) -> Result<(String, bool, Authorised), Problem> {
    let (caller, tenant) = caller(request.extensions())?;
    let (tenant, is_lead) = (tenant.clone(), caller.is_lead());
    Ok((tenant, is_lead, by_person(app, request, most).await?))
}

fn bulk_change(body: &[u8]) -> Result<CaseChange, Problem> {
    let form = r#"{"targets": [{"case_id": "case_…", "version": 1}], "action": {"kind": "decide", "outcome": "false_positive", "reason": "…"}}"#;
    let fields = Value::Object(object(body, form)?);
    let BulkRequest { targets, action } = read(fields.clone(), form)?;
    let told = fields.get("action").and_then(Value::as_object).cloned().unwrap_or_default();
    checked(&action, &told)?;
    Ok(CaseChange::Bulk { targets, action })
}

/// The action that a step with those fields is.
fn action(step: &str, mut fields: Map<String, Value>) -> Result<CaseAction, Problem> {
    if !STEPS.split(", ").any(|known| known == step) {
        return Err(no_such_step());
    }
    fields.insert("kind".to_owned(), json!(step));
    let action: CaseAction = read(Value::Object(fields.clone()), "what the step takes")?;
    checked(&action, &fields)?;
    Ok(action)
}

/// Refuses fields that mean nothing and text that holds what must never be kept.
fn checked(action: &CaseAction, told: &Map<String, Value>) -> Result<(), Problem> {
    let known = serde_json::to_value(action).unwrap_or_default();
    let unknown = told.iter().find(|(name, value)| !value.is_null() && known.get(name).is_none());
    if let Some((name, _)) = unknown {
        let safe = name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let named = if safe { format!("`{name}`") } else { "one of its fields".to_owned() };
        return Err(Problem::new(ProblemKind::Malformed, format!("{} takes no {named}", action.name())));
    }
    if told.values().any(|value| value.as_str().is_some_and(holds_card_number)) {
        let reason = "must not hold a card number; write down its last four digits at most";
        return Err(Problem::new(ProblemKind::InvalidFields, format!("what is written {reason}")));
    }
    Ok(())
}

fn object(body: &[u8], form: &str) -> Result<Map<String, Value>, Problem> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(ProblemKind::Malformed, format!("the body must be an object, {form}: {error}")))
}

fn read<T: serde::de::DeserializeOwned>(fields: Value, form: &str) -> Result<T, Problem> {
    serde_json::from_value(fields).map_err(|error| {
        let reason = error.to_string();
        // What may be anything is not repeated.
        let reason = if holds_card_number(&reason) { "a value is of the wrong kind".to_owned() } else { reason };
        Problem::new(ProblemKind::Malformed, format!("the body must be {form}: {reason}"))
    })
}

fn one(done: Done) -> Result<Json<CaseReply>, Problem> {
    // Where a case was merged into another one, that one comes last and is what goes on.
    let case = done.changed.last().ok_or_else(|| Problem::new(ProblemKind::Internal, "nothing came of it"))?;
    Ok(Json(CaseReply::of(case, clock::now_ms())))
}

fn no_such_step() -> Problem {
    let example = "POST /v1/reviews/case_…:take";
    Problem::new(ProblemKind::NotFound, format!("a case takes these steps: {STEPS}; e.g. {example}"))
}
