//! What a backtest says: the one JSON object it prints, and what the report is drawn from. Aggregates only, no payment.

use crate::metrics::Interval;
use serde::{Deserialize, Serialize};

/// Everything a backtest found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Version of this layout; 1.
    pub layout: u32,
    /// Version of the program.
    pub program: String,
    /// The history.
    pub history: HistoryFacts,
    /// Name of the protocol, e.g. `handbook-week`.
    pub protocol: String,
    /// The protocol in words: windows, delay, what is removed.
    pub protocol_text: String,
    /// The control this run is (`shuffled-edges`, `shuffled-labels`, `no-graph`); none for the plain run.
    pub guard: Option<String>,
    /// Seeds of the fits.
    pub seeds: Vec<u64>,
    /// The periods tested, in order of time.
    pub periods: Vec<PeriodFacts>,
    /// The models, weakest generation first; every mean is over seeds and periods.
    pub models: Vec<ModelResult>,
    /// Which form of hybrid was kept, by the validation window of each run.
    pub trials: Vec<TrialFacts>,
    /// Speed of this machine on this history.
    pub speed: SpeedFacts,
}

/// The history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryFacts {
    /// File name, without its folder.
    pub name: String,
    /// Hex sha256 over the JSON form of every event read, a newline after each.
    pub sha256: String,
    /// Payments.
    pub payments: u64,
    /// Of them, fraud by truth.
    pub frauds: u64,
    /// Frauds by group (scenario, typology), in order of name.
    pub groups: Vec<(String, u64)>,
    /// Time of the first payment, RFC 3339.
    pub first: String,
    /// Time of the last payment.
    pub last: String,
    /// Rows left out with `--skip-bad-rows`.
    pub skipped_rows: u64,
}

/// One train/delay/test period. Times are RFC 3339, ends exclusive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeriodFacts {
    /// First moment of the fit window.
    pub fit_from: String,
    /// End of the fit window.
    pub fit_until: String,
    /// The cut: the test begins; only labels known before count for the fit.
    pub test_from: String,
    /// End of the test window.
    pub test_until: String,
    /// Payments of the fit window.
    pub fit_payments: u64,
    /// Of them, known to be fraud at the cut.
    pub fit_frauds: u64,
    /// Payments tested, after removal.
    pub test_payments: u64,
    /// Of them, fraud.
    pub test_frauds: u64,
    /// Payments of accounts known to be compromised, removed from the test.
    pub removed_payments: u64,
    /// Highest card precision any score could reach.
    pub perfect_card_precision_100: f64,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelResult {
    /// `rules`, `logistic-regression`, `trees-v1`, `trees-v2`, `network` or `hybrid`.
    pub name: String,
    /// Columns it reads (for a network: payment columns, its subgraph beside them).
    pub features: u64,
    /// Area under the ROC curve, mean.
    pub auc: f64,
    /// Average precision, mean.
    pub average_precision: f64,
    /// Card precision at 100 a day, mean.
    pub card_precision_100: f64,
    /// Card precision at other numbers of accounts a day, mean.
    pub card_precision_at: Vec<CardResult>,
    /// Standard deviation of the three over seeds and periods (0 with one run).
    pub spread: Spread,
    /// 95 % interval of average precision by resampling days, of the first run.
    pub average_precision_interval: Interval,
    /// By group of fraud, against all legitimate payments.
    pub by_scenario: Vec<GroupResult>,
    /// What alerting on the highest scores gives, at several alert rates.
    pub at_alert_rates: Vec<AlertResult>,
    /// Expected calibration error, 20 bins of equal mass, mean.
    pub calibration_error: f64,
    /// Mean predicted over observed share of fraud in the tenth with the highest probabilities, mean.
    pub top_decile_ratio: Option<f64>,
    /// Share of a day's frauds held at an alert rate of 0.5 % of that day's payments, mean over days.
    pub daily_interception: f64,
    /// Time to score one payment from its tensor, through the runtime, batch 1.
    pub latency_us: Latency,
    /// Time to fit a new version and export it, seconds, without the replay.
    pub update_s: f64,
    /// Every run, seeds within periods.
    pub runs: Vec<RunResult>,
    /// Curves of the first run, for the report.
    pub curves: Curves,
    /// Columns by importance, most important first (share of all gain); empty where the model has none.
    pub importance: Vec<(String, f64)>,
}

/// Card precision at one number of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CardResult {
    /// Accounts looked at a day.
    pub k: u32,
    /// Share of them that is compromised, mean.
    pub precision: f64,
    /// The highest any score could reach, mean.
    pub perfect: f64,
}

/// Standard deviations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Of the area under the ROC curve.
    pub auc: f64,
    /// Of average precision.
    pub average_precision: f64,
    /// Of card precision.
    pub card_precision_100: f64,
}

/// One group of frauds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupResult {
    /// Its name.
    pub scenario: String,
    /// Frauds of it in the first period's test.
    pub frauds: u64,
    /// Area under the ROC curve, mean.
    pub auc: f64,
    /// Average precision, mean.
    pub average_precision: f64,
    /// Share of them among the 0.5 % of payments with the highest scores, mean.
    pub recall_at_half_percent: f64,
}

/// Alerting on the share of payments with the highest scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlertResult {
    /// Share of payments alerted.
    pub alert_rate: f64,
    /// Share of the alerted that is fraud.
    pub precision: f64,
    /// Share of frauds alerted.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Share of the fraudulent amount alerted.
    pub money_recall: f64,
    /// Fraudulent amount missed, major units a day.
    pub money_lost_per_day: f64,
    /// Legitimate payments alerted, a day.
    pub false_alerts_per_day: f64,
}

/// Mean and tail of a latency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Mean.
    pub mean: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// One fit and test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Index of the period.
    pub period: usize,
    /// Seed of the fit.
    pub seed: u64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Average precision.
    pub average_precision: f64,
    /// Card precision at 100 a day.
    pub card_precision_100: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Top-decile ratio.
    pub top_decile_ratio: Option<f64>,
}

/// What the report draws.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Recall and precision, recall ascending; at most 200 points.
    pub precision_recall: Vec<(f64, f64)>,
    /// Mean predicted and observed share of fraud, by bins of equal mass of the probability (20).
    pub calibration: Vec<(f64, f64)>,
    /// By day of the test.
    pub daily: Vec<DayResult>,
    /// Shares of payments by tenth of calibrated log-odds, validation window then test window, the same bin edges.
    pub score_drift: ScoreDrift,
}

/// One test day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayResult {
    /// Date, `2018-08-08`.
    pub date: String,
    /// Payments.
    pub payments: u64,
    /// Frauds.
    pub frauds: u64,
    /// Card precision at 100.
    pub card_precision_100: f64,
    /// The highest any score could reach that day.
    pub perfect_card_precision_100: f64,
    /// Share of the day's frauds among its 0.5 % of payments with the highest scores.
    pub interception: f64,
}

/// How the scores of the test differ from those of the validation window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreDrift {
    /// Inner edges of the bins, log-odds.
    pub edges: Vec<f64>,
    /// Share of validation payments by bin.
    pub validation: Vec<f64>,
    /// Share of test payments by bin.
    pub test: Vec<f64>,
    /// Population stability index between the two.
    pub psi: f64,
    /// Kolmogorov–Smirnov statistic between the two.
    pub ks: f64,
}

/// One form of hybrid, tried on the validation window of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialFacts {
    /// Index of the period.
    pub period: usize,
    /// Seed.
    pub seed: u64,
    /// What was tried.
    pub name: String,
    /// Average precision on the validation window.
    pub average_precision: f64,
    /// Whether it was kept.
    pub kept: bool,
}

/// Speed of the replay on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpeedFacts {
    /// Payments a second, read and applied only, one core.
    pub applied_per_s: f64,
    /// Payments a second with their tensors assembled, one core.
    pub observed_per_s: f64,
    /// The whole run, seconds.
    pub total_s: f64,
}

/// What a guard run says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardResult {
    /// `shuffled-edges`, `shuffled-labels`, `no-graph` or `future-peek`.
    pub guard: String,
    /// One sentence: what was done to the history.
    pub done: String,
    /// One sentence: what must come out if nothing leaks.
    pub expected: String,
    /// One sentence: what came out.
    pub found: String,
    /// Whether it behaved.
    pub passed: bool,
    /// Share of fraud in the test.
    pub prevalence: f64,
    /// Average precision of each model under the guard and in the plain run (absent where that was not run).
    pub models: Vec<(String, f64, Option<f64>)>,
    /// Tensors compared bit for bit (`future-peek`).
    pub compared: u64,
    /// Of the honest ones, those that differed; must be 0.
    pub honest_differences: u64,
    /// Of those with the planted leak, those that differed; must be above 0.
    pub planted_differences: u64,
}
