//! The follower: a second fold of the durable log, on its own thread, for people's questions. It keeps the graph, and of payments that were
//! not simply approved what their verdicts were read off (`seen`).
//! It trails the log by at most `GATHER` and catches up before it answers; the engine never hears of it.

mod seen;

use crate::log::{Entry, EventLog, Record};
use crate::service::{Neighbourhood, ServiceError};
use crate::wire;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use fraudnet_graph::{Graph, Kind, Limits, Subgraph};
use metrics::gauge;
use seen::{Held, Seen};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;

/// Questions waiting at most.
const QUESTIONS: usize = 64;
/// Entries read at a time.
const CHUNK: usize = 1024;
/// How long commits gather before they are followed, so that a busy log is read in chunks.
const GATHER: Duration = Duration::from_millis(100);

/// A question, and where its answer goes.
struct Question {
    about: About,
    reply: oneshot::Sender<Result<Option<Arc<Neighbourhood>>, ServiceError>>,
}

/// What is asked.
enum About {
    /// The neighbourhood of an entity now.
    Entity { tenant: String, kind: Kind, id: String },
    /// The neighbourhood of the payment at a log position, as its verdict saw it.
    Payment { position: u64 },
}

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
            let (graph, sample, seen) = (Graph::new(limits), Subgraph::default(), Seen::new(kept));
            let mut fold = Fold { log, graph, next: 0, sample, seen };
            if let Err(error) = fold.run(&questions, &commits) {
                tracing::error!(%error, "the follower stopped; neighbourhoods cannot be shown until the service is started again");
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
        self.ask(About::Entity { tenant: tenant.to_owned(), kind, id: id.to_owned() }).await
    }

    /// The neighbourhood of the payment at that log position, as of its own cut; none where it was approved, or is too long ago.
    ///
    /// # Errors
    /// As [`Follower::around`].
    pub async fn seen(&self, position: u64) -> Result<Option<Arc<Neighbourhood>>, ServiceError> {
        self.ask(About::Payment { position }).await
    }

    async fn ask(&self, about: About) -> Result<Option<Arc<Neighbourhood>>, ServiceError> {
        let (reply, answer) = oneshot::channel();
        match self.questions.try_send(Some(Question { about, reply })) {
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
        // The asker may have gone.
        let _ = question.reply.send(Err(ServiceError::Log(error.to_owned())));
    }
}

struct Fold {
    log: EventLog,
    graph: Graph,
    next: u64,
    sample: Subgraph,
    seen: Seen,
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
        Ok(entries.len() == CHUNK)
    }

    fn apply(&mut self, entry: &Entry, held: &Held) -> Result<(), String> {
        let position = entry.position;
        let record = entry.record().map_err(|error| error.to_string())?;
        if let Record::Verdict { payment, .. } = record {
            self.seen.decided(payment, held);
        }
        let Some(event) = record.event() else { return Ok(()) };
        let event = wire::decode_event(event).map_err(|error| format!("the event at position {position}: {error}"))?;
        // A history has no verdicts.
        if !matches!(record, Record::History { .. }) {
            self.seen.look(position, &event, held, &mut self.graph);
        }
        self.graph.apply(position, &event);
        Ok(())
    }

    fn answer(&mut self, question: Question) {
        let found = match &question.about {
            About::Payment { position } => self.seen.of(*position),
            About::Entity { tenant, kind, id } => self.graph.find(tenant, *kind, id).map(|centre| {
                self.graph.sample_around(centre, &mut self.sample);
                let identifiers =
                    self.sample.nodes.iter().map(|node| self.graph.identifier(node.entity).to_owned()).collect();
                Arc::new(Neighbourhood { subgraph: self.sample.clone(), identifiers, position: self.next })
            }),
        };
        // The asker may have gone.
        let _ = question.reply.send(Ok(found));
    }
}
