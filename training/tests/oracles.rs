//! Our figures against those of River, scikit-learn, SciPy and NumPy, on seeded data. A Python without them skips the test, which is said
//! on standard error; with `FRAUDNET_REQUIRE_CLUSTER` or `CI` set (as `make test` does) it fails instead.

use fraudnet_scoring::drift::adwin::{Adwin, AdwinConfig};
use fraudnet_scoring::drift::auc::roc_auc;
use fraudnet_scoring::drift::estimate::estimate;
use fraudnet_scoring::drift::ks::{kolmogorov_smirnov, p_value};
use fraudnet_scoring::drift::psi::Bins;
use fraudnet_training::metrics::{Ranking, expected_calibration_error, reliability_curve};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const BINS: usize = 10;
const SCRIPT: &str = "tests/oracles/figures.py";

/// A Python that has what the script needs.
fn python() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.deps/python/bin/python");
    let python = std::env::var_os("FRAUDNET_PYTHON").map_or(own, PathBuf::from);
    let asked = Command::new(&python).args(["-c", "import numpy, scipy, sklearn, river"]).output();
    if asked.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let missing = format!("{} has no numpy, scipy, scikit-learn and river", python.display());
    let required = ["CI", "FRAUDNET_REQUIRE_CLUSTER"].into_iter().find(|name| std::env::var_os(name).is_some());
    if let Some(required) = required {
        panic!("{required} is set, but {missing}; run `make setup`");
    }
    // Not `eprintln!`: what a passing test prints that way is never shown.
    let line = format!("SKIPPED: oracles: {missing}; run `make setup` to have it run\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    None
}

fn ask(python: &Path, data: &Value) -> Value {
    let mut child = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(data.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script failed; its words are above");
    serde_json::from_slice(&output.stdout).unwrap()
}

struct Draws(ChaCha8Rng);

impl Draws {
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Calm, a step, several steps, a slope, hits and misses whose rate falls, numbers far beyond 1, and placements such as an AUC is made of.
fn streams(draws: &mut Draws) -> Vec<Vec<f64>> {
    let mut of = |length: usize, value: &mut dyn FnMut(usize, &mut Draws) -> f64| -> Vec<f64> {
        (0..length).map(|place| value(place, draws)).collect()
    };
    vec![
        of(6_000, &mut |_, draws| draws.unit()),
        of(4_000, &mut |place, draws| 0.3 * draws.unit() + if place < 2_000 { 0.2 } else { 0.5 }),
        of(6_000, &mut |place, draws| ((place / 900) % 3) as f64 * 0.2 + 0.3 * draws.normal()),
        of(5_000, &mut |place, draws| place as f64 / 10_000.0 + 0.1 * draws.normal()),
        of(5_000, &mut |place, draws| f64::from(u8::from(draws.unit() < if place < 2_500 { 0.9 } else { 0.7 }))),
        of(3_000, &mut |place, draws| 1e3 * draws.normal() + if place < 1_000 { 0.0 } else { 5e3 }),
        of(1_500, &mut |place, draws| {
            if place >= 900 && draws.unit() < 0.5 { draws.unit() } else { 1.0 - draws.unit().powi(6) }
        }),
    ]
}

fn close(ours: f64, theirs: &Value, within: f64, what: &str) {
    let theirs = theirs.as_f64().unwrap_or_else(|| panic!("{what}: {theirs}"));
    assert!((ours - theirs).abs() <= within, "{what}: {ours} is not {theirs}");
}

#[test]
fn figures_agree_with_river_and_scikit_learn() {
    let Some(python) = python() else { return };
    let mut draws = Draws(ChaCha8Rng::seed_from_u64(20_261_122));
    let streams = streams(&mut draws);
    let configs = [
        AdwinConfig::default(),
        AdwinConfig { clock: 1, ..AdwinConfig::default() },
        AdwinConfig { delta: 0.05, clock: 7, buckets: 3, shortest: 10, grace: 40 },
    ];
    let settings: Vec<Value> = configs
        .iter()
        .map(|config| {
            json!({"delta": config.delta, "clock": config.clock, "max_buckets": config.buckets,
                "min_window_length": config.shortest, "grace_period": config.grace})
        })
        .collect();

    // Scores with many ties, frauds higher on the whole; probabilities without ties.
    let rows = 4_000;
    let positive: Vec<bool> = (0..rows).map(|_| draws.unit() < 0.08).collect();
    let scores: Vec<f32> = positive
        .iter()
        .map(|&fraud| ((draws.normal() + if fraud { 1.5 } else { 0.0 }) * 8.0).round() as f32 / 8.0)
        .collect();
    let weights: Vec<f64> = positive.iter().map(|&fraud| if fraud { 1.0 } else { 1.0 + 20.0 * draws.unit() }).collect();
    let probabilities: Vec<f32> = (0..rows).map(|_| draws.unit().powi(5) as f32).collect();
    let thresholds = [-1.0f32, 0.0, 0.5, 1.25, 2.0, 9.0];
    let mut sample = |count: usize, shift: f64, step: f64| -> Vec<f32> {
        (0..count).map(|_| (((draws.normal() + shift) / step).round() * step) as f32).collect()
    };
    let samples = [
        (sample(5_000, 0.0, 1e-6), sample(1_000, 0.0, 1e-6)),
        (sample(5_000, 0.0, 1e-6), sample(777, 0.7, 1e-6)),
        (sample(3_000, 0.0, 0.5), sample(900, 0.3, 0.5)),
        (sample(800, 0.0, 2.0), sample(500, 1.0, 2.0)),
    ];
    let lambdas = [0.2, 0.5, 0.8, 0.999, 1.0, 1.3, 2.0, 3.5];

    let theirs = ask(
        &python,
        &json!({
            "streams": streams, "settings": settings, "scores": scores, "positive": positive, "weights": weights,
            "probabilities": probabilities, "thresholds": thresholds, "samples": samples, "lambdas": lambdas, "bins": BINS,
        }),
    );

    let mut detections = 0;
    for (number, stream) in streams.iter().enumerate() {
        for (setting, config) in configs.into_iter().enumerate() {
            let theirs = &theirs["adwin"][number][setting];
            let what = format!("ADWIN, stream {number}, settings {setting}");
            let (mut anew, mut detected, mut changed) = (Adwin::new(config), Vec::new(), false);
            let (mut window, mut changes) = (Adwin::new(config), Vec::new());
            for (place, &value) in stream.iter().enumerate() {
                if changed {
                    anew.reset();
                }
                changed = anew.add(value);
                if changed {
                    detected.push(place);
                }
                if window.add(value) {
                    changes.push(json!([place, window.width()]));
                }
            }
            assert_eq!(json!(detected), theirs["detected"], "{what}");
            // River counts in floating point.
            let told: Vec<Value> = theirs["changes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|change| json!([change[0], change[1].as_f64().unwrap() as u64]))
                .collect();
            assert_eq!(changes, told, "{what}");
            assert_eq!(window.width() as f64, theirs["width"].as_f64().unwrap(), "{what}");
            // As text: JSON numbers are read to the last bit but one.
            let mean: f64 = theirs["mean"].as_str().unwrap().parse().unwrap();
            assert_eq!(window.mean(), mean, "{what}: to the last bit");
            detections += detected.len();
        }
    }
    assert!(detections >= 20, "the streams hold changes: {detections}");

    let ranking = Ranking::new(&scores, &positive);
    let weighted = Ranking::weighted(&scores, &positive, &weights);
    let told = &theirs["ranking"];
    close(ranking.roc_auc(), &told["roc_auc"], 1e-12, "ROC AUC");
    close(weighted.roc_auc(), &told["weighted_roc_auc"], 1e-9, "weighted ROC AUC");
    close(ranking.average_precision(), &told["average_precision"], 1e-12, "average precision");
    close(weighted.average_precision(), &told["weighted_average_precision"], 1e-9, "weighted average precision");
    for (place, threshold) in thresholds.into_iter().enumerate() {
        let at = ranking.at_threshold(threshold);
        close(at.precision, &told["at"][place][0], 1e-12, "precision");
        close(at.recall, &told["at"][place][1], 1e-12, "recall");
    }
    let of = |fraud: bool| {
        let own = scores.iter().zip(&positive).filter(|(_, own)| **own == fraud);
        own.map(|(score, _)| *score).collect::<Vec<f32>>()
    };
    close(roc_auc(&of(true), &of(false)).unwrap(), &told["roc_auc"], 1e-12, "ROC AUC of the drift monitor");

    let mut curve = reliability_curve(&probabilities, &positive, BINS);
    curve.reverse();
    let told = &theirs["calibration"];
    let mut error = 0.0;
    for (bin, (predicted, observed)) in curve.into_iter().enumerate() {
        close(predicted, &told["predicted"][bin], 1e-9, "mean probability of a bin");
        close(observed, &told["observed"][bin], 1e-9, "share of frauds of a bin");
        let (predicted, observed) = (told["predicted"][bin].as_f64().unwrap(), told["observed"][bin].as_f64().unwrap());
        error += (predicted - observed).abs() / BINS as f64;
    }
    close(expected_calibration_error(&probabilities, &positive, BINS), &json!(error), 1e-9, "calibration error");

    for (number, (before, after)) in samples.into_iter().enumerate() {
        let sorted = |mut values: Vec<f32>| {
            values.sort_by(f32::total_cmp);
            values
        };
        let (before, after) = (sorted(before), sorted(after));
        close(kolmogorov_smirnov(&before, &after), &theirs["ks"][number], 1e-12, "KS");
        close(Bins::of_equals(&before, BINS).index(&after), &theirs["psi"][number], 1e-9, "stability index");
    }
    for (place, lambda) in lambdas.into_iter().enumerate() {
        close(p_value(lambda / 50f64.sqrt(), 100, 100), &theirs["p_values"][place], 1e-12, "KS p-value");
    }
    let told = estimate(probabilities.iter().map(|&probability| (probability, false)));
    close(told.auc, &theirs["estimated_auc"], 1e-9, "estimated AUC");
}
