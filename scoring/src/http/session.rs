//! Sessions of people at the console: begun with a token or a one-time link, kept by a cookie that no script reads.
//!
//! A session's page sends the CSRF token that stands in the reply as `X-CSRF-Token` with every change. What a session may is looked up anew
//! with each request, so a revoked token ends it at once.

use super::App;
use super::actor::PATIENCE;
use super::door::caller;
use super::problem::{Problem, ProblemKind};
use super::request::{deadline, json_body};
use crate::access::token::{self, TokenKind};
use crate::access::{
    AccessChange, AccessEvent, Admitted, Caller, CookieUse, Cookies, Credential, Denied, Permission, Reach, Role,
    Secret,
};
use crate::clock;
use crate::control::{Change, ControlError};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Who somebody is here, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SessionReply {
    /// The name that stands on everything they do.
    pub name: String,
    /// The tenant that requests are for which name none.
    pub tenant: String,
    /// Whether they are bound to that tenant.
    pub one_tenant: bool,
    /// Their roles.
    pub roles: BTreeSet<Role>,
    /// What they may do: what the roles give, less what a token's scopes leave out.
    pub permissions: Vec<Permission>,
    /// What changes of a session carry as `X-CSRF-Token`; absent without a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<String>,
    /// When the session ends at the latest, UTC milliseconds since the epoch; absent without a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
    /// Whether people sign in with a provider here: then at `/v1/session/oidc`.
    pub oidc: bool,
}

/// With what a session is begun: one of the two.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// A token, as it was issued.
    #[serde(default)]
    pub token: Option<String>,
    /// What a one-time link holds after `once=`.
    #[serde(default)]
    pub once: Option<String>,
}

/// Who asks, and what they may do.
#[utoipa::path(
    get, path = "/v1/session", tag = "access", operation_id = "showSession",
    responses(
        (status = 200, description = "Somebody", body = SessionReply),
        (status = 401, description = "Nobody, `code` says why; `oidc` whether people sign in with a provider", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(State(app): State<Arc<App>>, request: Request) -> Result<Json<SessionReply>, Problem> {
    let cookies = admitted(request.extensions())?.cookies;
    let (caller, tenant) = caller(request.extensions())?;
    let mut reply = app.session_reply(caller, tenant);
    if let Some(cookie) = session_cookie(cookies, request.headers()) {
        let sessions = app.door.sessions();
        reply.expires_at_ms = sessions.expires_at_ms(cookie);
        reply.csrf = reply.expires_at_ms.map(|_| sessions.csrf(cookie).reveal().to_owned());
    }
    Ok(Json(reply))
}

/// Begins a session, in place of the one that there may have been. The cookie that keeps it comes with the answer.
#[utoipa::path(
    post, path = "/v1/session", tag = "access", operation_id = "beginSession", request_body = SessionRequest,
    responses(
        (status = 200, description = "It is begun", body = SessionReply, headers(("Set-Cookie" = String, description = "The session"))),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The token or link does not hold, `code` says why", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many attempts from this address", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 503, description = "As many are signed in as may be", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn begin(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let deadline = deadline(&request, PATIENCE)?;
    let cookies = admitted(request.extensions())?.cookies;
    let headers = request.headers().clone();
    let body = json_body(request).await?;
    // The body holds a secret: nothing of it is repeated.
    let form = "the body must be {\"token\": \"fn_…\"} or {\"once\": \"fnonce_…\"}";
    let malformed = || Problem::new(ProblemKind::Malformed, form);
    let request: SessionRequest = serde_json::from_slice(&body).map_err(|_| malformed())?;
    let credential = match (request.token, request.once) {
        (Some(text), None) => app.token_credential(&text)?,
        (None, Some(text)) => app.link_credential(&text, deadline).await?,
        _ => return Err(malformed()),
    };
    let (reply, cookie) = app.open_session(credential, cookies, &headers)?;
    Ok(([cookie], Json(reply)).into_response())
}

/// Ends the session, if there is one.
#[utoipa::path(
    delete, path = "/v1/session", tag = "access", operation_id = "endSession",
    responses((status = 204, description = "It is ended, and its cookie taken away", headers(("Set-Cookie" = String, description = "Nothing"))))
)]
pub(super) async fn end(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let cookies = admitted(request.extensions())?.cookies;
    if let Some(cookie) = session_cookie(cookies, request.headers()) {
        app.door.sessions().end(cookie);
    }
    let cleared = [(header::SET_COOKIE, cookies.clear(CookieUse::Session))];
    Ok((StatusCode::NO_CONTENT, cleared).into_response())
}

/// What the door made out of a request.
pub(super) fn admitted(extensions: &Extensions) -> Result<&Admitted, Problem> {
    extensions.get::<Admitted>().ok_or_else(|| Problem::new(ProblemKind::Internal, "no door stands before this route"))
}

fn session_cookie(cookies: Cookies, headers: &HeaderMap) -> Option<&str> {
    cookies.find(CookieUse::Session, headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()))
}

impl App {
    fn session_reply(&self, caller: &Caller, tenant: &str) -> SessionReply {
        SessionReply {
            name: caller.name.clone(),
            tenant: tenant.to_owned(),
            one_tenant: caller.reach != Reach::AllTenants,
            roles: caller.roles.clone(),
            permissions: caller.permissions.iter().collect(),
            csrf: None,
            expires_at_ms: None,
            oidc: self.door.oidc.is_on(),
        }
    }

    fn token_credential(&self, text: &str) -> Result<Credential, Problem> {
        let sent = token::read(TokenKind::Api, text.trim()).map_err(Denied::from)?;
        let state = self.service.control().state();
        state.access.token_caller(&sent, clock::now_ms())?;
        Ok(Credential::Token(sent.id))
    }

    /// Of two who use a link at once, the first in the log wins.
    async fn link_credential(&self, text: &str, deadline: Instant) -> Result<Credential, Problem> {
        let sent = token::read(TokenKind::Link, text.trim()).map_err(Denied::from)?;
        let control = self.service.control();
        let state = control.state();
        let link = state.access.usable_link(&sent, clock::now_ms())?;
        let (link_id, actor) = (link.link_id.clone(), link.holder());
        let change = AccessChange::LinkUsed { link_id: link_id.clone() };
        let event = AccessEvent { within: Reach::AllTenants, change };
        match control.submit(&actor, Change::Access(event), deadline).await {
            Ok(_) => Ok(Credential::Link(link_id)),
            Err(ControlError::Refused(_)) => Err(Denied::LinkSpent.into()),
            Err(ControlError::Service(error)) => Err(error.into()),
        }
    }

    /// Opens a session and tells who it is; the header sets its cookie.
    pub(super) fn open_session(
        &self,
        credential: Credential,
        cookies: Cookies,
        headers: &HeaderMap,
    ) -> Result<(SessionReply, (HeaderName, String)), Problem> {
        let now_ms = clock::now_ms();
        let caller = self.service.control().state().access.session_caller(&credential, now_ms)?;
        let tenant = match &caller.reach {
            Reach::Tenant(own) => own.as_str(),
            Reach::AllTenants => self.config.default_tenant.as_str(),
        };
        let mut reply = self.session_reply(&caller, tenant);
        let old = session_cookie(cookies, headers);
        let opened = self.door.sessions().open(&self.door.random(), credential, old, now_ms)?;
        reply.csrf = Some(opened.csrf.reveal().to_owned());
        reply.expires_at_ms = Some(opened.expires_at_ms);
        Ok((reply, set_cookie(cookies, &opened.cookie, opened.expires_at_ms - now_ms)))
    }
}

fn set_cookie(cookies: Cookies, value: &Secret, lasts_ms: i64) -> (HeaderName, String) {
    let seconds = u64::try_from(lasts_ms / 1_000).unwrap_or_default();
    (header::SET_COOKIE, cookies.set(CookieUse::Session, value.reveal(), seconds))
}
