//! Drift: whether payments still look like those the champion was judged on, and whether it still tells fraud from the rest.
//!
//! In reading order: the statistics, each a page of its own (`ks`, `psi`, `auc`, `adwin`, `estimate`); what is watched (`columns`,
//! `segment`); `reference` (the champion's first payments, kept in a file) and `monitor` (windows against it: covariate drift);
//! `outcomes` (matured labels: concept drift) over `watch` (when a figure has turned); `state` (alarms as control events); then the running parts: `tap` (what each decided payment
//! leaves here), `fold` (verdicts and labels read off the log), `worker` (the thread), `report` (what `GET /v1/drift` tells).
//!
//! Two clocks of news: the payments themselves within a thousand of them, labels when they come. Between the two the estimate tells what
//! calibrated probabilities let expect. An alarm is a control event, a metric, and what the trainer listens to.
//!
//! Never knows: how a model computes, what an experiment is, HTTP. Nobody who decides a payment waits for anything here.

pub mod adwin;
pub mod auc;
pub mod columns;
pub mod estimate;
mod fold;
pub mod ks;
pub mod monitor;
pub mod outcomes;
pub mod psi;
pub mod reference;
mod report;
pub mod segment;
mod state;
mod tap;
#[cfg(test)]
mod tests;
pub mod watch;
mod worker;

pub use monitor::MonitorConfig;
pub use outcomes::OutcomeConfig;
pub use report::{ColumnTold, DriftReport, EstimatesTold, OutcomesTold, ReferenceTold, SegmentTold};
pub use state::{Alarm, DriftChange, DriftState, RaisedAlarm, Signal};
pub(crate) use tap::{DriftTap, Tap, tap};
pub(crate) use worker::{Links, spawn};

use arc_swap::ArcSwap;
use std::sync::Arc;

/// Checked settings.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftConfig {
    /// Whether drift is watched at all.
    pub enabled: bool,
    /// Windows against the reference.
    pub monitor: MonitorConfig,
    /// Matured outcomes.
    pub outcomes: OutcomeConfig,
}

/// What is known of drift now; cheap to clone.
#[derive(Clone)]
pub struct Drift {
    report: Arc<ArcSwap<DriftReport>>,
}

impl Drift {
    /// The latest report.
    pub fn report(&self) -> Arc<DriftReport> {
        self.report.load_full()
    }
}
