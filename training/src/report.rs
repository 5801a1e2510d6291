//! The numbers a model is judged by, in the one form that goes into the manifest, the model card and the terminal.

use crate::ablate::Ablation;
use crate::contender::Contender;
use crate::metrics::{
    Alerts, Interval, Ranking, block_bootstrap, expected_calibration_error, rounded, top_decile_ratio,
};
use crate::score::Row;
use crate::versus::{self, Versus};
use anyhow::{Result, ensure};
use fraudnet_models::{OperatingPoints, TierSettings};
use serde::{Deserialize, Serialize};

/// Alert rate at which recall is told: what analysts have time for.
pub const ALERT_RATE: f64 = 0.005;
/// Bins of the calibration error.
const BINS: usize = 20;
/// Largest calibration error a model is released with.
pub const CALIBRATION_ERROR_GOAL: f64 = 0.005;
/// Top-decile ratios a model is released with.
pub const TOP_DECILE_GOAL: std::ops::RangeInclusive<f64> = 0.8..=1.25;

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
    /// Hybrid against the trees with every graph column, by truth; absent where not both were judged.
    pub versus: Option<Versus>,
    /// What parts of the neighbourhood are worth to the hybrid.
    pub ablations: Option<AblationReport>,
    /// How close fp16 is to fp32; absent where the hybrid's trees read the embedding, since its network then always runs in
    /// fp32.
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
    /// Name of the [`Contender`].
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

/// Largest differences between a hybrid with the fp16 file of its network and with the fp32 file.
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
}

impl TierReport {
    /// Whether the calibration error is small enough for a release.
    pub fn calibration_is_close(&self) -> bool {
        self.calibration_error <= CALIBRATION_ERROR_GOAL
    }

    /// Whether the top decile is told well enough for a release.
    pub fn top_decile_is_close(&self) -> bool {
        self.top_decile_ratio.is_some_and(|ratio| TOP_DECILE_GOAL.contains(&ratio))
    }
}

/// A contender as it is to be judged.
pub struct Judged<'a> {
    /// Which.
    pub contender: Contender,
    /// Its calibration and points.
    pub settings: &'a TierSettings,
}

impl Judged<'_> {
    fn logits(&self, rows: &[Row]) -> Vec<f32> {
        rows.iter().map(|row| row.logit(self.contender)).collect()
    }
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
    let truth: Option<Vec<bool>> = rows.iter().map(|row| row.truth.as_ref().map(|truth| truth.fraud)).collect();
    let all = |positive: &[bool]| {
        tiers.iter().map(|tier| tier_report(tier, rows, positive, &blocks, resampling)).collect::<Vec<_>>()
    };
    let judged = |contender: Contender| tiers.iter().any(|tier| tier.contender == contender);
    let both = judged(Contender::TreesV2) && judged(Contender::Hybrid);
    let versus = truth
        .as_deref()
        .filter(|_| both)
        .map(|truth| versus::compare(rows, truth, &blocks, ALERT_RATE, resampling.replicates, resampling.seed));
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
        versus,
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

fn tier_report(
    tier: &Judged<'_>,
    rows: &[Row],
    positive: &[bool],
    blocks: &[u32],
    resampling: Resampling,
) -> TierReport {
    let logits = tier.logits(rows);
    let ranking = Ranking::new(&logits, positive);
    let probabilities: Vec<f32> = logits.iter().map(|&logit| tier.settings.calibration.probability(logit)).collect();
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
        tier: tier.contender.name().to_owned(),
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
    let scored: Vec<(&Judged<'_>, Vec<f32>)> = tiers.iter().map(|tier| (tier, tier.logits(rows))).collect();
    let alerts: Vec<Alerts> = scored.iter().map(|(_, logits)| Alerts::at_rate(logits, ALERT_RATE)).collect();
    let group = |group: String| {
        let members = versus::members(rows, truth, &group);
        let positive: Vec<bool> = members.iter().map(|&row| truth[row]).collect();
        let tiers = scored.iter().zip(&alerts).map(|((tier, logits), alerts)| {
            let logits: Vec<f32> = members.iter().map(|&row| logits[row]).collect();
            TypologyTier {
                tier: tier.contender.name().to_owned(),
                average_precision: rounded(Ranking::new(&logits, &positive).average_precision()),
                recall_at_half_percent: rounded(alerts.recall(&logits, &positive).unwrap_or(0.0)),
            }
        });
        TypologyReport { frauds: count(&positive), tiers: tiers.collect(), typology: group }
    };
    versus::groups(rows).into_iter().map(group).collect()
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
    use fraudnet_scoring::history::Truth;
    use fraudnet_scoring::simulate::Typology;

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
            at_ms: 0,
            age_ms: 0,
            account: number as u32,
            amount: 10.0,
            truth: truth.map(|fraud| Truth { fraud, group: fraud.then(|| typology.name().into()) }),
            labelled_fraud: truth == Some(true) && number != 0,
            logits: [0.0, 0.0, 0.0, 0.0, 0.0, hybrid],
        }
    }

    #[test]
    fn truth_and_labels_are_told_apart() {
        let rows: Vec<Row> =
            (0..400).map(|number| row(number, if number < 4 { 3.0 } else { -3.0 }, Some(number < 4))).collect();
        let settings = settings();
        let tier = Judged { contender: Contender::Hybrid, settings: &settings };
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
        assert_eq!(report.by_typology.len(), 2, "typologies that are not there are not told of");
        assert!(report.versus.is_none(), "the trees were not judged");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    }

    #[test]
    fn without_truth_labels_alone_judge() {
        let rows: Vec<Row> = (0..100).map(|number| row(number, 0.0, (number < 50).then_some(false))).collect();
        let settings = settings();
        let tier = Judged { contender: Contender::Hybrid, settings: &settings };
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
