//! Cluster mode: the same engine behind Kafka topics, beside other replicas.
//!
//! Map, in reading order:
//! - [`kafka`]: the transport, and nothing that knows what a payment is;
//! - `undecided`: what was merged and is not settled yet: payments with the tensors of their cuts, and what was `rejected`;
//! - `merge`: all of the topics into one order, journaled and fed to the engine, in every replica;
//! - `scorer`: whoever holds the partition settles the queue in its order, a micro-batch a transaction;
//! - `messages`: what it writes;
//! - `rebuild`: the verdicts of the topics put into Redis, for an operator;
//! - `Cluster` below: payments and labels of the HTTP rim on their way into the topics.
//!
//! A payment of the rim: claim its id here, then in Redis (first writer wins) → `transactions` → back through the merge like everybody
//! else's → the owner commits its verdict → whoever was asked replies. So the log itself forwards it to the owner.
//!
//! Where each promise is kept. *First body wins*: `merge`, by the order of the one partition; Redis only finds conflicts sooner.
//! *One verdict an id*: `scorer` (order, fencing, committed offsets) and once more `merge`. *No future in a tensor*: the engine observes
//! in journal order and a takeover uses what was kept. *Nothing lost*: a reply waits for the commit, the journal only for itself: lost or
//! damaged, it is rebuilt from the topics.

pub mod kafka;
mod merge;
mod messages;
mod rebuild;
mod rejected;
mod scorer;
mod undecided;

use crate::cases::CaseEvent;
use crate::control::ControlEvent;
use crate::engine::Command;
use crate::log::{EventLog, LogError, Record, TransactionKey, VerdictPlace};
use crate::service::{Desk, Made, ServiceError};
use crate::shared::{Claim, Published, SharedConfig, SharedStore};
use crate::trace_context::TraceContext;
use crate::{failpoint, reviews, wire};
use anyhow::Context;
use fraudnet_graph::{Body, Event};
use kafka::headers::{self, MessageKind, cloud_event_headers};
use kafka::{KafkaConfig, Membership, Outgoing, SendError, Sender, Topic, check_topics};
use merge::Merge;
use metrics::{describe_counter, describe_gauge};
use scorer::Scorer;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

pub use rebuild::{RebuildError, Rebuilt, rebuild_shared};
pub(crate) use rejected::Rejected;
pub(crate) use undecided::{Item, Matter, Undecided, UndecidedPayment};

/// How long the brokers may take to answer at start.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds after which a caller may try again where another replica must answer.
const RETRY_AFTER_S: u32 = 1;
/// Who writes what comes over HTTP, as CloudEvents' `source`.
const SOURCE: &str = "/fraudnet/http";
/// Tenant in the headers of what speaks of all tenants.
const CONTROL_TENANT: &str = "fraudnet";

/// Checked settings of cluster mode.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterConfig {
    /// Kafka.
    pub kafka: KafkaConfig,
    /// Redis.
    pub shared: SharedConfig,
}

/// This replica's place in the cluster, as the rim needs it.
pub(crate) struct Cluster {
    sender: Sender,
    shared: SharedStore,
    undecided: Arc<Undecided>,
    membership: Arc<OnceLock<Membership>>,
}

/// What the threads of cluster mode need; nothing runs yet.
pub(crate) struct Prepared {
    config: ClusterConfig,
    cluster: Arc<Cluster>,
}

/// Checks that the topics are as they must be and that Redis may be used, before anything takes traffic.
///
/// # Errors
/// With the setting's name, where a broker, the topics, the credentials or a permission are not there.
pub(crate) fn prepare(config: ClusterConfig) -> anyhow::Result<Prepared> {
    describe();
    let states = check_topics(&config.kafka, START_TIMEOUT)?;
    let problems: Vec<String> = states.into_iter().flat_map(|state| state.problems).collect();
    anyhow::ensure!(
        problems.is_empty(),
        "{}; run `fraudnet topics create`, then `fraudnet topics check`",
        problems.join("; ")
    );
    let shared = SharedStore::connect(&config.shared, &tokio::runtime::Handle::current())?;
    let sender = Sender::open(&config.kafka)?;
    let cluster = Cluster { sender, shared, undecided: Arc::default(), membership: Arc::default() };
    Ok(Prepared { config, cluster: Arc::new(cluster) })
}

impl Prepared {
    /// For the rim and for the replay of the journal.
    pub(crate) fn cluster(&self) -> Arc<Cluster> {
        Arc::clone(&self.cluster)
    }

    /// Starts merging and scoring. `replayed` gets a token once the journal is replayed: nothing is merged before.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn spawn(
        self,
        desk: &Arc<Desk>,
        engine: crossbeam_channel::Sender<Command>,
        replayed: crossbeam_channel::Receiver<()>,
    ) -> anyhow::Result<Vec<JoinHandle<()>>> {
        let Prepared { config, cluster } = self;
        let identity = desk.log.identity();
        let log = desk.log.clone();
        cluster.shared.refill(identity, move |from, limit| published(&log, from, limit));
        let (wake, woken) = crossbeam_channel::bounded(1);
        let (merge_desk, undecided, shared) =
            (Arc::clone(desk), Arc::clone(&cluster.undecided), cluster.shared.clone());
        let kafka = config.kafka.clone();
        let scorer = Scorer {
            desk: Arc::clone(desk),
            undecided: Arc::clone(&cluster.undecided),
            config: config.kafka,
            membership: Arc::clone(&cluster.membership),
            wake: woken,
            commits: desk.log.commits(),
            journal: format!("{:016x}", u64::from_be_bytes(identity)),
        };
        let merging = Builder::new().name("merge".to_owned()).spawn(move || {
            let _guard = FailOnPanic(Arc::clone(&merge_desk));
            // Disconnected: the replay failed or was broken off.
            if replayed.recv().is_err() {
                return;
            }
            match Merge::start(Arc::clone(&merge_desk), undecided, engine, shared, wake, &kafka) {
                Ok(merge) => merge.run(),
                Err(reason) => merge_desk.health.fail(&reason),
            }
        });
        let scoring = Builder::new().name("scorer".to_owned()).spawn(move || {
            let _guard = FailOnPanic(Arc::clone(&scorer.desk));
            scorer.run();
        });
        Ok(vec![
            merging.context("the merge thread did not start")?,
            scoring.context("the scorer thread did not start")?,
        ])
    }
}

/// A broken invariant in one of the threads must not leave a replica that looks well.
struct FailOnPanic(Arc<Desk>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.health.fail("a thread of the cluster stopped on a broken invariant; start the service again");
        }
    }
}

impl Cluster {
    /// Hands a claimed payment to Kafka, or ends its claim with what is known or wrong. Its verdict ends the claim later.
    pub(crate) async fn submit(
        self: Arc<Self>,
        desk: Arc<Desk>,
        key: TransactionKey,
        event: Event,
        body_hash: [u8; 32],
        trace: Option<TraceContext>,
    ) {
        if let Err(error) = self.try_submit(&desk, &key, &event, body_hash, trace).await {
            desk.claims.end(&key, Err(error));
        }
    }

    async fn try_submit(
        &self,
        desk: &Desk,
        key: &TransactionKey,
        event: &Event,
        body_hash: [u8; 32],
        trace: Option<TraceContext>,
    ) -> Result<(), ServiceError> {
        desk.health.gate()?;
        if self.is_merged(desk, key, body_hash)? {
            return Ok(());
        }
        match self.shared.claim(key.tenant(), key.transaction_id(), body_hash).await {
            // Claimed by an earlier try or another replica, which may have died since: sent again, it is recognised.
            Ok(Claim::Won | Claim::Same) => {}
            Ok(Claim::Other) => return Err(ServiceError::ConflictingBody),
            Err(_) if self.owns() => {}
            Err(_) => {
                let state = "cut off from Redis, and another replica owns the payments";
                return Err(ServiceError::NotReady { state, retry_after_s: RETRY_AFTER_S });
            }
        }
        let Body::Payment(payment) = &event.body else { unreachable!("a submission holds a payment") };
        let mut message = self.message(event, &payment.account, MessageKind::Payment, trace);
        headers::put(&mut message.headers, headers::BODY_HASH, blake3::Hash::from(body_hash).to_hex().as_str());
        self.send(message).await?;
        failpoint::hit("after_produce");
        Ok(())
    }

    /// Whether the payment is in the log already; then its claim was or will be ended by its verdict.
    fn is_merged(&self, desk: &Desk, key: &TransactionKey, body_hash: [u8; 32]) -> Result<bool, ServiceError> {
        let (winner, verdict) = match self.undecided.get(key) {
            Some(known) => (known.body_hash, known.verdict),
            None => match desk.log.transaction(key).map_err(failed)? {
                None => return Ok(false),
                Some(row) => match row.verdict {
                    VerdictPlace::Never => return Err(ServiceError::KnownFromHistory),
                    VerdictPlace::Undecided => (row.body_hash, None),
                    VerdictPlace::At(position) => {
                        (row.body_hash, Some(desk.log.verdict_body(position).map_err(failed)?))
                    }
                },
            },
        };
        if winner != body_hash {
            return Err(ServiceError::ConflictingBody);
        }
        if let Some(body) = verdict {
            desk.claims.end(key, Ok(Made { body, durable_wait: Duration::ZERO, earlier: true }));
        }
        Ok(true)
    }

    /// Hands a label or an outcome to Kafka; its offset once it is durable there.
    pub(crate) async fn append(&self, event: &Event, trace: Option<TraceContext>) -> Result<u64, ServiceError> {
        let (about, kind) = match &event.body {
            Body::Label(label) => (&label.transaction_id, MessageKind::Label),
            Body::Outcome(outcome) => (&outcome.transaction_id, MessageKind::Outcome),
            Body::Payment(payment) => (&payment.transaction_id, MessageKind::Payment),
        };
        let offset = self.send(self.message(event, about, kind, trace)).await?;
        Ok(offset.max(0) as u64)
    }

    /// Hands a control event to Kafka; returns once it is durable there.
    pub(crate) async fn append_control(&self, event: &ControlEvent) -> Result<(), ServiceError> {
        let kind = MessageKind::Control;
        let headers = cloud_event_headers(
            kind,
            &event.control_id,
            SOURCE,
            event.at_ms,
            event.change.name(),
            CONTROL_TENANT,
            None,
        );
        let key = event.change.name().as_bytes().to_vec();
        self.send(Outgoing { topic: Topic::ModelEvents, key, payload: event.encode().into(), headers }).await?;
        Ok(())
    }

    /// Hands a case event to Kafka; returns once it is durable there.
    pub(crate) async fn append_case(&self, event: &CaseEvent) -> Result<(), ServiceError> {
        let subject = event.change.subject();
        let tenant = if event.tenant.is_empty() { CONTROL_TENANT } else { &event.tenant };
        let headers =
            cloud_event_headers(MessageKind::Case, &event.event_id, SOURCE, event.at_ms, subject, tenant, None);
        let key = format!("{tenant}/{subject}").into_bytes();
        self.send(Outgoing { topic: Topic::Reviews, key, payload: reviews::encode(event).into(), headers }).await?;
        Ok(())
    }

    fn message(&self, event: &Event, about: &str, kind: MessageKind, trace: Option<TraceContext>) -> Outgoing {
        let (topic, subject) = match &event.body {
            Body::Payment(payment) => (Topic::Transactions, &payment.transaction_id),
            Body::Outcome(outcome) => (Topic::Transactions, &outcome.transaction_id),
            Body::Label(label) => (Topic::Labels, &label.transaction_id),
        };
        let traceparent = trace.map(TraceContext::header);
        Outgoing {
            topic,
            key: format!("{}/{about}", event.tenant).into_bytes(),
            payload: wire::encode_event(event).into(),
            headers: cloud_event_headers(
                kind,
                &event.event_id,
                SOURCE,
                event.ingested_at_ms,
                subject,
                &event.tenant,
                traceparent.as_deref(),
            ),
        }
    }

    async fn send(&self, message: Outgoing) -> Result<i64, ServiceError> {
        self.sender.send(message).await.map_err(|error| match error {
            SendError::QueueFull => ServiceError::Overloaded { queue: "Kafka", retry_after_s: RETRY_AFTER_S },
            SendError::Unknown(reason) => {
                tracing::warn!(reason, "a message was not acknowledged in time; it may or may not be in its topic");
                ServiceError::NotDurableInTime
            }
            SendError::NotSent(reason) => {
                tracing::warn!(reason, "a message could not be sent in time; it is in no topic");
                ServiceError::NotReady { state: "cut off from Kafka", retry_after_s: RETRY_AFTER_S }
            }
            SendError::TooLarge | SendError::Refused(_) => ServiceError::Log(error.to_string()),
        })
    }

    /// The verdict on a payment that is committed but not in the journal yet: made here, or told by another replica through Redis.
    pub(crate) async fn verdict(&self, tenant: &str, transaction_id: &str) -> Option<Arc<[u8]>> {
        let known = self.undecided.get(&TransactionKey::new(tenant, transaction_id));
        if let Some(verdict) = known.and_then(|known| known.verdict) {
            return Some(verdict);
        }
        self.shared.verdict(tenant, transaction_id).await.ok().flatten()
    }

    /// Whether the id is on its way to a verdict here.
    pub(crate) fn holds(&self, key: &TransactionKey) -> bool {
        self.undecided.get(key).is_some()
    }

    /// Whether this replica scores.
    pub(crate) fn owns(&self) -> bool {
        self.membership.get().is_some_and(|membership| membership.owns().is_some())
    }

    /// Why replies are made without the shared store, if they are.
    pub(crate) fn degraded(&self) -> bool {
        self.shared.degraded().is_some()
    }

    /// What was merged and is not settled.
    pub(crate) fn undecided(&self) -> &Undecided {
        &self.undecided
    }
}

/// Verdicts of the journal from a position on, for the shared store.
fn published(log: &EventLog, from: u64, limit: usize) -> Vec<Published> {
    let mut found = Vec::new();
    let mut next = from;
    while found.len() < limit {
        let Ok(entries) = log.read_from(next, limit) else { break };
        let Some(last) = entries.last() else { break };
        next = last.position + 1;
        for entry in entries {
            let Ok(Record::Verdict { payment, body }) = entry.record() else { continue };
            let Some((key, body_hash)) = paid(log, payment) else { continue };
            found.push(Published {
                position: entry.position,
                tenant: key.tenant().into(),
                transaction_id: key.transaction_id().into(),
                body_hash,
                verdict: body.into(),
            });
        }
    }
    found
}

/// Key and body hash of the payment at a position.
fn paid(log: &EventLog, position: u64) -> Option<(TransactionKey, [u8; 32])> {
    let entries = log.read_from(position, 1).ok()?;
    let (Record::Streamed { body_hash, event, .. } | Record::Payment { body_hash, event }) =
        entries.first()?.record().ok()?
    else {
        return None;
    };
    let event = wire::decode_event(event).ok()?;
    let Body::Payment(payment) = &event.body else { return None };
    Some((TransactionKey::new(&event.tenant, &payment.transaction_id), body_hash))
}

fn failed(error: LogError) -> ServiceError {
    ServiceError::Log(error.to_string())
}

fn describe() {
    describe_gauge!("fraudnet_kafka_lag", "Messages of a topic not read yet");
    describe_gauge!("fraudnet_kafka_position", "Next offset of a topic to be read");
    describe_gauge!("fraudnet_owner", "1 while this replica scores");
    describe_gauge!(
        "fraudnet_pending_payments",
        "Payments and rejected messages that await their verdicts and dead letters"
    );
    describe_counter!("fraudnet_rebalances_total", "Times the partition was given or taken");
    describe_counter!("fraudnet_dead_letters_total", "Messages put into the dead letters by this replica, by reason");
    describe_counter!("fraudnet_duplicate_verdicts_total", "Second verdicts on a payment, passed over");
    describe_counter!("fraudnet_transactions_aborted_total", "Kafka transactions that did not commit at once");
}
