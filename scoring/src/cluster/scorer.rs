//! The scorer: whoever holds the partition works the queue of undecided payments off, strictly in its order, and commits verdicts, reviews,
//! training examples, dead letters and offsets of a micro-batch in one Kafka transaction.
//!
//! The order is what makes a takeover simple: "below the committed offset" and "has its verdict or dead letter" are the same thing. A new
//! owner fences the old one (the transactional id is one for all replicas), reads the committed offsets, and decides what is not below
//! them, from the tensors it kept. Bare transactions are not trusted with more than that: every replica also recognises a second verdict
//! on an id when it reads it.
//!
//! Cost: a transaction costs some 10 ms of waiting for the brokers, during which the next batch is scored; so batches grow with the load.

use super::kafka::{CommitError, Committer, KafkaConfig, Membership, Outgoing};
use super::messages;
use super::undecided::{Item, Matter, Undecided, UndecidedPayment, place};
use crate::engine::Evidence;
use crate::inference::ModelReply;
use crate::service::{Desk, Made, PendingVerdict};
use crate::serving::{Answer, Failure, Route};
use crate::verdict::{Cut, TierCause, Verdict};
use crate::{clock, failpoint};
use crossbeam_channel::Receiver;
use metrics::{counter, gauge};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long it sleeps while payments are under way, and while nothing is.
const BUSY: Duration = Duration::from_micros(500);
const IDLE: Duration = Duration::from_millis(50);
/// How often a standby asks up to where is committed, and an idle owner commits offsets of what needed no verdict.
const OFFSETS_INTERVAL: Duration = Duration::from_secs(1);
/// How long a failed attempt to take over waits for the next.
const RETRY: Duration = Duration::from_millis(500);
/// How long the brokers may take to tell the committed offsets.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Scorer {
    pub(crate) desk: Arc<Desk>,
    pub(crate) undecided: Arc<Undecided>,
    pub(crate) config: KafkaConfig,
    /// Set once this replica has caught up and joined the group.
    pub(crate) membership: Arc<OnceLock<Membership>>,
    pub(crate) wake: Receiver<()>,
    pub(crate) commits: Receiver<()>,
    /// Hex identity of the journal.
    pub(crate) journal: String,
}

/// What an owner has.
struct Tenure {
    epoch: u64,
    committer: Committer,
    /// What is below these offsets of `transactions` and `labels` is committed.
    committed: [i64; 2],
    /// Number of the next item to take up.
    next: u64,
    work: VecDeque<Work>,
    offsets_due: Instant,
}

struct Work {
    item: Arc<Item>,
    stage: Stage,
}

enum Stage {
    /// The engine has not seen it yet, or the model has no room.
    Waiting,
    /// A model has it: the first of its route, or, with the cause why that did not answer, those below.
    Asked {
        evidence: Arc<Evidence>,
        route: Arc<Route>,
        reply: oneshot::Receiver<ModelReply>,
        since: Instant,
        cause: Option<TierCause>,
    },
    /// Its messages can be committed.
    Ready { outcome: messages::Outcome, made_at: Instant },
}

/// Why a tenure ends.
enum End {
    /// The partition went to another replica, or the service stops.
    Lost,
    /// The outcome of a transaction is open, or something failed: take over again.
    Again(String),
}

impl Scorer {
    /// Scores whenever this replica owns the partition, until the service stops.
    pub(crate) fn run(self) {
        let owner = gauge!("fraudnet_owner");
        owner.set(0.0);
        let Some(membership) = self.join() else { return };
        let mut told = clock::monotonic();
        while !self.desk.health.ending() {
            counter!("fraudnet_rebalances_total").absolute(membership.rebalances());
            let Some(epoch) = membership.owns() else {
                self.stand_by(membership, &mut told);
                continue;
            };
            match self.take_over(membership, epoch) {
                Ok(mut tenure) => {
                    owner.set(1.0);
                    let end = self.hold(membership, &mut tenure);
                    owner.set(0.0);
                    match end {
                        End::Lost => tracing::info!("this replica scores no more"),
                        End::Again(reason) => tracing::warn!(reason, "taking over again"),
                    }
                }
                Err(reason) => {
                    tracing::warn!(reason, "the partition is ours but cannot be taken over yet");
                    std::thread::sleep(RETRY);
                }
            }
        }
        membership.leave();
    }

    /// Joins the group once everything that is in the topics is merged, or as much as may wait: a replica that catches up should not take
    /// the partition from one that is warm, and without committed offsets only the verdicts tell what is decided. None: the service
    /// stops first.
    fn join(&self) -> Option<&Membership> {
        while !self.desk.health.warm() {
            if self.desk.health.ending() {
                return None;
            }
            std::thread::sleep(IDLE);
        }
        match Membership::start(&self.config) {
            Ok(membership) => Some(self.membership.get_or_init(|| membership)),
            Err(error) => {
                self.desk.health.fail(&error.to_string());
                None
            }
        }
    }

    /// A standby lets go of dead letters that the owner wrote; verdicts it reads by itself.
    fn stand_by(&self, membership: &Membership, told: &mut Instant) {
        let _ = self.wake.recv_timeout(IDLE);
        let now = clock::monotonic();
        if now.saturating_duration_since(*told) >= OFFSETS_INTERVAL && self.undecided.len() > 0 {
            *told = now;
            if let Ok(committed) = membership.committed(OFFSETS_TIMEOUT) {
                self.undecided.committed(committed.map(|offset| offset.unwrap_or(0)));
            }
        }
    }

    /// Fences the owner before and finds out what it committed.
    fn take_over(&self, membership: &Membership, epoch: u64) -> Result<Tenure, String> {
        let begun = clock::monotonic();
        let committer = Committer::open(&self.config).map_err(|error| error.to_string())?;
        let committed = membership.committed(OFFSETS_TIMEOUT).map_err(|error| error.to_string())?;
        let committed = committed.map(|offset| offset.unwrap_or(0));
        self.undecided.committed(committed);
        tracing::info!(
            transactions = committed[0],
            labels = committed[1],
            undecided = self.undecided.len(),
            took_ms = clock::monotonic().saturating_duration_since(begun).as_millis() as u64,
            "this replica scores from now on"
        );
        let offsets_due = clock::monotonic() + OFFSETS_INTERVAL;
        Ok(Tenure { epoch, committer, committed, next: 0, work: VecDeque::new(), offsets_due })
    }

    fn hold(&self, membership: &Membership, tenure: &mut Tenure) -> End {
        loop {
            if self.desk.health.ending() || membership.owns() != Some(tenure.epoch) {
                return End::Lost;
            }
            self.take_up(tenure);
            if let Err(reason) = self.advance(tenure) {
                return End::Again(reason);
            }
            let worked = match self.commit(membership, tenure) {
                Ok(worked) => worked,
                Err(end) => return end,
            };
            if !worked {
                let wait = if tenure.work.is_empty() { IDLE } else { BUSY };
                crossbeam_channel::select! {
                    recv(self.wake) -> _ => {}
                    recv(self.commits) -> _ => {}
                    default(wait) => {}
                }
            }
        }
    }

    /// Takes up what came into the queue, twice a batch at most.
    fn take_up(&self, tenure: &mut Tenure) {
        let room = (2 * self.config.batch_payments).saturating_sub(tenure.work.len());
        if room == 0 {
            return;
        }
        let (from, items) = self.undecided.from(tenure.next, room);
        tenure.next = from + items.len() as u64;
        for item in items {
            // Below: committed by the owner before; its verdict is on its way here.
            if !item.is_settled() && item.offset >= tenure.committed[place(item.topic)] {
                tenure.work.push_back(Work { item, stage: Stage::Waiting });
            }
        }
    }

    /// Brings every payment as far as it goes without waiting.
    fn advance(&self, tenure: &mut Tenure) -> Result<(), String> {
        let mut room = true;
        for work in &mut tenure.work {
            if matches!(work.stage, Stage::Waiting) {
                match &work.item.matter {
                    Matter::Rejected(rejected) => {
                        let outcome = messages::dead_letter(rejected, &self.config.topic_prefix);
                        work.stage = Stage::Ready { outcome, made_at: clock::monotonic() };
                    }
                    Matter::Payment(payment) => {
                        let Some(seen) = payment.evidence.get() else { continue };
                        let Some(evidence) = seen else {
                            return Err(self.unseen(work.item.position));
                        };
                        if room {
                            room = self.ask(evidence, &mut work.stage);
                        }
                    }
                }
            }
            if let (Stage::Asked { evidence, route, reply, since, cause }, Matter::Payment(payment)) =
                (&mut work.stage, &work.item.matter)
            {
                let told = match reply.try_recv() {
                    Ok(reply) => reply,
                    Err(oneshot::error::TryRecvError::Closed) => ModelReply::Failed(Failure::Error),
                    Err(oneshot::error::TryRecvError::Empty)
                        if clock::monotonic().saturating_duration_since(*since) < self.config.model_wait =>
                    {
                        continue;
                    }
                    Err(oneshot::error::TryRecvError::Empty) => ModelReply::Expired,
                };
                let answer = match cause {
                    None => match self.desk.serving.first(route, told, *since) {
                        Ok(answer) => answer,
                        Err(why) => {
                            let now = clock::monotonic();
                            match self.desk.serving.descend(route, evidence, Some(now + self.config.model_wait)) {
                                Some(below) => {
                                    (*reply, *since, *cause) = (below, now, Some(why));
                                    continue;
                                }
                                None => Answer::Rules { cause: why },
                            }
                        }
                    },
                    Some(why) => Answer::of(told, Some(*why)).unwrap_or(Answer::Rules { cause: *why }),
                };
                let outcome = self.decide(&work.item, payment, route, evidence, &answer);
                work.stage = Stage::Ready { outcome, made_at: clock::monotonic() };
            }
        }
        Ok(())
    }

    fn unseen(&self, position: u64) -> String {
        let reason =
            format!("the payment at journal position {position} could not be observed; see the lines before this one");
        self.desk.health.fail(&reason);
        reason
    }

    /// Hands a payment to the model; false where it has no room now.
    fn ask(&self, evidence: &Arc<Evidence>, stage: &mut Stage) -> bool {
        let (sender, reply) = oneshot::channel();
        let now = clock::monotonic();
        let cutoff = Some(now + self.config.model_wait);
        let route = Arc::new(self.desk.serving.route(&evidence.event));
        let asked = self.desk.serving.ask(Arc::clone(evidence), &route, sender, cutoff).is_ok();
        if asked {
            *stage = Stage::Asked { evidence: Arc::clone(evidence), route, reply, since: now, cause: None };
        }
        asked
    }

    fn decide(
        &self,
        item: &Item,
        payment: &UndecidedPayment,
        route: &Route,
        evidence: &Arc<Evidence>,
        answer: &Answer,
    ) -> messages::Outcome {
        let span = messages::span(payment);
        let _entered = span.enter();
        let pending = PendingVerdict {
            key: payment.key.clone(),
            transaction_id: payment.transaction_id.clone(),
            body_hash: payment.body_hash,
            position: item.position,
            cut: Some(Cut {
                journal: self.journal.clone(),
                transactions: payment.cut.transactions,
                labels: payment.cut.labels,
            }),
        };
        let verdict: Verdict = self.desk.rule(&pending, route, evidence, answer);
        self.desk.serving.aside(route, evidence, answer);
        self.desk.drift.offer(evidence, &verdict);
        messages::verdict(payment, item, &verdict, evidence, self.config.example_share, &span)
    }

    /// Commits what is ready at the head of the queue, in one transaction. True where it did.
    fn commit(&self, membership: &Membership, tenure: &mut Tenure) -> Result<bool, End> {
        let durable = self.desk.log.durable_end();
        let ready = |work: &&Work| matches!(work.stage, Stage::Ready { .. }) && work.item.position < durable;
        let count = tenure.work.iter().take(self.config.batch_payments).take_while(ready).count();
        if count == 0 {
            return self.commit_offsets(membership, tenure);
        }
        let mut offsets = tenure.committed;
        let mut outgoing = Vec::with_capacity(3 * count);
        for work in tenure.work.iter().take(count) {
            let own = &mut offsets[place(work.item.topic)];
            *own = (*own).max(work.item.offset + 1);
            if let Matter::Payment(payment) = &work.item.matter {
                offsets[1] = offsets[1].max(payment.cut.labels);
            }
            let Stage::Ready { outcome, .. } = &work.stage else { unreachable!("only what is ready was counted") };
            outgoing.extend(outcome.messages.iter().cloned());
        }
        if !self.transact(membership, tenure, &outgoing, offsets)? {
            return Ok(false);
        }
        for work in tenure.work.drain(..count) {
            let Stage::Ready { outcome, made_at } = work.stage else { unreachable!("only what is ready was counted") };
            match &work.item.matter {
                Matter::Rejected(rejected) => {
                    counter!("fraudnet_dead_letters_total", "reason" => rejected.reason.code()).increment(1);
                }
                Matter::Payment(payment) => {
                    let body = outcome.verdict.expect("a payment's outcome holds its verdict");
                    self.undecided.decided(&payment.key, &body);
                    let durable_wait = clock::monotonic().saturating_duration_since(made_at);
                    self.desk.meters.durable(durable_wait);
                    self.desk.claims.end(&payment.key, Ok(Made { body, durable_wait, earlier: false }));
                    failpoint::hit("after_reply");
                }
            }
        }
        self.undecided.committed(offsets);
        Ok(true)
    }

    /// Where nothing awaits settling: commits up to where the topics are merged, so that the group's lag tells the truth.
    fn commit_offsets(&self, membership: &Membership, tenure: &mut Tenure) -> Result<bool, End> {
        let now = clock::monotonic();
        if !tenure.work.is_empty() || now < tenure.offsets_due {
            return Ok(false);
        }
        tenure.offsets_due = now + OFFSETS_INTERVAL;
        let Some(merged) = self.undecided.settled_to() else { return Ok(false) };
        let offsets = [merged[0].max(tenure.committed[0]), merged[1].max(tenure.committed[1])];
        if offsets == tenure.committed {
            return Ok(false);
        }
        self.transact(membership, tenure, &[], offsets)
    }

    /// True where it was committed; false where it was aborted and may be tried again.
    fn transact(
        &self,
        membership: &Membership,
        tenure: &mut Tenure,
        outgoing: &[Outgoing],
        offsets: [i64; 2],
    ) -> Result<bool, End> {
        let Some(group) = membership.metadata() else { return Err(End::Lost) };
        if membership.owns() != Some(tenure.epoch) {
            return Err(End::Lost);
        }
        match tenure.committer.commit(outgoing, offsets, &group) {
            Ok(()) => {
                tenure.committed = offsets;
                failpoint::hit("after_commit");
                Ok(true)
            }
            Err(CommitError::Aborted(reason)) => {
                // The same bytes are tried again with the next turn.
                counter!("fraudnet_transactions_aborted_total").increment(1);
                tracing::warn!(reason, "a transaction was aborted; trying again");
                std::thread::sleep(BUSY * 20);
                Ok(false)
            }
            Err(error @ CommitError::Unknown(_)) => {
                counter!("fraudnet_transactions_aborted_total").increment(1);
                Err(End::Again(error.to_string()))
            }
            Err(CommitError::Fenced(reason)) => {
                tracing::warn!(reason, "fenced");
                std::thread::sleep(RETRY);
                Err(End::Lost)
            }
        }
    }
}
