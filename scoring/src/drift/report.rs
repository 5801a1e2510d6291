//! What people are told of drift.

use super::columns::Column;
use super::estimate::Estimate;
use super::ks::p_value;
use super::monitor::{Comparison, Monitor};
use super::outcomes::Outcomes;
use super::segment::Segment;
use super::state::{DriftState, RaisedAlarm};
use crate::wire;
use serde::{Deserialize, Serialize};

/// Columns of a segment that are told.
const TOLD: usize = 10;
/// Alarms that no longer stand that are told.
const CLEARED: usize = 20;

/// What is known of drift now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DriftReport {
    /// Whether drift is watched here: switched on, and on the replica that scores.
    pub watching: bool,
    /// The champion, `name/version`.
    pub model: String,
    /// Alarms that stand, oldest first.
    pub standing: Vec<RaisedAlarm>,
    /// The latest alarms that no longer stand, newest first.
    pub cleared: Vec<RaisedAlarm>,
    /// What payments are compared with.
    pub reference: ReferenceTold,
    /// The latest comparison of each segment that has enough payments.
    pub segments: Vec<SegmentTold>,
    /// What calibrated probabilities let expect without labels.
    pub estimates: EstimatesTold,
    /// What labels told so far.
    pub outcomes: OutcomesTold,
    /// Payments dropped because the monitor was behind.
    pub dropped: u64,
    /// First log position whose verdict or label is not counted yet.
    pub log_position: u64,
}

/// What payments are compared with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReferenceTold {
    /// Payments it holds; 0 while the first one is being taken.
    pub payments: u64,
    /// Payments taken for one that is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathered: Option<u64>,
    /// Payments that make one complete.
    pub wanted: u64,
    /// Clock at its first payment, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<String>,
    /// Clock at its last payment, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Columns that are compared.
    pub columns: u64,
    /// Columns that will be, once the graph reaches back far enough.
    pub unsettled_columns: u64,
}

/// The latest comparison of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SegmentTold {
    /// `all`, or a channel.
    pub segment: String,
    /// Payments of its window.
    pub payments: u64,
    /// The ten columns that are furthest from the reference by KS, furthest first.
    pub columns: Vec<ColumnTold>,
}

/// How far a column is from the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ColumnTold {
    /// Its name in the feature schema, or `fraud_probability`.
    pub column: String,
    /// Kolmogorov–Smirnov statistic, 0–1.
    pub ks: f64,
    /// Chance of at least that where nothing has changed, were payments independent. They are not: go by the statistic.
    pub p_value: f64,
    /// Population stability index.
    pub psi: f64,
}

/// What calibrated probabilities let expect without labels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EstimatesTold {
    /// Of the latest payments; none before there are enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Estimate>,
    /// Of the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Estimate>,
}

/// What labels told of the champion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutcomesTold {
    /// Matured frauds it scored.
    pub matured_frauds: u64,
    /// Matured honest payments that were looked at.
    pub matured_honest: u64,
    /// Payments that wait to become mature.
    pub waiting: u64,
    /// Of so many payments one is looked at; frauds are all.
    pub one_in: u64,
    /// AUC over the window that ADWIN keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// Frauds of that window.
    pub window_frauds: u64,
    /// AUC of the latest 25 matured frauds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_auc: Option<f64>,
    /// Share of matured frauds that were reviewed or declined, over the window that ADWIN keeps of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
}

/// Six decimals: as many as people read.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn rounded_estimate(told: Estimate) -> Estimate {
    Estimate {
        payments: told.payments,
        frauds: rounded(told.frauds),
        auc: rounded(told.auc),
        precision: rounded(told.precision),
        recall: rounded(told.recall),
    }
}

pub(super) fn alarms(report: &mut DriftReport, state: &DriftState) {
    report.standing = state.standing.values().cloned().collect();
    report.standing.sort_by_key(|alarm| alarm.position);
    report.cleared = state.cleared.iter().rev().take(CLEARED).cloned().collect();
}

pub(super) fn monitor(report: &mut DriftReport, monitor: &Monitor, columns: &[Column], wanted: usize) {
    let settled_days = monitor.reference().map_or(0, |reference| reference.origin.settled_days);
    let settled = columns.iter().filter(|column| column.settles_after_days <= settled_days).count();
    let time = |at_s: u32| wire::format_timestamp(i64::from(at_s) * 1_000);
    let compared = if monitor.reference().is_some() { settled } else { 0 };
    report.reference = ReferenceTold {
        payments: monitor.reference().map_or(0, |reference| reference.payments() as u64),
        gathered: monitor.gathered().map(|payments| payments as u64),
        wanted: wanted as u64,
        begun_at: monitor.reference().map(|reference| time(reference.origin.begun_at_s)),
        ended_at: monitor.reference().map(|reference| time(reference.origin.ended_at_s)),
        columns: compared as u64,
        unsettled_columns: (columns.len() - compared) as u64,
    };
    let compared = Segment::ALL.iter().zip(monitor.latest()).filter(|(_, comparison)| !comparison.columns.is_empty());
    report.segments = compared.map(|(segment, comparison)| told(*segment, comparison)).collect();
    let (now, reference) = monitor.estimates();
    report.estimates = EstimatesTold {
        now: now.map(rounded_estimate),
        reference: monitor.reference().map(|_| rounded_estimate(reference)),
    };
}

fn told(segment: Segment, comparison: &Comparison) -> SegmentTold {
    let mut columns = comparison.columns.clone();
    columns.sort_by(|a, b| b.ks.total_cmp(&a.ks));
    columns.truncate(TOLD);
    let column = |drift: &super::monitor::ColumnDrift| ColumnTold {
        column: drift.column.to_owned(),
        ks: rounded(drift.ks),
        p_value: rounded(p_value(drift.ks, drift.counts.0, drift.counts.1)),
        psi: rounded(drift.psi),
    };
    SegmentTold {
        segment: segment.name().to_owned(),
        payments: comparison.payments as u64,
        columns: columns.iter().map(column).collect(),
    }
}

pub(super) fn outcomes(report: &mut DriftReport, outcomes: &Outcomes, model: &str) {
    let figures = outcomes.figures(model);
    let (waiting, one_in) = outcomes.waiting();
    report.outcomes = OutcomesTold {
        matured_frauds: figures.frauds,
        matured_honest: figures.honest,
        waiting: waiting as u64,
        one_in,
        auc: figures.auc.map(rounded),
        window_frauds: figures.window,
        latest_auc: figures.latest.map(rounded),
        recall: figures.recall.map(rounded),
    };
}
