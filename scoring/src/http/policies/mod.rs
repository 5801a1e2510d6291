//! Policies: publishing versions, choosing the one in force, trying them on the past.
//!
//! In reading order: this page (versions), `dry_run` (what one would have done), `told` (requests and replies).
//!
//! It never knows what a rule means ([`crate::policy`]) or how changes are ordered ([`crate::control`]).

pub(super) mod dry_run;
mod told;

pub use told::{ActivateRequest, ActivationTold, ActiveReply, PoliciesReply, PolicyReply, PolicyTold, PublishedReply};

use super::App;
use super::actor::{Authorised, authorised, authorised_up_to};
use super::payments::bad_path;
use super::problem::{Problem, ProblemKind};
use crate::control::Change;
use crate::policy::{CompiledPolicy, DocumentError, NO_POLICY, PolicyChange, PolicyDocument};
use crate::wire::WireError;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Largest policy, bytes of JSON: all rules there can be, none of them at its longest. A control event must fit into one Kafka message.
const MAX_POLICY_BYTES: usize = 512 * 1024;

/// All versions, which one is in force, and what was before.
#[utoipa::path(
    get, path = "/v1/policies", tag = "policies", operation_id = "listPolicies",
    responses((status = 200, description = "Versions and activations", body = PoliciesReply))
)]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<PoliciesReply> {
    Json(PoliciesReply::of(&app.service.control().state().policies))
}

/// The policy in force.
#[utoipa::path(
    get, path = "/v1/policies/active", tag = "policies", operation_id = "getActivePolicy",
    responses(
        (status = 200, description = "The policy", body = PolicyReply),
        (status = 404, description = "None is in force: model and lists alone decide", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn active(State(app): State<Arc<App>>) -> Result<Json<PolicyReply>, Problem> {
    let state = app.service.control().state();
    let active = state.policies.active_version();
    match state.policies.documents.get(active) {
        Some(published) => Ok(Json(PolicyReply::of(published, active))),
        None => Err(Problem::new(
            ProblemKind::NotFound,
            "no policy is in force: the model's operating points and the lists decide",
        )),
    }
}

/// One version with its rules.
#[utoipa::path(
    get, path = "/v1/policies/{version}", tag = "policies", operation_id = "getPolicy",
    params(("version" = String, Path, description = "Version, or `active`")),
    responses(
        (status = 200, description = "The policy", body = PolicyReply),
        (status = 400, description = "The path at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<PolicyReply>, Problem> {
    let Path(version) = path.map_err(bad_path)?;
    let state = app.service.control().state();
    match state.policies.documents.get(&version) {
        Some(published) => Ok(Json(PolicyReply::of(published, state.policies.active_version()))),
        None => Err(unknown()),
    }
}

/// Publishes a version. It decides nothing until it is activated or an experiment names it; its content never changes.
#[utoipa::path(
    post, path = "/v1/policies", tag = "policies", operation_id = "publishPolicy", request_body = PolicyDocument,
    params(
        ("X-Actor" = Option<String>, Header, description = "Who publishes; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It is published; the same once more is the first", body = PublishedReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The version was published with other content", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 512 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Rules that cannot be, each with its place", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn publish(State(app): State<Arc<App>>, request: Request) -> Result<Json<PublishedReply>, Problem> {
    let Authorised { actor, body, deadline } = authorised_up_to(&app, request, MAX_POLICY_BYTES).await?;
    let document: PolicyDocument = read(&body)?;
    let (document, digest) = compiled(document, app.service.has_pseudonyms()).await?;
    let version = document.version.clone();
    let change = Change::Policy(PolicyChange::Published { document, digest: digest.clone() });
    let applied = app.service.control().submit(&actor, change, deadline).await?;
    Ok(Json(PublishedReply::of(version, digest, applied)))
}

/// Brings a version into force, from the answer on; `none` leaves the decision to model and lists.
#[utoipa::path(
    put, path = "/v1/policies/active", tag = "policies", operation_id = "activatePolicy", request_body = ActivateRequest,
    params(
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It is in force", body = ActiveReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may, or by who published it where four eyes are required", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is in force already", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A rule of it cannot be asked by this build", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn activate(State(app): State<Arc<App>>, request: Request) -> Result<Json<ActiveReply>, Problem> {
    let Authorised { actor, body, deadline } = authorised(&app, request).await?;
    let ActivateRequest { version, reason } = read(&body)?;
    one_line("reason", &reason)?;
    let control = app.service.control();
    let previous = control.state().policies.active_version().to_owned();
    if version != NO_POLICY {
        let published = control.state().policies.documents.get(&version).cloned().ok_or_else(unknown)?;
        if control.config().four_eyes && published.actor == actor {
            let detail = format!(
                "policy {version} was published by {actor}, who cannot also bring it into force (control.four_eyes); somebody else has to ask for it"
            );
            return Err(Problem::new(ProblemKind::NotAuthorised, detail));
        }
        // Published by another build, maybe, whose schema had other features.
        compiled(PolicyDocument::clone(&published.document), app.service.has_pseudonyms()).await?;
    }
    let change = Change::Policy(PolicyChange::Activated { version: version.clone(), reason });
    let applied = control.submit(&actor, change, deadline).await?;
    Ok(Json(ActiveReply { version, previous, position: applied.position, revision: applied.revision }))
}

/// Checks a document where it may take a while: 200 long expressions are a tenth of a second.
async fn compiled(document: PolicyDocument, pseudonyms: bool) -> Result<(PolicyDocument, String), Problem> {
    let compiling = tokio::task::spawn_blocking(move || {
        let digest = CompiledPolicy::check(&document)?;
        if pseudonyms {
            CompiledPolicy::check_pseudonyms(&document)?;
        }
        Ok::<_, DocumentError>((document, digest))
    });
    let compiled = compiling.await.map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
    compiled.map_err(Problem::from)
}

impl From<DocumentError> for Problem {
    fn from(DocumentError(errors): DocumentError) -> Problem {
        let detail = format!("{} of the fields cannot be accepted", errors.len());
        Problem { errors, ..Problem::new(ProblemKind::InvalidFields, detail) }
    }
}

/// A body of that form; a fault is told with its place.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (field, reason) = (error.path().to_string(), error.inner().to_string());
        let detail = if field == "." { reason.clone() } else { format!("{field}: {reason}") };
        let errors = if field == "." { Vec::new() } else { vec![WireError { field, reason }] };
        Problem { errors, ..Problem::new(ProblemKind::Malformed, format!("the body cannot be read: {detail}")) }
    })
}

/// Checks a reason that is kept with a change.
pub(super) fn one_line(field: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() || text.chars().count() > 300 || text.chars().any(char::is_control) {
        let reason = "must say it in one line of 1 to 300 characters".to_owned();
        return Err(Problem::from(DocumentError(vec![WireError { field: field.to_owned(), reason }])));
    }
    Ok(())
}

fn unknown() -> Problem {
    Problem::new(ProblemKind::NotFound, "no policy of that version was published; GET /v1/policies lists them")
}
