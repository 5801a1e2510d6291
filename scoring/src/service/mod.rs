//! The service as the rim (HTTP, later gRPC and Kafka) sees it, and the order in which a payment is served.
//!
//! Reading order: this page (what can be asked; `config`, `error`) → `start` (threads) → `people` (pseudonyms, where they are on; `erasure`) →
//! [`Service::score`] (claim → sequence) →
//! `decide` (model or rules → policy → verdict → log) → `claims` (one decision an id) → `labels` → `replay` → `backfill` (history from
//! before it took traffic) → `health`.
//!
//! It never knows HTTP, JSON requests, or how a graph or a model works inside.
//!
//! The order of a payment: claim its id → give it a position and start its append → the engine observes in that order →
//! the model meanwhile → policy → the verdict is appended → reply once both are durable.

mod backfill;
mod claims;
mod config;
mod decide;
mod erasure;
mod error;
mod examples;
mod explanation;
mod health;
mod labels;
mod people;
mod recent;
mod replay;
mod start;

use crate::cases::Case;
use crate::cluster::Cluster;
use crate::control::Control;
use crate::drift::Drift;
use crate::engine::{Command, Handoff, Sequenced};
use crate::experiments::watch::Watch;
use crate::explain::{ExplainDesk, Explanation};
use crate::follower::Follower;
use crate::log::{TransactionKey, TransactionRow, VerdictPlace};
use crate::policy::dry_run::DryRuns;
use crate::provenance::Audit;
use crate::reviews::Reviews;
use crate::rings::{OpenCase, Ring, RingSummary};
use crate::serving::Serving;
use crate::snapshot::Taker;
use crate::{clock, trace_context, wire};
use claims::{Claimed, Waiter};
use crossbeam_channel::Sender;
use fraudnet_graph::{Body, Event, Kind, Subgraph};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::Instrument;

pub use backfill::{BackfillReport, load_history};
pub(crate) use claims::{Ending, Made};
pub use config::{Durability, ServiceConfig};
use decide::Times;
pub(crate) use decide::{Desk, PendingVerdict};
pub use erasure::{Erase, Erased, MAX_WHOM, Person, PrivacyError, PrivacyStatus, Whom};
pub use error::ServiceError;
use error::log_error;
pub use examples::{TrainingItem, TrainingMatter, TrainingStretch};
pub use explanation::{SeenVerdict, Unexplained};
pub(crate) use health::Health;
use labels::Labels;
use people::People;
pub use people::Unnamed;
pub use recent::RecentPayment;

/// How often it is looked whether there is more for the trainer.
const TRAINING_POLL: Duration = Duration::from_millis(50);
/// Seconds after which a caller refused for want of room may try again.
const RETRY_AFTER_S: u32 = 1;

/// A checked payment that asks for a verdict.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The payment event; `body` is `Body::Payment`.
    pub event: Event,
    /// Hash of the canonical request body, to recognise a repeat.
    pub body_hash: [u8; 32],
    /// Answer by then.
    pub deadline: Instant,
}

/// A stored verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict's JSON, byte for byte as first replied.
    pub body: Arc<[u8]>,
    /// True where it had been made for an earlier request.
    pub repeated: bool,
    /// Time the verdict waited to become durable; zero for repeats.
    pub durable_wait: Duration,
    /// True where it was answered without the store that replicas share.
    pub degraded: bool,
}

/// What became of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelReceipt {
    /// Its log position.
    pub position: u64,
    /// Whether the payment it speaks of is known.
    pub transaction_known: bool,
}

/// State for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Takes traffic.
    pub ready: bool,
    /// `ready`, `replaying`, `draining` or `failed`, and details for people.
    pub state: String,
    /// Log entries still to replay, or messages still to read.
    pub lag: u64,
    /// Parts that do not work at present, and why.
    pub degraded: Vec<String>,
}

/// A neighbourhood for people: the subgraph and the identifiers of its nodes.
#[derive(Debug, Clone)]
pub struct Neighbourhood {
    /// The sample.
    pub subgraph: Subgraph,
    /// Identifier of each node.
    pub identifiers: Vec<String>,
    /// Log position it is as of.
    pub position: u64,
}

/// Handle to the running service; cheap to clone. When the last one goes without a drain, the threads end by themselves.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Arc<Desk>,
    engine: Sender<Command>,
    labels: Labels,
    reviews: Reviews,
    control: Control,
    drift: Drift,
    audit: Audit,
    experiments: Watch,
    follower: Follower,
    explaining: ExplainDesk,
    cluster: Option<Arc<Cluster>>,
    snapshots: Option<Taker>,
    dry_runs: DryRuns,
    /// Who is who; none where the log holds identifiers in clear.
    people: Option<People>,
    commit_reserve: Duration,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Service {
    /// Opens the log, loads the model, starts the threads, and begins replay in the background (`readiness` tells when it is done).
    /// The metrics recorder, if any, must be installed before.
    ///
    /// # Errors
    /// Where the model is refused or cannot be run, a reason's feature is missing, or the log cannot be opened.
    pub fn start(config: ServiceConfig) -> anyhow::Result<Service> {
        start::start(config)
    }

    /// Scores a payment, or gives the verdict it has. Once called, the payment is decided and logged whether or not anyone still waits.
    ///
    /// # Errors
    /// See [`ServiceError`].
    ///
    /// # Panics
    /// Where the event is not a payment, or one whose people were not named though pseudonyms are on, or outside a tokio runtime.
    pub async fn score(&self, submission: Submission) -> Result<Answer, ServiceError> {
        let desk = &self.inner.desk;
        desk.health.gate()?;
        let Submission { event, body_hash, deadline } = submission;
        let Body::Payment(payment) = &event.body else { panic!("a submission holds a payment") };
        // What is logged in clear stays for good: whoever forgets to name people is found out before that.
        assert!(self.inner.people.is_none() || people::is_named(payment), "people are named before they are scored");
        let key = TransactionKey::new(&event.tenant, &payment.transaction_id);
        let (waiter, repeated) = match desk.claims.claim(&key, body_hash) {
            Claimed::Won(waiter) => {
                // No await from the claim to the spawned task: a caller that hangs up cannot leave it half done.
                let repeated = self.begin(key, event, body_hash, deadline);
                (waiter, repeated)
            }
            Claimed::Held(waiter) => (waiter, true),
            Claimed::Conflict => {
                desk.meters.conflicts.increment(1);
                return Err(ServiceError::ConflictingBody);
            }
        };
        let answer = self.wait(waiter, deadline, repeated).await;
        match &answer {
            Ok(answer) if answer.repeated => desk.meters.repeats.increment(1),
            Err(ServiceError::NotDurableInTime) => desk.meters.not_durable.increment(1),
            Err(ServiceError::ConflictingBody) => desk.meters.conflicts.increment(1),
            _ => {}
        }
        answer
    }

    /// Loads history: events from before the service took traffic, in order. Payments are applied and their ids remembered, but none
    /// ever gets a verdict; a payment whose id is known already is left out and counted. Meanwhile no other traffic is taken.
    /// `progress` is told how many events are durable so far. Blocks: call it where blocking is allowed.
    ///
    /// # Errors
    /// Where the service is not ready, or the log fails; what was loaded until then stays.
    pub fn backfill(
        &self,
        events: impl IntoIterator<Item = Event>,
        progress: impl FnMut(u64),
    ) -> Result<BackfillReport, ServiceError> {
        if self.inner.cluster.is_some() {
            return Err(ServiceError::Log(backfill::IN_A_CLUSTER.to_owned()));
        }
        backfill::backfill(&self.inner, events, progress)
    }

    /// Logs a label; returns once it is durable.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn label(&self, event: Event, deadline: Instant) -> Result<LabelReceipt, ServiceError> {
        self.inner.labels.log(event, deadline).await
    }

    /// The stored verdict; none where the id is unknown or its verdict is not durable yet.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub async fn verdict(&self, tenant: &str, transaction_id: &str) -> Result<Option<Arc<[u8]>>, ServiceError> {
        let log = &self.inner.desk.log;
        let row = log.transaction(&TransactionKey::new(tenant, transaction_id)).map_err(log_error)?;
        match row.map(|row| row.verdict) {
            Some(VerdictPlace::At(position)) => log.verdict_body(position).map(Some).map_err(log_error),
            Some(VerdictPlace::Never) => Ok(None),
            // A replica may have committed the verdict and not read it back yet; and one that has not read so far can ask the others' store.
            Some(VerdictPlace::Undecided) | None => match &self.inner.cluster {
                Some(cluster) => Ok(cluster.verdict(tenant, transaction_id).await),
                None => Ok(None),
            },
        }
    }

    /// The neighbourhood of an entity, from the follower.
    ///
    /// # Errors
    /// Where too many such questions wait, or the service stops.
    pub async fn neighbourhood(
        &self,
        tenant: &str,
        kind: Kind,
        id: &str,
    ) -> Result<Option<Arc<Neighbourhood>>, ServiceError> {
        self.inner.follower.around(tenant, kind, id).await
    }

    /// The newest payments in which an entity took part, newest first, at most `limit`; of the newest million payments of all tenants.
    ///
    /// # Errors
    /// Where the log cannot be read, too many such questions wait, or the service stops.
    pub async fn recent(
        &self,
        tenant: &str,
        kind: Kind,
        id: &str,
        limit: usize,
    ) -> Result<Vec<RecentPayment>, ServiceError> {
        self.inner.recent(tenant, kind, id, limit).await
    }

    /// The verdict on a payment with the neighbourhood that it was read off; none where there is no verdict.
    ///
    /// # Errors
    /// Where the log cannot be read, too many such questions wait, or the service stops.
    pub async fn seen(&self, tenant: &str, transaction_id: &str) -> Result<Option<SeenVerdict>, ServiceError> {
        Ok(self.inner.seen(tenant, transaction_id).await?.map(|(found, _)| found))
    }

    /// The tenant's rings by rank, so many at most, and the log position they are as of.
    ///
    /// # Errors
    /// Where too many such questions wait, or the service stops.
    pub async fn rings(&self, tenant: &str, limit: usize) -> Result<(u64, Vec<RingSummary>), ServiceError> {
        self.inner.follower.rings(tenant, limit, self.open_cases(tenant)).await
    }

    /// One of them; none where there is none of that id (any more).
    ///
    /// # Errors
    /// As [`Service::rings`].
    pub async fn ring(&self, tenant: &str, ring_id: &str) -> Result<Option<Box<Ring>>, ServiceError> {
        self.inner.follower.ring(tenant, ring_id, self.open_cases(tenant)).await
    }

    fn open_cases(&self, tenant: &str) -> HashMap<String, OpenCase> {
        let told = |case: &Arc<Case>| {
            (case.account.clone(), OpenCase { case_id: case.case_id.clone(), version: case.version })
        };
        self.inner.reviews.look(|cases| cases.open_cases(tenant).map(told).collect())
    }

    /// Why the verdict on a payment is what it is; none where there is no verdict.
    ///
    /// # Errors
    /// See [`Unexplained`].
    pub async fn explain(&self, tenant: &str, transaction_id: &str) -> Result<Option<Explanation>, Unexplained> {
        let Some((found, position)) = self.inner.seen(tenant, transaction_id).await? else { return Ok(None) };
        self.inner.explain(&found, position).await.map(Some)
    }

    /// What the trainer reads: training examples, labels and control events from log position `from` on, at most `limit`. Where there
    /// is nothing yet it waits up to `wait` for more.
    ///
    /// # Errors
    /// Where the log cannot be read, or Kafka is the log: there the topics hold all of it.
    pub async fn training(&self, from: u64, limit: usize, wait: Duration) -> Result<TrainingStretch, ServiceError> {
        if self.inner.cluster.is_some() {
            return Err(ServiceError::ElsewhereInCluster);
        }
        let until = clock::monotonic() + wait;
        loop {
            let log = self.inner.desk.log.clone();
            let end = log.durable_end();
            let read = tokio::task::spawn_blocking(move || examples::stretch(&log, from, limit)).await;
            let stretch = read.map_err(|_| ServiceError::Log("reading it broke off".to_owned()))??;
            if !stretch.items.is_empty()
                || stretch.next < end
                || clock::monotonic() >= until
                || self.inner.desk.health.ending()
            {
                return Ok(stretch);
            }
            tokio::time::sleep(TRAINING_POLL).await;
        }
    }

    /// What scores.
    pub fn serving(&self) -> &Serving {
        &self.inner.desk.serving
    }

    /// Trials of rules on the past.
    pub fn dry_runs(&self) -> &DryRuns {
        &self.inner.dry_runs
    }

    /// What changes what scores.
    pub fn control(&self) -> &Control {
        &self.inner.control
    }

    /// What was counted of experiments.
    pub fn experiments(&self) -> &Watch {
        &self.inner.experiments
    }

    /// Payments that people look at.
    pub fn reviews(&self) -> &Reviews {
        &self.inner.reviews
    }

    /// What is known of drift.
    pub fn drift(&self) -> &Drift {
        &self.inner.drift
    }

    /// What proves what was decided.
    pub fn audit(&self) -> &Audit {
        &self.inner.audit
    }

    /// Whether it takes traffic.
    pub fn readiness(&self) -> Readiness {
        if let Some(people) = &self.inner.people {
            people.meter();
            if let Some(reason) = people.stopped() {
                self.inner.desk.health.degrade("privacy", Some(reason.to_string()));
            }
        }
        self.inner.desk.health.readiness()
    }

    /// Stops taking payments, finishes those begun, syncs and ends all threads.
    ///
    /// # Errors
    /// Where that takes longer than `limit`, or the log had failed.
    pub async fn drain(&self, limit: Duration) -> anyhow::Result<()> {
        start::drain(&self.inner, limit).await
    }

    /// Decides a claimed payment: by the verdict it has, or by sequencing it and starting its task. True where it had one.
    fn begin(&self, key: TransactionKey, event: Event, body_hash: [u8; 32], deadline: Instant) -> bool {
        let desk = &self.inner.desk;
        if let Some(cluster) = &self.inner.cluster {
            let submitted =
                Arc::clone(cluster).submit(Arc::clone(desk), key, event, body_hash, trace_context::current());
            tokio::spawn(submitted.in_current_span());
            return false;
        }
        // Looked at again under the claim: whoever closes the gate afterwards (a drain, a backfill) sees the claim and waits for it.
        if let Err(error) = desk.health.gate() {
            desk.claims.end(&key, Err(error));
            return false;
        }
        // A read of the file in an async context: a B-tree walk over pages that are nearly always in memory, cheaper than a hop to another thread.
        match desk.log.transaction(&key) {
            Ok(None) => {}
            Ok(Some(row)) => {
                desk.claims.end(&key, self.earlier(row, body_hash));
                return true;
            }
            Err(error) => {
                desk.claims.end(&key, Err(log_error(error)));
                return false;
            }
        }
        let Body::Payment(payment) = &event.body else { unreachable!("checked by the caller") };
        let transaction_id = payment.transaction_id.clone();
        let json = wire::encode_event(&event);
        let cutoff = deadline.checked_sub(self.inner.commit_reserve).unwrap_or(deadline);
        let (evidence_sender, evidence) = oneshot::channel();
        let (model_sender, model) = oneshot::channel();
        let route = Arc::new(desk.serving.route(&event));
        let turn = desk.serving.turn(&route, clock::monotonic(), cutoff);
        let unseen = desk.serving.default_decision().map(|decision| (decision, event.clone()));
        let times = Times { turn, cutoff, unseen };
        let handoff = Handoff::Decide {
            evidence: evidence_sender,
            route: Arc::clone(&route),
            model: model_sender,
            cutoff: Some(turn),
        };
        let sequenced = desk.log.append_payment(&key, body_hash, &json, |position| {
            let handed = hand_to_engine(&self.inner.engine, position, event, handoff);
            // Before the log can hold it: whoever asks what is undecided never misses one.
            handed && desk.open().insert(position)
        });
        match sequenced {
            Ok(position) => {
                let pending = PendingVerdict { key, transaction_id, body_hash, position, cut: None };
                tokio::spawn(Arc::clone(desk).decide(pending, times, route, evidence, model));
            }
            Err(refusal) => desk.claims.end(&key, Err(desk.refused(refusal))),
        }
        false
    }

    /// What an earlier payment of that id means for this one.
    fn earlier(&self, row: TransactionRow, body_hash: [u8; 32]) -> Ending {
        let verdict = match row.verdict {
            VerdictPlace::Never => return Err(ServiceError::KnownFromHistory),
            _ if row.body_hash != body_hash => return Err(ServiceError::ConflictingBody),
            VerdictPlace::At(position) => position,
            VerdictPlace::Undecided => {
                return Err(ServiceError::Log(format!(
                    "the payment at position {} never got a verdict; start the service again",
                    row.payment
                )));
            }
        };
        let body = self.inner.desk.log.verdict_body(verdict).map_err(log_error)?;
        Ok(Made { body, durable_wait: Duration::ZERO, earlier: true })
    }

    async fn wait(&self, mut waiter: Waiter, deadline: Instant, repeated: bool) -> Result<Answer, ServiceError> {
        let ended = tokio::time::timeout_at(deadline.into(), waiter.wait_for(Option::is_some)).await;
        let ending = match ended {
            Ok(Ok(ending)) => ending.clone().expect("waited until it was some"),
            Ok(Err(_)) => {
                return Err(ServiceError::Log("the payment's claim was dropped; start the service again".to_owned()));
            }
            Err(_) => return Err(ServiceError::NotDurableInTime),
        };
        let Made { body, durable_wait, earlier } = ending?;
        let repeated = repeated || earlier;
        let degraded = self.inner.cluster.as_ref().is_some_and(|cluster| cluster.degraded());
        Ok(Answer { body, repeated, durable_wait: if repeated { Duration::ZERO } else { durable_wait }, degraded })
    }
}

impl Inner {
    /// Tells every thread to end. The engine first: it still hands out work; the log last: it writes what the others made.
    fn signal_end(&self) {
        self.desk.health.drain();
        self.desk.health.end();
        if let Some(snapshots) = &self.snapshots {
            snapshots.stop();
        }
        self.experiments.stop();
        if let Some(run) = self.dry_runs.latest() {
            run.stop();
        }
        // Disconnected: the engine has ended.
        let _ = self.engine.send(Command::Stop);
        self.desk.serving.stop();
        self.follower.stop();
        self.explaining.stop();
        if let Some(people) = &self.people {
            people.close();
        }
        self.desk.log.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.desk.health.drain();
        self.desk.health.end();
    }
}

/// Gives an event to the engine; false where it has no room.
fn hand_to_engine(engine: &Sender<Command>, position: u64, event: Event, handoff: Handoff) -> bool {
    let sequenced = Sequenced { position, event, sequenced_at: clock::monotonic(), handoff };
    engine.try_send(Command::Observe(sequenced)).is_ok()
}

#[cfg(test)]
mod tests;
