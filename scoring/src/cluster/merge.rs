//! The merge: one thread reads `transactions`, `labels`, `verdicts`, `reviews` and `model-events`, brings them into one order, journals that order and feeds the
//! engine with it. Every replica does it for all of the topics, whoever scores.
//!
//! - The first message of a transaction id wins for ever. A repeat does nothing; one with another body is rejected.
//! - A payment whose verdict is known already (a replica that catches up reads verdicts ahead, `EARLY` at most) is only applied.
//! - What the journal holds durably, it holds with the offsets to go on from, in one transaction; what is read again after a crash is
//!   recognised.
//! - Full queues stop the reading of events, never of verdicts: these make room.
//!
//! Cost: decoding, hashing and one look-up of the id, some 15 µs a payment, beside the engine's own time.

use super::kafka::dead_letter::Reason;
use super::kafka::{Incoming, KafkaConfig, KafkaError, Reader, Topic, Wanted, headers};
use super::rejected::Rejected;
use super::undecided::{EvidencePlace, Item, Known, Matter, Undecided, UndecidedPayment};
use crate::control::ControlEvent;
use crate::engine::{Command, Handoff, Sequenced};
use crate::log::{Completion, Merged, Offsets, TransactionKey, VerdictPlace};
use crate::service::{Desk, Ending, Made};
use crate::shared::{Published, SharedStore};
use crate::trace_context::TraceContext;
use crate::wire::{ReceivedPayment, WireError, decode_event};
use crate::{clock, failpoint, reviews};
use crossbeam_channel::Sender;
use fraudnet_graph::{Body, Event};
use metrics::{counter, gauge};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest event that is taken, bytes.
pub(crate) const MAX_EVENT_BYTES: usize = 64 * 1024;
/// Verdicts read ahead of their payments at most.
const EARLY: usize = 50_000;
/// How long it waits for a message before it looks whether to end.
const WAIT: Duration = Duration::from_millis(20);
/// How often lag and positions are published.
const GAUGE_INTERVAL: Duration = Duration::from_millis(500);
/// What is read.
pub(crate) const TOPICS: [Topic; 5] =
    [Topic::Transactions, Topic::Labels, Topic::Verdicts, Topic::Reviews, Topic::ModelEvents];

pub(crate) struct Merge {
    desk: Arc<Desk>,
    undecided: Arc<Undecided>,
    engine: Sender<Command>,
    reader: Reader,
    shared: SharedStore,
    /// Wakes the scorer.
    wake: Sender<()>,
    /// Most items that await settling, and most appends that wait for the journal.
    bound: usize,
    early: HashMap<TransactionKey, (i64, Arc<[u8]>)>,
    early_offsets: BTreeSet<i64>,
    /// Ends of the topics when it began; none until the brokers have told.
    beginning: Option<[i64; TOPICS.len()]>,
    caught_up: bool,
    /// Messages rejected since that was last told, and the last of them.
    rejected: u64,
    last_rejected: String,
    gauges_due: Instant,
}

/// The body hash an id was first merged with, and its verdict if that is there to be told.
type Winner = ([u8; 32], Option<Arc<[u8]>>);

/// Why the merge ends.
enum Stop {
    /// The service stops.
    Asked,
    /// It cannot go on.
    Failed(String),
}

impl From<KafkaError> for Stop {
    fn from(error: KafkaError) -> Stop {
        Stop::Failed(error.to_string())
    }
}

impl Merge {
    /// Starts to read where the journal ends. Call once the journal is replayed.
    pub(crate) fn start(
        desk: Arc<Desk>,
        undecided: Arc<Undecided>,
        engine: Sender<Command>,
        shared: SharedStore,
        wake: Sender<()>,
        config: &KafkaConfig,
    ) -> Result<Merge, String> {
        let mut from = Vec::with_capacity(TOPICS.len());
        for topic in TOPICS {
            let offset = desk.log.offset(topic.name()).map_err(|error| error.to_string())?.unwrap_or(0);
            from.push((topic, offset));
            if is_settled(topic) {
                undecided.merged_to(topic, offset);
            }
        }
        let reader = Reader::start(config, &from).map_err(|error| error.to_string())?;
        Ok(Merge {
            desk,
            undecided,
            engine,
            reader,
            shared,
            wake,
            bound: config.pending_payments,
            early: HashMap::new(),
            early_offsets: BTreeSet::new(),
            beginning: None,
            caught_up: false,
            rejected: 0,
            last_rejected: String::new(),
            gauges_due: clock::monotonic(),
        })
    }

    /// Merges until the service stops or fails.
    pub(crate) fn run(mut self) {
        if let Err(Stop::Failed(reason)) = self.merge() {
            self.desk.health.fail(&reason);
        }
    }

    fn merge(&mut self) -> Result<(), Stop> {
        loop {
            if self.desk.health.ending() {
                return Err(Stop::Asked);
            }
            let full = self.undecided.len() >= self.bound || self.desk.log.queued() >= self.bound;
            let wanted = Wanted { verdicts: self.early.len() < EARLY, events: !full };
            if let Some(message) = self.reader.next(WAIT, wanted)? {
                self.take(message)?;
            }
            if full && !self.desk.health.warm() && self.reader.at_end(Topic::Verdicts) {
                // What waits fills the queue, and nobody has decided any of it: somebody must, before it can go on.
                self.desk.health.warmed_up();
            }
            if !self.caught_up {
                self.catch_up();
            }
            let now = clock::monotonic();
            if now >= self.gauges_due {
                self.gauges_due = now + GAUGE_INTERVAL;
                self.look();
            }
        }
    }

    /// Takes traffic once everything is merged that was there when it began. Under traffic it need never stand at the very end; and the end
    /// of `verdicts` is a mark of a transaction, which is never given.
    fn catch_up(&mut self) {
        let beginning = match self.beginning {
            Some(beginning) => beginning,
            None if clock::monotonic() < self.gauges_due => return,
            None => {
                let ends = TOPICS.map(|topic| self.reader.end(topic));
                if ends.contains(&None) {
                    return;
                }
                *self.beginning.insert(ends.map(Option::unwrap_or_default))
            }
        };
        let merged = |(topic, end): (Topic, i64)| self.reader.position(topic) >= end || self.reader.at_end(topic);
        if TOPICS.into_iter().zip(beginning).all(merged) {
            self.caught_up = true;
            // Lag and positions are right from the moment it says that it is ready.
            self.look();
            tracing::info!(position = self.desk.log.durable_end(), "caught up with Kafka");
            self.desk.health.warmed_up();
            self.desk.health.replayed();
        }
    }

    /// Publishes how far it is, and whether the cluster answers.
    fn look(&mut self) {
        let mut lag = 0;
        for topic in TOPICS {
            let behind = self.reader.lag(topic);
            lag += behind;
            gauge!("fraudnet_kafka_lag", "topic" => topic.name()).set(behind as f64);
            gauge!("fraudnet_kafka_position", "topic" => topic.name()).set(self.reader.position(topic).max(0) as f64);
        }
        self.desk.health.set_lag(lag);
        self.desk.health.degrade("kafka", self.reader.unreachable());
        self.desk.health.degrade("redis", self.shared.degraded());
        if self.rejected > 0 {
            let (messages, last) = (std::mem::take(&mut self.rejected), std::mem::take(&mut self.last_rejected));
            tracing::warn!(messages, last, "messages cannot be taken; they go to the dead letters");
        }
    }

    fn take(&mut self, message: Incoming) -> Result<(), Stop> {
        let (topic, next) = (message.topic, message.offset + 1);
        match topic {
            Topic::Verdicts => self.verdict(message)?,
            Topic::ModelEvents => self.control(&message)?,
            Topic::Reviews => self.case(&message)?,
            _ => self.event(message)?,
        }
        if is_settled(topic) {
            self.undecided.merged_to(topic, next);
        }
        Ok(())
    }

    fn event(&mut self, message: Incoming) -> Result<(), Stop> {
        let event = match readable(&message) {
            Ok(event) => event,
            Err((reason, text)) => return self.reject(message, reason, text),
        };
        let Body::Payment(payment) = &event.body else {
            let admit = |position| hand(&self.engine, position, event, Handoff::Nobody);
            let origin = (message.topic.name(), message.offset + 1);
            let merged = Merged::Event { event: &message.payload };
            self.desk.log.append_merged(merged, origin, None, admit).map_err(stop)?;
            return Ok(());
        };
        let key = TransactionKey::new(&event.tenant, &payment.transaction_id);
        let asked = ReceivedPayment { payment: payment.clone(), occurred_at_ms: Some(event.occurred_at_ms) };
        let hash = message.header(headers::BODY_HASH).and_then(hash_of).unwrap_or_else(|| asked.body_hash());
        // A stream always tells the time of a payment, a request need not have.
        let untimed = || ReceivedPayment { occurred_at_ms: None, ..asked.clone() }.body_hash();
        if let Some((winner, verdict)) = self.winner(&key)? {
            if winner != hash && winner != untimed() {
                self.desk.claims.contradict(&key, winner);
                let text =
                    "its transaction id was used before with another body; a transaction id has one verdict for ever";
                return self.reject(message, Reason::ConflictingBody, text.to_owned());
            }
            if let Some(body) = verdict {
                self.desk.claims.end(&key, made(body, true));
            }
            return Ok(());
        }
        self.desk.claims.contradict(&key, hash);
        self.payment(message, event, key, hash)
    }

    /// A control event is journaled; the control thread applies it from there.
    fn control(&mut self, message: &Incoming) -> Result<(), Stop> {
        if let Err(reason) = ControlEvent::decode(&message.payload) {
            // Nobody else may write there; a stray message must not stop a replica.
            tracing::error!(offset = message.offset, reason, "a message in `model-events` is passed over");
            return Ok(());
        }
        let origin = (message.topic.name(), message.offset + 1);
        let merged = Merged::Control { event: &message.payload };
        self.desk.log.append_merged(merged, origin, None, |_| true).map_err(stop)?;
        Ok(())
    }

    /// A case event is journaled; the reviews thread applies it from there.
    fn case(&mut self, message: &Incoming) -> Result<(), Stop> {
        if let Err(reason) = reviews::decode(&message.payload) {
            // Nobody else may write there; a stray message must not stop a replica.
            tracing::error!(offset = message.offset, reason, "a message in `reviews` is passed over");
            return Ok(());
        }
        let origin = (message.topic.name(), message.offset + 1);
        let merged = Merged::Case { event: &message.payload };
        self.desk.log.append_merged(merged, origin, None, |_| true).map_err(stop)?;
        Ok(())
    }

    /// What an id was first used with; none where it is new. The verdict is looked up only where somebody waits for it.
    fn winner(&self, key: &TransactionKey) -> Result<Option<Winner>, Stop> {
        if let Some(Known { body_hash, verdict, .. }) = self.undecided.get(key) {
            return Ok(Some((body_hash, verdict)));
        }
        let log = &self.desk.log;
        let Some(row) = log.transaction(key).map_err(failed)? else { return Ok(None) };
        let verdict = match row.verdict {
            VerdictPlace::At(position) if self.desk.claims.holds(key) => {
                Some(log.verdict_body(position).map_err(failed)?)
            }
            _ => None,
        };
        Ok(Some((row.body_hash, verdict)))
    }

    /// A payment nobody has seen before.
    fn payment(&mut self, message: Incoming, event: Event, key: TransactionKey, hash: [u8; 32]) -> Result<(), Stop> {
        let Body::Payment(payment) = &event.body else { unreachable!("checked by the caller") };
        let cut = Offsets { transactions: message.offset, labels: self.reader.position(Topic::Labels).max(0) };
        let origin = (message.topic.name(), message.offset + 1);
        let merged = Merged::Payment { key: &key, body_hash: hash, cut, event: &message.payload };
        if let Some((offset, body)) = self.early.remove(&key) {
            self.early_offsets.remove(&offset);
            let undecided = &self.undecided;
            let admit = |position| {
                undecided.know(&key, hash, position, Arc::clone(&body));
                hand(&self.engine, position, event, Handoff::Nobody)
            };
            let position = self.desk.log.append_merged(merged, origin, None, admit).map_err(stop)?;
            return self.journal_verdict(&key, hash, position, &body, offset);
        }
        let evidence = EvidencePlace::default();
        let undecided = UndecidedPayment {
            key: key.clone(),
            tenant: event.tenant.clone(),
            transaction_id: payment.transaction_id.clone(),
            body_hash: hash,
            occurred_at_ms: event.occurred_at_ms,
            cut,
            evidence: Arc::clone(&evidence),
            trace: headers::traceparent(&message).and_then(TraceContext::parse),
        };
        let offset = message.offset;
        // In the queue before the journal can hold it: whoever asks what is undecided never misses one.
        let admit = |position| {
            self.undecided.push(Item::new(position, Topic::Transactions, offset, Matter::Payment(undecided)));
            hand(&self.engine, position, event, Handoff::Keep(evidence))
        };
        self.desk.log.append_merged(merged, origin, None, admit).map_err(stop)?;
        failpoint::hit("after_merge");
        let _ = self.wake.try_send(());
        Ok(())
    }

    fn reject(&mut self, message: Incoming, reason: Reason, text: String) -> Result<(), Stop> {
        let (topic, offset) = (message.topic, message.offset);
        self.rejected += 1;
        self.last_rejected = format!("{}/{offset}: {reason}: {text}", topic.name());
        let rejected = Rejected { message, reason, text };
        let encoded = rejected.encode();
        let admit = |position| {
            self.undecided.push(Item::new(position, topic, offset, Matter::Rejected(rejected)));
            true
        };
        let merged = Merged::Rejected { message: &encoded };
        self.desk.log.append_merged(merged, (topic.name(), offset + 1), None, admit).map_err(stop)?;
        let _ = self.wake.try_send(());
        Ok(())
    }

    fn verdict(&mut self, message: Incoming) -> Result<(), Stop> {
        let (Some(tenant), Some(id)) = (message.header_text("ce_tenant"), message.header_text("ce_subject")) else {
            // Nobody else may write there; a stray message must not stop a replica.
            tracing::error!(
                offset = message.offset,
                "a message in the topic of verdicts is none of ours and is passed over"
            );
            return Ok(());
        };
        let key = TransactionKey::new(tenant, id);
        let body: Arc<[u8]> = message.payload.into();
        let known = match self.undecided.get(&key) {
            Some(Known { verdict: Some(earlier), read: true, .. }) => {
                self.duplicate(&key, &earlier, &body, message.offset);
                return Ok(());
            }
            Some(Known { body_hash, position, .. }) => Some((body_hash, position)),
            None => match self.desk.log.transaction(&key).map_err(failed)? {
                None => None,
                Some(row) => match row.verdict {
                    VerdictPlace::At(position) => {
                        let earlier = self.desk.log.verdict_body(position).map_err(failed)?;
                        self.duplicate(&key, &earlier, &body, message.offset);
                        return Ok(());
                    }
                    VerdictPlace::Undecided | VerdictPlace::Never => Some((row.body_hash, row.payment)),
                },
            },
        };
        let Some((body_hash, position)) = known else {
            if self.early.insert(key, (message.offset, body)).is_none() {
                self.early_offsets.insert(message.offset);
            }
            return Ok(());
        };
        // Before it is journaled: once that is durable the payment is forgotten, and its item could not be found and would stay for ever.
        self.undecided.read(&key, &body);
        self.journal_verdict(&key, body_hash, position, &body, message.offset)?;
        self.desk.claims.end(&key, made(body, false));
        Ok(())
    }

    /// A second verdict on a payment. Until it has caught up, what a crash made it read again looks the same.
    fn duplicate(&self, key: &TransactionKey, earlier: &[u8], body: &[u8], offset: i64) {
        let id = String::from_utf8_lossy(key.as_bytes()).replace('\0', "/");
        if earlier != body {
            counter!("fraudnet_duplicate_verdicts_total").increment(1);
            tracing::error!(
                transaction = id,
                offset,
                "a payment has a second verdict that differs; the first one holds"
            );
        } else if self.caught_up {
            counter!("fraudnet_duplicate_verdicts_total").increment(1);
            tracing::warn!(transaction = id, offset, "a verdict stands twice in its topic");
        }
    }

    fn journal_verdict(
        &mut self,
        key: &TransactionKey,
        body_hash: [u8; 32],
        payment: u64,
        body: &Arc<[u8]>,
        offset: i64,
    ) -> Result<(), Stop> {
        // Verdicts read ahead are in memory only: after a crash they must be read again.
        let next = self.early_offsets.first().copied().unwrap_or(offset + 1).min(offset + 1);
        let (undecided, forgotten) = (Arc::clone(&self.undecided), key.clone());
        let done: Completion = Box::new(move |durable| {
            if durable.is_ok() {
                undecided.forget(&forgotten);
            }
        });
        let merged = Merged::Verdict { key, body_hash, payment, body };
        let position = self
            .desk
            .log
            .append_merged(merged, (Topic::Verdicts.name(), next.max(0)), Some(done), |_| true)
            .map_err(stop)?;
        self.shared.publish(Published {
            position,
            tenant: key.tenant().into(),
            transaction_id: key.transaction_id().into(),
            body_hash,
            verdict: Arc::clone(body),
        });
        Ok(())
    }
}

/// Whether the messages of a topic are settled by the scorer.
fn is_settled(topic: Topic) -> bool {
    matches!(topic, Topic::Transactions | Topic::Labels)
}

/// The event a message holds, if it is one that its topic takes.
fn readable(message: &Incoming) -> Result<Event, (Reason, String)> {
    if message.payload.len() > MAX_EVENT_BYTES {
        let text = format!("it has {} bytes; an event may have {MAX_EVENT_BYTES}", message.payload.len());
        return Err((Reason::TooLarge, text));
    }
    let event = decode_event(&message.payload).map_err(|error| (reason_of(&error), error.to_string()))?;
    let right = match event.body {
        Body::Payment(_) | Body::Outcome(_) => message.topic == Topic::Transactions,
        Body::Label(_) => message.topic == Topic::Labels,
    };
    if !right {
        let text = "payments and outcomes belong in `transactions`, labels in `labels`";
        return Err((Reason::WrongType, text.to_owned()));
    }
    Ok(event)
}

fn reason_of(error: &WireError) -> Reason {
    if error.field == "schema_version" && error.reason.contains("versions up to") {
        Reason::UnsupportedVersion
    } else {
        Reason::Malformed
    }
}

/// A hash as its header says it: 64 hexadecimal digits.
fn hash_of(header: &[u8]) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(header).ok().map(Into::into)
}

/// Gives an event to the engine, waiting for room.
fn hand(engine: &Sender<Command>, position: u64, event: Event, handoff: Handoff) -> bool {
    engine.send(Command::Observe(Sequenced { position, event, sequenced_at: clock::monotonic(), handoff })).is_ok()
}

fn made(body: Arc<[u8]>, earlier: bool) -> Ending {
    Ok(Made { body, durable_wait: Duration::ZERO, earlier })
}

fn failed(error: crate::log::LogError) -> Stop {
    Stop::Failed(error.to_string())
}

fn stop(refusal: crate::log::Refusal) -> Stop {
    use crate::log::Refusal;
    match refusal {
        Refusal::Closed => Stop::Asked,
        Refusal::ReaderFull => Stop::Failed("the engine ended; start the service again".to_owned()),
        Refusal::Failed(reason) => Stop::Failed(reason.to_string()),
        Refusal::QueueFull => unreachable!("what is merged is exempt from the bound"),
    }
}
