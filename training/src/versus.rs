//! Hybrid against the trees that read every graph column, at equal cost: the same share of payments alerted, or the same
//! share of frauds caught.
//!
//! The system this one follows claimed F1 +0.09 and 37 % fewer false positives for its hybrid; what is true here stands
//! beside the claim.

use crate::contender::Contender;
use crate::metrics::{Alerts, Interval, Ranking, block_bootstrap, rounded};
use crate::score::Row;
use serde::{Deserialize, Serialize};

/// Gain in F1 at the same alert rate that the original system claimed.
pub const CLAIMED_F1_CHANGE: f64 = 0.09;
/// Change in false positives at the same recall that the original system claimed.
pub const CLAIMED_FALSE_POSITIVE_CHANGE: f64 = -0.37;
/// Recalls compared besides the one that the trees reach at the alert rate.
const RECALLS: [f64; 3] = [0.5, 0.6, 0.7];

/// The comparison, judged by truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Versus {
    /// The one compared with: `trees-v2`.
    pub baseline: String,
    /// The one compared: `hybrid`.
    pub challenger: String,
    /// Share of payments alerted.
    pub alert_rate: f64,
    /// F1 of the baseline there.
    pub baseline_f1: f64,
    /// F1 of the challenger there.
    pub challenger_f1: f64,
    /// Challenger's F1 less the baseline's, the same days drawn for both.
    pub f1_change: Interval,
    /// What a recall costs; the first is what the baseline reaches at the alert rate.
    pub at_recalls: Vec<EqualRecall>,
    /// By group of fraud.
    pub by_group: Vec<GroupVersus>,
}

/// False positives at the same recall.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EqualRecall {
    /// Share of frauds caught.
    pub recall: f64,
    /// Legitimate payments alerted by the baseline.
    pub baseline_false_positives: f64,
    /// Legitimate payments alerted by the challenger.
    pub challenger_false_positives: f64,
    /// Challenger's over the baseline's (taken as at least one), less one; the same days drawn for both.
    pub change: Interval,
}

/// One group of frauds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupVersus {
    /// Its name.
    pub group: String,
    /// Its frauds.
    pub frauds: u64,
    /// Share of them the baseline alerts at the alert rate over all payments.
    pub baseline_recall: f64,
    /// Share of them the challenger alerts there.
    pub challenger_recall: f64,
    /// Legitimate payments the baseline alerts to catch `baseline_recall` of this group.
    pub baseline_false_positives: f64,
    /// Legitimate payments the challenger alerts to catch the same share.
    pub challenger_false_positives: f64,
}

/// Names of the groups of fraud in these rows, in order.
pub fn groups(rows: &[Row]) -> Vec<String> {
    let names: std::collections::BTreeSet<&str> = rows.iter().filter_map(Row::group).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The rows of a group's frauds and of all legitimate payments.
pub fn members(rows: &[Row], truth: &[bool], group: &str) -> Vec<usize> {
    (0..rows.len()).filter(|&row| !truth[row] || rows[row].group() == Some(group)).collect()
}

/// Compares the hybrid with the trees on v2. `blocks` are the days of the rows.
pub fn compare(rows: &[Row], truth: &[bool], blocks: &[u32], alert_rate: f64, replicates: usize, seed: u64) -> Versus {
    let (baseline, challenger) = (Contender::TreesV2, Contender::Hybrid);
    let logits = |contender: Contender| rows.iter().map(|row| row.logit(contender)).collect::<Vec<f32>>();
    let (old, new) = (logits(baseline), logits(challenger));
    let (old_ranking, new_ranking) = (Ranking::new(&old, truth), Ranking::new(&new, truth));
    let at_rate = old_ranking.at_alert_rate(alert_rate);
    let mut recalls = vec![at_rate.recall];
    recalls.extend(RECALLS);
    let at_recalls = recalls.into_iter().map(|recall| {
        let change = block_bootstrap(blocks, replicates, seed, |times| {
            let cost = |ranking: &Ranking| ranking.false_positives_at_recall_with(recall, times);
            cost(&new_ranking) / cost(&old_ranking).max(1.0) - 1.0
        });
        EqualRecall {
            recall: rounded(recall),
            baseline_false_positives: rounded(old_ranking.false_positives_at_recall_with(recall, |_| 1.0)),
            challenger_false_positives: rounded(new_ranking.false_positives_at_recall_with(recall, |_| 1.0)),
            change,
        }
    });
    let (old_alerts, new_alerts) = (Alerts::at_rate(&old, alert_rate), Alerts::at_rate(&new, alert_rate));
    let by_group = groups(rows).into_iter().map(|group| {
        let members = members(rows, truth, &group);
        let pick = |logits: &[f32]| members.iter().map(|&row| logits[row]).collect::<Vec<f32>>();
        let positive: Vec<bool> = members.iter().map(|&row| truth[row]).collect();
        let (old, new) = (pick(&old), pick(&new));
        let recall = old_alerts.recall(&old, &positive).unwrap_or(0.0);
        let cost = |logits: &[f32]| Ranking::new(logits, &positive).false_positives_at_recall_with(recall, |_| 1.0);
        GroupVersus {
            frauds: positive.iter().filter(|&&positive| positive).count() as u64,
            baseline_recall: rounded(recall),
            challenger_recall: rounded(new_alerts.recall(&new, &positive).unwrap_or(0.0)),
            baseline_false_positives: rounded(cost(&old)),
            challenger_false_positives: rounded(cost(&new)),
            group,
        }
    });
    Versus {
        baseline: baseline.name().to_owned(),
        challenger: challenger.name().to_owned(),
        alert_rate,
        baseline_f1: rounded(at_rate.f1),
        challenger_f1: rounded(new_ranking.at_alert_rate(alert_rate).f1),
        f1_change: block_bootstrap(blocks, replicates, seed, |times| {
            let f1 = |ranking: &Ranking| ranking.at_alert_rate_with(alert_rate, times).f1;
            f1(&new_ranking) - f1(&old_ranking)
        }),
        at_recalls: at_recalls.collect(),
        by_group: by_group.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::split::Window;
    use fraudnet_scoring::history::Truth;

    /// 1,000 payments, every hundredth a fraud; the hybrid ranks frauds first, the trees put one legitimate payment before each.
    fn rows() -> Vec<Row> {
        (0..1_000u32)
            .map(|number| {
                let (fraud, before) = (number % 100 == 0, number % 100 == 1);
                let mut logits = [0.0; Contender::COUNT];
                let rank = 1_000.0 - number as f32;
                logits[Contender::Hybrid.index()] = if fraud { 2_000.0 + rank } else { rank };
                logits[Contender::TreesV2.index()] = if before {
                    2_002.0 + rank
                } else if fraud {
                    2_000.0 + rank
                } else {
                    rank
                };
                let group = if number % 200 == 0 { "farm" } else { "mules" };
                Row {
                    window: Window::Test,
                    history: 0,
                    day: number / 250,
                    at_ms: 0,
                    age_ms: 0,
                    account: number,
                    amount: 1.0,
                    truth: Some(Truth { fraud, group: fraud.then(|| group.into()) }),
                    labelled_fraud: fraud,
                    logits,
                }
            })
            .collect()
    }

    #[test]
    fn the_better_one_costs_fewer_false_positives() {
        let rows = rows();
        let truth: Vec<bool> = rows.iter().map(|row| row.truth.as_ref().unwrap().fraud).collect();
        let blocks: Vec<u32> = rows.iter().map(|row| row.day).collect();
        let versus = compare(&rows, &truth, &blocks, 0.01, 50, 1);
        assert_eq!((versus.baseline_f1, versus.challenger_f1), (0.5, 1.0));
        assert!(versus.f1_change.value == 0.5 && versus.f1_change.low > 0.0);
        let first = versus.at_recalls[0];
        assert_eq!((first.recall, first.baseline_false_positives, first.challenger_false_positives), (0.5, 5.0, 0.0));
        assert_eq!(first.change.value, -1.0);
        assert_eq!(versus.by_group.iter().map(|group| group.frauds).collect::<Vec<_>>(), [5, 5]);
        assert!(versus.by_group.iter().all(|group| group.challenger_false_positives == 0.0));
    }
}
