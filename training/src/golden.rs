//! Golden vectors of a new model: inputs from its test window with what the trainer's own forward pass and the plain trees say
//! of them, so that they hold ONNX Runtime and the trainer together wherever the model is loaded.

use crate::ablate::{AblationSample, Cut};
use crate::generations::Hybrid;
use crate::network::{Network, NetworkInput, Weights};
use crate::trees::Trees;
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::{Batch, EMBEDDING_WIDTH, Golden, GoldenVector};

/// Vectors wanted of a model with a network.
const WANTED: usize = 64;
/// Most bytes of their tensors; a model is cloned with the repository.
const BUDGET_BYTES: usize = 600_000;
/// Vectors wanted of trees: they read the payment row alone.
const WANTED_TREES: usize = 16;
/// Largest difference to what is served that a vector may have; the check at load allows ten times as much.
const CLOSE: f32 = 1e-5;
/// Largest share of vectors that may be left out because a value of their embedding lies on a threshold of the trees.
const MOST_LEFT_OUT: f64 = 0.25;

/// Vectors of a hybrid: a payment without neighbours, the largest neighbourhood seen, then frauds and others in turn, spread
/// over the sample, until there are enough or they grow too large. `served` says what the exported files give.
///
/// Where trees read an embedding, the last bits of two forward passes may fall on either side of a threshold; such payments
/// cannot hold anything together and are left out.
///
/// # Errors
/// An empty sample, a failed run, or too many payments left out.
pub fn choose(
    hybrid: &Hybrid,
    sample: &AblationSample,
    served: &mut dyn FnMut(&[&Tensor]) -> Result<Vec<f32>>,
) -> Result<Golden> {
    let largest = sample
        .tensors
        .iter()
        .max_by_key(|tensor| tensor.node_count())
        .context("the sample of the test window is empty")?;
    let mut tensors = vec![Cut::AllEdges.apply(&sample.tensors[0]), largest.clone()];
    let mut bytes: usize = tensors.iter().map(Tensor::bytes).sum();
    for at in in_turn(sample, WANTED) {
        let tensor = &sample.tensors[at];
        if tensors.len() < WANTED && bytes + tensor.bytes() <= BUDGET_BYTES {
            bytes += tensor.bytes();
            tensors.push(tensor.clone());
        }
    }
    let mut vectors: Vec<GoldenVector> = tensors.into_iter().map(|tensor| of_hybrid(hybrid, tensor)).collect();
    if hybrid.scorer.trees().is_some_and(FeatureSet::reads_embedding) {
        let served = served(&vectors.iter().map(|vector| &vector.tensor).collect::<Vec<_>>())?;
        let close: Vec<bool> =
            vectors.iter().zip(served).map(|(vector, served)| (vector.logit - served).abs() <= CLOSE).collect();
        let left_out = close.iter().filter(|close| !**close).count();
        ensure!(
            left_out as f64 <= MOST_LEFT_OUT * close.len() as f64,
            "{left_out} of {} golden vectors differ between the trainer and the exported files; the export does not say what was fitted",
            close.len()
        );
        let mut close = close.into_iter();
        vectors.retain(|_| close.next() == Some(true));
    }
    Ok(Golden { vectors })
}

/// Vectors of trees alone: payments with their row and one node.
///
/// # Errors
/// An empty sample.
pub fn choose_rows(trees: &Trees, set: FeatureSet, sample: &AblationSample) -> Result<Golden> {
    ensure!(!sample.tensors.is_empty(), "the sample of the test window is empty");
    let vectors = in_turn(sample, WANTED_TREES).take(WANTED_TREES).map(|at| {
        let tensor = Cut::AllEdges.apply(&sample.tensors[at]);
        let mut row = Vec::with_capacity(set.width());
        set.append(&tensor, &[], &mut row);
        GoldenVector { tensor, logit: trees.ensemble.logit(&row), embedding: vec![0.0; EMBEDDING_WIDTH] }
    });
    Ok(Golden { vectors: vectors.collect() })
}

/// Numbers of frauds and others in turn, spread over the sample; about `wanted` in all.
fn in_turn(sample: &AblationSample, wanted: usize) -> impl Iterator<Item = usize> + '_ {
    let spread = move |positive: bool| {
        let members: Vec<usize> = (0..sample.tensors.len()).filter(|&at| sample.positive[at] == positive).collect();
        let step = (members.len() / (wanted / 2)).max(1);
        members.into_iter().step_by(step)
    };
    let (mut frauds, mut others) = (spread(true), spread(false));
    std::iter::from_fn(move || match [frauds.next(), others.next()] {
        [None, None] => None,
        pair => Some(pair),
    })
    .flat_map(|pair| pair.into_iter().flatten())
}

fn of_hybrid(hybrid: &Hybrid, tensor: Tensor) -> GoldenVector {
    let (network, embedding) = forward(&hybrid.network.weights, &tensor);
    let trees = hybrid.scorer.trees().zip(hybrid.trees.as_ref()).map_or(0.0, |(set, trees)| {
        let mut row = Vec::with_capacity(set.width());
        set.append(&tensor, &embedding, &mut row);
        trees.ensemble.logit(&row)
    });
    GoldenVector { tensor, logit: hybrid.scorer.combine(network, trees), embedding }
}

/// Logit and embedding by the trainer's own forward pass.
fn forward(weights: &Weights, tensor: &Tensor) -> (f32, Vec<f32>) {
    let device = Device::flex();
    let mut batch = Batch::default();
    batch.fill(&[tensor]);
    let outputs = Network::new(weights, &device).forward(&NetworkInput::new(&batch, weights, &device));
    let values = crate::network::forward::values;
    (values(outputs.logit)[0], values(outputs.embedding))
}
