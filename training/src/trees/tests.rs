//! Fitted trees against LightGBM's own predictions, against themselves, and against tables that cannot be fitted.

use super::boosting::{LOOK_EVERY, booster};
use super::{Table, TreeConfig, Trees, convert, grow, train};
use crate::metrics::Ranking;
use fraudnet_features::FeatureSet;
use fraudnet_models::onnx::trees::{TreeEnsemble, TreeNode};
use fraudnet_models::{Provider, RuntimeConfig, TreeSession};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::num::NonZeroUsize;
use std::path::PathBuf;

const COLUMNS: usize = 6;

struct Rows {
    values: Vec<f32>,
    positive: Vec<bool>,
    weights: Vec<f32>,
}

impl Rows {
    /// Fraud follows columns 0 and 1; 2 is noise with absent values, 3 steps of one quarter, 4 often zero, 5 constant.
    fn new(count: usize, seed: u64) -> Rows {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut unit = || (random.next_u32() >> 8) as f32 / (1 << 24) as f32;
        let mut rows = Rows { values: Vec::new(), positive: Vec::new(), weights: vec![1.0; count] };
        for _ in 0..count {
            let (a, b) = (unit() * 4.0 - 2.0, unit() * 100.0);
            let odds = 0.02 + if a > 0.7 { 0.3 } else { 0.0 } + if b < 15.0 { 0.25 } else { 0.0 };
            rows.positive.push(unit() < odds);
            let noise = if unit() < 0.2 { f32::NAN } else { unit() - 0.5 };
            let step = (unit() * 8.0).floor() / 4.0 - 1.0;
            let often_zero = if unit() < 0.6 { 0.0 } else { unit() * 1e-3 };
            rows.values.extend([if unit() < 0.1 { f32::NAN } else { a }, b, noise, step, often_zero, 3.0]);
        }
        rows
    }

    fn table(&self) -> Table<'_> {
        Table { columns: COLUMNS, values: &self.values, positive: &self.positive, weights: &self.weights }
    }
}

fn config() -> TreeConfig {
    TreeConfig { rounds: 60, patience: 0, least_rows: 10, ..TreeConfig::default() }
}

fn fitted(config: &TreeConfig, fit: &Rows, stop: Option<&Rows>) -> Trees {
    train(config, &fit.table(), stop.map(Rows::table).as_ref(), &mut |_| {}).unwrap()
}

#[test]
fn scores_as_lightgbm_itself_does() {
    let fit = Rows::new(4000, 1);
    let mut booster = booster(&config(), &fit.table(), None, None).unwrap();
    for _ in 0..60 {
        assert!(booster.update().unwrap());
    }
    let (ensemble, _) = convert::ensemble(&booster.text(NonZeroUsize::new(60).unwrap()).unwrap()).unwrap();
    // Other rows, absent values where the fit rows had none, zeros, extremes, and the thresholds themselves with the
    // numbers next to them.
    let mut values = Rows::new(2000, 2).values;
    for special in
        [f32::NAN, 0.0, -0.0, 1e-35, -1e-35, 1e-36, -1e-36, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY]
    {
        values.extend([special; COLUMNS]);
    }
    let splits = ensemble.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match node {
        TreeNode::Split { column, threshold, .. } => Some((*column as usize, *threshold)),
        TreeNode::Leaf { .. } => None,
    });
    for (column, threshold) in splits {
        for value in [threshold, threshold.next_up(), threshold.next_down(), f32::NAN] {
            let row = values.len() / COLUMNS % 2000 * COLUMNS;
            let mut row: [f32; COLUMNS] = values[row..row + COLUMNS].try_into().unwrap();
            row[column] = value;
            values.extend(row);
        }
    }
    let theirs = booster.raw_scores(&values, COLUMNS, 60);
    assert!(theirs.len() > 4000);
    let served = served(&ensemble, &values);
    for ((row, theirs), served) in values.chunks_exact(COLUMNS).zip(theirs).zip(served) {
        for ours in [ensemble.logit(row), served] {
            assert!((f64::from(ours) - theirs).abs() <= 1e-5, "{ours} is not {theirs} for {row:?}");
        }
    }
}

/// Logits by the exported file, whose session takes rows of a whole feature set.
fn served(ensemble: &TreeEnsemble, values: &[f32]) -> Vec<f32> {
    let set = FeatureSet::V1;
    let onnx = TreeEnsemble { columns: set.width(), ..ensemble.clone() }.to_onnx("trees");
    let runtime = RuntimeConfig {
        library: PathBuf::new(),
        providers: vec![Provider::Cpu],
        require_gpu: false,
        max_batch: 8,
        engine_cache: None,
    };
    let padding = vec![0.0; set.width() - COLUMNS];
    let rows: Vec<f32> = values.chunks_exact(COLUMNS).flat_map(|row| row.iter().chain(&padding).copied()).collect();
    TreeSession::from_bytes(&onnx, set, &runtime).unwrap().run(&rows).unwrap()
}

#[test]
fn gives_the_same_bits_every_time_and_others_for_another_seed() {
    let (fit, stop) = (Rows::new(3000, 3), Rows::new(1500, 4));
    let config = TreeConfig { patience: 20, ..config() };
    let first = fitted(&config, &fit, Some(&stop));
    assert_eq!(first, fitted(&config, &fit, Some(&stop)));
    assert_ne!(first.ensemble, fitted(&TreeConfig { seed: 2, ..config }, &fit, Some(&stop)).ensemble);
}

#[test]
fn keeps_the_rounds_that_rank_the_stop_rows_best() {
    let (fit, stop) = (Rows::new(3000, 5), Rows::new(1500, 6));
    // Hasty on purpose, so that more rounds soon rank worse.
    let config = TreeConfig { rounds: 400, learning_rate: 0.3, patience: 30, ..config() };
    let mut told = Vec::new();
    let trees = train(&config, &fit.table(), Some(&stop.table()), &mut |round| told.push(round)).unwrap();
    let done = told.len();
    assert_eq!(told, (1..=done).collect::<Vec<_>>());
    assert!(
        done < 400 && done - trees.rounds == 30 && trees.rounds.is_multiple_of(LOOK_EVERY),
        "{} of {done}",
        trees.rounds
    );
    assert_eq!(trees.ensemble.trees.len(), trees.rounds);

    let average_precision = |trees: &Trees| {
        let logits: Vec<f32> = stop.values.chunks_exact(COLUMNS).map(|row| trees.ensemble.logit(row)).collect();
        Ranking::new(&logits, &stop.positive).average_precision()
    };
    let told = trees.stop_average_precision.unwrap();
    assert!((average_precision(&trees) - told).abs() < 1e-9, "{} is not {told}", average_precision(&trees));

    // Fixed rounds give the same trees, and ten rounds earlier or later are no better.
    let fixed = |rounds| fitted(&TreeConfig { rounds, patience: 0, ..config.clone() }, &fit, None);
    assert_eq!(fixed(trees.rounds).ensemble, trees.ensemble);
    assert_eq!(fixed(trees.rounds).stop_average_precision, None);
    assert!(average_precision(&fixed(trees.rounds + 10)) <= told);
    assert!(trees.rounds <= 10 || average_precision(&fixed(trees.rounds - 10)) < told);
}

#[test]
fn no_patience_keeps_every_round() {
    let (fit, stop) = (Rows::new(2000, 7), Rows::new(800, 8));
    let config = TreeConfig { rounds: 33, learning_rate: 0.5, ..config() };
    let trees = fitted(&config, &fit, Some(&stop));
    assert_eq!(trees.rounds, 33);
    assert!(trees.stop_average_precision.is_some());
}

#[test]
fn weights_bring_logits_back_to_the_prevalence_before_sampling() {
    let all = Rows::new(20_000, 9);
    let mut sample = Rows { values: Vec::new(), positive: Vec::new(), weights: Vec::new() };
    for (index, (row, &positive)) in all.values.chunks_exact(COLUMNS).zip(&all.positive).enumerate() {
        if positive || index % 5 == 0 {
            sample.values.extend(row);
            sample.positive.push(positive);
            sample.weights.push(if positive { 1.0 } else { 5.0 });
        }
    }
    let trees = fitted(&config(), &sample, None);
    let sum: f64 =
        (all.values.chunks_exact(COLUMNS)).map(|row| 1.0 / (1.0 + f64::from(-trees.ensemble.logit(row)).exp())).sum();
    let frauds = all.positive.iter().filter(|positive| **positive).count() as f64;
    assert!((sum / frauds - 1.0).abs() < 0.05, "{sum} expected, {frauds} came");
}

#[test]
fn gain_lies_where_fraud_comes_from() {
    let trees = fitted(&config(), &Rows::new(4000, 10), None);
    assert_eq!(trees.gain.len(), COLUMNS);
    let least = trees.gain[0].min(trees.gain[1]);
    assert!(trees.gain[2..].iter().all(|gain| 3.0 * gain < least), "{:?}", trees.gain);
    assert_eq!(trees.gain[5], 0.0);
}

#[test]
fn columns_that_say_nothing_leave_the_prevalence() {
    let mut fit = Rows::new(1000, 11);
    fit.values.fill(1.0);
    for stop in [None, Some(&fit)] {
        let trees = fitted(&TreeConfig { patience: 10, ..config() }, &fit, stop);
        let frauds = fit.positive.iter().filter(|positive| **positive).count() as f64;
        let expected = (frauds / (1000.0 - frauds)).ln();
        assert_eq!(trees.rounds, 1);
        assert!((f64::from(trees.ensemble.logit(&[1.0; COLUMNS])) - expected).abs() < 1e-5);
    }
}

#[test]
fn trees_grown_further_keep_what_was_known_and_learn_what_is_new() {
    let average_precision = |ensemble: &TreeEnsemble, rows: &Rows| {
        let logits: Vec<f32> = rows.values.chunks_exact(COLUMNS).map(|row| ensemble.logit(row)).collect();
        Ranking::new(&logits, &rows.positive).average_precision()
    };
    let config = TreeConfig { patience: 20, ..config() };
    let (old, old_later) = (Rows::new(4000, 20), Rows::new(4000, 21));
    let start = fitted(&config, &old, None).ensemble;

    // From now on whatever is steep in column 3 is fraud as well.
    let newer = |count: usize, seed: u64| {
        let mut rows = Rows::new(count, seed);
        for (row, positive) in rows.values.chunks_exact(COLUMNS).zip(&mut rows.positive) {
            *positive |= row[3] > 0.6;
        }
        rows
    };
    let (fit, stop, later) = (newer(600, 22), newer(600, 23), newer(4000, 24));
    let grown = grow(&config, &start, &fit.table(), Some(&stop.table()), &mut |_| {}).unwrap();
    assert!(grown.rounds > 0 && grown.ensemble.trees.len() == start.trees.len() + grown.rounds);
    assert_eq!(grown.ensemble.trees[..start.trees.len()], start.trees);
    let told = grown.stop_average_precision.unwrap();
    assert!((average_precision(&grown.ensemble, &stop) - told).abs() < 1e-9, "what it is served as is what was judged");
    let (before, after) = (average_precision(&start, &later), average_precision(&grown.ensemble, &later));
    assert!(after > before + 0.1, "{before} to {after}");
    // Three tenths of the columns' span are fraud now where they were not; on the rest the order stays.
    let anew = fitted(&config, &fit, Some(&stop)).ensemble;
    assert!(after > average_precision(&anew, &later) - 0.01);
    let sum: f64 =
        (fit.values.chunks_exact(COLUMNS)).map(|row| 1.0 / (1.0 + f64::from(-grown.ensemble.logit(row)).exp())).sum();
    let frauds = fit.positive.iter().filter(|positive| **positive).count() as f64;
    assert!((sum / frauds - 1.0).abs() < 0.1, "{sum} expected, {frauds} came");

    // Rows of the old kind, ranked by chance as far as the start goes: nothing to add is a result, too.
    let noise = Rows { positive: (0..600).map(|row| row % 7 == 0).collect(), ..Rows::new(600, 25) };
    let unchanged = grow(&config, &start, &noise.table(), Some(&old_later.table()), &mut |_| {}).unwrap();
    assert!(average_precision(&unchanged.ensemble, &old_later) >= average_precision(&start, &old_later));
    let wrong = TreeEnsemble { columns: 5, ..start };
    let error = grow(&config, &wrong, &fit.table(), None, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("read 5 columns and the fit rows have 6"), "{error}");
}

#[test]
fn says_why_it_cannot_fit() {
    let good = Rows::new(100, 12);
    let refused = |fit: Table, stop: Option<Table>, config: TreeConfig| {
        let error = train(&config, &fit, stop.as_ref(), &mut |_| {}).unwrap_err();
        format!("{error:#}")
    };
    let table = good.table();
    let expect = |found: String, words: &str| assert!(found.contains(words), "{found}");
    let fit = |fit: Table, words: &str| expect(refused(fit, None, config()), words);
    fit(Table { values: &[], positive: &[], weights: &[], ..table }, "no fit rows");
    fit(Table { columns: 0, values: &[], ..table }, "no columns");
    fit(Table { columns: 5, ..table }, "100 fit rows of 5 columns cannot hold 600 values");
    fit(Table { weights: &good.weights[1..], ..table }, "99 weights");
    fit(Table { positive: &[false; 100], ..table }, "none of the 100 fit rows is fraud");
    fit(Table { positive: &[true; 100], ..table }, "all of the 100 fit rows are fraud");
    for wrong in [f32::NAN, f32::INFINITY, 0.0, -1.0] {
        let mut weights = good.weights.clone();
        weights[7] = wrong;
        fit(Table { weights: &weights, ..table }, "weight of fit row 7");
    }
    let mut values = good.values.clone();
    values[2 * COLUMNS + 3] = f32::INFINITY;
    fit(Table { values: &values, ..table }, "column 3 of fit row 2 is inf");

    let stop = |stop: Table, words: &str| expect(refused(table, Some(stop), config()), words);
    stop(Table { positive: &[false; 100], ..table }, "none of the 100 stop rows is fraud");
    let narrow = [0.0; 100];
    stop(Table { columns: 1, values: &narrow, ..table }, "6 columns and the stop rows 1");

    for (wrong, words) in [
        (TreeConfig { rounds: 0, ..config() }, "rounds"),
        (TreeConfig { leaves: 1, ..config() }, "leaves"),
        (TreeConfig { least_rows: 0, ..config() }, "least_rows"),
        (TreeConfig { learning_rate: 0.0, ..config() }, "learning_rate"),
        (TreeConfig { feature_share: 1.5, ..config() }, "feature_share"),
        (TreeConfig { row_share: f64::NAN, ..config() }, "row_share"),
        (TreeConfig { l2: f64::INFINITY, ..config() }, "l2"),
        (TreeConfig { seed: u64::MAX, ..config() }, "seed"),
    ] {
        expect(refused(table, None, wrong), words);
    }
}
