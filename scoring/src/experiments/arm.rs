//! What is counted of an arm. Plain sums, so figures of several stages can be added.
//!
//! Cost: an arm's figures take 8 KB; adding a payment is a few additions.

use super::latency::Latency;
use super::ranking::ScoreClasses;
use super::sequential::{Cluster, ClusterMean};
use super::spec::Metric;
use crate::verdict::Decision;
use std::collections::BTreeMap;

/// Bins of the score distribution: twentieths of probability.
pub const SCORE_BINS: usize = 20;

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

impl Confirmed {
    fn add(&mut self, other: Confirmed) {
        self.frauds += other.frauds;
        self.alerted_frauds += other.alerted_frauds;
        self.legitimate += other.legitimate;
        self.alerted_legitimate += other.alerted_legitimate;
    }
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

    /// Takes over what a fold that follows behind has settled.
    pub fn settled(&mut self, tail: &ArmFigures) {
        self.mature = tail.mature.clone();
        self.confirmed.add(tail.confirmed);
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
        self.confirmed.add(other.confirmed);
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

    /// Mean, variance of the mean, and observations of a metric.
    pub(super) fn metric(&self, metric: Metric) -> (f64, f64, f64) {
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

#[cfg(test)]
mod tests;
