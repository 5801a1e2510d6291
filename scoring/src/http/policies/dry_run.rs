//! Dry runs over HTTP: a request waits for the result as long as it can; what takes longer is asked for again.

use super::super::App;
use super::super::actor::{Authorised, authorised, authorised_up_to};
use super::super::problem::{Problem, ProblemKind};
use super::{MAX_POLICY_BYTES, read};
use crate::clock;
use crate::policy::dry_run::{DryRun, DryRunReply, DryRunRequest};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// What a rule or a policy would have done in the past. Where it takes longer than the caller waits, GET tells how far it is.
///
/// It reads the event log on a thread of its own: some microseconds an entry, ten times that where rules read features, which are rebuilt with
/// a second graph of the engine's size. At most two million payments are looked at, and one dry run is made at a time.
#[utoipa::path(
    post, path = "/v1/policies:dry-run", tag = "policies", operation_id = "startDryRun", request_body = DryRunRequest,
    params(
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It is finished", body = DryRunReply),
        (status = 202, description = "It is under way: ask again with GET", body = DryRunReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another is under way", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Rules or times that cannot be, each with its place", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn start(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<DryRunReply>), Problem> {
    let Authorised { actor, body, deadline } = authorised_up_to(&app, request, MAX_POLICY_BYTES).await?;
    let asked: DryRunRequest = read(&body)?;
    let wait = asked.wait_ms.map(Duration::from_millis);
    let checking = tokio::task::spawn_blocking(move || DryRun::check(&asked, clock::now_ms()));
    let dry_run = checking.await.map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))??;
    let run = app
        .service
        .dry_runs()
        .start(dry_run, &actor)
        .map_err(|reason| Problem::new(ProblemKind::Contradiction, reason))?;
    let until =
        wait.and_then(|wait| clock::monotonic().checked_add(wait)).map_or(deadline, |until| deadline.min(until));
    Ok(told(run.wait(until).await))
}

/// How the latest dry run stands; its result, once it is finished.
#[utoipa::path(
    get, path = "/v1/policies:dry-run", tag = "policies", operation_id = "getDryRun",
    responses(
        (status = 200, description = "It has ended", body = DryRunReply),
        (status = 202, description = "It is under way", body = DryRunReply),
        (status = 404, description = "None was made since the service started", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn show(State(app): State<Arc<App>>) -> Result<(StatusCode, Json<DryRunReply>), Problem> {
    Ok(told(app.service.dry_runs().latest().ok_or_else(none)?.reply()))
}

/// Breaks the dry run under way off.
#[utoipa::path(
    delete, path = "/v1/policies:dry-run", tag = "policies", operation_id = "stopDryRun",
    params(("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only")),
    responses(
        (status = 200, description = "It has ended", body = DryRunReply),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "None was made since the service started", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn stop(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<DryRunReply>), Problem> {
    let Authorised { deadline, .. } = authorised(&app, request).await?;
    let run = app.service.dry_runs().latest().ok_or_else(none)?;
    run.stop();
    Ok(told(run.wait(deadline).await))
}

fn none() -> Problem {
    Problem::new(ProblemKind::NotFound, "no dry run was made since the service started; POST starts one")
}

fn told(reply: DryRunReply) -> (StatusCode, Json<DryRunReply>) {
    let status = if reply.state == "running" { StatusCode::ACCEPTED } else { StatusCode::OK };
    (status, Json(reply))
}
