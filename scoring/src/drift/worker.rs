//! The drift thread: takes what the tap holds, folds the log, raises and clears alarms, tells metrics and report.
//!
//! Alarms are submitted by the replica that scores: only there do payments come in. What cannot be submitted now is kept and tried again;
//! what the control fold refuses (it stands already, or a replay found it again) is let go.

use super::columns::{self, Column};
use super::fold::Fold;
use super::monitor::{Monitor, Seen, Turn};
use super::reference::{Reference, Row};
use super::report::{self, DriftReport};
use super::segment::Segment;
use super::state::{Alarm, DriftChange, DriftState, Signal};
use super::tap::{Tap, Tapped};
use super::watch::OutcomeTurn;
use super::{Drift, DriftConfig};
use crate::clock;
use crate::control::{Change, Control, ControlError};
use crate::log::EventLog;
use arc_swap::ArcSwap;
use fraudnet_features::schema;
use metrics::{Unit, describe_counter, describe_gauge, gauge};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Name of the reference in the data folder.
const FILE_NAME: &str = "drift.reference";
/// Who raises alarms.
const ACTOR: &str = "drift";
/// How long payments are waited for at most before the log is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Payments taken between two looks at the log.
const AT_ONCE: usize = 256;
/// How long a change may take to become durable before it is tried again.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often metrics and report are brought up to date.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// What the thread needs of the service.
pub(crate) struct Links {
    /// The log.
    pub(crate) log: EventLog,
    /// Where alarms go.
    pub(crate) control: Control,
    /// The champion, `name/version`.
    pub(crate) champion: Box<dyn Fn() -> String + Send>,
    /// Whether this replica scores.
    pub(crate) scores: Box<dyn Fn() -> bool + Send>,
    /// Whether the service ends.
    pub(crate) ending: Box<dyn Fn() -> bool + Send>,
    /// The service's runtime; none outside of one.
    pub(crate) runtime: Option<tokio::runtime::Handle>,
    /// Folder of the reference.
    pub(crate) folder: PathBuf,
}

/// Starts the thread; where drift is not watched there is none, and the report says so.
///
/// # Errors
/// Where the system gives no thread.
pub(crate) fn spawn(config: DriftConfig, tap: Tap, links: Links) -> std::io::Result<(Drift, Option<JoinHandle<()>>)> {
    describe();
    let report = Arc::new(ArcSwap::from_pointee(DriftReport { model: (links.champion)(), ..DriftReport::default() }));
    let drift = Drift { report: Arc::clone(&report) };
    if !config.enabled {
        return Ok((drift, None));
    }
    let mut worker = Worker {
        fold: Fold::new(links.log.clone(), config.outcomes.clone()),
        columns: columns::watched(),
        monitor: None,
        outbox: VecDeque::new(),
        tell_due: clock::monotonic(),
        report,
        config,
        tap,
        links,
    };
    let handle = Builder::new().name("drift".to_owned()).spawn(move || worker.run())?;
    Ok((drift, Some(handle)))
}

struct Worker {
    config: DriftConfig,
    tap: Tap,
    links: Links,
    fold: Fold,
    columns: Vec<Column>,
    /// None before the log holds an event.
    monitor: Option<Monitor>,
    outbox: VecDeque<DriftChange>,
    tell_due: Instant,
    report: Arc<ArcSwap<DriftReport>>,
}

impl Worker {
    fn run(&mut self) {
        while !(self.links.ending)() {
            match self.fold.follow() {
                Ok(turns) => turns.into_iter().for_each(|turn| self.outcome(turn)),
                Err(reason) => {
                    if !(self.links.ending)() {
                        tracing::error!(
                            reason,
                            "the log cannot be followed; drift is not watched until the service is started again"
                        );
                    }
                    return;
                }
            }
            // As early as can be: people ask for the reference before the first payment comes.
            self.monitor();
            self.follow_champion();
            let wait = if self.fold.behind() > 0 { Duration::ZERO } else { LOOK };
            if let Ok(tapped) = self.tap.payments.recv_timeout(wait) {
                self.payment(tapped);
                for _ in 1..AT_ONCE {
                    let Ok(tapped) = self.tap.payments.try_recv() else { break };
                    self.payment(tapped);
                }
                self.keep_reference();
            }
            self.send();
            let now = clock::monotonic();
            if now >= self.tell_due {
                self.tell_due = now + TELL_EVERY;
                self.tell();
            }
        }
    }

    /// The monitor of the champion; none before the log tells when the graph began.
    fn monitor(&mut self) -> Option<&mut Monitor> {
        if self.monitor.is_none() {
            let begun_s = self.fold.begun_s?;
            let path = self.links.folder.join(FILE_NAME);
            let kept = Reference::read(&path).unwrap_or_else(|reason| {
                tracing::warn!(reference = %path.display(), reason, "the drift reference cannot be used; a new one is taken");
                None
            });
            let model = (self.links.champion)();
            let mut monitor = Monitor::new(
                self.config.monitor.clone(),
                self.columns.clone(),
                schema::payment_features().len() + 1,
                schema::fingerprint(),
                &model,
                begun_s,
                kept,
            );
            for standing in self.links.control.state().drift.standing.values() {
                let segment = Segment::ALL.into_iter().find(|segment| segment.name() == standing.alarm.segment);
                if let Some(segment) = segment.filter(|_| standing.alarm.model == model) {
                    monitor.stands(standing.alarm.signal, segment);
                }
            }
            self.monitor = Some(monitor);
        }
        self.monitor.as_mut()
    }

    /// Another champion has other payments behind it: its reference is taken anew, and alarms of the one before are cleared.
    fn follow_champion(&mut self) {
        let champion = (self.links.champion)();
        if let Some(monitor) = &mut self.monitor
            && monitor.model() != champion
        {
            tracing::info!(from = monitor.model(), to = champion, "another champion: a new drift reference is taken");
            monitor.follow_champion(&champion);
        }
        if !(self.links.scores)() || !self.outbox.is_empty() {
            return;
        }
        let control = self.links.control.state();
        let others = control.drift.standing.values().filter(|standing| standing.alarm.model != champion);
        self.outbox.extend(others.map(|standing| DriftChange::Cleared {
            signal: standing.alarm.signal,
            segment: standing.alarm.segment.clone(),
            reason: format!("{champion} is champion now"),
        }));
    }

    fn payment(&mut self, tapped: Tapped) {
        let Some(monitor) = self.monitor() else { return };
        let mut values = tapped.row;
        let by_champion = tapped
            .scored_by
            .is_some_and(|(name, version)| monitor.model().split_once('/') == Some((name.as_str(), version.as_str())));
        values.push(if by_champion { tapped.probability } else { f32::NAN });
        let row = Row { values, channel: tapped.channel as u8, flagged: tapped.flagged };
        let turns = monitor.take(Seen { at_s: tapped.at_s, row });
        let model = monitor.model().to_owned();
        self.outbox.extend(turns.into_iter().map(|turn| change(turn, &model)));
    }

    fn outcome(&mut self, turn: OutcomeTurn) {
        let champion = (self.links.champion)();
        match turn {
            OutcomeTurn::Fell { measure, model, before, after, matured_frauds } => {
                let signal = Signal::from(measure);
                tracing::warn!(signal = signal.name(), model = %model, before, after, matured_frauds, "matured outcomes have become worse");
                if *model == *champion {
                    let what = measure.told();
                    self.outbox.push_back(DriftChange::Alarm(Alarm {
                        signal,
                        segment: Segment::All.name().to_owned(),
                        column: None,
                        value: after,
                        bound: before,
                        model: champion,
                        matured_frauds,
                        detail: format!(
                            "{what} fell from {before:.3} to {after:.3}, after {matured_frauds} matured frauds"
                        ),
                    }));
                }
            }
            OutcomeTurn::Recovered { measure, model, now } if *model == *champion => {
                self.outbox.push_back(DriftChange::Cleared {
                    signal: Signal::from(measure),
                    segment: Segment::All.name().to_owned(),
                    reason: format!("{} is back at {now:.3}", measure.told()),
                });
            }
            OutcomeTurn::Recovered { .. } => {}
        }
    }

    /// Submits what waits, as far as it goes.
    fn send(&mut self) {
        if !(self.links.scores)() {
            // Whoever scores sees for itself what is to be told.
            self.outbox.clear();
            return;
        }
        while let Some(change) = self.outbox.front() {
            if refused(&self.links.control.state().drift, change) {
                self.outbox.pop_front();
                continue;
            }
            match self.submit(change.clone()) {
                Ok(()) => {}
                Err(ControlError::Refused(reason)) => tracing::info!(reason, "a drift event was refused"),
                Err(error) => {
                    tracing::warn!(%error, "a drift event could not be made durable; it is tried again");
                    return;
                }
            }
            self.outbox.pop_front();
        }
    }

    fn submit(&self, change: DriftChange) -> Result<(), ControlError> {
        let control = &self.links.control;
        match &self.links.runtime {
            // Not for half a minute, as `submit_blocking` would: a service that ends waits for this thread.
            Some(runtime) => runtime
                .block_on(control.submit(ACTOR, Change::Drift(change), clock::monotonic() + PATIENCE))
                .map(|_| ()),
            None => control.submit_blocking(ACTOR, Change::Drift(change)).map(|_| ()),
        }
    }

    fn keep_reference(&mut self) {
        let path = self.links.folder.join(FILE_NAME);
        let Some(reference) = self.monitor.as_mut().and_then(Monitor::changed_reference) else { return };
        match reference.write(&path) {
            Ok(()) => {
                let (payments, model) = (reference.payments(), &reference.origin.model);
                tracing::info!(payments, model, "the drift reference is complete");
            }
            Err(error) => {
                tracing::warn!(reference = %path.display(), %error, "the drift reference was not written; a restart takes a new one");
            }
        }
    }

    fn tell(&mut self) {
        let champion = (self.links.champion)();
        let mut told = DriftReport {
            watching: (self.links.scores)(),
            dropped: self.tap.dropped.load(Ordering::Relaxed),
            log_position: self.fold.next,
            ..DriftReport::default()
        };
        told.reference.wanted = self.config.monitor.reference_payments as u64;
        report::alarms(&mut told, &self.links.control.state().drift);
        report::outcomes(&mut told, &self.fold.outcomes, &champion);
        if let Some(monitor) = &self.monitor {
            report::monitor(&mut told, monitor, &self.columns, self.config.monitor.reference_payments);
            publish(monitor);
        }
        told.model = champion;
        publish_report(&told);
        self.report.store(Arc::new(told));
    }
}

/// Whether the fold would refuse it, so that it need not be tried.
fn refused(state: &DriftState, change: &DriftChange) -> bool {
    match change {
        DriftChange::Alarm(alarm) => state.refuses(alarm).is_some(),
        DriftChange::Cleared { signal, segment, .. } => {
            !state.standing.contains_key(&DriftState::key(*signal, segment))
        }
    }
}

fn change(turn: Turn, model: &str) -> DriftChange {
    match turn {
        Turn::Raised { signal, segment, column, value, bound, columns } => {
            let detail = match column {
                Some(column) => format!(
                    "{} of {column} is {value:.3} against the reference, above {bound}, in two comparisons in a row; {columns} {} beyond the bound in segment {}",
                    signal.name(),
                    if columns == 1 { "column is" } else { "columns are" },
                    segment.name()
                ),
                None => format!(
                    "the AUC that probabilities let expect fell by {value:.3}, more than {bound}; labels will tell"
                ),
            };
            DriftChange::Alarm(Alarm {
                signal,
                segment: segment.name().to_owned(),
                column: column.map(str::to_owned),
                value,
                bound,
                model: model.to_owned(),
                matured_frauds: 0,
                detail,
            })
        }
        Turn::Cleared { signal, segment } => DriftChange::Cleared {
            signal,
            segment: segment.name().to_owned(),
            reason: "the latest comparisons were within the bound".to_owned(),
        },
    }
}

fn describe() {
    describe_counter!(
        "fraudnet_drift_dropped_total",
        "Payments the drift monitor did not look at because it was behind"
    );
    describe_gauge!(
        "fraudnet_drift_ks",
        "KS statistic of the latest window against the reference; of a channel the furthest column"
    );
    describe_gauge!("fraudnet_drift_psi", "Stability index of the latest window against the reference, all payments");
    describe_gauge!("fraudnet_drift_auc", "AUC of the champion on matured outcomes, over ADWIN's window");
    describe_gauge!(
        "fraudnet_drift_recall",
        "Share of the champion's matured frauds that were caught, over ADWIN's window"
    );
    describe_gauge!("fraudnet_drift_matured_frauds", "Matured frauds that the champion scored");
    describe_gauge!(
        "fraudnet_drift_estimated_auc",
        "AUC of the latest payments that calibrated probabilities let expect"
    );
    describe_gauge!("fraudnet_drift_alarm", "1 while the drift alarm stands, by signal and segment");
    describe_gauge!(
        "fraudnet_drift_reference_payments",
        Unit::Count,
        "Payments of the drift reference; 0 before it is complete"
    );
}

fn publish(monitor: &Monitor) {
    for (segment, comparison) in Segment::ALL.iter().zip(monitor.latest()) {
        if *segment == Segment::All {
            for drift in &comparison.columns {
                gauge!("fraudnet_drift_ks", "segment" => "all", "column" => drift.column).set(drift.ks);
                gauge!("fraudnet_drift_psi", "segment" => "all", "column" => drift.column).set(drift.psi);
            }
        } else if let Some(furthest) = comparison.columns.iter().map(|drift| drift.ks).max_by(f64::total_cmp) {
            gauge!("fraudnet_drift_ks", "segment" => segment.name(), "column" => "furthest").set(furthest);
        }
    }
    if let (Some(now), _) = monitor.estimates() {
        gauge!("fraudnet_drift_estimated_auc").set(now.auc);
    }
}

fn publish_report(told: &DriftReport) {
    gauge!("fraudnet_drift_reference_payments").set(told.reference.payments as f64);
    gauge!("fraudnet_drift_matured_frauds").set(told.outcomes.matured_frauds as f64);
    if let Some(auc) = told.outcomes.auc {
        gauge!("fraudnet_drift_auc").set(auc);
    }
    if let Some(recall) = told.outcomes.recall {
        gauge!("fraudnet_drift_recall").set(recall);
    }
    let channels = Segment::ALL.into_iter().map(|segment| (Signal::Ks, segment));
    for (signal, segment) in channels
        .chain([Signal::Psi, Signal::Auc, Signal::Recall, Signal::Estimate].map(|signal| (signal, Segment::All)))
    {
        let stands = |alarm: &super::RaisedAlarm| alarm.alarm.signal == signal && alarm.alarm.segment == segment.name();
        let standing = if told.standing.iter().any(stands) { 1.0 } else { 0.0 };
        gauge!("fraudnet_drift_alarm", "signal" => signal.name(), "segment" => segment.name()).set(standing);
    }
}
