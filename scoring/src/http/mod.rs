//! The HTTP rim: routes, headers, problems, traces.
//!
//! In reading order: this page (routes and how they are served) → `payments`, `labels`, `entities`, `models`, `status` (handlers), `console`
//! (pages) → `request` (deadline, body) → `door` (who asks, for which tenant, and whether a handler sees it) → `problem` (every error and its
//! status) → `trace` (span, access line, metrics around each request) →
//! `openapi`.
//!
//! Never knows: how a verdict is made, how JSON fields are checked ([`crate::wire`] does), files, configuration keys.

mod access;
mod actor;
mod audit;
mod changes;
mod console;
mod door;
mod drift;
mod entities;
mod evidence;
mod experiments;
mod labels;
mod lists;
mod models;
mod oidc;
mod openapi;
mod payments;
mod policies;
mod privacy;
mod problem;
mod recent;
mod request;
mod reviews;
mod rings;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod trace;
mod training;

use crate::access::{AccessSettings, OidcSettings};
use crate::service::Service;
use crate::wire::InputRules;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use axum::serve::ListenerExt;
use door::DoorKeeper;
use metrics_exporter_prometheus::PrometheusHandle;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

pub use access::{PeopleReply, RuleReply, RuleRequest, TokenIssued, TokenRequest, TokensReply};
pub use actor::{ACTOR, ACTOR_SIGNATURE, ACTOR_TIME, signed_message};
pub use audit::{AuditKeyReply, ProofsReply};
pub use changes::{ChangeEntry, ChangesReply};
pub use entities::{SubgraphLink, SubgraphNode, SubgraphReply};
pub use evidence::SeenReply;
pub use experiments::{ExperimentReply, ExperimentsReply, StepReply, StepRequest};
pub use labels::LabelReply;
pub use lists::{ListChangedReply, ListRequest, ListedReply, ListsReply};
pub use models::{
    AliasReply, AliasRequest, AliasTold, GoldenTold, ModelReply, ModelTold, ModelsReply, RollbackRequest, VerifiedReply,
};
pub use openapi::openapi_json;
pub use payments::REPLAYED;
pub use policies::{
    ActivateRequest, ActivationTold, ActiveReply, PoliciesReply, PolicyReply, PolicyTold, PublishedReply,
};
pub use privacy::{ErasureReply, ErasureRequest, ErasureTold, PersonRequest, PrivacyReply, RevealReply, RevealRequest};
pub use problem::{Problem, ProblemKind, Refused};
pub use recent::{EntityPaymentReply, EntityPaymentsReply};
pub use request::{DEADLINE, MAX_BODY_BYTES, MAX_DEADLINE_MS, TENANT};
pub use reviews::{BulkReply, BulkRequest, BulkTold, CaseReply, CasesReply, ReviewSettingsReply};
pub use rings::{RingLinkReply, RingMemberReply, RingReply, RingsReply};
pub use session::{SessionReply, SessionRequest};
pub use status::ReadyReply;
pub use trace::describe;
pub use training::NEXT_POSITION;

/// Checked settings of the rim.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpConfig {
    /// Tenant of requests that name none.
    pub default_tenant: String,
    /// How long a caller waits who does not say.
    pub default_deadline: Duration,
    /// Limits on requests.
    pub input: InputRules,
    /// Who may come in, and how often.
    pub access: AccessSettings,
    /// Where people sign in.
    pub oidc: OidcSettings,
    /// Whether it listens on this machine alone.
    pub is_loopback: bool,
    /// Code of the currency that amounts of cases and rings are in; empty where nobody said.
    pub reference_currency: String,
}

/// What the handlers share.
pub struct App {
    service: Service,
    config: HttpConfig,
    metrics: Option<PrometheusHandle>,
    taken: actor::Taken,
    door: DoorKeeper,
    oidc: Option<oidc::OidcClient>,
}

/// The routes of a service. Without a `metrics` handle `/metrics` is empty.
///
/// # Errors
/// Where people are to sign in with a provider and it cannot be spoken to: our secret there cannot be read, or no certificates are trusted.
pub fn router(service: Service, config: HttpConfig, metrics: Option<PrometheusHandle>) -> Result<Router, String> {
    let routes = Router::new()
        .route("/v1/transactions:score", post(payments::score))
        .route("/v1/verdicts/{transaction_id}", get(payments::verdict))
        .route("/v1/verdicts/{transaction_id}/subgraph", get(evidence::subgraph))
        .route("/v1/verdicts/{transaction_id}/explanation", get(evidence::explanation))
        .route("/v1/labels", post(labels::add))
        .route("/v1/entities/{kind}/{id}/subgraph", get(entities::subgraph))
        .route("/v1/entities/{kind}/{id}/payments", get(recent::list))
        .route("/v1/changes", get(changes::list))
        .route("/v1/drift", get(drift::show))
        .route("/v1/experiments", get(experiments::list).post(experiments::create))
        // The step is told behind a colon, which a route cannot take apart.
        .route("/v1/experiments/{name}", get(experiments::show).post(experiments::step))
        .route("/v1/models", get(models::list))
        .route("/v1/models:rollback", post(models::change::rollback))
        // What is done with a version is told behind a colon, which a route cannot take apart.
        .route("/v1/models/{name}/{version}", get(models::show).post(models::act))
        .route("/v1/models/aliases/{alias}", put(models::change::set_alias))
        .route("/v1/policies", get(policies::list).post(policies::publish))
        .route("/v1/policies/active", get(policies::active).put(policies::activate))
        .route("/v1/policies/{version}", get(policies::show))
        .route(
            "/v1/policies:dry-run",
            get(policies::dry_run::show).post(policies::dry_run::start).delete(policies::dry_run::stop),
        )
        .route("/v1/lists", get(lists::list))
        .route("/v1/lists/{list}/{kind}/{id}", get(lists::show).put(lists::put).delete(lists::remove))
        .route("/v1/reviews", get(reviews::list))
        .route("/v1/reviews/settings", get(reviews::settings))
        // The step is told behind a colon, which a route cannot take apart.
        .route("/v1/reviews/{case_id}", get(reviews::show).post(reviews::act::step))
        .route("/v1/reviews:next", post(reviews::act::next))
        .route("/v1/reviews:bulk", post(reviews::act::bulk))
        .route("/v1/reviews:bulk-preview", post(reviews::act::preview))
        .route("/v1/rings", get(rings::list))
        .route("/v1/rings/{ring_id}", get(rings::show))
        .route("/v1/training/stream", get(training::stream))
        .route("/v1/audit/head", get(audit::head))
        .route("/v1/audit/key", get(audit::key))
        .route("/v1/audit/proof", get(audit::of_position))
        .route("/v1/audit/proof/{transaction_id}", get(audit::of_transaction))
        .route("/v1/audit/consistency", get(audit::consistency))
        .route("/v1/session", get(session::show).post(session::begin).delete(session::end))
        .route("/v1/session/oidc", get(oidc::begin))
        .route("/v1/session/oidc/callback", get(oidc::callback))
        .route("/v1/access/tokens", get(access::tokens::list).post(access::tokens::create))
        .route("/v1/access/tokens/{token_id}", delete(access::tokens::revoke))
        .route("/v1/access/people", get(access::people::list).post(access::people::add))
        .route("/v1/access/people/{rule_id}", delete(access::people::remove))
        .route("/v1/privacy", get(privacy::status))
        .route("/v1/privacy/erasures", post(privacy::erase))
        .route("/v1/privacy/reveal", post(privacy::reveal))
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics))
        .route("/openapi.json", get(openapi::document));
    let (access, oidc) = (config.access.clone(), config.oidc.clone());
    let door = DoorKeeper::new(access, oidc, &config.default_tenant, config.is_loopback);
    let oidc = door.oidc.is_on().then(|| oidc::OidcClient::new(&door.oidc, door.random())).transpose()?;
    let app = Arc::new(App { service, config, metrics, taken: actor::Taken::default(), door, oidc });
    Ok(rim(console::routes(routes).layer(from_fn_with_state(Arc::clone(&app), door::admit))).with_state(app))
}

/// What stands around all routes: problems for what matches none, panics caught, traces.
fn rim<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    let no_route =
        || async { Problem::new(ProblemKind::NotFound, "there is no such route; GET /openapi.json lists them") };
    let no_method =
        || async { Problem::new(ProblemKind::MethodNotAllowed, "the Allow header names the methods this route takes") };
    routes
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(CatchPanicLayer::custom(trace::caught_panic))
        .layer(axum::middleware::from_fn(trace::around))
}

/// Serves the routes until `shutdown` resolves, then finishes the requests begun and returns. Connections that stay silent are closed;
/// bound the time from outside.
///
/// # Errors
/// Where the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // A verdict is one small write: waiting for more would cost 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not switch off Nagle's algorithm");
        }
    });
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, routes).with_graceful_shutdown(shutdown).await
}
