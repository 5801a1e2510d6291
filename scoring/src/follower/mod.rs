//! The follower: a second fold of the durable log, on its own thread, for people's questions. It keeps the graph, the rings in it, which
//! payments each entity took part in (`recent`), and of payments that were not simply approved what their verdicts were read off (`seen`). It
//! trails the log by at most `GATHER` and catches up before it answers; the engine never hears of it.
//!
//! In reading order: `question` (what is asked), [`Follower`] (where to ask), the fold.

mod question;
mod recent;
mod seen;

use crate::log::{Entry, EventLog, Record};
use crate::rings::{OpenCase, Ring, RingSettings, RingSummary, RingVerdict, Rings};
use crate::service::{Neighbourhood, ServiceError};
use crate::verdict::Decision;
use crate::wire;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use fraudnet_graph::{Applied, Body, Graph, Kind, Limits, Subgraph};
use metrics::gauge;
use question::{About, Question, Reply};
use recent::Recent;
use seen::{Held, Seen};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;

pub use recent::Known;

/// Questions waiting at most.
const QUESTIONS: usize = 64;
/// Entries read at a time.
const CHUNK: usize = 1024;
/// How long commits gather before they are followed, so that a busy log is read in chunks.
const GATHER: Duration = Duration::from_millis(100);
/// Payments whose verdicts are awaited at most, for the rings.
const UNDECIDED: usize = 65_536;

/// Where to ask.
#[derive(Clone)]
pub struct Follower {
    questions: Sender<Option<Question>>,
}

impl Follower {
    /// Starts the thread; it begins at the log's first entry. `kept`: payments whose neighbourhoods are remembered.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn spawn(log: EventLog, limits: Limits, kept: usize) -> std::io::Result<(Follower, JoinHandle<()>)> {
        let (sender, questions) = crossbeam_channel::bounded(QUESTIONS);
        let commits = log.commits();
        let handle = Builder::new().name("follower".to_owned()).spawn(move || {
            let mut fold = Fold {
                log,
                graph: Graph::new(limits),
                rings: Rings::new(RingSettings::default()),
                next: 0,
                sample: Subgraph::default(),
                seen: Seen::new(kept),
                recent: Recent::new(),
                undecided: BTreeMap::new(),
            };
            if let Err(error) = fold.run(&questions, &commits) {
                tracing::error!(%error, "the follower stopped; neighbourhoods and rings cannot be shown until the service is started again");
                refuse(&questions, &error);
            }
        })?;
        Ok((Follower { questions: sender }, handle))
    }

    /// The neighbourhood of an entity as of everything durable now; none where the graph does not hold it.
    ///
    /// # Errors
    /// Where too many questions wait, the log cannot be read, or the service stops.
    pub async fn around(&self, tenant: &str, kind: Kind, id: &str) -> Result<Option<Arc<Neighbourhood>>, ServiceError> {
        let about = About::Entity { kind, id: id.to_owned() };
        self.ask(|reply| Question::Neighbourhood { tenant: tenant.to_owned(), about, reply }).await
    }

    /// The neighbourhood of the payment at that log position, as of its own cut; none where it was approved, or is too long ago.
    ///
    /// # Errors
    /// As [`Follower::around`].
    pub async fn seen(&self, position: u64) -> Result<Option<Arc<Neighbourhood>>, ServiceError> {
        self.ask(|reply| Question::Neighbourhood { tenant: String::new(), about: About::Payment { position }, reply })
            .await
    }

    /// The newest payments of an entity, newest first, so many at most; of the newest million payments of all tenants.
    ///
    /// # Errors
    /// As [`Follower::around`].
    pub async fn recent(&self, tenant: &str, kind: Kind, id: &str, limit: usize) -> Result<Vec<Known>, ServiceError> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        self.ask(|reply| Question::Recent { tenant, kind, id, limit, reply }).await
    }

    /// The tenant's rings by rank, so many at most, and the log position they are as of. `open`: its open cases by account.
    ///
    /// # Errors
    /// As [`Follower::around`].
    pub async fn rings(
        &self,
        tenant: &str,
        limit: usize,
        open: HashMap<String, OpenCase>,
    ) -> Result<(u64, Vec<RingSummary>), ServiceError> {
        self.ask(|reply| Question::Rings { tenant: tenant.to_owned(), limit, open, reply }).await
    }

    /// One of them; none where there is none of that id (any more).
    ///
    /// # Errors
    /// As [`Follower::around`].
    pub async fn ring(
        &self,
        tenant: &str,
        ring_id: &str,
        open: HashMap<String, OpenCase>,
    ) -> Result<Option<Box<Ring>>, ServiceError> {
        self.ask(|reply| Question::Ring { tenant: tenant.to_owned(), ring_id: ring_id.to_owned(), open, reply }).await
    }

    async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Result<T, ServiceError> {
        let (reply, answer) = oneshot::channel();
        match self.questions.try_send(Some(question(reply))) {
            Ok(()) => answer.await.unwrap_or(Err(STOPPING)),
            Err(TrySendError::Full(_)) => Err(ServiceError::Overloaded { queue: "neighbourhood", retry_after_s: 1 }),
            Err(TrySendError::Disconnected(_)) => Err(STOPPING),
        }
    }

    /// Ends the thread once it has answered what waits.
    pub fn stop(&self) {
        // Disconnected: it has ended.
        let _ = self.questions.send(None);
    }
}

const STOPPING: ServiceError = ServiceError::NotReady { state: "shutting down", retry_after_s: 5 };

fn refuse(questions: &Receiver<Option<Question>>, error: &str) {
    while let Ok(Some(question)) = questions.recv() {
        question.refuse(ServiceError::Log(error.to_owned()));
    }
}

struct Fold {
    log: EventLog,
    graph: Graph,
    rings: Rings,
    next: u64,
    sample: Subgraph,
    seen: Seen,
    recent: Recent,
    /// Tenants of payments that have no verdict yet, by position.
    undecided: BTreeMap<u64, String>,
}

impl Fold {
    fn run(&mut self, questions: &Receiver<Option<Question>>, commits: &Receiver<()>) -> Result<(), String> {
        loop {
            while self.follow()? {
                // Long catch-ups answer with what is there rather than let people wait, and can be stopped.
                while let Ok(question) = questions.try_recv() {
                    let Some(question) = question else { return Ok(()) };
                    self.answer(question);
                }
            }
            let question = crossbeam_channel::select! {
                recv(questions) -> question => question.ok(),
                recv(commits) -> _ => match questions.recv_timeout(GATHER) {
                    Ok(question) => Some(question),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => None,
                },
            };
            let Some(Some(question)) = question else { return Ok(()) };
            if self.next < self.log.durable_end() {
                while self.follow()? {}
            }
            self.answer(question);
        }
    }

    /// Applies the next chunk; true where there may be more.
    fn follow(&mut self) -> Result<bool, String> {
        let entries = self.log.read_from(self.next, CHUNK).map_err(|error| error.to_string())?;
        let held = Held::among(&entries)?;
        for entry in &entries {
            self.apply(entry, &held)?;
            self.next = entry.position + 1;
        }
        gauge!("fraudnet_follower_position").set(self.next as f64);
        if !entries.is_empty() {
            let stats = self.rings.stats();
            gauge!("fraudnet_rings").set(stats.rings as f64);
            gauge!("fraudnet_ring_payments").set(stats.payments as f64);
        }
        Ok(entries.len() == CHUNK)
    }

    fn apply(&mut self, entry: &Entry, held: &Held) -> Result<(), String> {
        let position = entry.position;
        let record = entry.record().map_err(|error| error.to_string())?;
        if let Record::Verdict { payment, .. } = record {
            self.seen.decided(payment, held);
            if let (Some(tenant), Some(told)) = (self.undecided.remove(&payment), held.told(payment)) {
                let is_held = matches!(told.decision, Decision::Review | Decision::Decline);
                let (transaction_id, fraud_probability) = (told.transaction_id.as_str(), told.fraud_probability);
                self.rings
                    .verdict(position, RingVerdict { tenant: &tenant, transaction_id, fraud_probability, is_held });
            }
        }
        let Some(event) = record.event() else { return Ok(()) };
        let event = wire::decode_event(event).map_err(|error| format!("the event at position {position}: {error}"))?;
        // A history has no verdicts.
        if matches!(event.body, Body::Payment(_)) && !matches!(record, Record::History { .. }) {
            self.seen.look(position, &event, held, &mut self.graph);
            self.undecided.insert(position, event.tenant.clone());
            if self.undecided.len() > UNDECIDED {
                self.undecided.pop_first();
            }
        }
        let applied = self.graph.apply(position, &event);
        self.rings.observe(&self.graph, position, &event, &applied);
        match (&event.body, applied) {
            (Body::Payment(payment), Applied::Payment { .. }) => self.recent.payment(position, &event.tenant, payment),
            (Body::Label(label), Applied::Label { .. }) => {
                if let Some(paid) = self.graph.payment_position(&event.tenant, &label.transaction_id) {
                    self.recent.label(paid, label.fraud);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn answer(&mut self, question: Question) {
        // Whoever asked may have gone.
        match question {
            Question::Neighbourhood { tenant, about, reply } => {
                let found = match about {
                    About::Payment { position } => self.seen.of(position),
                    About::Entity { kind, id } => self.around(&tenant, kind, &id),
                };
                let _ = reply.send(Ok(found));
            }
            Question::Recent { tenant, kind, id, limit, reply } => {
                let _ = reply.send(Ok(self.recent.of(&tenant, kind, &id, limit)));
            }
            Question::Rings { tenant, limit, open, reply } => {
                self.rings.open_cases(&tenant, open);
                let _ = reply.send(Ok((self.next, self.rings.list(&tenant, limit))));
            }
            Question::Ring { tenant, ring_id, open, reply } => {
                self.rings.open_cases(&tenant, open);
                let _ = reply.send(Ok(self.rings.ring(&tenant, &ring_id).map(Box::new)));
            }
        }
    }

    fn around(&mut self, tenant: &str, kind: Kind, id: &str) -> Option<Arc<Neighbourhood>> {
        let centre = self.graph.find(tenant, kind, id)?;
        self.graph.sample_around(centre, &mut self.sample);
        let identifiers = self.sample.nodes.iter().map(|node| self.graph.identifier(node.entity).to_owned()).collect();
        Some(Arc::new(Neighbourhood { subgraph: self.sample.clone(), identifiers, position: self.next }))
    }
}
