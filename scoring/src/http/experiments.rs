//! Experiments: creating, watching and steering them.

use super::App;
use super::actor::{Authorised, authorised, authorised_up_to};
use super::payments::bad_path;
use super::problem::{Problem, ProblemKind};
use crate::control::Change;
use crate::experiments::report::{ExperimentView, FiguresReport};
use crate::experiments::{Experiment, ExperimentChange, ExperimentSpec, Then};
use crate::wire::WireError;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Largest experiment, bytes of JSON: waves of five hundred tenants each.
const MAX_SPEC_BYTES: usize = 256 * 1024;
/// Longest reason, bytes.
const MAX_REASON: usize = 1_000;

/// Every experiment that is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExperimentsReply {
    /// Oldest first.
    pub experiments: Vec<ExperimentView>,
}

/// An experiment with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExperimentReply {
    /// How it stands.
    pub experiment: ExperimentView,
    /// What was counted, a fraction of a second old; none where nothing was yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<FiguresReport>,
}

/// A change of an experiment that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepReply {
    /// How it stands now.
    pub experiment: ExperimentView,
    /// Log position of the change.
    pub position: u64,
    /// Revision of everything that changes what scores.
    pub revision: u64,
}

/// Why a step is made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StepRequest {
    /// Why; asked for by `hold`, `stop` and `rollback`.
    pub reason: String,
    /// For `stop`: what was learnt.
    pub outcome: String,
}

/// All experiments that are remembered, and how each stands.
#[utoipa::path(
    get, path = "/v1/experiments", tag = "experiments", operation_id = "listExperiments",
    responses((status = 200, description = "The experiments", body = ExperimentsReply))
)]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<ExperimentsReply> {
    let state = app.service.control().state();
    let experiments = state.experiments.in_order().into_iter().map(ExperimentView::from).collect();
    Json(ExperimentsReply { experiments })
}

/// How an experiment stands, with live figures of each arm, its comparisons and guard rails.
#[utoipa::path(
    get, path = "/v1/experiments/{name}", tag = "experiments", operation_id = "getExperiment",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The experiment", body = ExperimentReply),
        (status = 400, description = "The path at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such experiment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<ExperimentReply>, Problem> {
    let Path(name) = path.map_err(bad_path)?;
    let experiment = view(&app, &name)?;
    let figures = app.service.experiments().report(&name).map(|report| FiguresReport::clone(&report));
    Ok(Json(ExperimentReply { experiment, figures }))
}

/// Begins an experiment. Every model it names is loaded and held to its golden vectors first, and every policy must be published.
#[utoipa::path(
    post, path = "/v1/experiments", tag = "experiments", operation_id = "createExperiment", request_body = ExperimentSpec,
    params(
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It runs, from the answer on", body = StepReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or too many run", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 256 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields at fault, each with its place; a model that may not serve; a policy that is not published", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(State(app): State<Arc<App>>, request: Request) -> Result<Json<StepReply>, Problem> {
    let Authorised { actor, body, deadline } = authorised_up_to(&app, request, MAX_SPEC_BYTES).await?;
    let spec: ExperimentSpec = serde_json::from_slice(&body).map_err(|error| {
        let form = r#"{"name": "new-hybrid", "arms": [{"name": "new", "model": "hybrid/2026.11.22-2"}], "stages": [{"exposure": {"kind": "percent", "percent": 5}}]}"#;
        Problem::new(ProblemKind::Malformed, format!("the body must be an experiment, such as {form}: {error}"))
    })?;
    let mut faults: Vec<WireError> =
        spec.faults().into_iter().map(|fault| WireError { field: fault.field, reason: fault.reason }).collect();
    let state = app.service.control().state();
    for (index, arm) in spec.arms.iter().enumerate() {
        if let Some(policy) = &arm.policy
            && state.policies.document(policy).is_none()
        {
            let reason = format!("is {policy}, which is not published; POST /v1/policies does that");
            faults.push(WireError { field: format!("arms[{index}].policy"), reason });
        }
    }
    if !faults.is_empty() {
        let detail = match &faults[..] {
            [only] => format!("{} {}", only.field, only.reason),
            faults => format!("{} of the fields cannot be accepted", faults.len()),
        };
        return Err(Problem { errors: faults, ..Problem::new(ProblemKind::InvalidFields, detail) });
    }
    // Held until the change is applied, so that no version is read twice.
    let mut loaded = Vec::new();
    for (arm, model) in spec.arms.iter().filter_map(|arm| Some((arm, arm.model.as_ref()?))) {
        let model = app.service.serving().load(model).await.map_err(|reason| {
            Problem::new(ProblemKind::ModelRefused, format!("{model} of arm {} cannot serve: {reason}", arm.name))
        })?;
        loaded.push(model);
    }
    let name = spec.name.clone();
    let change = Change::Experiment(ExperimentChange::Created { spec });
    let applied = app.service.control().submit(&actor, change, deadline).await?;
    drop(loaded);
    Ok(Json(StepReply { experiment: view(&app, &name)?, position: applied.position, revision: applied.revision }))
}

/// Makes a step, told behind the experiment's name: `advance` to the next stage (in the last one: to what `then` says), `hold` in the
/// stage it is in, `resume`, `stop` (nobody is exposed any more), `rollback` (the same, because it went wrong).
#[utoipa::path(
    post, path = "/v1/experiments/{name}:{step}", tag = "experiments", operation_id = "stepExperiment", request_body = StepRequest,
    params(
        ("name" = String, Path, description = "Its name"),
        ("step" = String, Path, description = "`advance`, `hold`, `resume`, `stop` or `rollback`"),
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It is made; payments from the answer on are decided accordingly", body = StepReply),
        (status = 400, description = "Not JSON of this form, or without the reason", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such experiment or step", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The step contradicts how the experiment stands", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn step(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<StepReply>, Problem> {
    let Path(last) = path.map_err(bad_path)?;
    let Some((name, step)) = last.rsplit_once(':') else {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "an experiment is asked for :advance, :hold, :resume, :stop or :rollback, e.g. POST /v1/experiments/new-hybrid:hold",
        ));
    };
    let Authorised { actor, body, deadline } = authorised(&app, request).await?;
    let told: StepRequest = if body.is_empty() {
        StepRequest::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            let form = r#"{"reason": "alerts doubled"}"#;
            Problem::new(ProblemKind::Malformed, format!("the body must be like {form}: {error}"))
        })?
    };
    let control = app.service.control();
    let state = control.state();
    let experiment = state.experiments.get(name).ok_or_else(|| unknown(name))?;
    let change = change(experiment, step, told, control.config().four_eyes)?;
    let applied = control.submit(&actor, Change::Experiment(change), deadline).await?;
    Ok(Json(StepReply { experiment: view(&app, name)?, position: applied.position, revision: applied.revision }))
}

fn change(
    experiment: &Experiment,
    step: &str,
    StepRequest { reason, outcome }: StepRequest,
    four_eyes: bool,
) -> Result<ExperimentChange, Problem> {
    let spec = &experiment.spec;
    let name = spec.name.clone();
    if matches!(step, "hold" | "stop" | "rollback") && (reason.trim().is_empty() || reason.len() > MAX_REASON) {
        let detail = format!("say why: {{\"reason\": \"…\"}} of 1 to {MAX_REASON} bytes; it stays with the experiment");
        return Err(Problem::new(ProblemKind::Malformed, detail));
    }
    if outcome.len() > MAX_REASON {
        return Err(Problem::new(ProblemKind::Malformed, format!("outcome must be at most {MAX_REASON} bytes")));
    }
    Ok(match step {
        "advance" if experiment.is_in_last_stage() && spec.then == Then::Promote => ExperimentChange::Decided {
            experiment: name,
            conclusion: if reason.is_empty() { "somebody decided it".to_owned() } else { reason },
            promote: spec.only_change().map(|arm| arm.name.clone()),
            proposed: four_eyes,
        },
        "advance" => ExperimentChange::Advanced { experiment: name, to: experiment.stage + 1 },
        "hold" => ExperimentChange::Held { experiment: name, reason },
        "resume" => ExperimentChange::Resumed { experiment: name },
        "stop" => ExperimentChange::Stopped { experiment: name, reason, outcome },
        "rollback" => ExperimentChange::RolledBack { experiment: name, reason, rail: None },
        _ => {
            return Err(Problem::new(
                ProblemKind::NotFound,
                "there are these steps: advance, hold, resume, stop, rollback",
            ));
        }
    })
}

fn view(app: &App, name: &str) -> Result<ExperimentView, Problem> {
    let state = app.service.control().state();
    state.experiments.get(name).map(ExperimentView::from).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Problem {
    let known = "GET /v1/experiments lists those there are";
    let named = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    // What may be anything is not repeated.
    let detail =
        if named { format!("there is no experiment {name}; {known}") } else { format!("no such experiment; {known}") };
    Problem::new(ProblemKind::NotFound, detail)
}
