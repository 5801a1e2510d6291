//! The newest payments of an entity.

use super::App;
use super::door::Tenant;
use super::entities::kind_named;
use super::payments::bad_path;
use super::problem::{Problem, ProblemKind};
use crate::service::RecentPayment;
use crate::verdict::Decision;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Payments told where nothing is said, and at most.
const LISTED: usize = 50;
const MOST: usize = 200;

/// The newest payments of an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EntityPaymentsReply {
    /// The payments, the newest first.
    pub payments: Vec<EntityPaymentReply>,
}

/// A payment of an entity, with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EntityPaymentReply {
    /// Your id of the payment.
    pub transaction_id: String,
    /// When it happened, UTC milliseconds.
    pub at_ms: i64,
    /// Amount in minor units of its currency.
    pub amount_minor: u64,
    /// ISO 4217 code.
    pub currency: String,
    /// Paying account.
    pub account: String,
    /// Merchant that was paid.
    pub merchant: Option<String>,
    /// Device it was made from.
    pub device: Option<String>,
    /// Address it came from.
    pub ip: Option<String>,
    /// Receiving account.
    pub counterparty: Option<String>,
    /// What the verdict says; nothing where there is none: it was loaded as history, or is being decided.
    pub decision: Option<Decision>,
    /// Calibrated probability of fraud, 0–1.
    pub fraud_probability: Option<f64>,
    /// What the label says that stands: whether it was fraud.
    pub label: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    limit: Option<usize>,
}

/// The newest payments in which an entity took part, the newest first; an account's are those it made and those it received. Found among
/// the newest million payments of all tenants: an entity that was in none of them has an empty list. What is told of a payment is what the
/// log holds.
#[utoipa::path(
    get, path = "/v1/entities/{kind}/{id}/payments", tag = "entities", operation_id = "listEntityPayments",
    params(
        ("kind" = String, Path, description = "`account`, `device`, `ip` or `merchant`"),
        ("id" = String, Path, description = "Identifier, percent-encoded"),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "Payments at most; 50 where absent"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant the entity belongs to; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The payments", body = EntityPaymentsReply),
        (status = 400, description = "A header, the path or the query at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such kind of entity", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many such questions wait, or the log cannot be read", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    path: Result<Path<(String, String)>, PathRejection>,
    form: Result<Query<Form>, QueryRejection>,
) -> Result<Json<EntityPaymentsReply>, Problem> {
    let Path((kind, id)) = path.map_err(bad_path)?;
    let limit = form.map(|Query(form)| form.limit.unwrap_or(LISTED)).ok().filter(|limit| (1..=MOST).contains(limit));
    let limit = limit.ok_or_else(|| {
        Problem::new(ProblemKind::Malformed, format!("the query may only hold `limit`, from 1 to {MOST}"))
    })?;
    let kind = kind_named(&kind)?;
    let payments = match app.service.resolve(&tenant, kind, &id) {
        Some(id) => app.service.recent(&tenant, kind, &id, limit).await?,
        None => Vec::new(),
    };
    Ok(Json(EntityPaymentsReply { payments: payments.into_iter().map(EntityPaymentReply::from).collect() }))
}

impl From<RecentPayment> for EntityPaymentReply {
    fn from(RecentPayment { occurred_at_ms, payment, told, fraud }: RecentPayment) -> EntityPaymentReply {
        EntityPaymentReply {
            transaction_id: payment.transaction_id,
            at_ms: occurred_at_ms,
            amount_minor: payment.amount_minor,
            currency: String::from_utf8_lossy(&payment.currency).into_owned(),
            account: payment.account,
            merchant: payment.merchant,
            device: payment.device,
            ip: payment.ip,
            counterparty: payment.counterparty,
            decision: told.map(|told| told.decision),
            fraud_probability: told.map(|told| told.fraud_probability),
            label: fraud,
        }
    }
}
