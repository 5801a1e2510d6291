//! Guard rails: what rolls an experiment back by itself. Each reads one excess, arm over what is allowed, with an interval that holds at
//! every look; it is breached where that interval lies wholly above zero.
//!
//! What an arm is measured against: payments of the control in the same stage, decided at the same time; in a shadow stage the verdicts
//! on the same payments. Where tenants are named, their alerts are measured against their own from before, since tenants differ more than
//! models do; latency and errors against everybody else's now, since load differs more from hour to hour than from tenant to tenant.

use super::arm::Operation;
use super::figures::{ExperimentFigures, StageFigures, StageKind};
use super::ranking::Area;
use super::sequential::{Difference, Interval};
use super::spec::GuardRails;
use serde::{Deserialize, Serialize};

/// Share of payments that may be slower than the bound on the 99th percentile.
const SLOW_SHARE: f64 = 0.01;

/// What a rail reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RailReading {
    /// `latency`, `latency_p99`, `alert_rate`, `error_rate` or `matured_auc`.
    pub rail: String,
    /// The arm.
    pub arm: String,
    /// What it has: a ratio, a share, an area.
    pub value: f64,
    /// What it may have, in the same unit.
    pub bound: f64,
    /// How far it is beyond that, in the rail's own scale (logarithms for `latency`); none where too little was seen.
    pub excess: Option<Interval>,
    /// Beyond doubt.
    pub breached: bool,
    /// In words.
    pub text: String,
}

/// What every rail of an arm reads; rails that are off are left out.
pub fn readings(rails: &GuardRails, figures: &ExperimentFigures, arm: usize, name: &str) -> Vec<RailReading> {
    let Some(stage) = figures.current() else { return Vec::new() };
    let (own, others) = (&stage.arms[arm].operation, &stage.control.operation);
    let mut read = Vec::new();
    let mut tell = |rail: &str, value: f64, bound: f64, excess: Option<Difference>, text: String| {
        let excess = excess.map(|excess| excess.interval(rails.alpha)).filter(|excess| excess.low.is_finite());
        let breached = excess.is_some_and(|excess| excess.low > 0.0);
        read.push(RailReading { rail: rail.to_owned(), arm: name.to_owned(), value, bound, excess, breached, text });
    };
    let enough = |operation: &Operation| operation.payments >= rails.min_payments;
    let timed = |operation: &Operation| operation.latency.count() >= rails.min_payments as f64;
    let both_timed = timed(own) && timed(others);
    let latencies = (&own.latency, &others.latency);

    // A shadow has no latency of its own.
    let latency_ratio = rails.latency_ratio.filter(|_| stage.kind != StageKind::Shadow);
    let p99_ratio = rails.p99_ratio.filter(|_| stage.kind != StageKind::Shadow);
    if let Some(ratio) = latency_ratio {
        let logs = |operation: &Operation| {
            let logs = &operation.latency.logs;
            (logs.mean(), logs.variance(), logs.count)
        };
        let value = (latencies.0.logs.mean() - latencies.1.logs.mean()).exp();
        let excess = both_timed.then(|| {
            let difference = Difference::between(logs(own), logs(others), 1.0);
            Difference { estimate: difference.estimate - ratio.ln(), ..difference }
        });
        let text = format!(
            "verdicts of {name} take {value:.2} times as long as the control's (geometric mean); {ratio} times are allowed"
        );
        tell("latency", value, ratio, excess, text);
    }
    if let Some(ratio) = p99_ratio {
        let control = latencies.1.quantile_us(0.99);
        let value = if control > 0.0 { latencies.0.quantile_us(0.99) / control } else { 0.0 };
        let excess = both_timed.then(|| {
            let (share, count) = (latencies.0.share_above(ratio * control), latencies.0.count());
            let variance = share * (1.0 - share) / count + 1.0 / (count * count);
            Difference { estimate: share - SLOW_SHARE, variance, effective: count }
        });
        let text = format!(
            "the slowest hundredth of the verdicts of {name} takes {value:.2} times as long as the control's; {ratio} times are allowed"
        );
        tell("latency_p99", value, ratio, excess, text);
    }
    if let Some(ratio) = rails.alert_rate_ratio {
        let measure = alert_measure(rails, stage);
        let (value, usual) = (own.alerts.mean(), measure.alerts.mean());
        let bound = (ratio * usual + rails.alert_rate_slack).min(1.0);
        let excess = (enough(own) && enough(measure)).then(|| {
            let share = |operation: &Operation| {
                (operation.alerts.mean(), operation.alerts.share_variance(), operation.alerts.count)
            };
            let difference = Difference::between(share(own), share(measure), ratio);
            Difference { estimate: difference.estimate - rails.alert_rate_slack, ..difference }
        });
        let text = format!(
            "{name} does not approve {:.2} % of its payments, where {:.2} % is usual; {:.2} % are allowed",
            100.0 * value,
            100.0 * usual,
            100.0 * bound
        );
        tell("alert_rate", value, bound, excess, text);
    }
    if let Some(more) = rails.error_rate {
        let (value, usual) = (own.errors.mean(), others.errors.mean());
        let excess = (enough(own) && enough(others)).then(|| {
            let share = |operation: &Operation| {
                (operation.errors.mean(), operation.errors.share_variance(), operation.errors.count)
            };
            let difference = Difference::between(share(own), share(others), 1.0);
            Difference { estimate: difference.estimate - more, ..difference }
        });
        let text = format!(
            "{:.2} % of the payments of {name} were answered by a lower tier, and {:.2} % of the control's; {:.2} % more are allowed",
            100.0 * value,
            100.0 * usual,
            100.0 * more
        );
        tell("error_rate", value, usual + more, excess, text);
    }
    if let Some(drop) = rails.auc_drop {
        let area = |arm: Option<usize>| figures.total(arm).mature.classes.area();
        if let (Some(own), Some(others)) = (area(Some(arm)), area(None)) {
            let least = rails.min_frauds as f64;
            let excess =
                (own.frauds >= least && others.frauds >= least).then(|| area_shortfall(figures, arm, drop)).flatten();
            let text = format!(
                "the area under the curve of {name} is {:.4} on mature payments and the control's {:.4}; {drop} less is allowed",
                own.auc, others.auc
            );
            tell("matured_auc", own.auc, others.auc - drop, excess, text);
        }
    }
    read
}

/// What the alerts of an arm are measured against.
fn alert_measure<'a>(rails: &GuardRails, stage: &'a StageFigures) -> &'a Operation {
    // A tenant that hardly paid before has no past to speak of.
    let known = stage.kind == StageKind::Tenants && stage.before.payments >= rails.min_payments;
    if known { &stage.before } else { &stage.control.operation }
}

/// How far the arm's area falls behind the control's beyond what is allowed, stage by stage.
fn area_shortfall(figures: &ExperimentFigures, arm: usize, drop: f64) -> Option<Difference> {
    let of = |area: Area| (area.auc, area.variance, area.frauds);
    let strata: Vec<Difference> = figures
        .alike()
        .filter_map(|stage| {
            let own = stage.arms[arm].mature.classes.area()?;
            let others = stage.control.mature.classes.area()?;
            let difference = Difference::between(of(others), of(own), 1.0);
            Some(Difference { estimate: difference.estimate - drop, ..difference })
        })
        .collect();
    Difference::stratified(&strata)
}

#[cfg(test)]
mod tests;
