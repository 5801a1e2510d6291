//! Going down the ladder: the first model → trees v2 → trees v1 → the rules, by deadline and circuit breaker.
//!
//! Whoever decides a payment waits for the first model until its *turn* is over, a little before the payment's own time: so much is kept
//! back for the tiers below, which answer within a fraction of it. The cause that a verdict names is why the first did not answer.

use super::route::{Answer, Route};
use super::{Failure, Serving, lane::Descent};
use crate::clock;
use crate::engine::Evidence;
use crate::inference::{Job, ModelReply, answer};
use crate::verdict::TierCause;
use crossbeam_channel::TrySendError;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

impl Serving {
    /// Until when the first model is waited for, where the payment must be decided at `cutoff`: a part is kept back for the tiers below, at
    /// most half of what is left.
    pub(crate) fn turn(&self, route: &Route, now: Instant, cutoff: Instant) -> Instant {
        if route.rungs.is_empty() {
            return cutoff;
        }
        let left = cutoff.saturating_duration_since(now);
        cutoff.checked_sub(self.inner.config.ladder.reserve.min(left / 2)).unwrap_or(cutoff)
    }

    /// Hands a payment to the first model of its route. What it says, or why it is not asked, goes to `reply`.
    ///
    /// # Errors
    /// Gives `reply` back where the queue has no room.
    pub(crate) fn ask(
        &self,
        evidence: Arc<Evidence>,
        route: &Route,
        reply: oneshot::Sender<ModelReply>,
        cutoff: Option<Instant>,
    ) -> Result<(), oneshot::Sender<ModelReply>> {
        let now = clock::monotonic();
        let model = &route.model;
        if !model.breaker.admits(now) {
            answer(reply, ModelReply::CircuitOpen);
            return Ok(());
        }
        match self.inner.jobs.try_send(Job { evidence, model: Arc::clone(model), reply, cutoff, queued_at: now }) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job)) => {
                model.breaker.forgo(now);
                Err(job.reply)
            }
            Err(TrySendError::Disconnected(job)) => {
                answer(job.reply, ModelReply::Failed(Failure::Error));
                Ok(())
            }
        }
    }

    /// Who answers a payment of which the first model says this (or says nothing: [`ModelReply::Expired`]), by `cutoff` at the latest.
    /// `asked_at`: when the model was asked.
    pub(crate) async fn answer(
        &self,
        route: &Route,
        evidence: &Arc<Evidence>,
        reply: ModelReply,
        asked_at: Instant,
        cutoff: Instant,
    ) -> Answer {
        let cause = match self.first(route, reply, asked_at) {
            Ok(answer) => return answer,
            Err(cause) => cause,
        };
        let below = match self.descend(route, evidence, Some(cutoff)) {
            Some(below) => tokio::time::timeout_at(cutoff.into(), below).await.ok().and_then(Result::ok),
            None => None,
        };
        below.and_then(|reply| Answer::of(reply, Some(cause))).unwrap_or(Answer::Rules { cause })
    }

    /// The same for a payment that nobody waits for, on a thread that may block.
    pub(crate) fn answer_blocking(&self, route: &Route, evidence: &Arc<Evidence>, reply: ModelReply) -> Answer {
        let cause = match self.first(route, reply, clock::monotonic()) {
            Ok(answer) => return answer,
            Err(cause) => cause,
        };
        let below = self.descend(route, evidence, None).and_then(|below| below.blocking_recv().ok());
        below.and_then(|reply| Answer::of(reply, Some(cause))).unwrap_or(Answer::Rules { cause })
    }

    /// The answer of the first model, or why there is none; its breaker hears of a timeout.
    ///
    /// A caller in a hurry is no fault of the model: only a payment that it has had for long counts.
    pub(crate) fn first(&self, route: &Route, reply: ModelReply, asked_at: Instant) -> Result<Answer, TierCause> {
        let Some(cause) = reply.cause() else {
            return Answer::of(reply, None).ok_or(TierCause::ModelError);
        };
        if matches!(reply, ModelReply::Expired) {
            let now = clock::monotonic();
            if now.saturating_duration_since(asked_at) >= self.inner.config.ladder.timeout {
                route.model.breaker.failed(Failure::Timeout, now);
            }
        }
        Err(cause)
    }

    /// Hands a payment to the models below the first; none where there are none, or no room, or no time.
    pub(crate) fn descend(
        &self,
        route: &Route,
        evidence: &Arc<Evidence>,
        cutoff: Option<Instant>,
    ) -> Option<oneshot::Receiver<ModelReply>> {
        let now = clock::monotonic();
        if route.rungs.is_empty() || cutoff.is_some_and(|cutoff| cutoff <= now) {
            return None;
        }
        let (reply, below) = oneshot::channel();
        let (evidence, rungs) = (Arc::clone(evidence), Arc::clone(&route.rungs));
        self.inner.lane.try_send(Descent { evidence, rungs, reply, cutoff, queued_at: now }).ok()?;
        Some(below)
    }
}
