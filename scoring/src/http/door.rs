//! The door before all routes: from a request to who sends it and for which tenant, or to why no handler sees it.
//!
//! What is checked, and in which order, is [`crate::access`]'s; here it is fed with headers and its answers become problems. Handlers take the
//! tenant from here and from nowhere else.

use super::App;
use super::problem::{Problem, ProblemKind};
use super::request::{TENANT, hear_out, single};
use crate::access::{
    AccessSettings, AccessState, Admitted, Asked, Caller, Denied, Door, Gate, Limiter, OidcSettings, Sessions,
    Throttled, TurnedAway, methods_of, steps_of,
};
use crate::clock;
use crate::wire::{bounds, holds_card_number};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use ring::rand::{SecureRandom, SystemRandom};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use url::form_urlencoded;

/// What the service keeps by itself of who may come in: sessions and rates, which end with it.
pub(super) struct DoorKeeper {
    pub(super) settings: AccessSettings,
    pub(super) oidc: OidcSettings,
    proxies: Vec<IpNet>,
    is_loopback: bool,
    default_tenant: String,
    sessions: Mutex<Sessions>,
    limiter: Mutex<Limiter>,
    random: SystemRandom,
}

impl DoorKeeper {
    /// With nobody signed in.
    pub(super) fn new(
        settings: AccessSettings,
        oidc: OidcSettings,
        default_tenant: &str,
        is_loopback: bool,
    ) -> DoorKeeper {
        let random = SystemRandom::new();
        DoorKeeper {
            proxies: settings.trusted_networks(),
            is_loopback,
            default_tenant: default_tenant.to_owned(),
            sessions: Mutex::new(Sessions::new((&settings).into(), bytes(&random))),
            limiter: Mutex::new(Limiter::new(settings.rates(), settings.counted_callers)),
            random,
            settings,
            oidc,
        }
    }

    /// Who is signed in.
    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that nobody can guess.
    pub(super) fn random<const N: usize>(&self) -> [u8; N] {
        bytes(&self.random)
    }

    fn admit(&self, state: &AccessState, request: &Request) -> Result<Admitted, Problem> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>().ok_or_else(|| {
            Problem::new(ProblemKind::Internal, "the service does not know where the request comes from")
        })?;
        let headers = request.headers();
        let named = tenant_header(headers);
        let mut tenants: Vec<String> = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
            .filter(|(key, _)| key == "tenant")
            .map(|(_, value)| value.into_owned())
            .collect();
        tenants.extend(named.as_ref().ok().cloned().flatten());
        let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
        let authorization: Vec<Option<&str>> =
            headers.get_all(header::AUTHORIZATION).iter().map(|value| value.to_str().ok()).collect();
        let door = Door {
            gate: Gate { state, settings: &self.settings, sessions: &self.sessions },
            limiter: &self.limiter,
            trusted_proxies: &self.proxies,
            is_loopback: self.is_loopback,
            default_tenant: &self.default_tenant,
        };
        let asked = Asked {
            method: request.method().as_str(),
            path: request.uri().path(),
            peer: peer.ip(),
            authorization: &authorization,
            cookies: &texts(headers, header::COOKIE.as_str()),
            csrf: text(headers, "x-csrf-token"),
            origin: text(headers, header::ORIGIN.as_str()),
            fetch_site: text(headers, "sec-fetch-site"),
            host: text(headers, header::HOST.as_str()).or_else(|| request.uri().host()),
            tenants: &tenants,
            forwarded_for: &texts(headers, "x-forwarded-for"),
            forwarded_proto: &texts(headers, "x-forwarded-proto"),
        };
        let admitted = door.admit(&asked, clock::now_ms()).map_err(|away| self.problem(away, &asked))?;
        // Who may not hears that first.
        named.map(|_| admitted)
    }

    fn problem(&self, away: TurnedAway, asked: &Asked<'_>) -> Problem {
        match away {
            TurnedAway::NoRoute => no_route(asked.method, asked.path),
            TurnedAway::Denied(Denied::BadTenant) => Problem::of_header(TENANT, Denied::BadTenant.to_string()),
            TurnedAway::Denied(denied) => {
                metrics::counter!("fraudnet_access_denied_total", "code" => denied.code()).increment(1);
                Problem { oidc: (denied.status() == 401).then(|| self.oidc.is_on()), ..denied.into() }
            }
            TurnedAway::Throttled(throttled) => {
                metrics::counter!("fraudnet_access_denied_total", "code" => "throttled").increment(1);
                throttled.into()
            }
        }
    }
}

/// Describes the metrics of this layer to the installed recorder.
pub(super) fn describe() {
    metrics::describe_counter!(
        "fraudnet_access_denied_total",
        "Requests that no handler saw, by why: see scoring/docs/access.md"
    );
}

/// The layer before all routes.
pub(super) async fn admit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let state = app.service.control().state();
    match app.door.admit(&state.access, &request) {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted);
            next.run(request).await
        }
        Err(problem) => {
            // Who asks before sending listens already; everybody else could find the connection broken and never hear why.
            if !request.headers().contains_key(header::EXPECT) {
                hear_out(request.into_body()).await;
            }
            problem.into_response()
        }
    }
}

/// What is said of a path that no route is for.
fn no_route(method: &str, path: &str) -> Problem {
    let (methods, steps) = (methods_of(path), steps_of(path));
    if method == "POST" && !steps.is_empty() {
        let detail = format!("there is no such step; there are these steps: POST {}", steps.join(", "));
        return Problem::new(ProblemKind::NotFound, detail);
    }
    if methods.is_empty() {
        return Problem::new(ProblemKind::NotFound, "there is no such route; GET /openapi.json lists them");
    }
    let detail = "the Allow header names the methods this route takes";
    Problem::new(ProblemKind::MethodNotAllowed, detail).with_header("allow", methods.join(", "))
}

/// The tenant to answer for.
#[derive(Debug)]
pub(super) struct Tenant(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Tenant, Problem> {
        tenant(&parts.extensions).map(Tenant)
    }
}

/// The tenant to answer for.
pub(super) fn tenant(extensions: &Extensions) -> Result<String, Problem> {
    caller(extensions).map(|(_, tenant)| tenant.clone())
}

/// Who asks, and the tenant to answer for.
pub(super) fn caller(extensions: &Extensions) -> Result<&(Caller, String), Problem> {
    let admitted = extensions.get::<Admitted>().and_then(|admitted| admitted.caller.as_ref());
    // Only an open route has none, and those answer for nobody.
    admitted.ok_or_else(|| Problem::new(ProblemKind::Internal, "the service does not know who asks"))
}

/// `X-Tenant`, where there is one.
fn tenant_header(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = single(headers, TENANT)? else { return Ok(None) };
    match value {
        Some(name) if !holds_card_number(name) => {
            bounds::tenant(name).map(|()| Some(name.to_owned())).map_err(|reason| Problem::of_header(TENANT, reason))
        }
        _ => Err(Problem::of_header(TENANT, "must be 1 to 64 letters, digits, dots, dashes or underscores")),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
}

/// # Panics
/// Where the system has no randomness, without which nobody can be let in.
fn bytes<const N: usize>(random: &SystemRandom) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes).expect("the system's generator of random bytes works once it worked at the start");
    bytes
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        let kind = match denied.status() {
            400 => ProblemKind::InvalidHeader,
            401 => ProblemKind::NotAuthenticated,
            503 => ProblemKind::Overloaded,
            _ => ProblemKind::NotAuthorised,
        };
        let problem = Problem::new(kind, denied.to_string()).because(denied.code());
        match denied.www_authenticate() {
            Some(scheme) => problem.with_header("www-authenticate", scheme),
            None => problem,
        }
    }
}

impl From<Throttled> for Problem {
    fn from(throttled: Throttled) -> Problem {
        let problem = Problem::new(ProblemKind::TooMany, throttled.to_string()).because("throttled");
        problem.after(throttled.retry_after_s)
    }
}
