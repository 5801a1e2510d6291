//! One model on one test: every figure, from its raw logits and its calibration.

use super::period::{Period, date};
use super::results::{AlertResult, CardResult, Curves, DayResult, GroupResult, ScoreDrift};
use super::tested::Tested;
use crate::metrics::{
    Alerts, Interval, Ranking, block_bootstrap, card_precision, daily_interception, drift, expected_calibration_error,
    money, reliability_curve, rounded, top_decile_ratio,
};
use fraudnet_models::Calibration;

/// Alert rate of recalls told alone: what analysts have time for.
pub const ALERT_RATE: f64 = 0.005;
/// Accounts a day of the card precision told alone.
pub const CARDS: u32 = 100;
/// Bins of the calibration error and curve.
const BINS: usize = 20;
/// Bins of the score drift.
const DRIFT_BINS: usize = 10;
/// Most points of a precision–recall curve.
const CURVE_POINTS: usize = 200;
/// Replicates of whole days behind an interval.
const REPLICATES: usize = 500;

/// What to judge by.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// The payments.
    pub tested: &'a Tested,
    /// Where they lie in time.
    pub period: Period,
    /// Accounts looked at a day.
    pub card_k: &'a [u32],
    /// Shares of payments alerted.
    pub alert_rates: &'a [f64],
}

/// One model's answers.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// Raw logits, in the order of the payments.
    pub logits: &'a [f32],
    /// From logits to probabilities.
    pub calibration: &'a Calibration,
    /// Raw logits of the validation payments by the model of the first stage.
    pub validation: &'a [f32],
    /// Payments each of them stands for.
    pub validation_weights: &'a [f64],
}

/// The figures of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Area under the ROC curve.
    pub auc: f64,
    /// Average precision.
    pub average_precision: f64,
    /// Card precision at each number of accounts.
    pub cards: Vec<CardResult>,
    /// By group of fraud.
    pub groups: Vec<GroupResult>,
    /// By alert rate.
    pub alerts: Vec<AlertResult>,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Top-decile ratio.
    pub top_decile_ratio: Option<f64>,
    /// Share of a day's frauds held, mean over days that have any.
    pub daily_interception: f64,
}

impl Judgement {
    /// Card precision at [`CARDS`].
    pub fn card_precision(&self) -> CardResult {
        *self.cards.iter().find(|card| card.k == CARDS).expect("a protocol always looks at 100 accounts")
    }
}

impl Bench<'_> {
    /// All figures of one model.
    pub fn judge(&self, answers: &Answers<'_>) -> Judgement {
        let Bench { tested, .. } = self;
        let ranking = Ranking::new(answers.logits, &tested.fraud);
        let probabilities: Vec<f32> =
            answers.logits.iter().map(|&logit| answers.calibration.probability(logit)).collect();
        let days = daily_interception(&tested.days, tested.day_count, answers.logits, &tested.fraud, ALERT_RATE);
        Judgement {
            auc: ranking.roc_auc(),
            average_precision: ranking.average_precision(),
            cards: self.card_k.iter().map(|&k| self.cards(answers.logits, k)).collect(),
            groups: self.groups(answers.logits),
            alerts: self.alert_rates.iter().map(|&rate| self.alerts(&ranking, answers.logits, rate)).collect(),
            calibration_error: expected_calibration_error(&probabilities, &tested.fraud, BINS),
            top_decile_ratio: top_decile_ratio(&probabilities, &tested.fraud),
            daily_interception: mean(days.into_iter().flatten()),
        }
    }

    /// The highest card precision at [`CARDS`] any score could reach.
    pub fn perfect_card_precision(&self) -> f64 {
        self.card_precision(&self.perfect(), CARDS).mean
    }

    /// 95 % interval of average precision, whole days resampled.
    pub fn interval(&self, logits: &[f32], seed: u64) -> Interval {
        let ranking = Ranking::new(logits, &self.tested.fraud);
        block_bootstrap(&self.tested.days, REPLICATES, seed, |times| ranking.average_precision_with(times))
    }

    /// What the report draws.
    pub fn curves(&self, answers: &Answers<'_>) -> Curves {
        let Bench { tested, .. } = self;
        let probabilities: Vec<f32> =
            answers.logits.iter().map(|&logit| answers.calibration.probability(logit)).collect();
        let pairs = |pairs: Vec<(f64, f64)>| pairs.into_iter().map(|(x, y)| (rounded(x), rounded(y))).collect();
        let log_odds =
            |logits: &[f32]| logits.iter().map(|&logit| answers.calibration.log_odds(logit)).collect::<Vec<f32>>();
        let moved =
            drift(&log_odds(answers.validation), answers.validation_weights, &log_odds(answers.logits), DRIFT_BINS);
        let all = |values: Vec<f64>| values.into_iter().map(rounded).collect();
        Curves {
            precision_recall: pairs(Ranking::new(answers.logits, &tested.fraud).precision_recall(CURVE_POINTS)),
            calibration: pairs(reliability_curve(&probabilities, &tested.fraud, BINS)),
            daily: self.daily(answers.logits),
            score_drift: ScoreDrift {
                edges: all(moved.edges),
                validation: all(moved.before),
                test: all(moved.after),
                psi: rounded(moved.psi),
                ks: rounded(moved.ks),
            },
        }
    }

    fn cards(&self, logits: &[f32], k: u32) -> CardResult {
        let of = |scores: &[f32]| self.card_precision(scores, k).mean;
        CardResult { k, precision: of(logits), perfect: of(&self.perfect()) }
    }

    fn card_precision(&self, scores: &[f32], k: u32) -> crate::metrics::CardPrecision {
        let Bench { tested, .. } = self;
        card_precision(&tested.days, tested.day_count, &tested.accounts, scores, &tested.fraud, k)
    }

    /// A score that knows the truth.
    fn perfect(&self) -> Vec<f32> {
        self.tested.fraud.iter().map(|&fraud| if fraud { 1.0 } else { 0.0 }).collect()
    }

    fn groups(&self, logits: &[f32]) -> Vec<GroupResult> {
        let Bench { tested, .. } = self;
        let alerts = Alerts::at_rate(logits, ALERT_RATE);
        tested
            .groups
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let of_group = |row: &usize| tested.group[*row] == Some(number as u16);
                let members: Vec<usize> =
                    (0..tested.len()).filter(|row| !tested.fraud[*row] || of_group(row)).collect();
                let positive: Vec<bool> = members.iter().map(|&row| tested.fraud[row]).collect();
                let scores: Vec<f32> = members.iter().map(|&row| logits[row]).collect();
                let ranking = Ranking::new(&scores, &positive);
                GroupResult {
                    scenario: name.clone(),
                    frauds: positive.iter().filter(|&&positive| positive).count() as u64,
                    auc: ranking.roc_auc(),
                    average_precision: ranking.average_precision(),
                    recall_at_half_percent: alerts.recall(&scores, &positive).unwrap_or(0.0),
                }
            })
            .collect()
    }

    fn alerts(&self, ranking: &Ranking, logits: &[f32], rate: f64) -> AlertResult {
        let Bench { tested, .. } = self;
        let at = ranking.at_alert_rate(rate);
        let saved = money(&Alerts::at_rate(logits, rate), logits, &tested.fraud, &tested.amounts);
        let days = tested.day_count.max(1) as f64;
        AlertResult {
            alert_rate: rate,
            precision: at.precision,
            recall: at.recall,
            f1: at.f1,
            money_recall: saved.recall,
            money_lost_per_day: saved.lost / days,
            false_alerts_per_day: (1.0 - at.precision) * at.alert_rate * tested.len() as f64 / days,
        }
    }

    fn daily(&self, logits: &[f32]) -> Vec<DayResult> {
        let Bench { tested, period, .. } = self;
        let precision = self.card_precision(logits, CARDS).by_day;
        let perfect = self.card_precision(&self.perfect(), CARDS).by_day;
        let held = daily_interception(&tested.days, tested.day_count, logits, &tested.fraud, ALERT_RATE);
        (0..tested.day_count)
            .map(|day| {
                let of_day = || (0..tested.len()).filter(|&row| tested.days[row] as usize == day);
                DayResult {
                    date: date(period.day_ms(day as i64)),
                    payments: of_day().count() as u64,
                    frauds: of_day().filter(|&row| tested.fraud[row]).count() as u64,
                    card_precision_100: rounded(precision[day].unwrap_or(0.0)),
                    perfect_card_precision_100: rounded(perfect[day].unwrap_or(0.0)),
                    interception: rounded(held[day].unwrap_or(0.0)),
                }
            })
            .collect()
    }
}

/// Mean; zero of nothing.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::split::DAY_MS;

    /// Two days of 500 payments, one account each; frauds of two groups, the first easy, the second hidden.
    fn tested() -> (Tested, Vec<f32>) {
        let rows = 1_000;
        let fraud: Vec<bool> = (0..rows).map(|row| row % 100 == 0).collect();
        let group = (0..rows).map(|row| fraud[row].then_some(u16::from(row % 200 == 0))).collect();
        let scores =
            (0..rows).map(|row| if row % 200 == 100 { 5.0 + row as f32 } else { (row % 97) as f32 / 97.0 }).collect();
        let tested = Tested {
            days: (0..rows as u32).map(|row| row / 500).collect(),
            day_count: 2,
            accounts: (0..rows as u32).collect(),
            amounts: (0..rows).map(|row| if row % 200 == 100 { 300.0 } else { 100.0 }).collect(),
            fraud,
            group,
            groups: vec!["easy".to_owned(), "hidden".to_owned()],
            removed: 0,
        };
        (tested, scores)
    }

    #[test]
    fn figures_of_a_model_that_knows_half() {
        let (tested, logits) = tested();
        let period = Period { fit_ms: 0, validation_ms: 0, fit_end_ms: 0, test_ms: 0, end_ms: 2 * DAY_MS };
        let bench = Bench { tested: &tested, period, card_k: &[5, 100], alert_rates: &[0.005] };
        let calibration = Calibration { knots: vec![(-10.0, -10.0), (10.0, 10.0)] };
        let answers = Answers {
            logits: &logits,
            calibration: &calibration,
            validation: &logits,
            validation_weights: &[1.0; 1_000],
        };
        let judged = bench.judge(&answers);
        let alert = judged.alerts[0];
        assert_eq!((alert.precision, alert.recall, alert.false_alerts_per_day), (1.0, 0.5, 0.0));
        assert!((alert.money_recall - 0.75).abs() < 1e-9 && (alert.money_lost_per_day - 250.0).abs() < 1e-9);
        assert_eq!((judged.groups[0].scenario.as_str(), judged.groups[0].frauds), ("easy", 5));
        assert_eq!((judged.groups[0].average_precision, judged.groups[0].recall_at_half_percent), (1.0, 1.0));
        assert!(judged.groups[1].average_precision < 0.2 && judged.groups[1].recall_at_half_percent == 0.0);
        // Days 0 and 1 hold 2 and 3 of the easy ones, of 5 frauds each.
        assert_eq!(judged.cards[0], CardResult { k: 5, precision: 0.5, perfect: 1.0 });
        assert_eq!(judged.card_precision().perfect, 0.05);
        let curves = bench.curves(&answers);
        assert_eq!(curves.daily.len(), 2);
        assert_eq!(
            (curves.daily[1].frauds, curves.daily[1].payments, curves.daily[1].date.as_str()),
            (5, 500, "1970-01-02")
        );
        assert!(curves.score_drift.psi < 1e-9 && curves.precision_recall.last().unwrap().0 == 1.0);
        let interval = bench.interval(&logits, 1);
        assert!((interval.value - judged.average_precision).abs() < 1e-6 && interval.low <= interval.high);
    }
}
