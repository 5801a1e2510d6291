//! What is counted of an arm, and how two arms compare. Plain sums, so figures of several stages or replicas can be added.
//!
//! Cost: an arm's figures take 8 KB; adding a payment is a few additions.

use super::ranking::ScoreClasses;
use super::sequential::{Cluster, ClusterMean, Difference};
use super::spec::{Exposure, Metric};
use crate::verdict::Decision;
use std::collections::BTreeMap;

/// Bins of the score distribution: twentieths of probability.
pub const SCORE_BINS: usize = 20;
/// Bins of the latency histogram: eighths of an octave of microseconds, so a quantile is told to 9 %.
const LATENCY_BINS: usize = 256;
const BINS_AN_OCTAVE: f64 = 8.0;

/// What money is reckoned by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// What declining a good payment costs, as a share of its amount: what the bank would have earned, and some goodwill.
    pub false_decline_share: f64,
    /// What an analyst's review costs, hundredths of the major unit.
    pub review: f64,
}

/// What was said of a payment: by the verdict, or by an arm beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// Probability of fraud.
    pub probability: f32,
    /// What to do.
    pub decision: Decision,
}

impl Said {
    /// Whether somebody is bothered by it: an analyst, or the customer.
    pub fn alerts(&self) -> bool {
        self.decision != Decision::Approve
    }

    /// Money saved by it, hundredths of the major unit: the amount where it kept a fraud from going through, less what wrongly declined
    /// payments and reviews cost. A challenged fraud counts as kept: who cannot authenticate does not get the money.
    pub fn saved(&self, fraud: bool, amount: f64, costs: Costs) -> f64 {
        let review = if self.decision == Decision::Review { costs.review } else { 0.0 };
        match (fraud, self.decision) {
            (true, Decision::Approve) | (false, Decision::Approve | Decision::Challenge) => 0.0,
            (true, _) => amount - review,
            (false, Decision::Decline) => -costs.false_decline_share * amount,
            (false, Decision::Review) => -review,
        }
    }
}

/// Latencies of verdicts, microseconds from arrival at the engine to the policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    bins: Box<[u32; LATENCY_BINS]>,
    sum_us: f64,
    /// Natural logarithms: their mean is that of the geometric mean, which a few stragglers do not move.
    pub logs: ClusterMean,
}

impl Default for Latency {
    fn default() -> Self {
        Latency { bins: Box::new([0; LATENCY_BINS]), sum_us: 0.0, logs: ClusterMean::default() }
    }
}

fn latency_bin(us: f64) -> usize {
    ((us.max(1.0).log2() * BINS_AN_OCTAVE) as usize).min(LATENCY_BINS - 1)
}

impl Latency {
    fn add(&mut self, us: u64) {
        let us = us.max(1) as f64;
        let bin = &mut self.bins[latency_bin(us)];
        *bin = bin.saturating_add(1);
        self.sum_us += us;
        self.logs.add_alone(us.ln());
    }

    /// Verdicts counted.
    pub fn count(&self) -> f64 {
        self.logs.count
    }

    /// Mean, microseconds.
    pub fn mean_us(&self) -> f64 {
        if self.count() > 0.0 { self.sum_us / self.count() } else { 0.0 }
    }

    /// Quantile, microseconds: the upper edge of its bin. Zero where there is nothing.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        let total: u64 = self.bins.iter().map(|bin| u64::from(*bin)).sum();
        let wanted = (quantile * total as f64).ceil() as u64;
        let mut seen = 0;
        for (index, bin) in self.bins.iter().enumerate() {
            seen += u64::from(*bin);
            if *bin > 0 && seen >= wanted {
                return ((index + 1) as f64 / BINS_AN_OCTAVE).exp2();
            }
        }
        0.0
    }

    /// Share of verdicts slower than that, to a bin.
    pub fn share_above(&self, us: f64) -> f64 {
        let total: u64 = self.bins.iter().map(|bin| u64::from(*bin)).sum();
        let above: u64 = self.bins[latency_bin(us) + 1..].iter().map(|bin| u64::from(*bin)).sum();
        if total > 0 { above as f64 / total as f64 } else { 0.0 }
    }

    fn merge(&mut self, other: &Latency) {
        for (own, other) in self.bins.iter_mut().zip(other.bins.iter()) {
            *own = own.saturating_add(*other);
        }
        self.sum_us += other.sum_us;
        self.logs.merge(&other.logs);
    }

    fn halve(&mut self) {
        self.bins.iter_mut().for_each(|bin| *bin /= 2);
        self.sum_us /= 2.0;
        self.logs.halve();
    }
}

/// What is known of payments at once: the guard rails of operation read it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Operation {
    /// Payments.
    pub payments: u64,
    /// Whether a payment was not approved.
    pub alerts: ClusterMean,
    /// Whether a lower tier answered.
    pub errors: ClusterMean,
    /// How long the verdict took.
    pub latency: Latency,
}

impl Operation {
    /// Adds a payment. A shadow arm has no latency of its own.
    pub fn add(&mut self, said: Said, failed: bool, latency_us: Option<u64>, account: &mut Cluster) {
        self.payments += 1;
        self.alerts.add(account, f64::from(u8::from(said.alerts())));
        self.errors.add_alone(f64::from(u8::from(failed)));
        if let Some(us) = latency_us {
            self.latency.add(us);
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Operation) {
        self.payments += other.payments;
        self.alerts.merge(&other.alerts);
        self.errors.merge(&other.errors);
        self.latency.merge(&other.latency);
    }

    /// Forgets half of the past.
    pub fn halve(&mut self) {
        self.payments /= 2;
        self.alerts.halve();
        self.errors.halve();
        self.latency.halve();
    }
}

/// What is known of payments once they are mature: so long after they occurred that whatever was fraud has been told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mature {
    /// Scores of frauds and of all others.
    pub classes: ScoreClasses,
    /// Over frauds: whether it was not approved.
    pub recall: ClusterMean,
    /// Over payments not approved: whether it was fraud.
    pub precision: ClusterMean,
    /// Money saved a payment, hundredths of the major unit.
    pub saved: ClusterMean,
    /// Amounts of fraud, hundredths: all of it, and what was not approved.
    pub fraud_amount: f64,
    /// Of that, not approved.
    pub stopped_amount: f64,
    /// Amount of good payments declined.
    pub falsely_declined_amount: f64,
    /// Reviews.
    pub reviews: u64,
}

/// Payments whose label an analyst or the bank confirmed, or that are mature: told earlier than [`Mature`], but not at true prevalence,
/// since what is looked at is what was suspected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Confirmed {
    /// Frauds.
    pub frauds: u64,
    /// Of them, not approved.
    pub alerted_frauds: u64,
    /// Payments that an analyst or the bank found good.
    pub legitimate: u64,
    /// Of them, not approved.
    pub alerted_legitimate: u64,
}

/// What one account has brought to an arm so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account {
    pub(super) alerts: Cluster,
    recall: Cluster,
    precision: Cluster,
    saved: Cluster,
}

/// Everything counted of an arm in a stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArmFigures {
    /// What is known at once.
    pub operation: Operation,
    /// Payments by decision, mildest first.
    pub decisions: [u64; 4],
    /// Payments by tier.
    pub tiers: BTreeMap<String, u64>,
    /// Payments by the reason why a lower tier answered.
    pub causes: BTreeMap<String, u64>,
    /// Payments by score, in twentieths of probability.
    pub scores: [u64; SCORE_BINS],
    /// Sum of the scores.
    pub score_sum: f64,
    /// Payments of which device, IP address or counterparty was last used by a payment of another arm: what the arms do to each other
    /// through the graph they share.
    pub spilled: u64,
    /// Confirmed ones.
    pub confirmed: Confirmed,
    /// Mature ones.
    pub mature: Mature,
}

/// A payment as an arm saw it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What was said.
    pub said: Said,
    /// Tier that answered; none for a shadow.
    pub tier: Option<&'a str>,
    /// Why it was a lower one.
    pub cause: Option<&'a str>,
    /// How long the verdict took; none for a shadow.
    pub latency_us: Option<u64>,
    /// Whether another arm's payment last used what it uses.
    pub spilled: bool,
}

impl ArmFigures {
    /// Adds a payment.
    pub fn add(&mut self, seen: Seen<'_>, account: &mut Account) {
        self.operation.add(seen.said, seen.cause.is_some(), seen.latency_us, &mut account.alerts);
        self.decisions[decision_index(seen.said.decision)] += 1;
        if let Some(tier) = seen.tier {
            count(&mut self.tiers, tier);
        }
        if let Some(cause) = seen.cause {
            count(&mut self.causes, cause);
        }
        let bin = (f64::from(seen.said.probability) * SCORE_BINS as f64) as usize;
        self.scores[bin.min(SCORE_BINS - 1)] += 1;
        self.score_sum += f64::from(seen.said.probability);
        self.spilled += u64::from(seen.spilled);
    }

    /// A label of a payment was confirmed (`sign` 1) or taken back (-1).
    pub fn confirm(&mut self, said: Said, fraud: bool, sign: i64) {
        let step = |count: &mut u64, by: bool| *count = count.saturating_add_signed(if by { sign } else { 0 });
        let confirmed = &mut self.confirmed;
        step(&mut confirmed.frauds, fraud);
        step(&mut confirmed.alerted_frauds, fraud && said.alerts());
        step(&mut confirmed.legitimate, !fraud);
        step(&mut confirmed.alerted_legitimate, !fraud && said.alerts());
    }

    /// A payment is mature.
    pub fn mature(&mut self, said: Said, fraud: bool, amount: f64, costs: Costs, account: &mut Account) {
        let mature = &mut self.mature;
        let alerts = said.alerts();
        mature.classes.add(said.probability, fraud);
        if fraud {
            mature.recall.add(&mut account.recall, f64::from(u8::from(alerts)));
            mature.fraud_amount += amount;
            mature.stopped_amount += if alerts { amount } else { 0.0 };
        } else if said.decision == Decision::Decline {
            mature.falsely_declined_amount += amount;
        }
        if alerts {
            mature.precision.add(&mut account.precision, f64::from(u8::from(fraud)));
        }
        mature.reviews += u64::from(said.decision == Decision::Review);
        mature.saved.add(&mut account.saved, said.saved(fraud, amount, costs));
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &ArmFigures) {
        self.operation.merge(&other.operation);
        self.decisions.iter_mut().zip(other.decisions).for_each(|(own, other)| *own += other);
        for (own, other) in [(&mut self.tiers, &other.tiers), (&mut self.causes, &other.causes)] {
            for (name, count) in other {
                *own.entry(name.clone()).or_default() += count;
            }
        }
        self.scores.iter_mut().zip(other.scores).for_each(|(own, other)| *own += other);
        self.score_sum += other.score_sum;
        self.spilled += other.spilled;
        self.confirmed.frauds += other.confirmed.frauds;
        self.confirmed.alerted_frauds += other.confirmed.alerted_frauds;
        self.confirmed.legitimate += other.confirmed.legitimate;
        self.confirmed.alerted_legitimate += other.confirmed.alerted_legitimate;
        let (own, other) = (&mut self.mature, &other.mature);
        own.classes.merge(&other.classes);
        own.recall.merge(&other.recall);
        own.precision.merge(&other.precision);
        own.saved.merge(&other.saved);
        own.fraud_amount += other.fraud_amount;
        own.stopped_amount += other.stopped_amount;
        own.falsely_declined_amount += other.falsely_declined_amount;
        own.reviews += other.reviews;
    }

    fn metric(&self, metric: Metric) -> (f64, f64, f64) {
        let share = |mean: &ClusterMean| (mean.mean(), mean.share_variance(), mean.count);
        match metric {
            Metric::Recall => share(&self.mature.recall),
            Metric::Precision => share(&self.mature.precision),
            Metric::AlertRate => share(&self.operation.alerts),
            Metric::MoneySaved => {
                let saved = &self.mature.saved;
                (saved.mean() / 100.0, saved.variance() / 10_000.0, saved.count)
            }
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => drop(counts.insert(name.to_owned(), 1)),
    }
}

/// Place of a decision in [`ArmFigures::decisions`].
pub fn decision_index(decision: Decision) -> usize {
    match decision {
        Decision::Approve => 0,
        Decision::Challenge => 1,
        Decision::Review => 2,
        Decision::Decline => 3,
    }
}

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
        if self.kind == StageKind::Shadow { self.control.confirmed.frauds } else { self.control.confirmed.frauds + arms }
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
                Metric::MoneySaved => Difference {
                    estimate: within.estimate / unit,
                    variance: within.variance / (unit * unit),
                    ..within
                },
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
#[path = "tests/figures.rs"]
mod tests;
