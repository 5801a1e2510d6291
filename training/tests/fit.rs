//! A whole fit, small: from a simulated history to artifacts of all three families that load, verify and can be evaluated.

use fraudnet_models::{Artifact, ModelSession, Provider, RuntimeConfig, Scorer};
use fraudnet_scoring::simulate::{SimulationConfig, simulate, write_history};
use fraudnet_training::contender::Contender;
use fraudnet_training::data::examples::Shares;
use fraudnet_training::data::source::Source;
use fraudnet_training::data::split::SplitSettings;
use fraudnet_training::evaluate::{EvaluateRequest, evaluate};
use fraudnet_training::facts::FitFacts;
use fraudnet_training::fit::{ARTIFACT_LIMIT_BYTES, FitRequest, fit};
use fraudnet_training::network::TrainConfig;
use fraudnet_training::points::PointGoals;
use fraudnet_training::progress::Told;
use fraudnet_training::report::Report;
use fraudnet_training::trees::TreeConfig;
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

fn request(sources: Vec<Source>, models: PathBuf) -> FitRequest {
    FitRequest {
        sources,
        models,
        families: Contender::FAMILIES.to_vec(),
        version: "test-1".to_owned(),
        replace: false,
        parents: vec![(Contender::Hybrid, "test-0".to_owned())],
        seed: 3,
        split: SplitSettings { maturity_days: 2.0, stop_share: 0.4, ..SplitSettings::default() },
        shares: Shares { negative: 0.15, tabular: 0.5, stop: 0.25 },
        ablation_share: 0.2,
        train: TrainConfig { epochs: 2, batch: 16, shard: 8, ..TrainConfig::default() },
        trees: TreeConfig { rounds: 40, least_rows: 10, ..TreeConfig::default() },
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
fn a_small_fit_gives_artifacts_that_load_and_repeat() {
    let folder = folder("small-fit");
    let history = folder.join("history.jsonl");
    let mut writer = std::io::BufWriter::new(fs::File::create(&history).unwrap());
    write_history(&mut writer, simulate(&world())).unwrap();
    std::io::Write::flush(&mut writer).unwrap();

    let asked = request(vec![Source::native(&history)], folder.join("models"));
    let (artifacts, report) = fit(&asked).unwrap();
    assert_eq!(artifacts.len(), 3);

    // What lies there is what was promised: it loads, it says what the trainer said, metrics are the report.
    for (&family, artifact) in asked.families.iter().zip(&artifacts) {
        let out = asked.out(family);
        let loaded = Artifact::load(&out).unwrap();
        let manifest = &loaded.manifest;
        assert_eq!((manifest.name.as_str(), manifest.version.as_str()), (family.name(), "test-1"));
        assert_eq!(manifest.parent_version.is_some(), family == Contender::Hybrid);
        assert_eq!(Contender::of(manifest.scorer), family);
        assert!(manifest.files.values().map(|file| file.bytes).sum::<u64>() < ARTIFACT_LIMIT_BYTES);
        assert_eq!(manifest, &artifact.manifest);
        let golden = loaded.verify_golden(&mut ModelSession::new(&loaded, &runtime()).unwrap()).unwrap();
        assert!(golden.vectors >= 8, "{golden:?}");
        assert!(loaded.golden().vectors.iter().any(|vector| vector.tensor.neighbours.is_empty()));
        let metrics: Report = serde_json::from_value(manifest.metrics.clone()).unwrap();
        assert_eq!(metrics.test, report.test);
        let facts: FitFacts = serde_json::from_value(manifest.data.clone()).unwrap();
        assert_eq!(facts.network.is_some(), manifest.scorer.has_network());
        assert_eq!(facts.trees.is_some(), manifest.scorer.trees().is_some());
        assert_eq!(facts.trials.iter().filter(|trial| trial.kept).count(), usize::from(family == Contender::Hybrid));
        assert!(facts.golden.logit < 1e-4 && !manifest.rule_set.rules.is_empty());
        if let (Scorer::Trees { features }, Some(trees)) = (manifest.scorer, &facts.trees) {
            assert_eq!((trees.columns, trees.rounds > 0), (features.width() as u64, true));
            let sum: f64 = trees.importance.iter().map(|(_, share)| share).sum();
            assert!((sum - 1.0).abs() < 1e-3, "{sum}");
        }
        // The card tells the figures of the manifest and the limits.
        let card = fs::read_to_string(out.join("README.md")).unwrap();
        let truth = report.against_truth.as_ref().unwrap();
        let figure = format!("{:.3}", truth[family.index()].average_precision.value);
        assert!(card.contains("simulated") && card.contains(&figure) && card.contains("claimed"), "{card}");
    }

    // Numbers that can only come from having learnt something, loosely.
    let truth = report.against_truth.as_ref().unwrap();
    let names: Vec<&str> = truth.iter().map(|tier| tier.tier.as_str()).collect();
    assert_eq!(names, Contender::ALL.map(Contender::name));
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
    if let Some(parity) = &report.parity {
        assert!(parity.logit < 2e-2, "{parity:?}");
    }
    assert_eq!(report.ablations.as_ref().unwrap().cuts.len(), 3);
    let versus = report.versus.as_ref().unwrap();
    assert_eq!((versus.at_recalls.len(), versus.by_group.len()), (4, report.by_typology.len()));

    // The same history and seed give the same bytes; a published version is not written over.
    let again = request(vec![Source::native(&history)], folder.join("again"));
    fit(&again).unwrap();
    for family in Contender::FAMILIES {
        for entry in fs::read_dir(asked.out(family)).unwrap() {
            let name = entry.unwrap().file_name();
            assert_eq!(
                fs::read(asked.out(family).join(&name)).unwrap(),
                fs::read(again.out(family).join(&name)).unwrap(),
                "{name:?} of {} differs from fit to fit",
                family.name()
            );
        }
    }
    let refused = fit(&asked).unwrap_err().to_string();
    assert!(refused.contains("published versions never change"), "{refused}");

    // The evaluator sees the same test window, payment for payment.
    for family in [Contender::TreesV2, Contender::Hybrid] {
        let evaluation = evaluate(&EvaluateRequest {
            model: asked.out(family),
            sources: vec![Source::native(&history)],
            test_from: SplitSettings::default().cut,
            runtime: runtime(),
            threads: 1,
            replicates: 20,
            seed: 3,
            told: Told::Quietly,
        })
        .unwrap();
        assert_eq!(evaluation.report.test, report.test);
        for again in evaluation.report.against_truth.unwrap() {
            let first = truth.iter().find(|tier| tier.tier == again.tier).unwrap();
            // Micro-batches are composed differently, which may move the last bit of a logit.
            let apart = (again.average_precision.value - first.average_precision.value).abs();
            assert!(apart < 1e-3, "{again:?} {first:?}");
        }
    }
}

#[test]
fn unusable_requests_say_what_to_do() {
    let folder = folder("unusable");
    let failure = |request: &FitRequest| format!("{:#}", fit(request).unwrap_err());
    let missing = request(vec![Source::native(folder.join("none.jsonl"))], folder.clone());
    assert!(failure(&missing).contains("none.jsonl"), "{}", failure(&missing));
    assert!(failure(&request(Vec::new(), folder.clone())).contains("--history"));
    let short = SimulationConfig { days: 10, ..world() };
    let immature =
        FitRequest { split: SplitSettings::default(), ..request(vec![Source::Simulated(short)], folder.clone()) };
    assert!(failure(&immature).contains("--maturity-days"));
    let share = FitRequest { shares: Shares { negative: 0.0, ..missing.shares }, ..missing.clone() };
    assert!(failure(&share).contains("--negative-share"));
    let family = FitRequest { families: vec![Contender::Network], ..missing };
    assert!(failure(&family).contains("trees-v1, trees-v2 and hybrid"));
    assert!(
        !folder.join("hybrid").exists() || fs::read_dir(folder.join("hybrid")).unwrap().count() == 0,
        "nothing is left behind"
    );
}
