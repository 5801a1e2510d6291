//! Signing in with an OpenID provider: the two routes that a browser passes through. What is checked is [`crate::access::oidc`]'s.

mod provider;

pub(super) use provider::OidcClient;

use super::App;
use super::problem::{Problem, ProblemKind};
use super::session::admitted;
use crate::access::oidc::{Expected, SIGN_IN_MS, SignInFault, id_token_of, token_request};
use crate::access::{CookieUse, Credential};
use crate::clock;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
pub(super) struct Form {
    #[serde(default)]
    r#return: String,
}

/// Leads a browser to the provider.
#[utoipa::path(
    get, path = "/v1/session/oidc", tag = "access", operation_id = "signIn",
    params(("return" = Option<String>, Query, description = "Page to come back to, such as `/console/#/queue`")),
    responses(
        (status = 303, description = "To the provider", headers(("Location" = String, description = "Its address"))),
        (status = 404, description = "No provider is configured", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "The provider does not answer as it should", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    form: Result<Query<Form>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let oidc = app.oidc()?;
    let Query(form) = form.map_err(|error| Problem::new(ProblemKind::Malformed, error.body_text()))?;
    let cookies = admitted(request.extensions())?.cookies;
    let known = oidc.provider().await.map_err(unreachable)?;
    let (settings, public_url) = (&app.door.oidc, &app.door.settings.public_url);
    let begun = oidc
        .key
        .begin(&known.provider, settings, public_url, &app.door.random(), &form.r#return, clock::now_ms())
        .map_err(unreachable)?;
    let cookie = cookies.set(CookieUse::SignIn, begun.cookie.reveal(), SIGN_IN_MS as u64 / 1_000);
    let headers = [(header::LOCATION, begun.redirect_url), (header::SET_COOKIE, cookie)];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Where the provider leads back to: begins a session.
#[utoipa::path(
    get, path = "/v1/session/oidc/callback", tag = "access", operation_id = "signedIn",
    responses(
        (status = 303, description = "Signed in; back to the page", headers(("Location" = String, description = "The page"))),
        (status = 401, description = "Not begun here, too slow, or refused by the provider", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Signed in, but without a role here", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No provider is configured", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "The provider does not answer as it should", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn callback(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let cookies = admitted(request.extensions())?.cookies;
    let query = request.uri().query().unwrap_or_default().to_owned();
    // Whatever comes of it, the sign-in is over.
    let cleared = AppendHeaders([(header::SET_COOKIE, cookies.clear(CookieUse::SignIn))]);
    match app.signed_in(request.headers(), &query, cookies).await {
        Ok((return_to, session)) => {
            let headers = [(header::LOCATION, return_to), (session.0, session.1)];
            Ok((StatusCode::SEE_OTHER, cleared, AppendHeaders(headers)).into_response())
        }
        Err(problem) => Ok((cleared, problem).into_response()),
    }
}

impl App {
    fn oidc(&self) -> Result<&OidcClient, Problem> {
        let off = "people do not sign in with a provider here; use a token, or set [oidc] in the configuration";
        self.oidc.as_ref().ok_or_else(|| Problem::new(ProblemKind::NotFound, off))
    }

    async fn signed_in(
        &self,
        headers: &HeaderMap,
        query: &str,
        cookies: crate::access::Cookies,
    ) -> Result<(String, (header::HeaderName, String)), Problem> {
        let oidc = self.oidc()?;
        let settings = &self.door.oidc;
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookie = cookies.find(CookieUse::SignIn, sent);
        let returned = oidc.key.returned(&settings.issuer, cookie, query, clock::now_ms())?;
        let known = oidc.provider().await.map_err(unreachable)?;
        let request = token_request(
            &known.provider,
            settings,
            oidc.client_secret.as_ref(),
            &self.door.settings.public_url,
            &returned,
        );
        let id_token = id_token_of(&oidc.exchange(&request).await.map_err(unreachable)?).map_err(unreachable)?;
        let expected = Expected {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            nonce: &returned.nonce,
            started_at_ms: returned.started_at_ms,
            leeway_s: settings.leeway_s,
            groups_claim: &settings.groups_claim,
        };
        let identity = oidc.verify(known, &id_token, &expected).await.map_err(unreachable)?;
        let credential = Credential::Person(Box::new(identity));
        // First whether they have a role at all: it says what to ask for.
        let now_ms = clock::now_ms();
        self.service.control().state().access.session_caller(&credential, now_ms)?;
        let (_, session) = self.open_session(credential, cookies, headers)?;
        Ok((returned.return_to, session))
    }
}

/// The reason is the operator's: callers only hear that it is not theirs.
fn unreachable(reason: impl std::fmt::Display) -> Problem {
    tracing::warn!(%reason, "signing in with the provider failed");
    let detail = "signing in with the provider failed for a reason that the service's operator finds in its log; try again, or use a token";
    Problem::new(ProblemKind::BadGateway, detail)
}

impl From<SignInFault> for Problem {
    fn from(fault: SignInFault) -> Problem {
        Problem::new(ProblemKind::NotAuthenticated, fault.to_string()).because("sign_in")
    }
}
