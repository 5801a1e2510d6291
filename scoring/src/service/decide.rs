//! Deciding one payment: model or rules → policy → verdict → log. Each payment is decided by exactly one task (or, after
//! a crash, by the replay), which a caller that hangs up does not touch.

use super::ServiceError;
use super::claims::{Claims, Made};
use super::health::Health;
use crate::engine::Evidence;
use crate::inference::ModelReply;
use crate::log::{Completion, EventLog, TransactionKey};
use crate::meters::Meters;
use crate::policy::{Outcome, Policy, Ruling};
use crate::verdict::{AsOf, Cut, StageTimes, SubgraphSize, TierCause, Verdict};
use crate::{clock, wire};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What every decision needs.
pub(crate) struct Desk {
    pub(crate) policy: Policy,
    pub(crate) model: String,
    pub(crate) model_version: String,
    pub(crate) log: EventLog,
    pub(crate) claims: Claims,
    pub(crate) health: Arc<Health>,
    pub(crate) meters: Meters,
    /// Share of approved payments that become training examples.
    pub(crate) example_share: f64,
    /// Positions of payments that are not durably decided; where Kafka is the log, its own queue knows them.
    pub(super) open: Mutex<BTreeSet<u64>>,
}

impl Drop for Desk {
    /// Without a drain (a test, a failed start) the writer would wait for ever.
    fn drop(&mut self) {
        self.log.close();
    }
}

/// A payment that has its position.
pub(crate) struct PendingVerdict {
    pub(crate) key: TransactionKey,
    pub(crate) transaction_id: String,
    pub(crate) body_hash: [u8; 32],
    pub(crate) position: u64,
    pub(crate) cut: Option<Cut>,
}

impl Desk {
    /// Positions of payments begun here that are not durably decided.
    pub(super) fn open(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the model until `cutoff`, then decides by what there is, and ends the claim once the verdict is durable.
    pub(super) async fn decide(
        self: Arc<Self>,
        pending: PendingVerdict,
        cutoff: Instant,
        evidence: oneshot::Receiver<Arc<Evidence>>,
        model: oneshot::Receiver<ModelReply>,
    ) {
        let reply = match tokio::time::timeout_at(cutoff.into(), model).await {
            Ok(Ok(reply)) => reply,
            // Its worker ended without an answer.
            Ok(Err(_)) => ModelReply::Failed,
            Err(_) => ModelReply::Expired,
        };
        // Where even the engine is behind, the verdict waits for it, past the deadline if need be: never a verdict without evidence.
        let Ok(evidence) = evidence.await else {
            let reason = format!(
                "the payment at log position {} could not be observed; see the log lines before this one",
                pending.position
            );
            self.claims.end(&pending.key, Err(ServiceError::Log(reason)));
            return;
        };
        let body = self.verdict(&pending, &evidence, reply);
        drop(evidence);
        let made_at = clock::monotonic();
        let desk = Arc::clone(&self);
        let (key, position) = (pending.key.clone(), pending.position);
        let logged = Arc::clone(&body);
        let done: Completion = Box::new(move |durable| {
            let ending = match durable {
                Ok(()) => {
                    let durable_wait = clock::monotonic().saturating_duration_since(made_at);
                    desk.meters.durable(durable_wait);
                    Ok(Made { body: logged, durable_wait, earlier: false })
                }
                Err(reason) => {
                    desk.health.fail(&reason);
                    Err(ServiceError::Log(reason.to_string()))
                }
            };
            if ending.is_ok() {
                desk.open().remove(&position);
            }
            desk.claims.end(&key, ending);
        });
        // A refusal reaches the waiters through `done`.
        let _ = self.log.append_verdict(&pending.key, pending.body_hash, pending.position, &body, done);
    }

    /// The verdict's JSON: the bytes that are logged and replied.
    pub(super) fn verdict(&self, pending: &PendingVerdict, evidence: &Evidence, reply: ModelReply) -> Arc<[u8]> {
        serde_json::to_vec(&self.rule(pending, evidence, reply))
            .expect("a verdict is plain data with finite numbers, which always has a JSON form")
            .into()
    }

    /// The verdict that follows from what was seen and what the model says.
    pub(crate) fn rule(&self, pending: &PendingVerdict, evidence: &Evidence, reply: ModelReply) -> Verdict {
        let begun = clock::monotonic();
        let rules = |cause| (Outcome::Rules { cause }, Duration::ZERO, Duration::ZERO);
        let (outcome, waited, ran) = match reply {
            ModelReply::Scored { logit, waited, ran } => (Outcome::Model { logit }, waited, ran),
            ModelReply::QueueFull => rules(TierCause::InferenceQueueFull),
            ModelReply::Expired => rules(TierCause::Deadline),
            ModelReply::Failed => rules(TierCause::ModelError),
        };
        let Ruling { decision, probability, risk_score, reasons, tier, tier_cause } =
            self.policy.rule(outcome, &evidence.tensor().payment);
        let stage_us = StageTimes {
            engine_queue: micros(evidence.waited),
            observe: micros(evidence.observed_in),
            inference_queue: micros(waited),
            inference: micros(ran),
            policy: micros(clock::monotonic().saturating_duration_since(begun)),
        };
        self.meters.decided(decision, tier, tier_cause, &stage_us);
        let verdict = Verdict {
            decision_id: decision_id(&pending.key, pending.position),
            transaction_id: pending.transaction_id.clone(),
            decision,
            fraud_probability: probability,
            risk_score,
            reason_codes: reasons.iter().map(|reason| reason.code.clone()).collect(),
            reasons,
            tier,
            tier_cause,
            model: self.model.clone(),
            model_version: self.model_version.clone(),
            policy_version: self.policy.version().to_owned(),
            as_of: AsOf {
                position: pending.position,
                time: wire::format_timestamp(i64::from(evidence.now_s) * 1000),
                cut: pending.cut.clone(),
            },
            subgraph_digest: hex(&evidence.subgraph_digest),
            subgraph: SubgraphSize { hops: evidence.hops, truncated: evidence.truncated },
            experiments: Vec::new(),
        control_group: None,
            stage_us,
        };
        tracing::debug!(transaction_id = %verdict.transaction_id, decision = ?decision, tier = ?tier, position = pending.position, "decided");
        verdict
    }
}

/// Follows from tenant, id and position, so that no randomness is needed and no two decisions share one.
fn decision_id(key: &TransactionKey, position: u64) -> String {
    let mut digest = blake3::Hasher::new();
    digest.update(key.as_bytes());
    digest.update(&position.to_le_bytes());
    format!("dec_{}", &digest.finalize().to_hex()[..24])
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
