//! Giving roles to versions.
//!
//! A version is proven before a change names it: by the service that is asked here, and again by every replica that hears of the change.
//! Whoever signed a version may not have it serve where four eyes are required.

use super::super::App;
use super::super::actor::{Authorised, PATIENCE, authorised};
use super::super::payments::bad_path;
use super::super::problem::{Problem, ProblemKind};
use super::told::{AliasReply, AliasRequest, RollbackRequest};
use super::unknown;
use crate::clock;
use crate::control::Change;
use crate::control::models::{Alias, ModelChange};
use crate::serving::LoadedModel;
use crate::verdict::Tier;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use fraudnet_models::ModelRef;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Gives a role to a version, or with `null` back to what is configured. `champion` serves from the moment of the answer on.
///
/// The version is loaded and held to its golden vectors first; where anything is wrong with it, what serves goes on, and the answer says why.
#[utoipa::path(
    put, path = "/v1/models/aliases/{alias}", tag = "models", operation_id = "setAlias", request_body = AliasRequest,
    params(
        ("alias" = String, Path, description = "`champion`, `challenger`, `trees_v2` or `trees_v1`"),
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It has the role", body = AliasReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may, or by the version's own author where four eyes are required", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alias or version", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has the role already, or the change contradicts what stands otherwise", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The version may not serve, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn set_alias(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<AliasReply>, Problem> {
    let Path(alias) = path.map_err(bad_path)?;
    let alias: Alias = alias.parse().map_err(|reason: String| Problem::new(ProblemKind::NotFound, reason))?;
    let authorised = authorised(&app, request).await?;
    let AliasRequest { model, reason } =
        read(&authorised.body, r#"{"model": "hybrid/2026.11.22-2", "reason": "better on May's frauds"}"#)?;
    let loaded = match &model {
        Some(model) => Some(load(&app, model, &authorised.actor, alias).await?),
        None => None,
    };
    if let Some(loaded) = loaded.as_deref() {
        check_role(alias, loaded)?;
        check_eyes(&app, alias, loaded, &authorised.actor)?;
    }
    change(&app, &authorised, ModelChange::Alias { alias, model, reason }, loaded).await
}

/// Brings the previous champion back.
///
/// Whoever may ask for changes may ask for this, the author of that version too: it was champion before, which somebody else agreed to.
#[utoipa::path(
    post, path = "/v1/models:rollback", tag = "models", operation_id = "rollbackModel", request_body = RollbackRequest,
    params(
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It serves again", body = AliasReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is none before this one", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It may not serve any more, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn rollback(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<AliasReply>, Problem> {
    let authorised = authorised(&app, request).await?;
    let RollbackRequest { reason } = read(&authorised.body, r#"{"reason": "alerts doubled"}"#)?;
    let back = app.service.control().state().models.rollback(&reason);
    let back = back.map_err(|reason| Problem::new(ProblemKind::Contradiction, reason))?;
    let loaded = match &back {
        ModelChange::Alias { model: Some(model), .. } => {
            Some(load(&app, model, &authorised.actor, Alias::Champion).await?)
        }
        _ => None,
    };
    change(&app, &authorised, back, loaded).await
}

/// Submits a change of a role. `loaded` is held until it is applied, so that the version is not read a second time.
async fn change(
    app: &App,
    Authorised { actor, deadline, .. }: &Authorised,
    change: ModelChange,
    loaded: Option<Arc<LoadedModel>>,
) -> Result<Json<AliasReply>, Problem> {
    let ModelChange::Alias { alias, model, .. } = &change else {
        return Err(Problem::new(ProblemKind::Internal, "only roles are given here"));
    };
    let (alias, model) = (*alias, model.clone());
    let control = app.service.control();
    let previous = control.state().models.model(alias).cloned();
    let applied = control.submit(actor, Change::Model(change), *deadline).await?;
    drop(loaded);
    let serving = app.service.serving().roster().champion.model.clone();
    Ok(Json(AliasReply { alias, model, previous, serving, position: applied.position, revision: applied.revision }))
}

/// Loads a version as it would serve. One that is there and refused leaves an event.
async fn load(app: &App, model: &ModelRef, actor: &str, alias: Alias) -> Result<Arc<LoadedModel>, Problem> {
    let serving = app.service.serving();
    if !serving.registry().holds(model) {
        return Err(unknown(model, serving.registry()));
    }
    serving.load(model).await.map_err(|reason| {
        let told = format!("{model} cannot be {alias}: {reason}");
        // Told to the log without being waited for: the caller hears it anyway.
        let (control, actor, model) = (app.service.control().clone(), actor.to_owned(), model.clone());
        let deadline = clock::monotonic() + PATIENCE;
        tokio::spawn(async move {
            let refused = Change::Model(ModelChange::Refused { model, reason });
            if let Err(error) = control.submit(&actor, refused, deadline).await {
                tracing::warn!(%error, "that a version was refused could not be noted");
            }
        });
        Problem::new(ProblemKind::ModelRefused, told)
    })
}

/// A rung of the ladder is there for when the champion fails, so it must not be as slow or of the same kind.
fn check_role(alias: Alias, loaded: &LoadedModel) -> Result<(), Problem> {
    let fits = match alias {
        Alias::Champion | Alias::Challenger => true,
        Alias::TreesV2 => matches!(loaded.tier, Tier::TreesV2 | Tier::Custom),
        Alias::TreesV1 => matches!(loaded.tier, Tier::TreesV1 | Tier::Custom),
    };
    if fits {
        return Ok(());
    }
    let detail = format!(
        "{} answers as {}, {alias} is the rung of models that answer as {alias} or custom; choose one of those",
        loaded.model,
        loaded.tier.name()
    );
    Err(Problem::new(ProblemKind::ModelRefused, detail))
}

/// Whoever made a version does not decide that it serves.
fn check_eyes(app: &App, alias: Alias, loaded: &LoadedModel, actor: &str) -> Result<(), Problem> {
    if app.service.control().config().four_eyes && alias.serves() && loaded.author.as_deref() == Some(actor) {
        let detail = format!(
            "{} was signed by {actor}, and its author cannot also make it {alias} (control.four_eyes); somebody else has to ask for it",
            loaded.model
        );
        return Err(Problem::new(ProblemKind::NotAuthorised, detail));
    }
    Ok(())
}

fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(ProblemKind::Malformed, format!("the body must be like {example}: {error}")))
}
