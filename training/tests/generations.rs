//! All generations fitted on one small simulated history, and every one scored from its exported bytes.

use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::Scorer;
use fraudnet_scoring::simulate::SimulationConfig;
use fraudnet_training::contender::Contender;
use fraudnet_training::data::examples::{Examples, Shares};
use fraudnet_training::data::source::Source;
use fraudnet_training::data::split::SplitSettings;
use fraudnet_training::data::survey::Survey;
use fraudnet_training::generations::{
    GenerationSessions, GenerationSettings, Generations, Hybrid, fit_generations, without_graph,
};
use fraudnet_training::network::TrainConfig;
use fraudnet_training::progress::{Progress, Told};
use fraudnet_training::trees::{Table, TreeConfig, train};

fn examples() -> Examples {
    let source = Source::Simulated(SimulationConfig {
        days: 30,
        accounts: 200,
        payments_per_day: 200,
        fraud_share: 0.05,
        ..SimulationConfig::demo(1, 1_767_571_200_000)
    });
    let mut quiet = Progress::start(Told::Quietly, "", "", None);
    let survey = Survey::take(&source, &mut quiet).unwrap();
    let split = SplitSettings { maturity_days: 2.0, stop_share: 0.6, ..SplitSettings::default() };
    let windows = split.windows(survey.first_ms, survey.last_ms).unwrap();
    let mut examples = Examples::default();
    let shares = Shares { negative: 0.2, tabular: 0.5, stop: 0.3 };
    examples.gather(&source, &survey, &windows, shares, 1, &mut quiet).unwrap();
    examples
}

fn settings() -> GenerationSettings {
    GenerationSettings {
        trees: TreeConfig { rounds: 20, least_rows: 10, ..TreeConfig::default() },
        train: TrainConfig { epochs: 2, batch: 32, ..TrainConfig::default() },
        embedding_frauds: 5,
        ..GenerationSettings::default()
    }
}

/// One fit, and no form of hybrid that needs another network.
fn quick() -> GenerationSettings {
    GenerationSettings { refit: false, embedding_frauds: usize::MAX, ..settings() }
}

/// The same with times taken out, which are not the same from fit to fit.
fn timeless(generations: Generations) -> Generations {
    assert!(generations.update_s.iter().all(|seconds| *seconds > 0.0), "{:?}", generations.update_s);
    Generations { update_s: [0.0; Contender::COUNT], ..generations }
}

#[test]
fn every_generation_is_fitted_judged_and_repeats() {
    let examples = examples();
    let once = timeless(fit_generations(&examples, &GenerationSettings { refit: false, ..settings() }).unwrap());

    // Every form of hybrid was tried, and one is kept.
    let names: Vec<&str> = once.trials.iter().map(|trial| trial.name.as_str()).collect();
    assert_eq!(names.len(), 8, "{names:?}");
    let kept: Vec<_> = once.trials.iter().filter(|trial| trial.kept).collect();
    assert_eq!(kept.len(), 1);
    // What the others need no second network for was not better; those that do may have led by chance.
    for trial in once.trials.iter().filter(|trial| !trial.name.contains("v3")) {
        assert!(trial.average_precision <= kept[0].average_precision, "{:?}", once.trials);
    }

    // The stop rows are those the sessions give, in order, with the labels and weights of the examples.
    assert_eq!(once.stop.len(), examples.stop.len());
    let mut sessions = GenerationSessions::new(&once, &settings().runtime, 2).unwrap();
    let tensors: Vec<&Tensor> = examples.stop.iter().map(|example| &example.tensor).collect();
    let logits = sessions.logits(&tensors).unwrap();
    for (row, (example, logits)) in once.stop.iter().zip(examples.stop.iter().zip(&logits)) {
        assert_eq!((row.fraud, row.logits), (example.label > 0.5, *logits));
        assert_eq!(row.weight, f64::from(example.weight));
    }
    // Logits speak at true prevalence, roughly: frauds are few, and most payments are told so.
    for contender in Contender::ALL {
        let mean = logits.iter().map(|row| f64::from(row[contender.index()])).sum::<f64>() / logits.len() as f64;
        assert!((-15.0..-0.5).contains(&mean), "{}: {mean}", contender.name());
    }
    let latency = sessions.latency(&tensors[..20]).unwrap();
    assert!(latency.iter().all(|latency| latency.mean > 0.0 && latency.p99 >= latency.mean * 0.5));

    // The second fit learns from the stop window too, for the rounds and in the form found; calibration keeps the first.
    // What was found first does not depend on the number of threads, to the last bit.
    let refitted = timeless(fit_generations(&examples, &GenerationSettings { threads: 1, ..settings() }).unwrap());
    assert_eq!((&refitted.stop, &refitted.trials), (&once.stop, &once.trials));
    assert_eq!(refitted.trees_v2.rounds, once.trees_v2.rounds);
    assert_eq!(refitted.network.best_epoch, once.network.best_epoch);
    assert_eq!(refitted.hybrid.scorer, once.hybrid.scorer);
    assert_ne!(refitted.trees_v2.ensemble, once.trees_v2.ensemble);
    assert_ne!(refitted.network.weights, once.network.weights);
    assert_eq!(refitted.hybrid.network == refitted.network, once.hybrid.network == once.network);
}

#[test]
fn trees_on_the_embedding_are_served_as_they_were_fitted() {
    let examples = examples();
    let fitted = fit_generations(&examples, &quick()).unwrap();
    // A blend of its own trees on v3 with the network, whichever form was kept.
    let mut sessions = GenerationSessions::new(&fitted, &settings().runtime, 1).unwrap();
    let tensors: Vec<&Tensor> = examples.stop.iter().take(60).map(|example| &example.tensor).collect();
    let before = sessions.logits(&tensors).unwrap();
    let embedding = vec![0.25; 64];
    let mut values = Vec::new();
    examples.fit.iter().for_each(|example| FeatureSet::V3.append(&example.tensor, &embedding, &mut values));
    let positive: Vec<bool> = examples.fit.iter().map(|example| example.label > 0.5).collect();
    let weights = vec![1.0; positive.len()];
    let table = Table { columns: FeatureSet::V3.width(), values: &values, positive: &positive, weights: &weights };
    let trees = train(&TreeConfig { rounds: 15, patience: 0, ..settings().trees }, &table, None, &mut |_| {}).unwrap();
    // Its trees saw one embedding only, so they read none of it, and the plain trees say what must come out.
    let expected: Vec<f32> = tensors
        .iter()
        .zip(&before)
        .map(|(tensor, before)| {
            let mut row = Vec::new();
            FeatureSet::V3.append(tensor, &embedding, &mut row);
            0.5 * before[Contender::Network.index()] + 2.0 * trees.ensemble.logit(&row)
        })
        .collect();
    let hybrid = Hybrid {
        scorer: Scorer::Blend { features: FeatureSet::V3, network_weight: 0.5, trees_weight: 2.0 },
        network: fitted.network.clone(),
        trees: Some(trees),
    };
    let mut sessions = GenerationSessions::new(&Generations { hybrid, ..fitted }, &settings().runtime, 2).unwrap();
    for (row, expected) in sessions.logits(&tensors).unwrap().iter().zip(expected) {
        let found = row[Contender::Hybrid.index()];
        assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
    }
}

#[test]
fn without_a_graph_nothing_of_it_is_seen() {
    let examples = examples();
    let settings = GenerationSettings { without_graph: true, ..quick() };
    let fitted = fit_generations(&examples, &settings).unwrap();
    let mut sessions = GenerationSessions::new(&fitted, &settings.runtime, 1).unwrap();
    let whole: Vec<&Tensor> = examples.stop.iter().take(40).map(|example| &example.tensor).collect();
    let alone: Vec<Tensor> = whole.iter().map(|tensor| without_graph(tensor)).collect();
    assert!(whole.iter().zip(&alone).any(|(whole, alone)| whole.neighbours.len() > alone.neighbours.len()));
    let (seen, cut) = (sessions.logits(&whole).unwrap(), sessions.logits(&alone.iter().collect::<Vec<_>>()).unwrap());
    assert_eq!(seen, cut);
}

#[test]
fn windows_without_frauds_are_refused() {
    let mut examples = examples();
    let frauds: Vec<bool> = examples.stop.iter().map(|example| example.label > 0.5).collect();
    let mut keep = frauds.iter();
    examples.stop.retain(|_| !keep.next().unwrap());
    let mut keep = frauds.iter();
    examples.stop_origins.retain(|_| !keep.next().unwrap());
    let error = fit_generations(&examples, &settings()).unwrap_err().to_string();
    assert!(error.contains("early-stop window holds 0 known frauds"), "{error}");
}
