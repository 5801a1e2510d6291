//! From a verdict to the case event that stands right behind it in the log, and case events as bytes.

use crate::cases::{CaseChange, CaseEvent, ReviewedPayment};
use crate::verdict::{Decision, Verdict};
use fraudnet_graph::{Body, Event};

/// Who opens cases.
pub(super) const ACTOR: &str = "fraudnet";

/// What a verdict on a payment, made at `at_ms` (UTC milliseconds since the epoch), means for cases; none unless somebody must look at the
/// payment.
pub(crate) fn opened(payment: &Event, verdict: &Verdict, at_ms: i64) -> Option<CaseEvent> {
    let Body::Payment(asked) = &payment.body else { return None };
    if verdict.decision != Decision::Review {
        return None;
    }
    let case_id = case_id(&payment.tenant, &asked.transaction_id);
    let payment_told = ReviewedPayment {
        case_id: case_id.clone(),
        transaction_id: asked.transaction_id.clone(),
        account: asked.account.clone(),
        amount_minor: asked.amount_minor,
        currency: String::from_utf8_lossy(&asked.currency).into_owned(),
        fraud_probability: verdict.fraud_probability,
        risk_score: verdict.risk_score,
        decision_id: verdict.decision_id.clone(),
    };
    Some(CaseEvent {
        event_id: case_id,
        at_ms,
        tenant: payment.tenant.clone(),
        actor: ACTOR.to_owned(),
        is_lead: false,
        change: CaseChange::Review { payment: payment_told },
    })
}

/// The case that a payment opens where its account has none: the same whoever asks.
fn case_id(tenant: &str, transaction_id: &str) -> String {
    let mut digest = blake3::Hasher::new();
    // Neither holds a zero byte: the rim refuses control characters.
    digest.update(b"fraudnet case\0").update(tenant.as_bytes()).update(b"\0").update(transaction_id.as_bytes());
    format!("case_{}", &digest.finalize().to_hex()[..24])
}

/// A case event's JSON.
pub(crate) fn encode(event: &CaseEvent) -> Vec<u8> {
    serde_json::to_vec(event)
        .expect("a case event is plain data with text keys and finite numbers, which always has a JSON form")
}

/// Reads a case event's JSON.
///
/// # Errors
/// Where it is not one that this build knows.
pub(crate) fn decode(json: &[u8]) -> Result<CaseEvent, String> {
    serde_json::from_slice(json).map_err(|error| format!("{error}; run the version that wrote it or a newer one"))
}
