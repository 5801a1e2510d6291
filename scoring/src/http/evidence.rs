//! Evidence: what a verdict was read off, and why it is what it is.

use super::App;
use super::door::Tenant;
use super::entities::{SubgraphReply, reply};
use super::payments::bad_path;
use super::problem::{Problem, ProblemKind};
use crate::explain::Explanation;
use crate::service::Unexplained;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The neighbourhood that a verdict was read off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeenReply {
    /// The neighbourhood as of the payment's own position.
    #[serde(flatten)]
    pub subgraph: SubgraphReply,
    /// Its digest, reckoned again.
    pub digest: String,
    /// Whether that is the digest which the verdict carries.
    pub matches_verdict: bool,
}

/// The neighbourhood that a verdict was read off, with its digest reckoned again. Kept for the newest payments that were not simply approved.
#[utoipa::path(
    get, path = "/v1/verdicts/{transaction_id}/subgraph", tag = "payments", operation_id = "getVerdictSubgraph",
    params(
        ("transaction_id" = String, Path, description = "Your id of the payment, percent-encoded"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant the payment belongs to; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The neighbourhood", body = SeenReply),
        (status = 404, description = "No verdict is stored under this id", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It is not kept", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many such questions wait", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn subgraph(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<SeenReply>, Problem> {
    let Path(transaction_id) = path.map_err(bad_path)?;
    let found = app.service.seen(&tenant, &transaction_id).await?.ok_or_else(no_verdict)?;
    let (Some(seen), Some(digest)) = (&found.seen, found.digest()) else {
        return Err(Unexplained::NotKept.into());
    };
    let matches_verdict = digest == found.verdict.subgraph_digest;
    Ok(Json(SeenReply { subgraph: reply(seen), digest, matches_verdict }))
}

/// Why a verdict is what it is: what each figure and each entity adds to the model's log-odds, ways to reported fraud in words, and what
/// the model would say without a piece of evidence. Computed when asked, within some 50 ms.
#[utoipa::path(
    get, path = "/v1/verdicts/{transaction_id}/explanation", tag = "payments", operation_id = "explainVerdict",
    params(
        ("transaction_id" = String, Path, description = "Your id of the payment, percent-encoded"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant the payment belongs to; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The explanation", body = Explanation),
        (status = 404, description = "No verdict is stored under this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No model had a part in it, or the model cannot be explained", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "What it was read off is not kept", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many such questions wait", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn explanation(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Explanation>, Problem> {
    let Path(transaction_id) = path.map_err(bad_path)?;
    let explained = app.service.explain(&tenant, &transaction_id).await?;
    explained.map(Json).ok_or_else(no_verdict)
}

fn no_verdict() -> Problem {
    Problem::new(ProblemKind::NotFound, "no verdict is stored under this transaction_id; score the payment first")
}

impl From<Unexplained> for Problem {
    fn from(error: Unexplained) -> Problem {
        let kind = match error {
            Unexplained::NoModel(_) | Unexplained::Model(..) => ProblemKind::Contradiction,
            Unexplained::NotKept => ProblemKind::Gone,
            Unexplained::OtherDigest => ProblemKind::Internal,
            Unexplained::Service(error) => return Problem::from(error),
        };
        Problem::new(kind, error.to_string())
    }
}
