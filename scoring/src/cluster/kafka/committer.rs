//! The scorer's transactional producer: what belongs together becomes visible together, or not at all.
//!
//! Its transactional id is the same in every replica, so opening one fences whoever had it before: of two replicas that both believe to
//! own the partition only the later one can commit. One transaction costs five round trips (group, offsets, partitions, messages, end):
//! about 10 ms and 1.5 ms of CPU with a broker on the same two cores; the batch shares them.

use super::client::{self, Trouble, Watched};
use super::sender::record;
use super::{CommitError, ConsumerGroupMetadata, KafkaConfig, KafkaError, Outgoing, PARTITION, Topic};
use crate::{clock, failpoint};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long opening waits: the predecessor's transaction must end first.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an abort may take before the producer is given up.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);

/// A transactional producer. One transaction at a time; blocks until it has ended.
pub struct Committer {
    /// `None` only while it is dropped.
    producer: Option<Producing>,
    trouble: Arc<Trouble>,
    deliveries: Arc<Deliveries>,
    prefix: String,
    /// Bound of one transaction from its begin to the answer to its commit.
    limit: Duration,
    /// Why it cannot be used any more.
    broken: Option<CommitError>,
    /// A message of the last transaction failed: librdkafka then refuses the first messages of the next one too, while it takes a new
    /// epoch, so that one is tried again.
    shaken: bool,
}

/// The messages of the present transaction.
#[derive(Default)]
struct Deliveries {
    state: Mutex<Delivered>,
    changed: Condvar,
}

#[derive(Default)]
struct Delivered {
    /// Neither acknowledged nor failed yet.
    open: usize,
    /// Why the first that failed did.
    failure: Option<String>,
}

impl Committer {
    /// Opens the producer, fences the one before it, and waits until that one's transaction has ended: whatever it committed is
    /// visible now, and it will commit nothing more.
    pub fn open(config: &KafkaConfig) -> Result<Committer, KafkaError> {
        let trouble = Trouble::new(config);
        let deliveries = Arc::new(Deliveries::default());
        let mut settings = client::producer_settings(config, "committer");
        settings
            .set("transactional.id", format!("{}scorer-0", config.topic_prefix))
            .set("transaction.timeout.ms", config.transaction_timeout.as_millis().to_string())
            .set("delivery.timeout.ms", config.delivery_timeout.min(config.transaction_timeout).as_millis().to_string())
            // The whole batch is handed over before the first flush; waiting for more would only add to every verdict.
            .set("linger.ms", "0")
            // The broker still closes the transaction before when the next one begins, and says to try again. For offsets librdkafka
            // then waits this long, for messages a fixed 20 ms, so offsets go first.
            .set("retry.backoff.ms", "2")
            .set("queue.buffering.max.kbytes", "65536");
        let context = Context { watched: Watched(Arc::clone(&trouble)), deliveries: Arc::clone(&deliveries) };
        let producer: Producing = client::create(&settings, context)?;
        let until = clock::monotonic() + OPEN_TIMEOUT;
        loop {
            let wait = Duration::from_secs(1).min(until.saturating_duration_since(clock::monotonic()));
            let Err(error) = producer.init_transactions(wait.max(Duration::from_millis(10))) else { break };
            let settled = match trouble.fault() {
                Some(KafkaError::Unreachable { .. }) | None => !retriable(&error),
                Some(_) => true,
            };
            if settled || clock::monotonic() >= until {
                let told = trouble.error(&error);
                client::dispose(producer, Duration::from_millis(200));
                return Err(told);
            }
        }
        trouble.answered();
        Ok(Committer {
            producer: Some(producer),
            trouble,
            deliveries,
            prefix: config.topic_prefix.clone(),
            limit: config.transaction_timeout,
            broken: None,
            shaken: false,
        })
    }

    /// Commits the messages and, as the group's, the next offsets of `transactions` and `labels`, in one transaction. All of it is
    /// visible to readers of committed messages when this returns.
    ///
    /// After `Unknown` and `Fenced` this committer answers the same for ever: open another one.
    pub fn commit(
        &mut self,
        messages: &[Outgoing],
        offsets: [i64; 2],
        group: &ConsumerGroupMetadata,
    ) -> Result<(), CommitError> {
        let tries = if std::mem::take(&mut self.shaken) { 3 } else { 1 };
        let mut outcome = self.attempt(messages, offsets, group);
        for _ in 1..tries {
            if matches!(outcome, Err(CommitError::Aborted(_))) {
                outcome = self.attempt(messages, offsets, group);
            }
        }
        outcome
    }

    /// Why the cluster does not answer, where it does not.
    pub fn unreachable(&self) -> Option<String> {
        self.trouble.fault().map(|fault| fault.to_string())
    }

    fn attempt(
        &mut self,
        messages: &[Outgoing],
        offsets: [i64; 2],
        group: &ConsumerGroupMetadata,
    ) -> Result<(), CommitError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let Some(producer) = &self.producer else { return Err(CommitError::Unknown("it was closed".to_owned())) };
        let until = clock::monotonic() + self.limit;
        *self.deliveries.lock() = Delivered::default();
        let filled = producer
            .begin_transaction()
            .map_err(Stop::Call)
            .and_then(|()| self.write_offsets(producer, offsets, group, until))
            .and_then(|()| self.write(producer, messages, until))
            .and_then(|()| self.delivered(producer, until));
        if let Err(stop) = filled {
            let Aborted { outcome, usable, shaken } = self.abort(producer, &stop);
            self.shaken |= shaken;
            if !usable {
                self.broken = Some(outcome.clone());
            }
            return Err(outcome);
        }
        failpoint::hit("before_commit");
        loop {
            let wait = until.saturating_duration_since(clock::monotonic()).max(Duration::from_millis(10));
            let Err(error) = producer.commit_transaction(wait) else {
                self.trouble.answered();
                return Ok(());
            };
            if retriable(&error) && clock::monotonic() < until {
                continue;
            }
            // The request to commit may have been sent, whatever the answer was: only the topics know.
            let told = self.trouble.error(&error).to_string();
            let broken = if fatal(producer, Some(&error)).is_some_and(is_fence) {
                CommitError::Fenced(told)
            } else {
                CommitError::Unknown(told)
            };
            self.broken = Some(broken.clone());
            return Err(broken);
        }
    }

    fn write(&self, producer: &Producing, messages: &[Outgoing], until: Instant) -> Result<(), Stop> {
        for message in messages {
            let topic = message.topic.full(&self.prefix);
            // Before it is handed over: its acknowledgement may be faster than we are.
            self.deliveries.lock().open += 1;
            loop {
                let Err((error, _)) = producer.send(record(&topic, message, ())) else { break };
                let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                if !full || clock::monotonic() >= until {
                    return Err(Stop::Call(error));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    fn write_offsets(
        &self,
        producer: &Producing,
        offsets: [i64; 2],
        group: &ConsumerGroupMetadata,
        until: Instant,
    ) -> Result<(), Stop> {
        let mut partitions = TopicPartitionList::new();
        for (topic, offset) in [Topic::Transactions, Topic::Labels].into_iter().zip(offsets) {
            partitions
                .add_partition_offset(&topic.full(&self.prefix), PARTITION, Offset::Offset(offset))
                .map_err(Stop::Call)?;
        }
        loop {
            let wait = until.saturating_duration_since(clock::monotonic()).max(Duration::from_millis(10));
            match producer.send_offsets_to_transaction(&partitions, group, wait) {
                Ok(()) => return Ok(()),
                Err(error) if retriable(&error) && clock::monotonic() < until => {}
                Err(error) => return Err(Stop::Call(error)),
            }
        }
    }

    /// Waits until every message is acknowledged.
    fn delivered(&self, producer: &Producing, until: Instant) -> Result<(), Stop> {
        let wait = until.saturating_duration_since(clock::monotonic());
        let state = self.deliveries.lock();
        let open = |state: &mut Delivered| state.open > 0 && state.failure.is_none();
        let waited = self.deliveries.changed.wait_timeout_while(state, wait, open);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match state.failure.take() {
            Some(failure) => return Err(Stop::Delivery(failure)),
            None if state.open > 0 => {
                return Err(Stop::Delivery("the messages were not acknowledged in time".to_owned()));
            }
            None => {}
        }
        drop(state);
        // The last message is let go right after its callback. The commit would wait for that in steps of 100 ms.
        while producer.in_flight_count() > 0 && clock::monotonic() < until {
            std::thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }

    /// Takes back a transaction that was not asked to commit. Whatever happens here, nothing of it will be visible; whether the
    /// producer can go on depends on the broker's answer.
    fn abort(&self, producer: &Producing, stop: &Stop) -> Aborted {
        // A message that failed fails every later call as well, and says why.
        let undelivered = match stop {
            Stop::Delivery(reason) => Some(reason.clone()),
            Stop::Call(_) => self.deliveries.lock().failure.take(),
        };
        let shaken = undelivered.is_some();
        let (reason, ended) = match stop {
            Stop::Delivery(_) => (None, fatal(producer, None)),
            Stop::Call(error) => (Some(self.trouble.error(error).to_string()), fatal(producer, Some(error))),
        };
        let reason = undelivered.or(reason).unwrap_or_default();
        if let Some(code) = ended {
            let reason = producer.client().fatal_error().map_or(reason, |(_, fatal)| fatal);
            let outcome = if is_fence(code) { CommitError::Fenced(reason) } else { CommitError::Unknown(reason) };
            return Aborted { outcome, usable: false, shaken };
        }
        let until = clock::monotonic() + ABORT_TIMEOUT;
        let aborted = loop {
            let wait = until.saturating_duration_since(clock::monotonic()).max(Duration::from_millis(10));
            match producer.abort_transaction(wait) {
                Err(error) if retriable(&error) && clock::monotonic() < until => {}
                ended => break ended,
            }
        };
        *self.deliveries.lock() = Delivered::default();
        match aborted {
            Ok(()) => Aborted { outcome: CommitError::Aborted(reason), usable: true, shaken },
            Err(error) => {
                let told = format!("{reason}; and it could not be aborted: {}", self.trouble.error(&error));
                let fenced = fatal(producer, Some(&error)).is_some_and(is_fence);
                let outcome = if fenced { CommitError::Fenced(told) } else { CommitError::Unknown(told) };
                Aborted { outcome, usable: false, shaken }
            }
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.purge(PurgeConfig::default().queue().inflight());
            client::dispose(producer, Duration::from_millis(500));
        }
    }
}

/// With a thread of its own that takes acknowledgements: `BaseProducer::poll` spins or sleeps past the last of them.
type Producing = ThreadedProducer<Context>;

/// How an abort went.
struct Aborted {
    outcome: CommitError,
    /// Whether the producer can go on.
    usable: bool,
    /// Whether a message had failed.
    shaken: bool,
}

/// Why a transaction was not filled.
enum Stop {
    /// A call failed.
    Call(ClientError),
    /// A message was not acknowledged.
    Delivery(String),
}

fn retriable(error: &ClientError) -> bool {
    match error {
        ClientError::Transaction(error) => error.is_retriable() && !error.is_fatal() && !error.txn_requires_abort(),
        // The flush before a commit.
        ClientError::Flush(code) => *code == RDKafkaErrorCode::OperationTimedOut,
        _ => false,
    }
}

/// The error that ended the producer for good, if one did.
fn fatal(producer: &Producing, error: Option<&ClientError>) -> Option<RDKafkaErrorCode> {
    if let Some((code, _)) = producer.client().fatal_error() {
        return Some(code);
    }
    match error {
        Some(ClientError::Transaction(error)) if error.is_fatal() => Some(error.code()),
        _ => None,
    }
}

fn is_fence(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch)
}

impl Deliveries {
    /// Every change is whole, so a panic elsewhere leaves it good.
    fn lock(&self) -> MutexGuard<'_, Delivered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, failure: Option<String>) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        if state.failure.is_none() {
            state.failure = failure;
        }
        if state.open == 0 || state.failure.is_some() {
            self.changed.notify_all();
        }
    }
}

/// The context of the producer: counts its deliveries.
struct Context {
    watched: Watched,
    deliveries: Arc<Deliveries>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watched.log(level, facility, line);
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.watched.error(error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.deliveries.ended(result.as_ref().err().map(|(error, _)| error.to_string()));
    }
}
