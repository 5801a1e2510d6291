//! Proofs of what the log holds.

use super::App;
use super::door::Tenant;
use super::problem::{Problem, ProblemKind};
use crate::provenance::entry::EntryProof;
use crate::provenance::head::SignedHead;
use crate::provenance::proof::ConsistencyProof;
use crate::provenance::{AuditError, HeadKey};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Proofs of the entries asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProofsReply {
    /// Of a transaction the payment's and then, where it has one, the verdict's; each can be checked by itself.
    pub proofs: Vec<EntryProof>,
}

/// The public key that heads are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditKeyReply {
    /// Its name: the `signer` of heads.
    pub signer: String,
    /// `ed25519`.
    pub algorithm: String,
    /// The key, 64 hex digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub public_key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PositionForm {
    position: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SizesForm {
    first: u64,
    second: u64,
}

/// The newest signed head of the audit tree.
#[utoipa::path(
    get, path = "/v1/audit/head", tag = "audit", operation_id = "auditHead",
    responses(
        (status = 200, description = "The head: root, size and signature", body = SignedHead),
        (status = 404, description = "Nothing was signed yet, or no tree is kept", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn head(State(app): State<Arc<App>>) -> Result<Json<SignedHead>, Problem> {
    let head = app.service.audit().head()?;
    let none = || {
        Problem::new(ProblemKind::NotFound, "nothing was signed yet; the first head comes soon after the first payment")
    };
    head.map(|head| Json(head.as_ref().clone())).ok_or_else(none)
}

/// The public key that heads are signed with. Whoever trusts nobody here keeps a copy of it elsewhere and compares.
#[utoipa::path(
    get, path = "/v1/audit/key", tag = "audit", operation_id = "auditKey",
    responses(
        (status = 200, description = "The key", body = AuditKeyReply),
        (status = 404, description = "No tree is kept", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn key(State(app): State<Arc<App>>) -> Result<Json<AuditKeyReply>, Problem> {
    let HeadKey { signer, public_key } = app.service.audit().key()?.clone();
    Ok(Json(AuditKeyReply { signer, algorithm: "ed25519".to_owned(), public_key }))
}

/// Proofs that a payment and its verdict are in the log, which hold without this service.
#[utoipa::path(
    get, path = "/v1/audit/proof/{transaction_id}", tag = "audit", operation_id = "auditProof",
    params(
        ("transaction_id" = String, Path, description = "The payment's id"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant the payment belongs to; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "Entries, ways to the root, and the signed root", body = ProofsReply),
        (status = 400, description = "A header or the path at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such payment, or no tree is kept", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The log is not what was signed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No head covers it yet, or the log cannot be read", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn of_transaction(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    Tenant(tenant): Tenant,
) -> Result<Json<ProofsReply>, Problem> {
    let Path(transaction_id) = path.map_err(|error| Problem::new(ProblemKind::Malformed, error.body_text()))?;
    Ok(Json(ProofsReply { proofs: app.service.audit().prove_transaction(&tenant, &transaction_id)? }))
}

/// Proof that an entry is in the log: an edge tells as its source the position of the payment it comes from, a change its own.
#[utoipa::path(
    get, path = "/v1/audit/proof", tag = "audit", operation_id = "auditProofAt",
    params(
        ("position" = u64, Query, description = "Position of the entry in the log"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant the entry belongs to; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The entry, its way to the root, and the signed root", body = ProofsReply),
        (status = 400, description = "A header or the query at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such entry, or no tree is kept", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The log is not what was signed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No head covers it yet, or the log cannot be read", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn of_position(
    State(app): State<Arc<App>>,
    form: Result<Query<PositionForm>, QueryRejection>,
    Tenant(tenant): Tenant,
) -> Result<Json<ProofsReply>, Problem> {
    let Query(form) = form.map_err(|error| Problem::new(ProblemKind::Malformed, error.body_text()))?;
    Ok(Json(ProofsReply { proofs: vec![app.service.audit().prove_position(&tenant, form.position)?] }))
}

/// Proof that the log grew from one size to another and nothing before was changed; what a witness asks before it takes a newer head.
#[utoipa::path(
    get, path = "/v1/audit/consistency", tag = "audit", operation_id = "auditConsistency",
    params(
        ("first" = u64, Query, description = "Entries of the earlier head"),
        ("second" = u64, Query, description = "Entries of the later head"),
    ),
    responses(
        (status = 200, description = "Hashes that both roots are made from", body = ConsistencyProof),
        (status = 400, description = "The query at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No tree is kept", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn consistency(
    State(app): State<Arc<App>>,
    form: Result<Query<SizesForm>, QueryRejection>,
) -> Result<Json<ConsistencyProof>, Problem> {
    let Query(form) = form.map_err(|error| Problem::new(ProblemKind::Malformed, error.body_text()))?;
    Ok(Json(app.service.audit().consistency(form.first, form.second)?))
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Problem {
        let detail = error.to_string();
        match error {
            AuditError::Off | AuditError::NoEntry => Problem::new(ProblemKind::NotFound, detail),
            AuditError::NotCovered { retry_after_s, .. } => {
                Problem::new(ProblemKind::NotReady, detail).after(retry_after_s)
            }
            AuditError::Sizes(_) => Problem::new(ProblemKind::Malformed, detail),
            AuditError::Broken { .. } => Problem::new(ProblemKind::Internal, detail),
            AuditError::Service(error) => Problem::from(error),
        }
    }
}
