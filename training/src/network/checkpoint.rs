//! Gradient checkpointing by layer (Chen et al. 2016): less memory for one more forward pass.
//!
//! A plain gradient keeps every intermediate value of every layer until the backward pass has used it; of 1,024 payments
//! these are some 700 MB, three quarters of it keys, values and attention of layer 1 (128 rows, 410 links a payment). Here
//! the forward pass runs without a tape and keeps only the hidden rows each layer reads. The backward pass goes through the
//! layers from the last to the first: it computes a layer again, now with a tape, seeds it with the gradient of what it gave,
//! and takes from it the gradients of its weights and of its rows. Because one whole layer 1 would need nearly all of that
//! memory at once, a layer is worked off in blocks of [`BLOCK`] payments, which share nothing but weights.
//!
//! Gradients are those of [`super::gradient::gradient`] up to the rounding of sums taken in another order: below a millionth of
//! an array's gradient. Peak memory at 1,024 payments: 146 MB against 745 MB.
//!
//! A fit with shards of 16 payments, as by default, keeps 12 MB a thread and needs none of this; it is for shards as large as a
//! batch, and for batches that a machine's memory would not hold otherwise.
//!
//! Cost: one more forward pass on paper, a third more. In fact a block stays in the cache where 1,024 payments at once do
//! not, so it need not take longer. The link encoding is computed again with every layer: 8 cosines a link.

use super::forward::{Network, Surroundings, first_rows};
use super::gradient::{loss_and_slopes, padded};
use super::input::NetworkInput;
use super::shape::{LAYERS, ROWS};
use super::train::Example;
use super::weights::Weights;
use burn::tensor::{Device, Gradients, Tensor};
use fraudnet_features::EDGE_WIDTH;
use fraudnet_graph::{MAX_LINKS, MAX_NODES, MAX_ROWS};
use std::ops::Range;

/// Payments of a layer that are computed again at once. Layer 1 of 64 takes some 60 MB with its tape.
pub const BLOCK: usize = 64;

/// Sum of the losses of some examples and the gradient of that sum, as [`super::gradient::gradient`] gives them.
pub fn gradient(
    weights: &Weights,
    examples: &[&Example],
    positive_weight: f32,
    dropout: Option<Vec<f32>>,
) -> (f64, Vec<f32>) {
    let device = Device::flex();
    let input = padded(weights, examples, dropout, &device);
    let untaped = Network::new(weights, &device);
    let taped = Network::new(weights, &device.autodiff());
    let blocks: Vec<Block<'_>> = (0..input.size)
        .step_by(BLOCK)
        .map(|first| Block { input: &input, payments: first..(first + BLOCK).min(input.size) })
        .collect();

    // What each layer reads, by layer and block; behind the last layer what the head reads.
    let mut kept: Vec<Vec<Tensor<2>>> = vec![blocks.iter().map(|block| untaped.nodes(block.nodes())).collect()];
    for layer in 0..LAYERS {
        let next = blocks.iter().zip(&kept[layer]).map(|(block, hidden)| block.layer(&untaped, layer, hidden.clone()));
        kept.push(next.collect());
    }

    let (mut loss, mut sum) = (0.0, vec![0.0; weights.trained_count()]);
    let mut collect = |gradients: &Gradients| {
        sum.iter_mut().zip(taped.gradient(gradients)).for_each(|(sum, slope)| *sum += slope);
    };
    // The gradient of what the part of the network gives that comes next, by block.
    let mut slopes: Vec<Tensor<2>> = Vec::with_capacity(blocks.len());
    for (block, centre) in blocks.iter().zip(kept.pop().expect("the head reads something")) {
        let centre = centre.autodiff().require_grad();
        let logit = block.head(&taped, centre.clone());
        let (part, slope) = loss_and_slopes(&logit, &examples[block.payments.clone()], positive_weight);
        loss += part;
        let mut gradients = (logit * slope).sum().backward();
        slopes.push(centre.grad_remove(&mut gradients).expect("the head reads the centre"));
        collect(&gradients);
    }
    for layer in (0..LAYERS).rev() {
        let read = kept.pop().expect("every layer reads something");
        for ((block, hidden), slope) in blocks.iter().zip(read).zip(&mut slopes) {
            let hidden = hidden.autodiff().require_grad();
            let next = block.layer(&taped, layer, hidden.clone());
            let mut gradients = (next * slope.clone()).sum().backward();
            *slope = hidden.grad_remove(&mut gradients).expect("a layer reads its rows");
            collect(&gradients);
        }
    }
    for (block, slope) in blocks.iter().zip(slopes) {
        collect(&(taped.nodes(block.nodes()) * slope).sum().backward());
    }
    (loss, sum)
}

/// Some payments of a batch.
struct Block<'a> {
    input: &'a NetworkInput,
    payments: Range<usize>,
}

impl Block<'_> {
    /// Rows of a table with `each` rows a payment that belong to it.
    fn rows(&self, each: usize) -> Range<usize> {
        self.payments.start * each..self.payments.end * each
    }

    fn nodes(&self) -> Tensor<2> {
        self.input.nodes.clone().slice([self.rows(MAX_NODES)])
    }

    fn layer(&self, network: &Network, layer: usize, hidden: Tensor<2>) -> Tensor<2> {
        let (size, updated) = (self.payments.len(), ROWS[layer + 1]);
        let every_link = || self.rows(MAX_ROWS * MAX_LINKS);
        let features = first_rows(self.input.links.clone().slice([every_link()]), size, layer, EDGE_WIDTH);
        let age = first_rows(self.input.age.clone().slice([every_link()]), size, layer, 1);
        let neighbours = self.input.neighbours[layer].clone().slice([self.rows(updated * MAX_LINKS)]);
        let surroundings = Surroundings {
            size,
            links: network.links(features, age),
            neighbours: neighbours - (self.payments.start * ROWS[layer]) as i64,
            mask: self.input.mask[layer].clone().slice([self.rows(updated)]),
        };
        network.layer(layer, hidden, surroundings).0
    }

    fn head(&self, network: &Network, centre: Tensor<2>) -> Tensor<2> {
        let payments = self.input.payments.clone().slice([self.payments.clone()]);
        let dropout = self.input.dropout.clone().map(|factors| factors.slice([self.payments.clone()]));
        network.head(centre, payments, dropout).0
    }
}
