//! Tokens: issued once, listed without their secrets, revoked.

use super::super::App;
use super::super::door::caller;
use super::super::payments::bad_path;
use super::super::problem::{Problem, ProblemKind};
use super::{Manager, grant};
use crate::access::token::{self, TokenKind};
use crate::access::{AccessChange, Permission, Role, Token};
use crate::wire::parse_timestamp;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A token to be made.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The name that stands on everything done with it: a person's or a program's.
    pub name: String,
    /// What whoever holds it is here for.
    pub roles: BTreeSet<Role>,
    /// Tenant at which that holds; or else:
    #[serde(default)]
    pub tenant: Option<String>,
    /// It holds at every tenant.
    #[serde(default)]
    pub all_tenants: bool,
    /// Of what the roles may do, only this; everything where absent.
    #[serde(default)]
    pub scopes: Option<BTreeSet<Permission>>,
    /// Until when it holds, RFC 3339; for good where absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A token that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenIssued {
    /// Its id, by which it is revoked.
    pub token_id: String,
    /// Its text. It is told this once; only a digest is kept.
    pub token: String,
    /// Log position of the change.
    pub position: u64,
}

/// Tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TokensReply {
    /// By id; those that expired or were revoked among them.
    pub tokens: Vec<Token>,
}

/// Every token within the caller's reach, without its secret, which nobody knows any more.
#[utoipa::path(
    get, path = "/v1/access/tokens", tag = "access", operation_id = "listTokens",
    responses((status = 200, description = "The tokens", body = TokensReply))
)]
pub(in super::super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<TokensReply>, Problem> {
    let within = &caller(request.extensions())?.0.reach;
    let state = app.service.control().state();
    Ok(Json(TokensReply { tokens: state.access.tokens(within).cloned().collect() }))
}

/// Makes a token. Its text is in the answer and nowhere else.
#[utoipa::path(
    post, path = "/v1/access/tokens", tag = "access", operation_id = "createToken", request_body = TokenRequest,
    responses(
        (status = 201, description = "It is made", body = TokenIssued),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It cannot be given, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn create(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<TokenIssued>), Problem> {
    let manager = Manager::of(&app, request).await?;
    let form = r#"{"name": "shop-gateway", "roles": ["scorer"], "tenant": "default"}"#;
    let TokenRequest { name, roles, tenant, all_tenants, scopes, expires_at } = manager.read(form)?;
    let grant = grant(roles, tenant, all_tenants)?;
    let expires_at_ms = expires_at.as_deref().map(|text| {
        let detail = "expires_at must be a time such as 2027-01-31T00:00:00Z";
        parse_timestamp(text).ok_or_else(|| Problem::new(ProblemKind::Malformed, detail))
    });
    let expires_at_ms = expires_at_ms.transpose()?;
    let issued = token::issue(TokenKind::Api, &app.door.random(), &app.door.random());
    let token_id = issued.id;
    let (digest, text) = (issued.digest, issued.text);
    let change = AccessChange::TokenCreated { token_id: token_id.clone(), name, grant, scopes, digest, expires_at_ms };
    let applied = manager.submit(&app, change).await?;
    let reply = TokenIssued { token_id, token: text.reveal().to_owned(), position: applied.position };
    Ok((StatusCode::CREATED, Json(reply)))
}

/// Revokes a token, and with it every session that was begun with it. It holds no more from the answer on.
#[utoipa::path(
    delete, path = "/v1/access/tokens/{token_id}", tag = "access", operation_id = "revokeToken",
    params(("token_id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It holds no more"),
        (status = 409, description = "There is none of that id, or it was revoked already", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in super::super) async fn revoke(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let Path(token_id) = path.map_err(bad_path)?;
    let manager = Manager::of(&app, request).await?;
    manager.submit(&app, AccessChange::TokenRevoked { token_id: token_id.clone() }).await?;
    app.door.sessions().end_of(&crate::access::Credential::Token(token_id));
    Ok(StatusCode::NO_CONTENT)
}
