//! The thread that counts and acts: it folds the log like the follower does, publishes reports, and makes the steps that are due.
//!
//! Cost: some 10 µs a payment on a thread of its own, and as much again when it is mature; at most `LOOK` behind the log. A start folds
//! again from where the oldest experiment that is remembered was created, less [`LOOKBACK`] entries to know what is usual for tenants:
//! about 20 s a million payments, during which figures grow and no step is made. Without any experiment little is read again.
//!
//! Steps are made by the one that acts (where Kafka is the log: the replica that scores). Every step is a control event like anybody's, so
//! the fold of these decides whether it holds; a process that dies in between makes it after its next start, and only once.

use super::books::{Books, Item};
use super::ledger::{ShadowNote, Terms};
use super::promotion::{given_up, promotion};
use super::report::{FiguresReport, report};
use super::state::{Experiment, ExperimentChange, Status};
use super::steps::due;
use crate::control::{Change, Control, ControlError, ControlEvent, Meta};
use crate::log::{Entry, EventLog, Record};
use crate::{clock, wire};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use fraudnet_graph::{Body, Event};
use fraudnet_models::ModelRef;
use metrics::{describe_counter, describe_gauge, gauge};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Entries read at a time.
const CHUNK: usize = 4096;
/// How often it looks: commits gather meanwhile, and time passes for stages that wait for hours.
const LOOK: Duration = Duration::from_millis(200);
/// Entries before the oldest experiment that are folded again after a start.
pub const LOOKBACK: u64 = 200_000;
/// How often reports on ended experiments are made.
const ENDED_EVERY: Duration = Duration::from_secs(5);
/// Pause after a step that could not be submitted.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Who makes the steps.
pub const ACTOR: &str = "fraudnet";

/// Proves that a model can serve; why not, where it cannot.
pub type Load = Box<dyn Fn(&ModelRef) -> Result<(), String> + Send>;

/// What the thread asks of the service around it.
pub struct Around {
    /// Whether this process makes the steps.
    pub acts: Box<dyn Fn() -> bool + Send>,
    /// Asked before a model is promoted.
    pub load: Load,
    /// Whether the service ends.
    pub ending: Box<dyn Fn() -> bool + Send>,
}

/// Handle to the thread; cheap to clone.
#[derive(Clone)]
pub struct Watch {
    reports: Arc<Mutex<Reports>>,
    stop: Sender<()>,
}

type Reports = BTreeMap<String, Arc<FiguresReport>>;

impl Watch {
    /// Starts the thread `experiments`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn spawn(
        log: EventLog,
        control: Control,
        terms: Terms,
        around: Around,
    ) -> std::io::Result<(Watch, JoinHandle<()>)> {
        describe();
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let reports: Arc<Mutex<Reports>> = Arc::default();
        let told = Arc::clone(&reports);
        let handle = Builder::new().name("experiments".to_owned()).spawn(move || {
            let (next, tail) = start(&control, log.durable_end());
            let books = Books::new(terms);
            let all_due = clock::monotonic();
            let mut watching = Watching { log, control, around, books, next, tail, told, all_due, waits: None };
            if let Err(error) = watching.run(&stopped) {
                tracing::error!(
                    error,
                    "experiments are no longer watched: no figures, no guard rails; stop them, or start the service again"
                );
            }
        })?;
        Ok((Watch { reports, stop }, handle))
    }

    /// What was counted of an experiment; none where nothing was yet.
    pub fn report(&self, name: &str) -> Option<Arc<FiguresReport>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Ends the thread.
    pub fn stop(&self) {
        // Full: it was told already. Disconnected: it has ended.
        let _ = self.stop.try_send(());
    }
}

fn describe() {
    describe_counter!("fraudnet_experiment_payments_total", "Payments counted in an experiment, by arm");
    describe_counter!("fraudnet_experiment_steps_total", "Steps that experiments made by themselves, by step");
    describe_gauge!("fraudnet_experiment_position", "First log position that experiments have not counted");
    describe_gauge!("fraudnet_experiment_waiting", "Labels that wait until their payments are mature");
}

/// First positions to fold, at the head and in the tail.
fn start(control: &Control, end: u64) -> (u64, u64) {
    let state = control.state();
    let oldest = state.experiments.in_order().first().map_or(end, |experiment| experiment.created_position);
    (oldest.saturating_sub(LOOKBACK), oldest)
}

struct Watching {
    log: EventLog,
    control: Control,
    around: Around,
    books: Books,
    /// First position that the head has not read.
    next: u64,
    /// The same of the tail; never ahead of the head.
    tail: u64,
    told: Arc<Mutex<Reports>>,
    /// When reports on ended experiments are next made.
    all_due: Instant,
    /// After a step that could not be submitted.
    waits: Option<Instant>,
}

impl Watching {
    fn run(&mut self, stopped: &Receiver<()>) -> Result<(), String> {
        loop {
            // Long catch-ups can be stopped too.
            while self.follow()? {
                if stopped.try_recv().is_ok() || (self.around.ending)() {
                    return Ok(());
                }
            }
            while self.follow_behind()? {
                if stopped.try_recv().is_ok() || (self.around.ending)() {
                    return Ok(());
                }
            }
            self.publish();
            if (self.around.acts)() && self.make_step() {
                // Its event is read before the next one is thought of.
                continue;
            }
            if stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) || (self.around.ending)() {
                return Ok(());
            }
        }
    }

    /// Folds the next chunk; true where there may be more.
    fn follow(&mut self) -> Result<bool, String> {
        let entries = self.log.read_from(self.next, CHUNK).map_err(|error| error.to_string())?;
        for entry in &entries {
            if let Some(item) = item(entry)? {
                self.books.head(entry.position, &item);
            }
            self.next = entry.position + 1;
        }
        if self.books.state().is_empty() {
            // Nothing to settle: the tail begins with the first experiment.
            self.tail = self.tail.max(self.next);
        }
        gauge!("fraudnet_experiment_position").set(self.next as f64);
        Ok(entries.len() == CHUNK)
    }

    /// Lets the tail take what is mature, a chunk at a time; true where there may be more.
    fn follow_behind(&mut self) -> Result<bool, String> {
        let (mut taken, mut waits) = (0, false);
        if self.tail < self.next {
            // One first: as a rule it is not mature yet.
            let one = self.log.read_from(self.tail, 1).map_err(|error| error.to_string())?;
            waits = !self.take_behind(&one)?;
            if !waits && self.tail < self.next {
                let limit = CHUNK.min((self.next - self.tail) as usize);
                let entries = self.log.read_from(self.tail, limit).map_err(|error| error.to_string())?;
                taken = entries.len();
                waits = !self.take_behind(&entries)?;
            }
        }
        self.books.settle(self.tail, self.tail >= self.next);
        Ok(taken > 0 && !waits)
    }

    /// False where it came to a payment that is not mature.
    fn take_behind(&mut self, entries: &[Entry]) -> Result<bool, String> {
        for entry in entries {
            if let Some(item) = item(entry)?
                && !self.books.tail(entry.position, &item)
            {
                return Ok(false);
            }
            self.tail = entry.position + 1;
        }
        Ok(true)
    }

    /// Reports on what runs, and now and then on what has ended: there only labels still move something.
    fn publish(&mut self) {
        let (now_ms, now) = (clock::now_ms(), clock::monotonic());
        let all = now >= self.all_due;
        if all {
            self.all_due = now + ENDED_EVERY;
        }
        let state = self.books.state();
        let known = |name: &str| self.told.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name);
        let reports = state
            .in_order()
            .into_iter()
            .filter(|experiment| all || experiment.status.is_active() || !known(&experiment.spec.name))
            .filter_map(|experiment| {
                let name = experiment.spec.name.clone();
                let figures = self.books.figures(&name)?;
                Some((name, Arc::new(report(experiment, &figures, self.next, self.books.dropped(), now_ms))))
            });
        let reports: Vec<(String, Arc<FiguresReport>)> = reports.collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(reports);
        told.retain(|name, _| state.get(name).is_some());
        drop(told);
        gauge!("fraudnet_experiment_waiting").set(self.books.waiting() as f64);
    }

    /// Makes one step that is due; true where one was made.
    fn make_step(&mut self) -> bool {
        if self.waits.is_some_and(|until| clock::monotonic() < until) {
            return false;
        }
        self.waits = None;
        let now_ms = clock::now_ms();
        let four_eyes = self.control.config().four_eyes;
        let due = self.books.state().in_order().into_iter().find_map(|experiment| {
            let figures = self.books.figures(&experiment.spec.name)?;
            // A breach before the promotion is through prevents it.
            let step = due(experiment, &figures, now_ms, four_eyes).map(Change::Experiment);
            step.or_else(|| self.promotion(experiment))
        });
        let Some(change) = due else { return false };
        let step = step_name(&change);
        match self.control.submit_blocking(ACTOR, change.clone()) {
            Ok(applied) => {
                metrics::counter!("fraudnet_experiment_steps_total", "step" => step).increment(1);
                tracing::info!(step, position = applied.position, "an experiment made a step");
                true
            }
            Err(ControlError::Refused(reason)) => {
                tracing::warn!(step, reason, "a step of an experiment was refused");
                self.refused(&change, &reason);
                // What refused it stands in the log; it is read before the next try.
                self.waits = Some(clock::monotonic() + LOOK);
                false
            }
            Err(error) => {
                tracing::warn!(step, %error, "a step of an experiment could not be made; it is tried again");
                self.waits = Some(clock::monotonic() + RETRY_AFTER);
                false
            }
        }
    }

    fn promotion(&self, experiment: &Experiment) -> Option<Change> {
        if experiment.status != Status::Decided {
            return None;
        }
        promotion(experiment, &self.control.state(), &self.around.load)
    }

    /// A promotion that can never be: the experiment is ended rather than left exposing accounts for ever. One that somebody else made
    /// meanwhile is none of those.
    fn refused(&self, change: &Change, reason: &str) {
        let decided = self.books.state().in_order();
        if !decided.into_iter().any(|experiment| self.promotion(experiment).as_ref() == Some(change)) {
            return;
        }
        let Some(change) = given_up(self.books.state(), change, reason) else { return };
        if let Err(error) = self.control.submit_blocking(ACTOR, change) {
            tracing::warn!(%error, "an experiment whose promotion was refused could not be stopped; it is tried again");
        }
    }
}

fn step_name(change: &Change) -> &'static str {
    match change {
        Change::Model(_) => "promote_model",
        Change::Policy(_) => "promote_policy",
        Change::Experiment(ExperimentChange::Advanced { .. }) => "advance",
        Change::Experiment(ExperimentChange::Held { .. }) => "hold",
        Change::Experiment(ExperimentChange::Decided { .. }) => "decide",
        Change::Experiment(ExperimentChange::Completed { .. }) => "complete",
        Change::Experiment(ExperimentChange::RolledBack { .. }) => "roll_back",
        Change::Experiment(ExperimentChange::Stopped { .. }) => "stop",
        _ => "other",
    }
}

/// What experiments read of an entry; none of most kinds.
fn item(entry: &Entry) -> Result<Option<Item<'_>>, String> {
    let position = entry.position;
    let wrong = |error: String| format!("log position {position}: {error}");
    let item = match entry.record().map_err(|error| wrong(error.to_string()))? {
        Record::Payment { event, .. } | Record::Streamed { event, .. } | Record::Event { event } => {
            let Event { tenant, occurred_at_ms, body, .. } =
                wire::decode_event(event).map_err(|error| wrong(error.to_string()))?;
            match body {
                Body::Payment(payment) => Item::Payment { tenant, occurred_at_ms, payment },
                Body::Label(label) => Item::Label { tenant, label, known_at_ms: occurred_at_ms },
                Body::Outcome(_) => return Ok(None),
            }
        }
        Record::Verdict { payment, body } => {
            let verdict = serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
            Item::Verdict { payment, verdict }
        }
        // Notes of other kinds are others'.
        Record::Note { note } => match serde_json::from_slice::<ShadowNote>(note) {
            Ok(note) if note.note == ShadowNote::KIND => Item::Note(note),
            _ => return Ok(None),
        },
        Record::Control { event } => {
            let ControlEvent { at_ms, actor, change, .. } = ControlEvent::decode(event).map_err(wrong)?;
            match change {
                Change::Experiment(change) => Item::Change(Meta { position, at_ms, actor }, change),
                _ => return Ok(None),
            }
        }
        Record::History { .. } | Record::Rejected { .. } | Record::Case { .. } | Record::Example { .. } => {
            return Ok(None);
        }
    };
    Ok(Some(item))
}
