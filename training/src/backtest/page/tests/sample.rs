//! A backtest as it may come out: six models, three seeds, seven days, every part of the page filled. Made up by
//! formulas, for the tests of the page alone; no figure of it was measured.

use crate::backtest::results::*;
use crate::metrics::Interval;

/// Name, columns, area under the curve, average precision, card precision, latency in µs, seconds to fit.
const MODELS: [(&str, u64, f64, f64, f64, f64, f64); 6] = [
    ("rules", 6, 0.672, 0.214, 0.171, 0.4, 0.2),
    ("logistic-regression", 118, 0.871, 0.612, 0.284, 1.1, 9.0),
    ("trees-v1", 118, 0.884, 0.671, 0.289, 38.0, 31.0),
    ("trees-v2", 201, 0.897, 0.733, 0.303, 44.0, 52.0),
    ("network", 201, 0.882, 0.694, 0.291, 236.0, 610.0),
    ("hybrid", 201, 0.901, 0.748, 0.306, 282.0, 688.0),
];
const SCENARIOS: [(&str, u64, f64); 3] =
    [("scenario 1", 20, 0.18), ("scenario 2", 281, 0.06), ("scenario 3", 84, -0.28)];

/// A wobble between -1 and 1, the same each time it is asked for.
fn wobble(at: usize) -> f64 {
    (at as f64 * 12.9898).sin()
}

fn curves(place: usize, precision: f64) -> Curves {
    let drop = |recall: f64| (1.0 - recall.powf(1.0 + 5.0 * precision)) * (0.35 + 0.65 * precision.sqrt()) + 0.006;
    let shares = |tilt: f64| -> Vec<f64> { (0..10).map(|bin| 0.1 + tilt * (bin as f64 - 4.5) / 100.0).collect() };
    Curves {
        precision_recall: (1..=200).map(|at| at as f64 / 200.0).map(|recall| (recall, drop(recall).min(1.0))).collect(),
        calibration: (0..20)
            .map(|bin| {
                let predicted = 0.0002 * 1.42f64.powi(bin) * if bin == 19 { 2.4 } else { 1.0 };
                let observed = predicted * (1.0 + 0.35 * wobble(bin as usize + 20 * place));
                (predicted, if bin < 5 && bin % 2 == 0 { 0.0 } else { observed })
            })
            .collect(),
        daily: (0..7)
            .map(|day| DayResult {
                date: format!("2018-08-{:02}", 8 + day),
                payments: 8300 + 40 * day as u64,
                frauds: 55 + (6.0 * wobble(day)).round() as u64,
                card_precision_100: 0.41 * precision.sqrt() * (1.0 - 0.04 * day as f64)
                    + 0.015 * wobble(day + 9 * place),
                perfect_card_precision_100: 0.46 - 0.02 * day as f64,
                interception: (precision - 0.04 + 0.09 * wobble(3 * day + place)).clamp(0.0, 1.0),
            })
            .collect(),
        score_drift: ScoreDrift {
            edges: (1..10).map(|edge| edge as f64 - 10.0).collect(),
            validation: shares(0.0),
            test: shares(0.4 * place as f64),
            psi: 0.004 + 0.025 * place as f64,
            ks: 0.01 + 0.01 * place as f64,
        },
    }
}

fn model(place: usize, periods: usize) -> ModelResult {
    let (name, features, auc, precision, cards, latency, update_s) = MODELS[place];
    let run = |period: usize, seed: u64| {
        let wobble = wobble(place + 7 * seed as usize + 31 * period) * if place < 2 { 0.0 } else { 1.0 };
        RunResult {
            period,
            seed,
            auc: auc + 0.003 * wobble,
            average_precision: precision + 0.006 * wobble,
            card_precision_100: cards + 0.002 * wobble,
            calibration_error: 0.0012 + 0.0001 * wobble,
            top_decile_ratio: Some(1.06 + 0.02 * wobble),
        }
    };
    let at = |rate: f64| {
        let recall = (precision * (rate / 0.005).powf(0.22)).min(0.97);
        let caught = recall * 0.0066 / rate;
        AlertResult {
            alert_rate: rate,
            precision: caught.min(1.0),
            recall,
            f1: 2.0 * recall * caught / (recall + caught),
            money_recall: (recall + 0.08).min(1.0),
            money_lost_per_day: 9300.0 * (1.0 - (recall + 0.08).min(1.0)),
            false_alerts_per_day: 8323.0 * rate * (1.0 - caught).max(0.0),
        }
    };
    ModelResult {
        name: name.to_owned(),
        features,
        auc,
        average_precision: precision,
        card_precision_100: cards,
        card_precision_at: [(50, 1.3), (200, 0.7)]
            .map(|(k, of)| CardResult { k, precision: of * cards, perfect: of * 0.397 })
            .to_vec(),
        spread: Spread { auc: 0.002, average_precision: 0.005, card_precision_100: 0.001 },
        average_precision_interval: Interval { value: precision, low: precision - 0.055, high: precision + 0.047 },
        by_scenario: SCENARIOS
            .iter()
            .map(|(scenario, frauds, lift)| GroupResult {
                scenario: (*scenario).to_owned(),
                frauds: *frauds,
                auc: (auc + lift / 2.0).min(0.999),
                average_precision: (precision + lift).clamp(0.02, 0.99),
                recall_at_half_percent: (precision + 1.3 * lift).clamp(0.03, 1.0),
            })
            .collect(),
        at_alert_rates: [0.001, 0.0025, 0.005, 0.01, 0.02].map(at).to_vec(),
        calibration_error: if place == 0 { 0.0071 } else { 0.0012 },
        top_decile_ratio: Some(if place == 0 { 1.41 } else { 1.06 }),
        daily_interception: precision - 0.04,
        latency_us: Latency { mean: latency, p99: 1.7 * latency },
        update_s,
        runs: (0..periods).flat_map(|period| [1, 2, 3].map(|seed| run(period, seed))).collect(),
        curves: curves(place, precision),
        importance: match place {
            2 | 3 | 5 => (0..24)
                .map(|at| (format!("merchant_fraud_rate_{}d_{at:02}", 1 + at), 0.16 * 0.83f64.powi(at)))
                .collect(),
            _ => vec![],
        },
    }
}

/// A plain run.
pub fn results() -> Results {
    Results {
        layout: 1,
        program: "0.1.0".to_owned(),
        history: HistoryFacts {
            name: "handbook_raw.parquet".to_owned(),
            sha256: "5e2f1c0a9b7d4e3f8a6c5b4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f".to_owned(),
            payments: 1_292_744,
            frauds: 10_512,
            groups: vec![("scenario 1".to_owned(), 731), ("scenario 2".to_owned(), 6_402), ("scenario 3".to_owned(), 3_379)],
            first: "2018-04-01T00:00:31Z".to_owned(),
            last: "2018-08-14T23:59:51Z".to_owned(),
            skipped_rows: 0,
        },
        protocol: "handbook-week".to_owned(),
        protocol_text: "Fitted on the seven days from 2018-07-25, tested on the seven from 2018-08-08; a label is known seven days after \
                        its payment; payments of accounts known to be compromised are removed from the test."
            .to_owned(),
        guard: None,
        seeds: vec![1, 2, 3],
        periods: vec![PeriodFacts {
            fit_from: "2018-07-25T00:00:00Z".to_owned(),
            fit_until: "2018-08-01T00:00:00Z".to_owned(),
            test_from: "2018-08-08T00:00:00Z".to_owned(),
            test_until: "2018-08-15T00:00:00Z".to_owned(),
            fit_payments: 67_240,
            fit_frauds: 598,
            test_payments: 58_264,
            test_frauds: 385,
            removed_payments: 8_732,
            perfect_card_precision_100: 0.397,
        }],
        models: (0..MODELS.len()).map(|place| model(place, 1)).collect(),
        trials: [1, 2, 3]
            .into_iter()
            .flat_map(|seed| {
                [("network alone", 0.701), ("blend of network and trees v2", 0.752), ("trees v3 on the embedding", 0.731)].map(
                    |(name, precision)| TrialFacts {
                        period: 0,
                        seed,
                        name: name.to_owned(),
                        average_precision: precision + 0.004 * wobble(seed as usize),
                        kept: precision > 0.75,
                    },
                )
            })
            .collect(),
        speed: SpeedFacts { applied_per_s: 342_118.0, observed_per_s: 19_204.0, total_s: 1_712.0 },
    }
}

/// The four guards, all of which behaved.
pub fn guards() -> Vec<GuardResult> {
    let guard = |name: &str, done: &str, expected: &str, found: &str| GuardResult {
        guard: name.to_owned(),
        done: done.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
        passed: true,
        prevalence: 0.0066,
        models: vec![],
        compared: 0,
        honest_differences: 0,
        planted_differences: 0,
    };
    let under =
        |drop: &dyn Fn(f64) -> f64| MODELS.map(|model| (model.0.to_owned(), drop(model.3), Some(model.3))).to_vec();
    vec![
        GuardResult {
            models: under(&|precision| precision * 0.72),
            ..guard(
                "shuffled-edges",
                "Within each day the merchants were dealt out anew among the payments: everyone keeps their number of payments, who meets whom is random.",
                "Models that read the graph lose what they have over the others.",
                "Hybrid falls from 0.748 to 0.539.",
            )
        },
        GuardResult {
            models: under(&|precision| 0.006 + precision / 500.0),
            ..guard(
                "shuffled-labels",
                "Which payments are fraud was drawn anew over the whole history, delays kept.",
                "Average precision within noise of the share of fraud, 0.0066.",
                "Every model within 3 standard deviations.",
            )
        },
        GuardResult {
            compared: 6_144,
            planted_differences: 2_871,
            ..guard(
                "future-peek",
                "Everything after 24 cuts was altered, then tensors made before the cut were compared.",
                "No tensor differs; with a leak planted, some do.",
                "None of 6,144 differs; the planted leak was caught in 2,871.",
            )
        },
        GuardResult {
            models: under(&|precision| precision * 0.81),
            ..guard(
                "no-graph",
                "Edges and the columns of other entities were taken away.",
                "Reported, whatever comes out.",
                "Trees v2 lose 0.139 of average precision.",
            )
        },
    ]
}

/// The same history under another protocol.
pub fn other() -> Results {
    let mut other = results();
    other.protocol = "handbook-history".to_owned();
    other.protocol_text = "The same test, fitted on the sixty days before the cut.".to_owned();
    for model in &mut other.models {
        model.average_precision += 0.012;
    }
    other
}
