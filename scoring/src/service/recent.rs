//! The newest payments of an entity: which they are is for the follower to say, what they are for the log.

use super::{Inner, ServiceError, log_error};
use crate::follower::Known;
use crate::log::{EventLog, TransactionKey, VerdictPlace};
use crate::verdict::Decision;
use crate::wire;
use fraudnet_graph::{Body, Kind, Payment};
use serde::Deserialize;

/// A payment with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentPayment {
    /// When it happened, UTC milliseconds.
    pub occurred_at_ms: i64,
    /// The payment.
    pub payment: Payment,
    /// What its verdict says; none where it has none: it was loaded as history, or is being decided.
    pub told: Option<Told>,
    /// What the label says that stands.
    pub fraud: Option<bool>,
}

/// What a verdict says, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Told {
    /// What to do.
    pub decision: Decision,
    /// Calibrated probability of fraud, 0–1.
    pub fraud_probability: f64,
}

impl Inner {
    /// An entity's payments, newest first, at most `limit`. Reads the log on a thread that may block: some 50 µs a payment.
    pub(super) async fn recent(
        &self,
        tenant: &str,
        kind: Kind,
        id: &str,
        limit: usize,
    ) -> Result<Vec<RecentPayment>, ServiceError> {
        let known = self.follower.recent(tenant, kind, id, limit).await?;
        let (log, tenant, id) = (self.desk.log.clone(), tenant.to_owned(), id.to_owned());
        let read = move || {
            let payments = known.into_iter().map(|known| read(&log, &tenant, kind, &id, known));
            payments.filter_map(Result::transpose).collect()
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| ServiceError::Log("reading it broke off".to_owned()))?
    }
}

/// The payment at a position; none where the entity has no part in it.
fn read(
    log: &EventLog,
    tenant: &str,
    kind: Kind,
    id: &str,
    Known { position, fraud }: Known,
) -> Result<Option<RecentPayment>, ServiceError> {
    let entries = log.read_from(position, 1).map_err(log_error)?;
    let Some(entry) = entries.first() else { return Ok(None) };
    let Some(event) = entry.record().map_err(log_error)?.event() else { return Ok(None) };
    let event = wire::decode_event(event)
        .map_err(|error| ServiceError::Log(format!("the event at position {position}: {error}")))?;
    let Body::Payment(payment) = event.body else { return Ok(None) };
    if event.tenant != tenant || !names(&payment, kind, id) {
        return Ok(None);
    }
    let row = log.transaction(&TransactionKey::new(tenant, &payment.transaction_id)).map_err(log_error)?;
    let told = match row.map(|row| row.verdict) {
        Some(VerdictPlace::At(verdict)) => {
            let body = log.verdict_body(verdict).map_err(log_error)?;
            Some(serde_json::from_slice(&body).map_err(|error| ServiceError::Log(error.to_string()))?)
        }
        Some(VerdictPlace::Undecided | VerdictPlace::Never) | None => None,
    };
    Ok(Some(RecentPayment { occurred_at_ms: event.occurred_at_ms, payment, told, fraud }))
}

fn names(payment: &Payment, kind: Kind, id: &str) -> bool {
    let is = |name: &Option<String>| name.as_deref() == Some(id);
    match kind {
        Kind::Account => payment.account == id || is(&payment.counterparty),
        Kind::Device => is(&payment.device),
        Kind::Ip => is(&payment.ip),
        Kind::Merchant => is(&payment.merchant),
    }
}
