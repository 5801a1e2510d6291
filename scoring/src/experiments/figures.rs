//! What is counted of a stage and of an experiment, and how an arm compares with the control.

use super::arm::{ArmFigures, Operation};
use super::sequential::{Cluster, ClusterMean, Difference};
use super::spec::{Exposure, Metric};

/// A shadow arm against the verdicts on the very same payments: differences within pairs, which vary less than two groups do.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pairs {
    /// Alert or not, arm minus verdict.
    pub alerts: ClusterMean,
    /// Over frauds: alert or not, arm minus verdict.
    pub recall: ClusterMean,
    /// Money saved, arm minus verdict, hundredths.
    pub saved: ClusterMean,
}

/// What one account has brought to the pairs of an arm.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountPairs {
    pub(super) alerts: Cluster,
    pub(super) recall: Cluster,
    pub(super) saved: Cluster,
}

/// Kind of a stage: only stages of one kind are compared together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageKind {
    /// Arms score beside the verdict.
    Shadow,
    /// Accounts are divided by chance.
    Percent,
    /// Tenants are named.
    Tenants,
}

impl StageKind {
    /// The kind of that exposure.
    pub const fn of(exposure: &Exposure) -> StageKind {
        match exposure {
            Exposure::Shadow => StageKind::Shadow,
            Exposure::Percent { .. } => StageKind::Percent,
            Exposure::Tenants { .. } => StageKind::Tenants,
        }
    }
}

/// Everything counted in one stage.
#[derive(Debug, Clone)]
pub struct StageFigures {
    /// Its kind.
    pub kind: StageKind,
    /// The control: in a shadow stage the verdicts of the payments that an arm scored.
    pub control: ArmFigures,
    /// The arms, in the order of the experiment.
    pub arms: Vec<ArmFigures>,
    /// In a shadow stage each arm against the verdicts.
    pub pairs: Vec<Pairs>,
    /// Where tenants are named: what was counted of them before they were exposed. Other tenants are no measure for their alerts.
    pub before: Operation,
    /// Payments that an older experiment decides about.
    pub excluded: u64,
    /// Payments of the control that a younger experiment of the same kind serves: counted in no arm.
    pub mixed: u64,
}

impl StageFigures {
    /// Nothing yet.
    pub fn new(kind: StageKind, arms: usize) -> StageFigures {
        StageFigures {
            kind,
            control: ArmFigures::default(),
            arms: vec![ArmFigures::default(); arms],
            pairs: vec![Pairs::default(); arms],
            before: Operation::default(),
            excluded: 0,
            mixed: 0,
        }
    }

    /// Payments of its arms; of a shadow those of the arm that scored most.
    pub fn exposed(&self) -> u64 {
        let payments = self.arms.iter().map(|arm| arm.operation.payments);
        if self.kind == StageKind::Shadow { payments.max().unwrap_or(0) } else { payments.sum() }
    }

    /// Confirmed frauds of arms and control.
    pub fn confirmed_frauds(&self) -> u64 {
        let arms: u64 = self.arms.iter().map(|arm| arm.confirmed.frauds).sum();
        // A shadow's payments are the control's.
        if self.kind == StageKind::Shadow {
            self.control.confirmed.frauds
        } else {
            self.control.confirmed.frauds + arms
        }
    }

    /// Arm minus control by that metric.
    pub fn difference(&self, arm: usize, metric: Metric) -> Difference {
        let paired = match (self.kind, metric) {
            (StageKind::Shadow, Metric::AlertRate) => Some((self.pairs[arm].alerts, 1.0)),
            (StageKind::Shadow, Metric::Recall) => Some((self.pairs[arm].recall, 1.0)),
            (StageKind::Shadow, Metric::MoneySaved) => Some((self.pairs[arm].saved, 100.0)),
            // The payments not approved are others on either side: taken as two groups, which errs on the side of caution.
            _ => None,
        };
        if let Some((pairs, unit)) = paired {
            let within = Difference::within(&pairs);
            let one_more = if pairs.count > 0.0 { 1.0 / (pairs.count * pairs.count) } else { f64::INFINITY };
            return match metric {
                Metric::MoneySaved => {
                    Difference { estimate: within.estimate / unit, variance: within.variance / (unit * unit), ..within }
                }
                _ => Difference { variance: within.variance + one_more, ..within },
            };
        }
        Difference::between(self.arms[arm].metric(metric), self.control.metric(metric), 1.0)
    }
}

/// Everything counted of an experiment.
#[derive(Debug, Clone, Default)]
pub struct ExperimentFigures {
    /// Stage by stage, as far as it came.
    pub stages: Vec<StageFigures>,
}

impl ExperimentFigures {
    /// The stage it is in.
    pub fn current(&self) -> Option<&StageFigures> {
        self.stages.last()
    }

    /// Stages of the kind it is in, oldest first.
    pub fn alike(&self) -> impl Iterator<Item = &StageFigures> {
        let kind = self.current().map(|stage| stage.kind);
        self.stages.iter().filter(move |stage| Some(stage.kind) == kind)
    }

    /// Arm minus control over the stages of the kind it is in; none where nothing can be said.
    pub fn difference(&self, arm: usize, metric: Metric) -> Option<Difference> {
        let strata: Vec<Difference> = self.alike().map(|stage| stage.difference(arm, metric)).collect();
        Difference::stratified(&strata)
    }

    /// Everything of an arm over the stages of the kind it is in; `None` is the control.
    pub fn total(&self, arm: Option<usize>) -> ArmFigures {
        let mut total = ArmFigures::default();
        for stage in self.alike() {
            total.merge(arm.map_or(&stage.control, |arm| &stage.arms[arm]));
        }
        total
    }
}

#[cfg(test)]
mod tests;
