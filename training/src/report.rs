//! The numbers a model is judged by, in the one form that goes into the manifest, the model card and the terminal.

use crate::ablate::Ablation;
use crate::metrics::{Interval, Ranking, block_bootstrap, expected_calibration_error, rounded, top_decile_ratio};
use crate::score::Row;
use anyhow::{Result, ensure};
use fraudnet_models::{OperatingPoints, TierSettings};
use fraudnet_scoring::simulate::Typology;
use serde::{Deserialize, Serialize};

/// Alert rate at which recall is told: what analysts have time for.
pub const ALERT_RATE: f64 = 0.005;
/// Bins of the calibration error.
const BINS: usize = 20;

/// Everything measured on held-out time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The payments tested on.
    pub test: TestSet,
    /// Judged by the simulator's truth; absent where a history does not tell it for every payment.
    pub against_truth: Option<Vec<TierReport>>,
    /// Judged by the labels standing at the end of the histories: reports that never came count as legitimate, wrong
    /// reports as fraud, as an operator would see it.
    pub against_labels: Vec<TierReport>,
    /// Each typology's frauds against all legitimate payments, by truth.
    pub by_typology: Vec<TypologyReport>,
    /// What parts of the neighbourhood are worth to the network.
    pub ablations: Option<AblationReport>,
    /// How close fp16 is to fp32.
    pub parity: Option<Parity>,
}

/// What was tested on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestSet {
    /// Payments, all of the window: nothing is sampled.
    pub payments: u64,
    /// Frauds by truth, where it is told.
    pub frauds: Option<u64>,
    /// Payments whose standing label is fraud.
    pub labelled_frauds: u64,
    /// Days drawn by the bootstrap.
    pub days: u64,
    /// Replicates of the bootstrap.
    pub replicates: usize,
}

/// One tier, judged one way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TierReport {
    /// `hybrid`, `rules` or `logistic regression`.
    pub tier: String,
    /// Average precision.
    pub average_precision: Interval,
    /// Area under the ROC curve.
    pub roc_auc: Interval,
    /// Share of frauds among the 0.5 % of payments with the highest scores.
    pub recall_at_half_percent: Interval,
    /// Share of those that are fraud.
    pub precision_at_half_percent: f64,
    /// Expected calibration error, 20 bins of equal mass.
    pub calibration_error: f64,
    /// Mean predicted over observed share of fraud in the tenth with the highest probabilities.
    pub top_decile_ratio: Option<f64>,
    /// What the chosen operating points give.
    pub points: Vec<PointReport>,
}

/// What one operating point gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointReport {
    /// The decision that applies from here (this or a stronger one is counted).
    pub decision: String,
    /// Probability it applies from.
    pub threshold: f64,
    /// Share of payments it (or a stronger one) applies to.
    pub alert_rate: f64,
    /// Share of them that are fraud.
    pub precision: f64,
    /// Share of frauds among them.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

/// One typology.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypologyReport {
    /// Its name.
    pub typology: String,
    /// Its frauds in the test window.
    pub frauds: u64,
    /// For each tier, in the order of the other tables.
    pub tiers: Vec<TypologyTier>,
}

/// One tier on one typology.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypologyTier {
    /// The tier.
    pub tier: String,
    /// Average precision of this typology's frauds against all legitimate payments.
    pub average_precision: f64,
    /// Share of this typology's frauds among the 0.5 % of all payments with the highest scores.
    pub recall_at_half_percent: f64,
}

/// Ablations and what they were measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AblationReport {
    /// Payments of the sample: all frauds of the test and a share of the rest, weighted back.
    pub payments: u64,
    /// Share of legitimate payments in it.
    pub negative_share: f64,
    /// Average precision with the whole neighbourhood, on the sample.
    pub average_precision: f64,
    /// What was taken away and what it changed.
    pub cuts: Vec<Ablation>,
}

/// Largest differences between the two files of one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    /// Payments compared.
    pub payments: u64,
    /// Largest difference in raw logit, fp16 against fp32.
    pub logit: f64,
    /// Largest difference in calibrated probability, fp16 against fp32.
    pub probability: f64,
    /// Payments that get another decision from the fp16 file.
    pub decisions: u64,
    /// Golden vectors compared between the trainer's own forward pass and ONNX Runtime.
    pub golden_vectors: u64,
    /// Largest difference in raw logit there, fp32.
    pub golden_logit: f64,
}

/// A tier as it is to be judged.
pub struct Judged<'a> {
    /// Its name.
    pub tier: &'a str,
    /// Its raw logits, in the order of the rows.
    pub logits: Vec<f32>,
    /// Its calibration and points.
    pub settings: &'a TierSettings,
}

/// How intervals are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// Replicates; 0 gives intervals without width.
    pub replicates: usize,
    /// Seed.
    pub seed: u64,
}

/// Judges tiers on the rows of a test window.
///
/// # Errors
/// No rows.
pub fn judge(rows: &[Row], tiers: &[Judged<'_>], resampling: Resampling) -> Result<Report> {
    ensure!(!rows.is_empty(), "the test window holds no payments; use a longer history or an earlier cut");
    let (blocks, days) = blocks(rows.iter().map(|row| (row.history, row.day)));
    let labelled: Vec<bool> = rows.iter().map(|row| row.labelled_fraud).collect();
    let truth: Option<Vec<bool>> = rows.iter().map(|row| row.oracle.map(|oracle| oracle.fraud)).collect();
    let all = |positive: &[bool]| {
        tiers.iter().map(|tier| tier_report(tier, positive, &blocks, resampling)).collect::<Vec<_>>()
    };
    Ok(Report {
        test: TestSet {
            payments: rows.len() as u64,
            frauds: truth.as_ref().map(|truth| count(truth)),
            labelled_frauds: count(&labelled),
            days,
            replicates: resampling.replicates,
        },
        against_truth: truth.as_deref().map(&all),
        against_labels: all(&labelled),
        by_typology: truth.map_or_else(Vec::new, |truth| by_typology(rows, &truth, tiers)),
        ablations: None,
        parity: None,
    })
}

/// Numbers the (history, day) pairs in order of appearance.
pub fn blocks(days: impl Iterator<Item = (u32, u32)>) -> (Vec<u32>, u64) {
    let mut numbers = std::collections::BTreeMap::new();
    let blocks = days
        .map(|day| {
            let next = numbers.len() as u32;
            *numbers.entry(day).or_insert(next)
        })
        .collect();
    (blocks, numbers.len() as u64)
}

fn count(flags: &[bool]) -> u64 {
    flags.iter().filter(|&&flag| flag).count() as u64
}

/// A number told how often each row was drawn.
type Statistic<'a> = dyn Fn(&dyn Fn(usize) -> f64) -> f64 + 'a;

fn tier_report(tier: &Judged<'_>, positive: &[bool], blocks: &[u32], resampling: Resampling) -> TierReport {
    let ranking = Ranking::new(&tier.logits, positive);
    let probabilities: Vec<f32> =
        tier.logits.iter().map(|&logit| tier.settings.calibration.probability(logit)).collect();
    let by_probability = Ranking::new(&probabilities, positive);
    let interval =
        |statistic: &Statistic<'_>| block_bootstrap(blocks, resampling.replicates, resampling.seed, statistic);
    let points = named(&tier.settings.operating_points)
        .into_iter()
        .map(|(decision, threshold)| {
            let at = by_probability.at_threshold(threshold);
            PointReport {
                decision: decision.to_owned(),
                threshold: f64::from(threshold),
                alert_rate: rounded(at.alert_rate),
                precision: rounded(at.precision),
                recall: rounded(at.recall),
                f1: rounded(at.f1),
            }
        })
        .collect();
    TierReport {
        tier: tier.tier.to_owned(),
        average_precision: interval(&|times| ranking.average_precision_with(times)),
        roc_auc: interval(&|times| ranking.roc_auc_with(times)),
        recall_at_half_percent: interval(&|times| ranking.at_alert_rate_with(ALERT_RATE, times).recall),
        precision_at_half_percent: rounded(ranking.at_alert_rate(ALERT_RATE).precision),
        calibration_error: rounded(expected_calibration_error(&probabilities, positive, BINS)),
        top_decile_ratio: top_decile_ratio(&probabilities, positive).map(rounded),
        points,
    }
}

fn named(points: &OperatingPoints) -> [(&'static str, f32); 3] {
    [("challenge", points.challenge), ("review", points.review), ("decline", points.decline)]
}

fn by_typology(rows: &[Row], truth: &[bool], tiers: &[Judged<'_>]) -> Vec<TypologyReport> {
    let budgets: Vec<Budget> = tiers.iter().map(|tier| Budget::new(&tier.logits, truth)).collect();
    Typology::ALL
        .into_iter()
        .map(|typology| {
            let members: Vec<usize> =
                (0..rows.len()).filter(|&row| !truth[row] || rows[row].typology() == Some(typology)).collect();
            let positive: Vec<bool> = members.iter().map(|&row| truth[row]).collect();
            let frauds = count(&positive);
            let tiers = tiers
                .iter()
                .zip(&budgets)
                .map(|(tier, budget)| {
                    let logits: Vec<f32> = members.iter().map(|&row| tier.logits[row]).collect();
                    let caught: f64 = logits
                        .iter()
                        .zip(&positive)
                        .filter(|(_, positive)| **positive)
                        .map(|(&logit, _)| budget.share(logit))
                        .sum();
                    TypologyTier {
                        tier: tier.tier.to_owned(),
                        average_precision: rounded(Ranking::new(&logits, &positive).average_precision()),
                        recall_at_half_percent: rounded(caught / frauds.max(1) as f64),
                    }
                })
                .collect();
            TypologyReport { typology: typology.name().to_owned(), frauds, tiers }
        })
        .collect()
}

/// Who is among the highest-scored [`ALERT_RATE`] of payments: everybody above the threshold, and of those on it the
/// share that fits.
struct Budget {
    threshold: f32,
    share_at_threshold: f64,
}

impl Budget {
    fn new(logits: &[f32], truth: &[bool]) -> Budget {
        let threshold = Ranking::new(logits, truth).at_alert_rate(ALERT_RATE).threshold;
        let above = logits.iter().filter(|&&logit| logit > threshold).count() as f64;
        let on = logits.iter().filter(|&&logit| logit == threshold).count() as f64;
        Budget {
            threshold,
            share_at_threshold: ((ALERT_RATE * logits.len() as f64 - above) / on.max(1.0)).clamp(0.0, 1.0),
        }
    }

    fn share(&self, logit: f32) -> f64 {
        match logit.total_cmp(&self.threshold) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => self.share_at_threshold,
            std::cmp::Ordering::Less => 0.0,
        }
    }
}

/// The decision of a probability as a rank, 0 approve to 3 decline, to compare two networks.
pub fn decision_rank(points: &OperatingPoints, probability: f32) -> usize {
    named(points).iter().filter(|(_, threshold)| probability >= *threshold).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::split::Window;
    use fraudnet_models::Calibration;
    use fraudnet_scoring::simulate::Oracle;

    fn settings() -> TierSettings {
        TierSettings {
            calibration: Calibration { knots: vec![(-10.0, -10.0), (10.0, 10.0)] },
            operating_points: OperatingPoints { challenge: 0.2, review: 0.5, decline: 0.9 },
        }
    }

    fn row(number: usize, hybrid: f32, truth: Option<bool>) -> Row {
        let typology = if number.is_multiple_of(2) { Typology::DeviceFarm } else { Typology::MuleNetwork };
        Row {
            window: Window::Test,
            history: 0,
            day: number as u32 / 20,
            age_ms: 0,
            oracle: truth.map(|fraud| Oracle { fraud, typology: fraud.then_some(typology) }),
            labelled_fraud: truth == Some(true) && number != 0,
            hybrid,
            rules: 0.0,
            logistic: 0.0,
        }
    }

    #[test]
    fn truth_and_labels_are_told_apart() {
        let rows: Vec<Row> =
            (0..400).map(|number| row(number, if number < 4 { 3.0 } else { -3.0 }, Some(number < 4))).collect();
        let settings = settings();
        let tier = Judged { tier: "hybrid", logits: rows.iter().map(|row| row.hybrid).collect(), settings: &settings };
        let report = judge(&rows, &[tier], Resampling { replicates: 20, seed: 1 }).unwrap();
        assert_eq!((report.test.frauds, report.test.labelled_frauds, report.test.days), (Some(4), 3, 20));
        assert_eq!(report.against_truth.as_ref().unwrap()[0].average_precision.value, 1.0);
        assert_eq!(report.against_labels[0].average_precision.value, 0.75);
        let points = &report.against_truth.as_ref().unwrap()[0].points;
        assert_eq!(
            (points[1].decision.as_str(), points[1].recall, points[1].precision, points[1].alert_rate),
            ("review", 1.0, 1.0, 0.01)
        );
        let farm = report.by_typology.iter().find(|report| report.typology == "device_farm").unwrap();
        assert_eq!((farm.frauds, farm.tiers[0].average_precision), (2, 1.0));
        assert_eq!(report.by_typology[0].frauds, 0);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    }

    #[test]
    fn without_truth_labels_alone_judge() {
        let rows: Vec<Row> = (0..100).map(|number| row(number, 0.0, (number < 50).then_some(false))).collect();
        let settings = settings();
        let tier = Judged { tier: "hybrid", logits: vec![0.0; 100], settings: &settings };
        let report = judge(&rows, &[tier], Resampling { replicates: 0, seed: 1 }).unwrap();
        assert!(report.against_truth.is_none() && report.by_typology.is_empty());
        assert!(judge(&[], &[], Resampling { replicates: 0, seed: 1 }).is_err());
    }

    #[test]
    fn ranks_follow_the_points() {
        let points = settings().operating_points;
        assert_eq!([0.1, 0.2, 0.6, 0.95].map(|p| decision_rank(&points, p)), [0, 1, 2, 3]);
    }
}
