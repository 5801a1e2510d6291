//! A whole backtest, small: a simulated history, its results and report on disk, and the controls.

use fraudnet_models::{Provider, RuntimeConfig};
use fraudnet_scoring::simulate::{SimulationConfig, simulate, write_history};
use fraudnet_training::backtest::folder::{Folder, RESULTS_FILE};
use fraudnet_training::backtest::guards::{Guard, guard};
use fraudnet_training::backtest::protocol::Protocol;
use fraudnet_training::backtest::results::Results;
use fraudnet_training::backtest::run::{BacktestRequest, backtest};
use fraudnet_training::data::source::Source;
use fraudnet_training::progress::Told;
use std::fs;
use std::path::PathBuf;

const PROTOCOL: &str = "
name = 'small'
[fit]
days = 16
validation_days = 5
network_share = 0.1
network_epochs = 1
[test]
after_days = 26
days = 7
delay_days = 3
remove_known_compromised = true
compromised_since_days = 10
";

fn world() -> SimulationConfig {
    SimulationConfig {
        days: 34,
        accounts: 200,
        payments_per_day: 150,
        fraud_share: 0.05,
        ..SimulationConfig::demo(1, 1_767_571_200_000)
    }
}

fn request(source: Source, protocol: &str) -> BacktestRequest {
    BacktestRequest {
        source,
        protocol: Protocol::parse(protocol).unwrap(),
        seeds: vec![1],
        guard: None,
        without_graph: false,
        runtime: RuntimeConfig {
            library: PathBuf::new(),
            providers: vec![Provider::Cpu],
            require_gpu: false,
            max_batch: 8,
            engine_cache: None,
        },
        threads: 2,
        told: Told::Quietly,
    }
}

/// A folder of its own for a test, empty at the start.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_small_backtest_gives_results_a_report_and_controls_beside_them() {
    let place = folder("small-backtest");
    let history = place.join("history.jsonl");
    let mut writer = std::io::BufWriter::new(fs::File::create(&history).unwrap());
    write_history(&mut writer, simulate(&world())).unwrap();
    std::io::Write::flush(&mut writer).unwrap();

    let plain = request(Source::native(history.clone()), PROTOCOL);
    let results = backtest(&plain).unwrap().results;
    let names: Vec<&str> = results.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["rules", "logistic-regression", "trees-v1", "trees-v2", "network", "hybrid"]);
    let period = &results.periods[0];
    assert!(period.test_frauds > 20 && period.removed_payments > 0 && period.fit_frauds > 20, "{period:?}");
    assert_eq!(
        (period.fit_from.as_str(), period.test_from.as_str()),
        ("2026-01-12T00:00:00.000Z", "2026-01-31T00:00:00.000Z")
    );
    let base = period.test_frauds as f64 / period.test_payments as f64;
    for model in &results.models {
        assert!(model.average_precision > 1.3 * base, "{}: {} at {base}", model.name, model.average_precision);
        assert!(model.card_precision_100 <= period.perfect_card_precision_100);
        assert_eq!((model.curves.daily.len(), model.runs.len(), model.spread.auc), (7, 1, 0.0));
        assert!(model.latency_us.mean > 0.0 && model.by_scenario.iter().all(|group| group.frauds > 0));
    }
    let total: u64 = results.models[0].by_scenario.iter().map(|group| group.frauds).sum();
    assert_eq!(total, period.test_frauds, "every simulated fraud has a typology");
    assert!(results.trials.iter().filter(|trial| trial.kept).count() == 1);

    // On disk: one JSON object with the promised keys, and the report.
    let out = Folder::open(&place.join("small")).unwrap();
    out.write_results(&results).unwrap();
    assert_eq!(out.results().unwrap().unwrap(), results);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(place.join("small").join(RESULTS_FILE)).unwrap()).unwrap();
    for key in ["name", "auc", "average_precision", "card_precision_100", "by_scenario"] {
        assert!(json["models"][5].get(key).is_some(), "{key}");
    }
    let report = fs::read_to_string(out.report()).unwrap();
    assert!(
        report.starts_with("<!DOCTYPE html>") && report.contains("hybrid") && !report.contains("shuffled-labels ✓")
    );

    // Labels shuffled: nothing is left to learn.
    let shuffled = guard(Guard::ShuffledLabels, &plain, Some(&results)).unwrap();
    assert!(shuffled.passed && shuffled.models[5].2.is_some(), "{shuffled:?}");
    out.write_guard(&shuffled).unwrap();
    assert!(fs::read_to_string(out.report()).unwrap().len() > report.len(), "the control joined the report");
    assert!(place.join("small").join("guard-shuffled-labels.json").exists());

    // Another protocol on the same history, beside it.
    let neighbour = Results { protocol: "other".to_owned(), ..results.clone() };
    Folder::open(&place.join("other")).unwrap().write_results(&neighbour).unwrap();
    out.write_results(&results).unwrap();
    assert!(fs::read_to_string(out.report()).unwrap().contains("other"));
}

#[test]
fn without_a_graph_and_with_edges_shuffled_the_models_still_run() {
    let plain = request(Source::Simulated(world()), PROTOCOL);
    for control in [Guard::NoGraph, Guard::ShuffledEdges] {
        let found = guard(control, &plain, None).unwrap();
        assert_eq!((found.guard.as_str(), found.passed, found.models.len()), (control.name(), false, 6));
        assert!(found.found.contains("no plain run"), "{}", found.found);
        assert!(found.models[5].1 > found.prevalence, "{found:?}");
    }
}

#[test]
fn what_cannot_be_tested_is_told() {
    let failure = |protocol: &str| match backtest(&request(Source::Simulated(world()), protocol)) {
        Ok(_) => panic!("{protocol} ran"),
        Err(error) => format!("{error:#}"),
    };
    let outside = failure(&PROTOCOL.replace("after_days = 26", "from = '2027-01-31'"));
    assert!(outside.contains("the history extends from 2026-01-05"), "{outside}");
    let immature = failure(
        &PROTOCOL.replace("validation_days = 5", "validation_days = 1").replace("delay_days = 3", "delay_days = 0"),
    );
    assert!(immature.contains("no payment is known to be fraud") || immature.contains("frauds"), "{immature}");
}
