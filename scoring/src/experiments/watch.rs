//! The thread that counts and acts: it folds the log like the follower does, publishes reports, and makes the steps that are due.
//!
//! Cost: some 10 µs an entry on a thread of its own; at most [`LOOK`] behind the log. A start folds again from where the oldest experiment
//! that is remembered was created, less [`LOOKBACK`] entries to know what is usual for tenants: about 10 s a million entries, during which
//! figures grow and no step is made. Without any experiment nothing is read again.
//!
//! Steps are made by the one that acts (where Kafka is the log: the replica that scores). Every step is a control event like anybody's, so
//! the fold of these decides whether it holds; a process that dies in between makes it after its next start, and only once.

use super::ledger::{Ledger, ShadowNote, Terms, VerdictRead};
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

/// What the thread asks of the service around it.
pub struct Around {
    /// Whether this process makes the steps.
    pub acts: Box<dyn Fn() -> bool + Send>,
    /// Proves that a model can serve, before it is promoted.
    pub load: Box<dyn Fn(&ModelRef) -> Result<(), String> + Send>,
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
            let next = start(&control, log.durable_end());
            let ledger = Ledger::new(terms);
            let all_due = clock::monotonic();
            let mut watching = Watching { log, control, around, ledger, next, told, all_due, waits: None };
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
    describe_gauge!("fraudnet_experiment_waiting", "Payments of experiments that wait for their labels to mature");
}

/// First position to fold.
fn start(control: &Control, end: u64) -> u64 {
    let state = control.state();
    let oldest = state.experiments.in_order().first().map(|experiment| experiment.created_position);
    oldest.unwrap_or(end).saturating_sub(LOOKBACK)
}

struct Watching {
    log: EventLog,
    control: Control,
    around: Around,
    ledger: Ledger,
    next: u64,
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
            self.fold(entry).map_err(|error| format!("log position {}: {error}", entry.position))?;
            self.next = entry.position + 1;
        }
        gauge!("fraudnet_experiment_position").set(self.next as f64);
        Ok(entries.len() == CHUNK)
    }

    fn fold(&mut self, entry: &Entry) -> Result<(), String> {
        let position = entry.position;
        match entry.record().map_err(|error| error.to_string())? {
            Record::Payment { event, .. } | Record::Streamed { event, .. } => {
                let Event { tenant, occurred_at_ms, body, .. } = decode(event)?;
                if let Body::Payment(payment) = body {
                    self.ledger.payment(position, &tenant, occurred_at_ms, payment);
                }
            }
            Record::Event { event } => {
                let Event { tenant, occurred_at_ms, body, .. } = decode(event)?;
                if let Body::Label(label) = body {
                    self.ledger.label(&tenant, &label, occurred_at_ms);
                }
            }
            Record::Verdict { payment, body } => {
                let verdict: VerdictRead<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
                self.ledger.verdict(payment, &verdict);
            }
            Record::Note { note } => {
                // Notes of other kinds are others'.
                if let Ok(note) = serde_json::from_slice::<ShadowNote>(note)
                    && note.note == ShadowNote::KIND
                {
                    self.ledger.note(&note);
                }
            }
            Record::Control { event } => {
                let ControlEvent { at_ms, actor, change, .. } = ControlEvent::decode(event)?;
                if let Change::Experiment(change) = &change {
                    self.ledger.change(&Meta { position, at_ms, actor }, change);
                }
            }
            Record::History { .. } | Record::Rejected { .. } | Record::Example { .. } => {}
        }
        Ok(())
    }

    /// Reports on what runs, and now and then on what has ended: there only labels still move something.
    fn publish(&mut self) {
        let (now_ms, now) = (clock::now_ms(), clock::monotonic());
        let all = now >= self.all_due;
        if all {
            self.all_due = now + ENDED_EVERY;
        }
        let state = self.ledger.state();
        let known = |name: &str| self.told.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name);
        let reports = state
            .in_order()
            .into_iter()
            .filter(|experiment| all || experiment.status.is_active() || !known(&experiment.spec.name))
            .filter_map(|experiment| {
                let name = experiment.spec.name.clone();
                let figures = self.ledger.figures(&name)?;
                Some((name, Arc::new(report(experiment, figures, self.next, self.ledger.dropped(), now_ms))))
            });
        let reports: Vec<(String, Arc<FiguresReport>)> = reports.collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(reports);
        told.retain(|name, _| state.get(name).is_some());
        drop(told);
        gauge!("fraudnet_experiment_waiting").set(self.ledger.waiting() as f64);
    }

    /// Makes one step that is due; true where one was made.
    fn make_step(&mut self) -> bool {
        if self.waits.is_some_and(|until| clock::monotonic() < until) {
            return false;
        }
        self.waits = None;
        let now_ms = clock::now_ms();
        let four_eyes = self.control.config().four_eyes;
        let due = self.ledger.state().in_order().into_iter().find_map(|experiment| {
            let figures = self.ledger.figures(&experiment.spec.name)?;
            // A breach before the promotion is through prevents it.
            let step = due(experiment, figures, now_ms, four_eyes).map(Change::Experiment);
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
        let decided = self.ledger.state().in_order();
        if !decided.into_iter().any(|experiment| self.promotion(experiment).as_ref() == Some(change)) {
            return;
        }
        let Some(change) = given_up(self.ledger.state(), change, reason) else { return };
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

fn decode(json: &[u8]) -> Result<Event, String> {
    wire::decode_event(json).map_err(|error| error.to_string())
}
