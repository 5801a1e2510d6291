//! Golden vectors of a new model: inputs from its test window with what the trainer's own forward pass says of them, so
//! that they hold ONNX Runtime and the trainer together wherever the model is loaded.

use crate::ablate::{AblationSample, Cut};
use crate::network::{Network, NetworkInput, Weights};
use anyhow::{Context, Result};
use burn::tensor::Device;
use fraudnet_features::Tensor;
use fraudnet_models::{Batch, EMBEDDING_WIDTH, Golden, GoldenVector};

/// Vectors wanted.
const WANTED: usize = 64;
/// Most bytes of their tensors; with both network files the artifact stays below 2 MiB.
const BUDGET_BYTES: usize = 1_200_000;

/// Chooses vectors: a payment without neighbours, the largest neighbourhood seen, then frauds and others in turn, spread
/// over the sample, until there are enough or they grow too large.
///
/// # Errors
/// An output that is not finite.
pub fn choose(weights: &Weights, sample: &AblationSample) -> Result<Golden> {
    let largest = sample
        .tensors
        .iter()
        .max_by_key(|tensor| tensor.node_count())
        .context("the sample of the test window is empty")?;
    let mut tensors = vec![Cut::AllEdges.apply(&sample.tensors[0]), largest.clone()];
    let mut bytes: usize = tensors.iter().map(Tensor::bytes).sum();
    let spread = |positive: bool| {
        let members: Vec<usize> = (0..sample.tensors.len()).filter(|&at| sample.positive[at] == positive).collect();
        let step = (members.len() / (WANTED / 2)).max(1);
        members.into_iter().step_by(step)
    };
    let (mut frauds, mut others) = (spread(true), spread(false));
    loop {
        let mut added = false;
        for at in [frauds.next(), others.next()].into_iter().flatten() {
            let tensor = &sample.tensors[at];
            if tensors.len() < WANTED && bytes + tensor.bytes() <= BUDGET_BYTES {
                bytes += tensor.bytes();
                tensors.push(tensor.clone());
                added = true;
            }
        }
        if !added {
            break;
        }
    }
    let golden = Golden { vectors: tensors.into_iter().map(|tensor| vector(weights, tensor)).collect() };
    Ok(golden)
}

/// One vector, so that a draft can be loaded before there are outputs. Nothing is held to it.
///
/// # Errors
/// A tensor that cannot be written.
pub fn placeholder(tensor: &Tensor) -> Result<Vec<u8>> {
    let vector = GoldenVector { tensor: tensor.clone(), logit: 0.0, embedding: vec![0.0; EMBEDDING_WIDTH] };
    Ok(Golden { vectors: vec![vector] }.to_bytes()?)
}

fn vector(weights: &Weights, tensor: Tensor) -> GoldenVector {
    let device = Device::flex();
    let mut batch = Batch::default();
    batch.fill(&[&tensor]);
    let outputs = Network::new(weights, &device).forward(&NetworkInput::new(&batch, weights, &device));
    let values = crate::network::forward::values;
    GoldenVector { tensor, logit: values(outputs.logit)[0], embedding: values(outputs.embedding) }
}
