//! A whole fit, small: from a simulated history to an artifact that loads, verifies and can be evaluated.

use fraudnet_models::{Artifact, NetworkSession, Precision, Provider, RuntimeConfig};
use fraudnet_scoring::simulate::{SimulationConfig, simulate, write_history};
use fraudnet_training::data::source::Source;
use fraudnet_training::data::split::SplitSettings;
use fraudnet_training::evaluate::{EvaluateRequest, evaluate};
use fraudnet_training::fit::{ARTIFACT_LIMIT_BYTES, FitRequest, fit};
use fraudnet_training::network::TrainConfig;
use fraudnet_training::points::PointGoals;
use fraudnet_training::progress::Told;
use fraudnet_training::report::Report;
use std::fs;
use std::path::PathBuf;

fn world() -> SimulationConfig {
    SimulationConfig {
        days: 40,
        accounts: 400,
        payments_per_day: 400,
        fraud_share: 0.04,
        label_tail: true,
        ..SimulationConfig::demo(1, 1_767_571_200_000)
    }
}

fn runtime() -> RuntimeConfig {
    RuntimeConfig {
        library: PathBuf::new(),
        providers: vec![Provider::Cpu],
        require_gpu: false,
        max_batch: 8,
        engine_cache: None,
    }
}

fn request(sources: Vec<Source>, out: PathBuf) -> FitRequest {
    FitRequest {
        sources,
        out,
        replace: false,
        parent_version: None,
        seed: 3,
        split: SplitSettings { maturity_days: 2.0, stop_share: 0.4, ..SplitSettings::default() },
        negative_share: 0.15,
        ablation_share: 0.2,
        train: TrainConfig { epochs: 2, batch: 16, shard: 8, ..TrainConfig::default() },
        goals: PointGoals::default(),
        runtime: runtime(),
        threads: 2,
        replicates: 20,
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
fn a_small_fit_gives_an_artifact_that_loads_and_repeats() {
    let folder = folder("small-fit");
    let history = folder.join("history.jsonl");
    let mut writer = std::io::BufWriter::new(fs::File::create(&history).unwrap());
    write_history(&mut writer, simulate(&world())).unwrap();
    std::io::Write::flush(&mut writer).unwrap();

    let out = folder.join("hybrid").join("test-1");
    let (artifact, report) = fit(&request(vec![Source::File(history.clone())], out.clone())).unwrap();
    assert_eq!((artifact.manifest.name.as_str(), artifact.manifest.version.as_str()), ("hybrid", "test-1"));
    let bytes: u64 = artifact.manifest.files.values().map(|file| file.bytes).sum();
    assert!(bytes < ARTIFACT_LIMIT_BYTES, "{bytes}");

    // What lies there is what was promised: it loads, both files say what the trainer said, metrics are the report.
    let loaded = Artifact::load(&out).unwrap();
    for precision in [Precision::Single, Precision::Half] {
        loaded.verify_golden(&mut NetworkSession::with_precision(&loaded, &runtime(), precision).unwrap()).unwrap();
    }
    let empty = loaded.golden().vectors.iter().any(|vector| vector.tensor.neighbours.is_empty());
    assert!(empty && loaded.golden().vectors.len() > 8, "an empty neighbourhood is among the golden vectors");
    let metrics: Report = serde_json::from_value(loaded.manifest.metrics.clone()).unwrap();
    assert_eq!(metrics.test, report.test);
    assert!(!loaded.manifest.rule_set.rules.is_empty());

    // Numbers that can only come from having learnt something, loosely.
    let truth = report.against_truth.as_ref().unwrap();
    let base = report.test.frauds.unwrap() as f64 / report.test.payments as f64;
    for tier in truth {
        assert!(
            tier.average_precision.value > 1.5 * base,
            "{}: {:?} at a base rate of {base}",
            tier.tier,
            tier.average_precision
        );
        assert!(tier.average_precision.low <= tier.average_precision.high);
    }
    let parity = report.parity.as_ref().unwrap();
    assert!(parity.golden_logit < 1e-4 && parity.logit < 2e-2, "{parity:?}");
    assert_eq!(report.ablations.as_ref().unwrap().cuts.len(), 3);

    // The card tells the figures of the manifest and the limits.
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card.contains("simulated") && card.contains(&format!("{:.3}", truth[0].average_precision.value)), "{card}");

    // The same history and seed give the same bytes; a published version is not written over.
    let again = folder.join("again").join("hybrid").join("test-1");
    fit(&request(vec![Source::File(history.clone())], again.clone())).unwrap();
    for entry in fs::read_dir(&out).unwrap() {
        let name = entry.unwrap().file_name();
        assert_eq!(
            fs::read(out.join(&name)).unwrap(),
            fs::read(again.join(&name)).unwrap(),
            "{name:?} differs from fit to fit"
        );
    }
    let refused = fit(&request(vec![Source::File(history.clone())], out.clone())).unwrap_err().to_string();
    assert!(refused.contains("published versions never change"), "{refused}");

    // The evaluator sees the same test window, payment for payment.
    let evaluation = evaluate(&EvaluateRequest {
        model: out,
        sources: vec![Source::File(history)],
        test_from: SplitSettings::default().cut,
        runtime: runtime(),
        threads: 1,
        replicates: 20,
        seed: 3,
        told: Told::Quietly,
    })
    .unwrap();
    assert_eq!(evaluation.report.test, report.test);
    for (again, first) in evaluation.report.against_truth.unwrap().iter().zip(truth) {
        // Micro-batches are composed differently, which may move the last bit of a logit.
        assert!((again.average_precision.value - first.average_precision.value).abs() < 1e-3, "{again:?} {first:?}");
    }
}

#[test]
fn unusable_requests_say_what_to_do() {
    let folder = folder("unusable");
    let failure = |request: &FitRequest| format!("{:#}", fit(request).unwrap_err());
    let missing = request(vec![Source::File(folder.join("none.jsonl"))], folder.join("hybrid/a"));
    assert!(failure(&missing).contains("fraudnet simulate"));
    assert!(failure(&request(Vec::new(), folder.join("hybrid/a"))).contains("--history"));
    let short = SimulationConfig { days: 10, ..world() };
    let immature = FitRequest {
        split: SplitSettings::default(),
        ..request(vec![Source::Simulated(short)], folder.join("hybrid/a"))
    };
    assert!(failure(&immature).contains("--maturity-days"));
    let share = FitRequest { negative_share: 0.0, ..missing };
    assert!(failure(&share).contains("--negative-share"));
    assert!(
        !folder.join("hybrid").exists() || fs::read_dir(folder.join("hybrid")).unwrap().count() == 0,
        "nothing is left behind"
    );
}
