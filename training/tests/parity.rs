//! The network in Rust and the ONNX files written from it say the same, and training on it works.

mod drawn;

use drawn::{all, average_precision, examples, tensor_of, tensors, weights};
use fraudnet_features::{EDGE_WIDTH, MAX_LINKS, NODE_WIDTH, Tensor, schema};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, HALF_NETWORK_FILE, NETWORK_FILE};
use fraudnet_models::{
    Artifact, ArtifactBuilder, Batch, Calibration, Golden, GoldenVector, MANIFEST_VERSION, Manifest, ModelSession,
    NetworkOutput, NetworkSession, OperatingPoints, Precision, Provider, RuleSet, RuntimeConfig, Scorer, TierSettings,
    onnx,
};
use fraudnet_training::export::onnx_bytes;
use fraudnet_training::network::loss::{sigmoid, weighted_cross_entropy};
use fraudnet_training::network::{
    Example, Network, NetworkInput, Outputs, Progress, TrainConfig, TrainError, Weights, forward::values, score, train,
    train::gradient,
};
use half::f16;
use std::path::{Path, PathBuf};

fn forward(weights: &Weights, tensors: &[&Tensor]) -> Vec<NetworkOutput> {
    let device = burn::tensor::Device::flex();
    let mut batch = Batch::default();
    batch.fill(tensors);
    let Outputs { logit, embedding, attention } =
        Network::new(weights, &device).forward(&NetworkInput::new(&batch, weights, &device));
    let (embedding, attention) = (values(embedding), values(attention));
    let rows = embedding.chunks_exact(64).zip(attention.chunks_exact(MAX_LINKS));
    let row = |(logit, (embedding, attention)): (f32, (&[f32], &[f32]))| NetworkOutput {
        logit,
        embedding: embedding.to_vec(),
        attention: attention.to_vec(),
    };
    values(logit).into_iter().zip(rows).map(row).collect()
}

/// A folder of its own for a test, gone with it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An artifact of these weights, published and loaded the way the trainer does it.
fn artifact(weights: &Weights, name: &str) -> (Artifact, Folder) {
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("parity-{name}-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let sample = tensors(70..74);
    let answers = forward(weights, &sample.iter().collect::<Vec<_>>());
    let vectors = sample
        .into_iter()
        .zip(answers)
        .map(|(tensor, NetworkOutput { logit, embedding, .. })| GoldenVector { tensor, logit, embedding });
    let golden = Golden { vectors: vectors.collect() };
    let tier = || TierSettings {
        calibration: Calibration::new(vec![(-4.0, -7.0), (4.0, 2.0)]).unwrap(),
        operating_points: OperatingPoints { challenge: 0.1, review: 0.2, decline: 0.7 },
    };
    let manifest = Manifest {
        manifest_version: MANIFEST_VERSION,
        name: "parity".to_owned(),
        version: "1".to_owned(),
        parent_version: None,
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: 1,
        data: serde_json::json!({ "history": "none" }),
        metrics: serde_json::json!({}),
        scorer: Scorer::Network,
        settings: tier(),
        rules: tier(),
        rule_set: RuleSet { bias: -5.0, rules: Vec::new() },
        files: Default::default(),
    };
    let artifact = ArtifactBuilder::new(manifest)
        .file(NETWORK_FILE, onnx_bytes(weights, Precision::Single))
        .file(HALF_NETWORK_FILE, onnx_bytes(weights, Precision::Half))
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# parity\n".to_vec())
        .write(&folder.0.join("model"))
        .unwrap();
    (artifact, folder)
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

fn session(artifact: &Artifact, precision: Precision) -> NetworkSession {
    NetworkSession::with_precision(artifact, &runtime(), precision).unwrap()
}

/// Largest difference of two outputs in logit, embedding, attention.
fn differences(left: &[NetworkOutput], right: &[NetworkOutput]) -> [f32; 3] {
    assert_eq!(left.len(), right.len());
    let largest = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    left.iter().zip(right).fold([0.0f32; 3], |[logit, embedding, attention], (a, b)| {
        [
            logit.max((a.logit - b.logit).abs()),
            embedding.max(largest(&a.embedding, &b.embedding)),
            attention.max(largest(&a.attention, &b.attention)),
        ]
    })
}

#[test]
fn rust_and_onnx_runtime_agree_within_a_ten_thousandth() {
    let tensors = tensors(0..56);
    let all: Vec<&Tensor> = tensors.iter().collect();
    for seed in [1, 2] {
        let weights = weights(seed);
        let (artifact, _folder) = artifact(&weights, &format!("single-{seed}"));
        let mut session = session(&artifact, Precision::Single);
        artifact
            .verify_golden(&mut ModelSession::with_precision(&artifact, &runtime(), Precision::Single).unwrap())
            .unwrap();
        let [logit, embedding, attention] = differences(&forward(&weights, &all), &session.run(&all).unwrap());
        assert!(
            logit < 1e-4 && embedding < 1e-4 && attention < 1e-4,
            "logit {logit}, embedding {embedding}, attention {attention}"
        );
    }
}

#[test]
fn the_half_precision_file_stays_within_its_band() {
    let tensors = tensors(100..156);
    let all: Vec<&Tensor> = tensors.iter().collect();
    let weights = weights(3);
    let (artifact, _folder) = artifact(&weights, "half");
    let mut half = session(&artifact, Precision::Half);
    artifact.verify_golden(&mut ModelSession::with_precision(&artifact, &runtime(), Precision::Half).unwrap()).unwrap();
    let expected = forward(&weights, &all);
    let found = half.run(&all).unwrap();
    let [logit, ..] = differences(&expected, &found);
    assert!(logit > 0.0, "it does compute in half precision");
    assert!(logit < 2e-2, "logit {logit}");
    let probability =
        expected.iter().zip(&found).map(|(a, b)| (sigmoid(a.logit) - sigmoid(b.logit)).abs()).fold(0.0, f32::max);
    assert!(probability < 1e-3, "probability {probability}");
}

#[test]
fn a_payment_scores_the_same_alone_and_among_others() {
    let tensors = tensors(200..208);
    let all: Vec<&Tensor> = tensors.iter().collect();
    let weights = weights(4);
    let (artifact, _folder) = artifact(&weights, "batch");
    let mut session = session(&artifact, Precision::Single);
    let together = session.run(&all).unwrap();
    let alone: Vec<NetworkOutput> = all.iter().flat_map(|tensor| session.run(&[tensor]).unwrap()).collect();
    assert!(differences(&together, &alone).into_iter().all(|difference| difference < 1e-5));
    let alone: Vec<NetworkOutput> = all.iter().flat_map(|tensor| forward(&weights, &[tensor])).collect();
    assert!(differences(&forward(&weights, &all), &alone).into_iter().all(|difference| difference < 1e-5));
}

#[test]
fn a_payment_without_neighbours_has_no_attention_and_one_with_some_has_all_of_it() {
    let alone = tensor_of(1, [1, 0, 0, 0]);
    let mut linked = tensor_of(2, [1, 2, 0, 0]);
    linked.row_ends = vec![2, 2, 2];
    linked.neighbours = vec![1, 2];
    linked.edges.resize(2 * EDGE_WIDTH, f16::ONE);
    let found = forward(&weights(5), &[&alone, &linked]);
    assert_eq!(found[0].attention, vec![0.0; MAX_LINKS]);
    assert!((found[1].attention[..2].iter().sum::<f32>() - 1.0).abs() < 1e-5);
    assert_eq!(found[1].attention[2..], [0.0; MAX_LINKS - 2]);
}

#[test]
fn every_hop_reaches_the_logit() {
    // The payment's account – a device – an account behind it – that one's device.
    let mut chain = tensor_of(3, [1, 1, 1, 1]);
    chain.row_ends = vec![1, 2, 3];
    chain.neighbours = vec![1, 2, 3];
    chain.edges.resize(3 * EDGE_WIDTH, f16::ONE);
    let weights = weights(6);
    let before = forward(&weights, &[&chain])[0].logit;
    for hop in 0..4 {
        let mut changed = chain.clone();
        changed.nodes[hop * NODE_WIDTH..][..NODE_WIDTH]
            .iter_mut()
            .for_each(|value| *value = f16::from_f32(value.to_f32() + 1.0));
        assert_ne!(forward(&weights, &[&changed])[0].logit, before, "hop {hop}");
    }
}

#[test]
fn the_files_are_a_pure_function_of_the_weights_and_small() {
    for precision in [Precision::Single, Precision::Half] {
        let bytes = onnx_bytes(&weights(7), precision);
        assert_eq!(bytes, onnx_bytes(&weights(7), precision));
        assert_ne!(bytes, onnx_bytes(&weights(8), precision));
        assert!(bytes.len() < 1 << 20, "{} bytes", bytes.len());
        onnx::inspect(&bytes).unwrap();
    }
    assert!(onnx_bytes(&weights(7), Precision::Half).len() < onnx_bytes(&weights(7), Precision::Single).len());
}

#[test]
fn gradients_are_finite_and_match_differences() {
    let tensors = tensors(300..308);
    let examples: Vec<Example> = tensors
        .into_iter()
        .enumerate()
        .map(|(i, tensor)| Example { tensor, label: (i % 2) as f32, weight: 1.0 })
        .collect();
    let all: Vec<&Example> = examples.iter().collect();
    let mut weights = weights(9);
    let (loss, slopes) = gradient(&weights, &all, 3.0, None);
    assert!(loss.is_finite() && slopes.iter().all(|slope| slope.is_finite()));

    let loss_at = |weights: &Weights| -> f64 {
        let logits = forward(weights, &all.iter().map(|example| &example.tensor).collect::<Vec<_>>());
        logits
            .iter()
            .zip(&all)
            .map(|(output, example)| f64::from(weighted_cross_entropy(output.logit, example.label, 1.0, 3.0).0))
            .sum()
    };
    assert!((loss - loss_at(&weights)).abs() < 1e-4);
    // Along the gradient of each array, a step of length 1 changes the loss by the gradient's length.
    let start = weights.trained_values();
    let mut offset = 0;
    let arrays: Vec<(String, usize)> =
        weights.trained().map(|array| (array.name.clone(), array.values.len())).collect();
    for (name, count) in arrays {
        let part = &slopes[offset..offset + count];
        let length = part.iter().map(|slope| f64::from(*slope).powi(2)).sum::<f64>().sqrt();
        assert!(length > 0.0, "nothing flows into {name}");
        let step = 2e-3;
        let mut moved = |direction: f64| {
            let mut values = start.clone();
            let ahead = (direction * step / length) as f32;
            values[offset..offset + count].iter_mut().zip(part).for_each(|(value, slope)| *value += ahead * slope);
            weights.set_trained_values(&values);
            loss_at(&weights)
        };
        let numeric = (moved(1.0) - moved(-1.0)) / (2.0 * step);
        assert!((numeric - length).abs() < 0.03 * length + 2e-3, "{name}: {numeric} against {length}");
        offset += count;
    }
}

fn quick() -> TrainConfig {
    TrainConfig { epochs: 3, batch: 16, shard: 8, patience: 10, ..TrainConfig::default() }
}

#[test]
fn thirty_two_payments_are_learned_by_heart() {
    let examples = examples(0..32);
    let config = TrainConfig {
        epochs: 60,
        dropout: 0.0,
        averaging: 0.5,
        weight_decay: 0.0,
        patience: 60,
        learning_rate: 3e-3,
        ..quick()
    };
    let mut losses = Vec::new();
    let fitted = train(&config, &all(&examples), &all(&examples), average_precision, &mut |progress| {
        if let Progress::Epoch(report) = progress {
            losses.push(report.loss);
        }
    })
    .unwrap();
    assert!(losses[0] > 0.3 && losses[losses.len() - 1] < 0.01, "{losses:?}");
    assert_eq!(fitted.validation_average_precision, 1.0);
}

#[test]
fn the_same_seed_fits_the_same_bits_on_one_thread_or_two() {
    let (training, validation) = (examples(0..40), examples(100..120));
    let fit = |seed, threads| {
        let config = TrainConfig { seed, threads, ..quick() };
        train(&config, &all(&training), &all(&validation), average_precision, &mut |_| {}).unwrap()
    };
    let one = fit(1, 1);
    assert_eq!(one, fit(1, 1));
    assert_eq!(one, fit(1, 2));
    assert_ne!(one.weights, fit(2, 2).weights);
}

#[test]
fn without_a_validation_set_it_ends_where_it_is_told_on_the_same_path() {
    let (training, validation) = (examples(0..40), examples(100..120));
    let mut after = Vec::new();
    let told = |weights: &mut Vec<f64>, epochs: usize| {
        let config = TrainConfig { stop_after: Some(epochs), ..quick() };
        let fitted = train(&config, &all(&training), &[], average_precision, &mut |_| {}).unwrap();
        assert_eq!((fitted.best_epoch, fitted.epochs.len()), (epochs, epochs));
        weights.push(fitted.validation_average_precision);
        fitted.weights
    };
    let watched = train(&quick(), &all(&training), &all(&validation), average_precision, &mut |_| {}).unwrap();
    assert_eq!(told(&mut after, watched.best_epoch), watched.weights, "what is watched changes no step");
    assert_ne!(told(&mut after, 1), told(&mut after, 2));
    assert_eq!(after, [0.0; 3]);
}

#[test]
fn weights_and_a_positive_weight_that_undoes_them_change_next_to_nothing() {
    let plain = examples(0..40);
    let weighed: Vec<Example> = plain
        .iter()
        .map(|example| Example { weight: if example.label > 0.5 { 1.0 } else { 4.0 }, ..example.clone() })
        .collect();
    let validation = examples(100..120);
    let fit = |examples: &[Example], positive_weight: f32| {
        let config = TrainConfig { positive_weight, ..quick() };
        train(&config, &all(examples), &all(&validation), average_precision, &mut |_| {}).unwrap().weights
    };
    let mut once = fit(&plain, 1.0);
    once.shift_logit(-4f32.ln());
    let often = fit(&weighed, 4.0);
    let apart =
        once.trained_values().iter().zip(often.trained_values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-4, "{apart}");
}

#[test]
fn the_best_epoch_is_kept_and_its_logits_speak_at_the_prior() {
    let (training, validation) = (examples(0..48), examples(100..132));
    let config = TrainConfig { positive_weight: 5.0, ..quick() };
    let mut reports = Vec::new();
    let fitted = train(&config, &all(&training), &all(&validation), average_precision, &mut |progress| {
        if let Progress::Epoch(report) = progress {
            reports.push(report);
        }
    })
    .unwrap();
    assert_eq!(reports, fitted.epochs);
    let best = reports.iter().map(|report| report.validation_average_precision).fold(0.0, f64::max);
    assert_eq!(fitted.validation_average_precision, best);
    let tensors: Vec<&Tensor> = validation.iter().map(|example| &example.tensor).collect();
    let labels: Vec<bool> = validation.iter().map(|example| example.label > 0.5).collect();
    let logits = score(&fitted.weights, &tensors, 8, 2);
    assert_eq!(average_precision(&logits, &labels, &[]), best, "the kept weights are those that were measured");
    // Half of the payments are fraud; a fit that still carried its positive weight would lean by ln 5 = 1.6.
    let mean = logits.iter().sum::<f32>() / logits.len() as f32;
    assert!(mean.abs() < 1.0, "mean logit {mean}");
}

#[test]
fn useless_sets_and_settings_are_refused() {
    let examples = examples(0..8);
    let frauds: Vec<Example> = examples.iter().filter(|example| example.label == 1.0).cloned().collect();
    let attempt = |config: &TrainConfig, training: &[Example]| {
        train(config, &all(training), &all(&examples), average_precision, &mut |_| {}).unwrap_err()
    };
    assert_eq!(attempt(&quick(), &[]), TrainError::OneClass("training"));
    assert_eq!(attempt(&quick(), &frauds), TrainError::OneClass("training"));
    assert_eq!(attempt(&TrainConfig { batch: 0, ..quick() }, &examples), TrainError::Setting("batch", "at least 1"));
    let mut wide = examples.clone();
    wide[3].tensor.payment.push(1.0);
    assert!(matches!(attempt(&quick(), &wide), TrainError::Width { .. }));
}
