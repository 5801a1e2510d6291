//! Rules for people who sign in with a provider: who gets which roles.

use super::super::App;
use super::super::door::caller;
use super::super::payments::bad_path;
use super::super::problem::{Problem, ProblemKind};
use super::{Manager, grant};
use crate::access::token::{self, TokenKind};
use crate::access::{AccessChange, Role, Rule, Who};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A rule to be made.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleRequest {
    /// Whom it is for.
    pub who: Who,
    /// What they are here for.
    pub roles: BTreeSet<Role>,
    /// Tenant at which that holds; or else:
    #[serde(default)]
    pub tenant: Option<String>,
    /// It holds at every tenant.
    #[serde(default)]
    pub all_tenants: bool,
    /// The provider; the configured one where absent.
    #[serde(default)]
    pub issuer: Option<String>,
}

/// A rule that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuleReply {
    /// Its id, by which it is removed.
    pub rule_id: String,
    /// Log position of the change.
    pub position: u64,
}

/// Rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PeopleReply {
    /// By id.
    pub people: Vec<Rule>,
}

/// Every rule within the caller's reach.
#[utoipa::path(
    get, path = "/v1/access/people", tag = "access", operation_id = "listPeople",
    responses((status = 200, description = "The rules", body = PeopleReply))
)]
pub(in super::super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<PeopleReply>, Problem> {
    let within = &caller(request.extensions())?.0.reach;
    let state = app.service.control().state();
    Ok(Json(PeopleReply { people: state.access.rules(within).cloned().collect() }))
}

/// Gives roles to people who sign in with a provider: one by what the provider calls them or by their verified address, or all of a group.
#[utoipa::path(
    post, path = "/v1/access/people", tag = "access", operation_id = "addPeople", request_body = RuleRequest,
    responses(
        (status = 201, description = "They have them", body = RuleReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "They cannot be given, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn add(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<RuleReply>), Problem> {
    let manager = Manager::of(&app, request).await?;
    let form = r#"{"who": {"email": "ann@bank.example"}, "roles": ["analyst"], "tenant": "default"}"#;
    let RuleRequest { who, roles, tenant, all_tenants, issuer } = manager.read(form)?;
    let grant = grant(roles, tenant, all_tenants)?;
    let configured = || app.door.oidc.is_on().then(|| app.door.oidc.issuer.clone());
    let issuer = issuer.or_else(configured).ok_or_else(|| {
        Problem::new(ProblemKind::Malformed, "name the provider as \"issuer\": none is configured as oidc.issuer")
    })?;
    let rule_id = token::issue(TokenKind::Api, &app.door.random(), &app.door.random()).id;
    let change = AccessChange::RuleAdded { rule_id: rule_id.clone(), issuer, who, grant };
    let applied = manager.submit(&app, change).await?;
    Ok((StatusCode::CREATED, Json(RuleReply { rule_id, position: applied.position })))
}

/// Removes a rule: its people have no roles any more, at once, also those who are signed in.
#[utoipa::path(
    delete, path = "/v1/access/people/{rule_id}", tag = "access", operation_id = "removePeople",
    params(("rule_id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "There is none of that id", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn remove(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let Path(rule_id) = path.map_err(bad_path)?;
    let manager = Manager::of(&app, request).await?;
    manager.submit(&app, AccessChange::RuleRemoved { rule_id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
