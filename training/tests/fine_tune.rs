//! Fitting a published network further: its weights come back out of the file, new patterns are learnt, old ones are kept,
//! and hard negatives are hard.

mod drawn;

use drawn::{all, average_precision, examples, tensor_of, tensors, weights};
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH, Tensor, schema};
use fraudnet_models::artifact::NETWORK_FILE;
use fraudnet_models::{Precision, check_tensor};
use fraudnet_training::export::onnx_bytes;
use fraudnet_training::network::{
    Example, FineTuneConfig, TrainConfig, TrainError, Weights, fine_tune, perturb, score, train,
};
use half::f16;
use std::path::Path;

#[test]
fn the_released_network_is_read_back_to_the_last_bit() {
    let family = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/hybrid");
    let version = std::fs::read_to_string(family.join("champion")).unwrap();
    let file = std::fs::read(family.join(version.trim()).join(NETWORK_FILE)).unwrap();
    let weights = Weights::from_onnx(&file).unwrap();
    assert!(weights.trained_count() > 50_000);
    assert_eq!(onnx_bytes(&weights, Precision::Single), file);
}

/// Payments of an old pattern, which a node of the neighbourhood tells, and of a new one, which a payment feature tells.
fn old_and_new() -> (Vec<Example>, Vec<Example>) {
    let old = examples(0..64);
    let mut new = examples(1_000..1_064);
    for (at, example) in new.iter_mut().enumerate() {
        // The neighbour looks honest; every second one carries the new mark.
        example.tensor.nodes[NODE_WIDTH] = f16::from_f32(-2.0);
        example.label = f32::from(u8::from(at % 2 == 0));
        example.tensor.payment[3] = if at % 2 == 0 { 40.0 } else { -40.0 };
    }
    (old, new)
}

fn measured(weights: &Weights, examples: &[Example]) -> f64 {
    let tensors: Vec<&Tensor> = examples.iter().map(|example| &example.tensor).collect();
    let labels: Vec<bool> = examples.iter().map(|example| example.label > 0.5).collect();
    average_precision(&score(weights, &tensors, 16, 1), &labels, &[])
}

#[test]
fn a_new_pattern_is_learnt_the_old_one_kept_and_the_anchor_holds() {
    let (old, new) = old_and_new();
    let config =
        TrainConfig { epochs: 12, batch: 16, shard: 16, averaging: 0.5, learning_rate: 3e-3, ..TrainConfig::default() };
    let start = train(&config, &all(&old), &[], average_precision, &mut |_| {}).unwrap().weights;
    let (old_before, new_before) = (measured(&start, &old), measured(&start, &new));
    assert!(old_before > 0.95 && new_before < 0.8, "{old_before} {new_before}");

    let mixed: Vec<&Example> = old.iter().chain(&new).collect();
    let tuned = |anchor: f32, threads: usize| {
        let config =
            FineTuneConfig { epochs: 8, batch: 16, learning_rate: 2e-3, anchor, threads, ..FineTuneConfig::default() };
        fine_tune(&start, &mixed, &config, &[], average_precision, &mut |_| {}).unwrap().weights
    };
    let free = tuned(0.0, 1);
    assert!(measured(&free, &new) > new_before + 0.1, "{} after {new_before}", measured(&free, &new));
    assert!(measured(&free, &old) > old_before - 0.05);
    assert_eq!(free, tuned(0.0, 2), "threads change nothing");
    for constant in ["node.mean", "node.scale", "link.mean", "payment.scale"] {
        assert_eq!(free.array(constant), start.array(constant), "{constant} stays");
    }

    let drift = |weights: &Weights| {
        let apart =
            weights.trained_values().into_iter().zip(start.trained_values()).map(|(now, then)| (now - then).powi(2));
        apart.sum::<f32>().sqrt()
    };
    let (loose, held) = (drift(&free), drift(&tuned(100.0, 1)));
    assert!(held < 0.7 * loose && held > 0.0, "{held} of {loose}");
}

#[test]
fn a_positive_weight_is_put_into_the_start_and_taken_out_of_the_end() {
    // With steps too small to move anything, the logits must stay where they were.
    let start = weights(4);
    let examples = examples(0..16);
    let config = FineTuneConfig { epochs: 1, positive_weight: 20.0, learning_rate: 1e-9, ..FineTuneConfig::default() };
    let tuned = fine_tune(&start, &all(&examples), &config, &[], average_precision, &mut |_| {}).unwrap().weights;
    let tensors: Vec<&Tensor> = examples.iter().map(|example| &example.tensor).collect();
    for (before, after) in score(&start, &tensors, 16, 1).into_iter().zip(score(&tuned, &tensors, 16, 1)) {
        assert!((before - after).abs() < 1e-4, "{before} became {after}");
    }
}

#[test]
fn useless_settings_are_refused() {
    let (start, examples) = (weights(4), examples(0..8));
    let attempt = |config: &FineTuneConfig, examples: &[Example]| {
        fine_tune(&start, &all(examples), config, &[], average_precision, &mut |_| {}).unwrap_err()
    };
    let plain = FineTuneConfig::default();
    for anchor in [-1.0, f32::NAN, 1e6] {
        assert!(matches!(
            attempt(&FineTuneConfig { anchor, ..plain.clone() }, &examples),
            TrainError::Setting("anchor", _)
        ));
    }
    assert_eq!(attempt(&plain, &[]), TrainError::OneClass("training"));
    let narrow: Vec<Example> = examples
        .iter()
        .map(|example| {
            let mut narrow = example.clone();
            narrow.tensor.payment.truncate(20);
            narrow
        })
        .collect();
    let expected = schema::payment_features().len();
    assert_eq!(attempt(&plain, &narrow), TrainError::StartWidth { expected, found: 20 });
}

#[test]
fn hard_negatives_look_more_like_fraud_and_stay_near() {
    let weights = weights(5);
    let epsilon = 0.3;
    let legitimate: Vec<Example> =
        tensors(20..52).into_iter().map(|tensor| Example { tensor, label: 0.0, weight: 2.5 }).collect();
    let hard = perturb(&weights, &all(&legitimate), epsilon, 7);
    assert_eq!(hard, perturb(&weights, &all(&legitimate), epsilon, 7), "the seed decides");

    let logits = |examples: &[Example]| {
        score(&weights, &examples.iter().map(|example| &example.tensor).collect::<Vec<_>>(), 16, 1)
    };
    let risen: Vec<f32> =
        logits(&hard).into_iter().zip(logits(&legitimate)).map(|(after, before)| after - before).collect();
    assert!(risen.iter().all(|&rise| rise > -1e-4), "{risen:?}");
    let mean = risen.iter().sum::<f32>() / risen.len() as f32;
    assert!(mean > 0.2, "the logit rises by {mean} on average");

    let scale = |table: &str| weights.array(&format!("{table}.scale")).values.clone();
    let (nodes, links, payments) = (scale("node"), scale("link"), scale("payment"));
    let mut moved = 0;
    let mut near = |after: f32, before: f32, scale: f32, feature: &schema::Feature| {
        let whole = ["log2(1+count)", "0 or 1", "sine", "cosine"].contains(&feature.unit);
        assert!(!whole || after == before, "{} is no quantity that moves: {before} became {after}", feature.name);
        assert!(before != feature.default || after == before, "{} was not known", feature.name);
        assert!((after - before).abs() * scale <= epsilon * 1.0001, "{}: {before} became {after}", feature.name);
        moved += usize::from(after != before);
    };
    for (after, before) in hard.iter().zip(&legitimate) {
        assert_eq!((after.label, after.weight), (0.0, 2.5));
        check_tensor(&after.tensor).unwrap();
        let (after, before) = (&after.tensor, &before.tensor);
        assert_eq!(
            (after.hop_counts, &after.row_ends, &after.neighbours),
            (before.hop_counts, &before.row_ends, &before.neighbours)
        );
        for (at, (a, b)) in after.nodes.iter().zip(&before.nodes).enumerate() {
            near(a.to_f32(), b.to_f32(), nodes[at % NODE_WIDTH], &schema::node_features()[at % NODE_WIDTH]);
        }
        for (at, (a, b)) in after.edges.iter().zip(&before.edges).enumerate() {
            near(a.to_f32(), b.to_f32(), links[at % EDGE_WIDTH], &schema::edge_features()[at % EDGE_WIDTH]);
        }
        for (at, (a, b)) in after.payment.iter().zip(&before.payment).enumerate() {
            near(*a, *b, payments[at], &schema::payment_features()[at]);
        }
    }
    assert!(moved > 1_000, "{moved} values moved");
    let still = perturb(&weights, &[&Example { tensor: tensor_of(1, [1, 0, 0, 0]), label: 0.0, weight: 1.0 }], 0.0, 1);
    assert_eq!(still[0].tensor, tensor_of(1, [1, 0, 0, 0]));
}
