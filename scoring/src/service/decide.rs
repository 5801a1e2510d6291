//! Deciding one payment: a model or rules → policy → verdict → log. Each payment is decided by exactly one task (or, after
//! a crash, by the replay), which a caller that hangs up does not touch.

use super::ServiceError;
use super::claims::{Claims, Made};
use super::health::Health;
use crate::drift::DriftTap;
use crate::engine::Evidence;
use crate::inference::ModelReply;
use crate::log::{Completion, EventLog, Refusal, TransactionKey};
use crate::meters::Meters;
use crate::serving::{Answer, Failure, Route, Ruled, Serving};
use crate::verdict::{AsOf, Cut, Decision, StageTimes, SubgraphSize, TierCause, Verdict};
use crate::{clock, reviews, wire};
use fraudnet_graph::Event;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What every decision needs.
pub(crate) struct Desk {
    pub(crate) serving: Serving,
    pub(crate) log: EventLog,
    pub(crate) claims: Claims,
    pub(crate) health: Arc<Health>,
    pub(crate) meters: Meters,
    /// Share of approved payments that become training examples.
    pub(crate) example_share: f64,
    /// Where decided payments are left for the drift monitor.
    pub(crate) drift: DriftTap,
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

/// When a payment is decided.
pub(super) struct Times {
    /// Until when the first model is waited for.
    pub(super) turn: Instant,
    /// When it is decided by what there is.
    pub(super) cutoff: Instant,
    /// What is decided where nothing is seen of the payment by then, and the payment; none: the verdict waits.
    pub(super) unseen: Option<(Decision, Event)>,
}

impl Desk {
    /// Positions of payments begun here that are not durably decided.
    pub(super) fn open(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a model and decides by what there is at `times.cutoff`; ends the claim once the verdict is durable.
    pub(super) async fn decide(
        self: Arc<Self>,
        pending: PendingVerdict,
        times: Times,
        route: Arc<Route>,
        evidence: oneshot::Receiver<Arc<Evidence>>,
        model: oneshot::Receiver<ModelReply>,
    ) {
        let reply = match tokio::time::timeout_at(times.turn.into(), model).await {
            Ok(Ok(reply)) => reply,
            // Its worker ended without an answer.
            Ok(Err(_)) => ModelReply::Failed(Failure::Error),
            Err(_) => ModelReply::Expired,
        };
        let seen = match &times.unseen {
            Some((decision, event)) => match tokio::time::timeout_at(times.cutoff.into(), evidence).await {
                Ok(evidence) => evidence,
                Err(_) => {
                    let verdict = self.unseen(&pending, &route, *decision, event);
                    self.log(pending, &verdict, event);
                    return;
                }
            },
            // Where even the engine is behind, the verdict waits for it, past the deadline if need be: never a verdict without evidence.
            None => evidence.await,
        };
        let Ok(evidence) = seen else {
            let reason = format!(
                "the payment at log position {} could not be observed; see the log lines before this one",
                pending.position
            );
            self.claims.end(&pending.key, Err(ServiceError::Log(reason)));
            return;
        };
        let answer = self.serving.answer(&route, &evidence, reply, evidence.seen_at, times.cutoff).await;
        let verdict = self.rule(&pending, &route, &evidence, &answer);
        self.log(pending, &verdict, &evidence.event);
        self.after(&route, &evidence, &answer, &verdict);
    }

    /// Has the verdict made durable with the case it opens, and the claim ended then.
    fn log(self: &Arc<Self>, pending: PendingVerdict, verdict: &Verdict, payment: &Event) {
        let body = Desk::bytes(verdict);
        let made_at = clock::monotonic();
        let desk = Arc::clone(self);
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
        let case = Desk::case(payment, verdict);
        // A refusal reaches the waiters through `done`.
        let _ =
            self.log.append_verdict(&pending.key, pending.body_hash, pending.position, &body, case.as_deref(), done);
    }

    /// The case event that a verdict made now means, if any.
    pub(super) fn case(payment: &Event, verdict: &Verdict) -> Option<Vec<u8>> {
        reviews::opened(payment, verdict, clock::now_ms()).map(|event| reviews::encode(&event))
    }

    /// Why the log did not take something, counted.
    pub(super) fn refused(&self, refusal: Refusal) -> ServiceError {
        if let Refusal::Failed(reason) = &refusal {
            self.health.fail(reason);
        }
        let error = ServiceError::from(refusal);
        if let ServiceError::Overloaded { queue, .. } = error {
            self.meters.refused(queue);
        }
        error
    }

    /// What is done with a decided payment once its verdict is on its way to the disk; nobody waits for any of it.
    pub(super) fn after(&self, route: &Route, evidence: &Arc<Evidence>, answer: &Answer, verdict: &Verdict) {
        self.serving.aside(route, evidence, answer);
        self.keep_example(&evidence.event, evidence, verdict);
        self.drift.offer(evidence, verdict);
    }

    /// The verdict's JSON: the bytes that are logged and replied.
    pub(super) fn bytes(verdict: &Verdict) -> Arc<[u8]> {
        serde_json::to_vec(verdict)
            .expect("a verdict is plain data with finite numbers, which always has a JSON form")
            .into()
    }

    /// The verdict that follows from what was seen and who answered: all of it by one route.
    pub(crate) fn rule(
        &self,
        pending: &PendingVerdict,
        route: &Route,
        evidence: &Evidence,
        answer: &Answer,
    ) -> Verdict {
        let begun = clock::monotonic();
        let (by, cause, waited, ran) = match answer {
            Answer::Model { by, cause, waited, ran, .. } => (by, *cause, *waited, *ran),
            Answer::Rules { cause } => (&route.model, Some(*cause), Duration::ZERO, Duration::ZERO),
        };
        let Ruled { decision, probability, risk_score, reasons, tier, score_decision, control_group, policy_version } =
            route.rule(answer, &evidence.event, &evidence.tensor().payment);
        let stage_us = StageTimes {
            engine_queue: micros(evidence.waited),
            observe: micros(evidence.observed_in),
            inference_queue: micros(waited),
            inference: micros(ran),
            policy: micros(clock::monotonic().saturating_duration_since(begun)),
        };
        self.meters.decided(decision, tier, cause, &stage_us);
        let verdict = Verdict {
            decision_id: decision_id(&pending.key, pending.position),
            transaction_id: pending.transaction_id.clone(),
            decision,
            fraud_probability: probability,
            risk_score,
            reason_codes: reasons.iter().map(|reason| reason.code.clone()).collect(),
            reasons,
            tier,
            tier_cause: cause,
            model: by.model.name.clone(),
            model_version: by.model.version.clone(),
            policy_version,
            as_of: AsOf {
                position: pending.position,
                time: wire::format_timestamp(i64::from(evidence.now_s) * 1000),
                cut: pending.cut.clone(),
            },
            subgraph_digest: hex(&evidence.subgraph_digest),
            subgraph: SubgraphSize { hops: evidence.hops, truncated: evidence.truncated },
            experiments: route.arms.clone(),
            score_decision,
            control_group,
            stage_us,
        };
        tracing::debug!(transaction_id = %verdict.transaction_id, decision = ?decision, tier = ?tier, position = pending.position, "decided");
        verdict
    }

    /// The configured decision on a payment of which nothing was seen in time.
    fn unseen(&self, pending: &PendingVerdict, route: &Route, decision: Decision, event: &Event) -> Verdict {
        let cause = TierCause::Deadline;
        let stage_us = StageTimes::default();
        let Ruled { decision, probability, risk_score, reasons, tier, score_decision, control_group, policy_version } =
            route.rule_unseen(decision, event);
        self.meters.decided(decision, tier, Some(cause), &stage_us);
        Verdict {
            decision_id: decision_id(&pending.key, pending.position),
            transaction_id: pending.transaction_id.clone(),
            decision,
            fraud_probability: probability,
            risk_score,
            reason_codes: reasons.iter().map(|reason| reason.code.clone()).collect(),
            reasons,
            tier,
            tier_cause: Some(cause),
            model: route.model.model.name.clone(),
            model_version: route.model.model.version.clone(),
            policy_version,
            as_of: AsOf {
                position: pending.position,
                time: wire::format_timestamp(event.occurred_at_ms),
                cut: pending.cut.clone(),
            },
            subgraph_digest: String::new(),
            subgraph: SubgraphSize { hops: [0; 4], truncated: 0 },
            experiments: route.arms.clone(),
            score_decision,
            control_group,
            stage_us,
        }
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
