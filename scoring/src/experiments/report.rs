//! An experiment as people are shown it: how it stands, what was counted of each arm, how the arms compare, what each guard rail reads.

use super::arm::{ArmFigures, Confirmed};
use super::figures::{ExperimentFigures, StageKind};
use super::rails::{RailReading, readings};
use super::sequential::Interval;
use super::spec::{CONTROL, ExperimentSpec};
use super::state::{Conclusion, Experiment, Status, Step};
use super::steps::{Comparison, comparisons, waits_for};
use crate::verdict::Decision;
use crate::wire::format_timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an experiment stands, without figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExperimentView {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub status: Status,
    /// Its stage, from 1.
    pub stage: usize,
    /// Stages there are.
    pub stages: usize,
    /// When the stage began, RFC 3339.
    pub stage_since: String,
    /// What was found, once it is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Conclusion>,
    /// The guard rail that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rail: Option<String>,
    /// What it is.
    pub spec: ExperimentSpec,
    /// What was done to it, oldest first.
    pub history: Vec<Step>,
}

impl From<&Experiment> for ExperimentView {
    fn from(experiment: &Experiment) -> ExperimentView {
        ExperimentView {
            name: experiment.spec.name.clone(),
            status: experiment.status,
            stage: experiment.stage + 1,
            stages: experiment.spec.stages.len(),
            stage_since: format_timestamp(experiment.stage_since_ms),
            conclusion: experiment.conclusion.clone(),
            rail: experiment.rail.clone(),
            spec: ExperimentSpec::clone(&experiment.spec),
            history: experiment.history.clone(),
        }
    }
}

/// What was counted of an experiment: over the stages of the kind it is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FiguresReport {
    /// First log position that is not counted yet.
    pub position: u64,
    /// `shadow`, `percent` or `tenants`.
    pub exposure: String,
    /// What the stage still waits for, in words; none where it waits for a person or for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The control, then the arms.
    pub arms: Vec<ArmReport>,
    /// Payments that an older experiment decides about.
    pub excluded: u64,
    /// Payments of the control that a younger experiment serves: counted in no arm.
    pub mixed: u64,
    /// Labels, over all experiments, that were dropped for want of room.
    pub dropped: u64,
    /// Each arm against the control.
    pub comparisons: Vec<Comparison>,
    /// What each guard rail reads.
    pub guard_rails: Vec<RailReading>,
}

/// What was counted of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArmReport {
    /// Its name.
    pub arm: String,
    /// Payments.
    pub payments: u64,
    /// Their share of all that the experiment divides, 0–1; in a shadow stage 1.
    pub share: f64,
    /// Payments by decision.
    pub decisions: BTreeMap<String, u64>,
    /// Share that was not approved.
    pub alert_rate: f64,
    /// Payments by tier.
    pub tiers: BTreeMap<String, u64>,
    /// Payments by the reason why a lower tier answered.
    pub causes: BTreeMap<String, u64>,
    /// Share that a lower tier answered.
    pub error_rate: f64,
    /// Payments by score, in twentieths of probability.
    pub scores: Vec<u64>,
    /// Mean score.
    pub mean_score: f64,
    /// How long verdicts took; none in a shadow stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyReport>,
    /// Payments of which device, IP address or counterparty was last used by a payment of another arm.
    pub spilled: u64,
    /// Labels confirmed so far.
    pub confirmed: Confirmed,
    /// Mature payments; none where there are none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mature: Option<MatureReport>,
}

/// How long verdicts took, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LatencyReport {
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile, to 9 %.
    pub p99_ms: f64,
}

/// What mature payments say, at their true prevalence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MatureReport {
    /// Payments.
    pub payments: u64,
    /// Frauds.
    pub frauds: u64,
    /// Share of frauds that were not approved.
    pub recall: f64,
    /// Share of payments not approved that were fraud.
    pub precision: f64,
    /// Area under the ROC curve; none where frauds or others are missing.
    pub auc: Option<f64>,
    /// Its standard error.
    pub auc_error: Option<f64>,
    /// Average precision.
    pub average_precision: f64,
    /// Money saved, hundredths of the major unit; amounts of several currencies are added as they stand.
    pub money_saved: f64,
    /// Amount of fraud that went through.
    pub fraud_lost: f64,
    /// Amount of good payments that were declined.
    pub falsely_declined: f64,
}

/// The report on an experiment's figures.
pub fn report(
    experiment: &Experiment,
    figures: &ExperimentFigures,
    position: u64,
    dropped: u64,
    now_ms: i64,
) -> FiguresReport {
    let spec = &experiment.spec;
    let kind = figures.current().map_or(StageKind::Percent, |stage| stage.kind);
    let totals: Vec<(String, ArmFigures)> = std::iter::once((CONTROL.to_owned(), figures.total(None)))
        .chain(spec.arms.iter().enumerate().map(|(index, arm)| (arm.name.clone(), figures.total(Some(index)))))
        .collect();
    let all: u64 = totals.iter().map(|(_, figures)| figures.operation.payments).sum();
    let arms = totals.iter().map(|(name, figures)| arm_report(name, figures, all, kind)).collect();
    let rails = spec.arms.iter().enumerate();
    FiguresReport {
        position,
        exposure: match kind {
            StageKind::Shadow => "shadow",
            StageKind::Percent => "percent",
            StageKind::Tenants => "tenants",
        }
        .to_owned(),
        waits_for: if experiment.status == Status::Running { waits_for(experiment, figures, now_ms) } else { None },
        arms,
        excluded: figures.alike().map(|stage| stage.excluded).sum(),
        mixed: figures.alike().map(|stage| stage.mixed).sum(),
        dropped,
        comparisons: comparisons(experiment, figures),
        guard_rails: rails.flat_map(|(index, arm)| readings(&spec.guard_rails, figures, index, &arm.name)).collect(),
    }
}

fn arm_report(name: &str, figures: &ArmFigures, all: u64, kind: StageKind) -> ArmReport {
    let operation = &figures.operation;
    let payments = operation.payments;
    let latency = &operation.latency;
    let mature = &figures.mature;
    let area = mature.classes.area();
    let share = if all > 0 { payments as f64 / all as f64 } else { 0.0 };
    ArmReport {
        arm: name.to_owned(),
        payments,
        share: if kind == StageKind::Shadow { 1.0 } else { share },
        decisions: Decision::ALL
            .iter()
            .zip(figures.decisions)
            .map(|(decision, count)| (decision.name().to_owned(), count))
            .collect(),
        alert_rate: operation.alerts.mean(),
        tiers: figures.tiers.clone(),
        causes: figures.causes.clone(),
        error_rate: operation.errors.mean(),
        scores: figures.scores.to_vec(),
        mean_score: if payments > 0 { figures.score_sum / payments as f64 } else { 0.0 },
        latency: (latency.count() > 0.0).then(|| LatencyReport {
            mean_ms: latency.mean_us() / 1000.0,
            p50_ms: latency.quantile_us(0.5) / 1000.0,
            p99_ms: latency.quantile_us(0.99) / 1000.0,
        }),
        spilled: figures.spilled,
        confirmed: figures.confirmed,
        mature: (mature.classes.payments() > 0).then(|| MatureReport {
            payments: mature.classes.payments(),
            frauds: mature.classes.frauds(),
            recall: mature.recall.mean(),
            precision: mature.precision.mean(),
            auc: area.map(|area| area.auc),
            auc_error: area.map(|area| area.variance.max(0.0).sqrt()),
            average_precision: mature.classes.average_precision(),
            money_saved: mature.saved.sum,
            fraud_lost: mature.fraud_amount - mature.stopped_amount,
            falsely_declined: mature.falsely_declined_amount,
        }),
    }
}

/// The interval as text, for sentences and tables.
pub fn interval_text(interval: Option<Interval>) -> String {
    interval
        .map_or_else(|| "too few yet".to_owned(), |interval| format!("{:+.4} to {:+.4}", interval.low, interval.high))
}
