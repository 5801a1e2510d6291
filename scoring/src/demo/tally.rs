//! What came back: every answer by the number of its payment, and the figures shown while they come.

use super::ring::Ring;
use super::screen::grouped;
use super::world::LivePayment;
use crate::clock;
use crate::verdict::{Decision, Verdict};
use hyper::body::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Latest answers the live percentiles are over.
const RECENT: usize = 2_000;

/// An answer to a payment.
pub(super) struct Answered {
    pub(super) verdict: Verdict,
    /// As replied.
    pub(super) body: Bytes,
    /// From when it was asked for, or should have been.
    pub(super) latency: Duration,
    /// Time the verdict waited to become durable; unknown where it came by id.
    pub(super) durable_ms: Option<f64>,
}

/// All answers.
pub(super) struct Tally {
    inner: Mutex<Inner>,
    ring: Option<Arc<Ring>>,
}

/// What is behind the lock.
pub(super) struct Inner {
    /// By number of the payment.
    pub(super) answers: Vec<Option<Answered>>,
    /// Why payments got no verdict; the first few.
    pub(super) failures: Vec<String>,
    pub(super) labels: u64,
    /// Labels of payments the service did not know, or that it refused.
    pub(super) labels_lost: u64,
    answered: usize,
    decisions: [u64; 4],
    frauds: u64,
    caught: u64,
    recent: VecDeque<f32>,
    /// Payments of the ring that were shown.
    ring_shown: usize,
}

/// Failures kept.
const FAILURES: usize = 5;

impl Tally {
    pub(super) fn new(payments: usize, ring: Option<Arc<Ring>>) -> Tally {
        let inner = Inner {
            answers: (0..payments).map(|_| None).collect(),
            failures: Vec::new(),
            labels: 0,
            labels_lost: 0,
            answered: 0,
            decisions: [0; 4],
            frauds: 0,
            caught: 0,
            recent: VecDeque::with_capacity(RECENT),
            ring_shown: 0,
        };
        Tally { inner: Mutex::new(inner), ring }
    }

    /// Counts an answer; lines to show where it continues the ring, whose payments are shown in their own order.
    pub(super) fn payment(
        &self,
        number: usize,
        payment: &LivePayment,
        answer: Result<Answered, String>,
    ) -> Vec<String> {
        let mut inner = self.lock();
        inner.answered += 1;
        let answer = match answer {
            Ok(answer) => answer,
            Err(reason) => {
                if inner.failures.len() < FAILURES {
                    inner.failures.push(format!("{}: {reason}", payment.request.transaction_id));
                }
                return Vec::new();
            }
        };
        inner.decisions[answer.verdict.decision as usize] += 1;
        inner.frauds += u64::from(payment.oracle.fraud);
        inner.caught += u64::from(payment.oracle.fraud && answer.verdict.decision >= Decision::Review);
        if inner.recent.len() == RECENT {
            inner.recent.pop_front();
        }
        inner.recent.push_back(answer.latency.as_secs_f32() * 1e3);
        inner.answers[number] = Some(answer);
        let Some(ring) = &self.ring else { return Vec::new() };
        let mut lines = Vec::new();
        while let Some(&member) = ring.members.get(inner.ring_shown)
            && let Some(answer) = &inner.answers[member]
        {
            lines.extend(ring.line(inner.ring_shown, &answer.verdict));
            inner.ring_shown += 1;
        }
        lines
    }

    /// Counts a label.
    pub(super) fn label(&self, known: Result<bool, String>) {
        let mut inner = self.lock();
        inner.labels += 1;
        inner.labels_lost += u64::from(known != Ok(true));
    }

    /// Payments answered so far, with a verdict or not.
    pub(super) fn answered(&self) -> usize {
        self.lock().answered
    }

    /// Figures for a line of progress.
    pub(super) fn figures(&self, begun: Instant) -> String {
        let inner = self.lock();
        let seconds = clock::monotonic().saturating_duration_since(begun).as_secs_f64();
        let mut recent: Vec<f32> = inner.recent.iter().copied().collect();
        let [p50, p99] = [0.5, 0.99].map(|share| percentile(&mut recent, share));
        let [approved, challenged, reviewed, declined] = inner.decisions.map(grouped);
        format!(
            "{:.0}/s  p50 {p50:.1} ms p99 {p99:.1} ms  approve {approved} challenge {challenged} review {reviewed} decline {declined}  caught {} of {} frauds",
            inner.answered as f64 / seconds.max(1e-3),
            inner.caught,
            inner.frauds
        )
    }

    /// Whether that payment was answered with these bytes.
    pub(super) fn replied(&self, number: usize, body: &Bytes) -> bool {
        self.lock().answers[number].as_ref().is_some_and(|answer| answer.body == *body)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value below which that share of the values lies (nearest rank); zero where there are none. Sorts.
pub(super) fn percentile(values: &mut [f32], share: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_unstable_by(f32::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values[rank.clamp(1, values.len()) - 1]
}
