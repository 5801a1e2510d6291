//! What an experiment does by itself. Pure: from how it stands and what was counted follows at most one step, which is submitted like
//! anybody's; the fold refuses it where it was made already.

use super::figures::{ExperimentFigures, StageFigures};
use super::rails::readings;
use super::sequential::Interval;
use super::spec::{Advance, ArmSpec, CONTROL, DecisionSpec, Metric, MustBe, Then};
use super::state::{Experiment, ExperimentChange, Status};
use serde::{Deserialize, Serialize};

const HOUR_MS: f64 = 3_600_000.0;
/// Rail named where the decision is that an arm is worse.
pub const DECISION_RAIL: &str = "decision";

/// What the interval says of what must be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExperimentFinding)]
pub enum Finding {
    /// Shown.
    Favourable,
    /// The contrary is shown: worse than it may be.
    Worse,
    /// It is not worse, but cannot be as much better as it must be.
    NotBetter,
    /// Nothing is shown yet.
    Open,
}

/// An arm against the control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ArmComparison)]
pub struct Comparison {
    /// The arm.
    pub arm: String,
    /// By what.
    pub metric: Metric,
    /// Arm minus control.
    pub difference: f64,
    /// Contains the truth at every look, with probability 1 - alpha over the whole experiment.
    pub interval: Option<Interval>,
    /// What that says of the decision asked for; none where this is not its metric.
    pub finding: Option<Finding>,
}

/// Every arm against the control, by every metric that something can be said of.
pub fn comparisons(experiment: &Experiment, figures: &ExperimentFigures) -> Vec<Comparison> {
    let spec = &experiment.spec;
    let mut told = Vec::new();
    for (index, arm) in spec.arms.iter().enumerate() {
        for metric in Metric::ALL {
            let asked = spec.decision.as_ref().filter(|decision| decision.metric == metric);
            let alpha = asked.map_or(0.05, |decision| decision.alpha) / spec.arms.len() as f64;
            let Some(difference) = figures.difference(index, metric) else { continue };
            let interval = if has_enough(experiment, figures, index, metric) {
                Some(difference.interval(alpha)).filter(|interval| interval.low.is_finite())
            } else {
                None
            };
            let finding = asked.map(|decision| interval.map_or(Finding::Open, |interval| found(decision, interval)));
            told.push(Comparison { arm: arm.name.clone(), metric, difference: difference.estimate, interval, finding });
        }
    }
    told
}

/// Whether both sides have as much as the guard rails ask for: below that the intervals promise nothing.
fn has_enough(experiment: &Experiment, figures: &ExperimentFigures, arm: usize, metric: Metric) -> bool {
    let rails = &experiment.spec.guard_rails;
    let sides = [figures.total(Some(arm)), figures.total(None)];
    sides.iter().all(|side| {
        let mature = &side.mature;
        match metric {
            Metric::AlertRate => side.operation.payments >= rails.min_payments,
            Metric::Recall => mature.recall.count >= rails.min_frauds as f64,
            Metric::Precision => mature.precision.count >= rails.min_frauds as f64,
            Metric::MoneySaved => {
                mature.saved.count >= rails.min_payments as f64 && mature.recall.count >= rails.min_frauds as f64
            }
        }
    })
}

/// What an interval of arm minus control says.
pub fn found(decision: &DecisionSpec, interval: Interval) -> Finding {
    let Interval { low, high } =
        if decision.metric.more_is_better() { interval } else { Interval { low: -interval.high, high: -interval.low } };
    match decision.must_be {
        MustBe::NotWorse if low > -decision.margin => Finding::Favourable,
        MustBe::NotWorse if high < -decision.margin => Finding::Worse,
        MustBe::Better if low > decision.margin => Finding::Favourable,
        MustBe::Better if high < 0.0 => Finding::Worse,
        MustBe::Better if high < decision.margin => Finding::NotBetter,
        MustBe::NotWorse | MustBe::Better => Finding::Open,
    }
}

/// The step that is due; none where there is nothing to do yet. `four_eyes`: a promotion is only proposed.
pub fn due(
    experiment: &Experiment,
    figures: &ExperimentFigures,
    now_ms: i64,
    four_eyes: bool,
) -> Option<ExperimentChange> {
    let spec = &experiment.spec;
    let name = || spec.name.clone();
    if !experiment.status.is_active() || figures.stages.len() != experiment.stage + 1 {
        return None;
    }
    for (index, arm) in spec.arms.iter().enumerate() {
        let breached = readings(&spec.guard_rails, figures, index, &arm.name).into_iter().find(|read| read.breached);
        if let Some(breach) = breached {
            return Some(ExperimentChange::RolledBack {
                experiment: name(),
                reason: breach.text,
                rail: Some(breach.rail),
            });
        }
    }
    if experiment.status != Status::Running || !has_reached(experiment, figures, now_ms) {
        return None;
    }
    if !experiment.is_in_last_stage() {
        return Some(ExperimentChange::Advanced { experiment: name(), to: experiment.stage + 1 });
    }
    let promote = spec.only_change().filter(|_| spec.then == Then::Promote).map(|arm| arm.name.clone());
    let Some(decision) = &spec.decision else {
        return Some(ExperimentChange::Decided {
            experiment: name(),
            conclusion: "the last stage has seen enough and no guard rail was breached".to_owned(),
            proposed: promote.is_some() && four_eyes,
            promote,
        });
    };
    decide(experiment, decision, figures, promote, four_eyes)
}

fn decide(
    experiment: &Experiment,
    decision: &DecisionSpec,
    figures: &ExperimentFigures,
    promote: Option<String>,
    four_eyes: bool,
) -> Option<ExperimentChange> {
    let spec = &experiment.spec;
    let compared: Vec<Comparison> = comparisons(experiment, figures)
        .into_iter()
        .filter(|comparison| comparison.finding.is_some())
        // An arm that changes nothing is there to be compared with.
        .filter(|comparison| {
            spec.arms.iter().any(|arm| arm.name == comparison.arm && !arm.changes_nothing())
                || spec.arms.iter().all(ArmSpec::changes_nothing)
        })
        .collect();
    let sentence = |comparison: &Comparison| {
        let interval = comparison.interval.unwrap_or(Interval { low: f64::NEG_INFINITY, high: f64::INFINITY });
        format!(
            "{} of {} differs from the control's by {:+.4}, between {:+.4} and {:+.4}",
            comparison.metric.name(),
            comparison.arm,
            comparison.difference,
            interval.low,
            interval.high
        )
    };
    let text = compared.iter().map(sentence).collect::<Vec<_>>().join("; ");
    let all = |finding| !compared.is_empty() && compared.iter().all(|comparison| comparison.finding == Some(finding));
    let none_open = !compared.is_empty()
        && compared.iter().all(|comparison| comparison.finding.is_some_and(|finding| finding != Finding::Open));
    if all(Finding::Worse) {
        return Some(ExperimentChange::RolledBack {
            experiment: spec.name.clone(),
            reason: format!("it is worse: {text}"),
            rail: Some(DECISION_RAIL.to_owned()),
        });
    }
    if none_open {
        let promote = promote.filter(|_| all(Finding::Favourable));
        return Some(ExperimentChange::Decided {
            experiment: spec.name.clone(),
            conclusion: format!("{}: {text}", if all(Finding::Favourable) { "as asked" } else { "not as asked" }),
            proposed: promote.is_some() && four_eyes,
            promote,
        });
    }
    let exposed: u64 = figures.alike().map(StageFigures::exposed).sum();
    decision.give_up_after.filter(|most| exposed >= *most).map(|most| ExperimentChange::Held {
        experiment: spec.name.clone(),
        reason: format!("after {most} payments nothing could be shown about {}", decision.metric.name()),
    })
}

fn has_reached(experiment: &Experiment, figures: &ExperimentFigures, now_ms: i64) -> bool {
    matches!(experiment.stage().advance, Advance::After(_)) && waiting_for(experiment, figures, now_ms).is_empty()
}

/// What a stage still waits for, in words; none where it waits for a person or for nothing.
pub fn waits_for(experiment: &Experiment, figures: &ExperimentFigures, now_ms: i64) -> Option<String> {
    let told = waiting_for(experiment, figures, now_ms);
    if told.is_empty() { None } else { Some(told.join(", ")) }
}

/// No stage is passed unseen: besides what it asks for itself it waits until its guard rails can be read.
fn waiting_for(experiment: &Experiment, figures: &ExperimentFigures, now_ms: i64) -> Vec<String> {
    let (Advance::After(enough), Some(stage)) = (&experiment.stage().advance, figures.current()) else {
        return Vec::new();
    };
    let hours = (now_ms - experiment.stage_since_ms) as f64 / HOUR_MS;
    let mut told = Vec::new();
    if stage.exposed() < enough.payments {
        told.push(format!("{} of {} payments", stage.exposed(), enough.payments));
    }
    if hours < enough.hours {
        told.push(format!("{hours:.2} of {} hours", enough.hours));
    }
    if stage.confirmed_frauds() < enough.matured_frauds {
        told.push(format!("{} of {} mature frauds", stage.confirmed_frauds(), enough.matured_frauds));
    }
    let least = experiment.spec.guard_rails.min_payments;
    let arms = experiment.spec.arms.iter().zip(&stage.arms).map(|(arm, figures)| (arm.name.as_str(), figures));
    // Tenants that are known from before are measured against that; in the last wave there may be nobody else.
    let control = Some((CONTROL, &stage.control)).filter(|_| stage.before.payments < least);
    for (name, figures) in control.into_iter().chain(arms) {
        let payments = figures.operation.payments;
        if payments < least {
            told.push(format!("{payments} of {least} payments of {name}, which the guard rails ask for"));
        }
    }
    told
}

#[cfg(test)]
mod tests;
