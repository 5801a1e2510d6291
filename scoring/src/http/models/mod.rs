//! Models: which versions there are, what is known of them, and which of them serve.
//!
//! In reading order: this page (looking at versions, proving them), `change` (giving them roles), `told` (requests and replies).
//!
//! It never knows how a version is loaded or swapped ([`crate::serving`]), or how changes are ordered ([`crate::control`]).

pub(super) mod change;
mod told;

pub use told::{
    AliasReply, AliasRequest, AliasTold, GoldenTold, ModelReply, ModelTold, ModelsReply, RollbackRequest, VerifiedReply,
};

use super::App;
use super::actor::{Authorised, authorised};
use super::payments::bad_path;
use super::problem::{Problem, ProblemKind};
use crate::control::Change;
use crate::control::models::{Alias, ModelChange};
use crate::serving::Serving;
use crate::verdict::Tier;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use fraudnet_models::{ModelRef, Registry, Verified};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests that read whole versions at a time; others wait.
static READING: Semaphore = Semaphore::const_new(2);

/// All versions of the registry, which of them serve, and what was refused.
#[utoipa::path(
    get, path = "/v1/models", tag = "models", operation_id = "listModels",
    responses(
        (status = 200, description = "Versions and roles", body = ModelsReply),
        (status = 500, description = "A fault in the service", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<ModelsReply>, Problem> {
    let serving = app.service.serving().clone();
    let models = reading(move || {
        let registry = serving.registry();
        let listed = registry.list().map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
        Ok(listed.into_iter().map(|listed| ModelTold::of(registry, serving.trust(), listed)).collect::<Vec<_>>())
    })
    .await?;
    Ok(Json(reply(&app, models)))
}

/// One version: roles, signature, manifest.
#[utoipa::path(
    get, path = "/v1/models/{name}/{version}", tag = "models", operation_id = "getModel",
    params(
        ("name" = String, Path, description = "Family, e.g. `hybrid`"),
        ("version" = String, Path, description = "Version, e.g. `2026.11.22-2`"),
    ),
    responses(
        (status = 200, description = "The version", body = ModelReply),
        (status = 400, description = "The path at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "A fault in the service", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<ModelReply>, Problem> {
    let Path((name, version)) = path.map_err(bad_path)?;
    let model = named(&format!("{name}/{version}"))?;
    let serving = app.service.serving().clone();
    let (told, manifest) = reading(move || {
        let registry = serving.registry();
        let listed = registry.read(&model).ok_or_else(|| unknown(&model, registry))?;
        let manifest = listed.manifest.as_ref().ok().and_then(|manifest| serde_json::to_value(manifest).ok());
        Ok((ModelTold::of(registry, serving.trust(), listed), manifest))
    })
    .await?;
    let told = reply(&app, vec![told]).models.remove(0);
    Ok(Json(ModelReply { told, manifest }))
}

/// What can be done with a version, told by what stands behind its name: `:verify` or `:publish`.
pub(super) async fn act(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Json<VerifiedReply>, Problem> {
    let Path((name, last)) = path.map_err(bad_path)?;
    match last.rsplit_once(':') {
        Some((version, "verify")) => verify(&app, named(&format!("{name}/{version}"))?, request).await,
        Some((version, "publish")) => publish(&app, named(&format!("{name}/{version}"))?, request).await,
        _ => Err(Problem::new(
            ProblemKind::NotFound,
            "a version can be asked for `:verify` or `:publish`, e.g. POST /v1/models/hybrid/2026.11.22-2:verify",
        )),
    }
}

/// Proves a version whole: files, schema, signature, golden vectors, as if it were to serve.
#[utoipa::path(
    post, path = "/v1/models/{name}/{version}:verify", tag = "models", operation_id = "verifyModel",
    params(
        ("name" = String, Path, description = "Family"),
        ("version" = String, Path, description = "Version"),
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
    ),
    responses(
        (status = 200, description = "It may serve", body = VerifiedReply),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It may not serve, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn verify(app: &App, model: ModelRef, request: Request) -> Result<Json<VerifiedReply>, Problem> {
    authorised(app, request).await?;
    Ok(Json(proven(app, model).await?))
}

/// As `:verify`, and leaves an event that says that the version is there and who made it.
#[utoipa::path(
    post, path = "/v1/models/{name}/{version}:publish", tag = "models", operation_id = "publishModel",
    params(
        ("name" = String, Path, description = "Family"),
        ("version" = String, Path, description = "Version; its folder lies in the registry already"),
        ("X-Actor" = Option<String>, Header, description = "Who publishes; signed where the service trusts keys only"),
    ),
    responses(
        (status = 200, description = "It may serve, and that is on record", body = VerifiedReply),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It may not serve, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn publish(app: &App, model: ModelRef, request: Request) -> Result<Json<VerifiedReply>, Problem> {
    let Authorised { actor, deadline, .. } = authorised(app, request).await?;
    let proven = proven(app, model.clone()).await?;
    let change = ModelChange::Published { model, author: proven.author.clone() };
    let applied = app.service.control().submit(&actor, Change::Model(change), deadline).await?;
    Ok(Json(VerifiedReply { position: Some(applied.position), ..proven }))
}

/// Reads and runs a version, whatever of it is loaded already.
async fn proven(app: &App, model: ModelRef) -> Result<VerifiedReply, Problem> {
    let serving: Serving = app.service.serving().clone();
    reading(move || {
        let registry = serving.registry();
        if !registry.holds(&model) {
            return Err(unknown(&model, registry));
        }
        let Verified { model, artifact, author, golden, .. } = registry
            .verify_run(&model, serving.trust(), serving.runtime())
            .map_err(|error| Problem::new(ProblemKind::ModelRefused, format!("{model}: {error}")))?;
        let golden = golden.unwrap_or_default();
        Ok(VerifiedReply {
            model,
            tier: Tier::of(artifact.manifest.scorer),
            author,
            golden: GoldenTold {
                vectors: golden.vectors,
                logit_difference: golden.logit_difference,
                probability_difference: golden.probability_difference,
            },
            position: None,
        })
    })
    .await
}

fn reply(app: &App, mut models: Vec<ModelTold>) -> ModelsReply {
    let state = app.service.control().state();
    let roster = app.service.serving().roster();
    let [trees_v2, trees_v1] = &roster.ladder;
    let aliases: Vec<AliasTold> = Alias::ALL
        .into_iter()
        .map(|alias| {
            let serves = match alias {
                Alias::Champion => Some(&roster.champion),
                Alias::Challenger => None,
                Alias::TreesV2 => trees_v2.as_ref(),
                Alias::TreesV1 => trees_v1.as_ref(),
            };
            AliasTold::of(alias, &state.models, serves.map(|loaded| loaded.model.clone()))
        })
        .collect();
    for told in &mut models {
        let own = aliases.iter().filter(|alias| alias.model.as_ref() == Some(&told.model));
        told.aliases = own.map(|alias| alias.alias).collect();
    }
    let previous_champion = match state.models.rollback("asked") {
        Ok(ModelChange::Alias { model, .. }) => {
            Some(model.map_or_else(|| "configured".to_owned(), |model| model.to_string()))
        }
        _ => None,
    };
    ModelsReply {
        serving: roster.champion.model.clone(),
        aliases,
        previous_champion,
        models,
        refusals: state.models.refusals.clone(),
    }
}

/// Runs what reads files, off the threads that serve.
async fn reading<T: Send + 'static>(read: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    let broken = || Problem::new(ProblemKind::Internal, "reading the registry broke off; ask again");
    let _turn = READING.acquire().await.map_err(|_| broken())?;
    tokio::task::spawn_blocking(read).await.map_err(|_| broken())?
}

fn named(text: &str) -> Result<ModelRef, Problem> {
    text.parse().map_err(|error: fraudnet_models::ModelRefError| Problem::new(ProblemKind::NotFound, error.to_string()))
}

fn unknown(model: &ModelRef, registry: &Registry) -> Problem {
    // Where it lies is for the operator, not for callers.
    tracing::debug!(%model, registry = %registry.root().display(), "asked for a version that is not there");
    let detail = format!(
        "there is no {model} in the registry; GET /v1/models lists what there is, `fraudnet models publish` copies a version there"
    );
    Problem::new(ProblemKind::NotFound, detail)
}
