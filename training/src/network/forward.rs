//! The forward pass in burn. The formulas stand in the module's introduction; `crate::export` writes the same ones as ONNX.
//!
//! Cost a payment: 4 million multiply-adds, of which layer 1 has three quarters (keys and values of 128 rows, 410 links).
//! Everything is a matrix of rows, `[B·rows, 64]`, so that the heavy work is plain matrix products. Heads are not split into
//! small products: multiplying elementwise and summing through a 64×4 matrix of ones (the head indicator) is 40 % faster.

use super::input::{NetworkInput, floats};
use super::shape::{HEAD_WIDTH, HEADS, LAYERS, LINK_INPUT, MASKED_SCORE, ROWS, WIDTH};
use super::weights::Weights;
use burn::tensor::{Device, Gradients, Int, Tensor, activation};
use fraudnet_graph::{MAX_LINKS, MAX_ROWS};
use std::collections::BTreeMap;

/// A network's weights as tensors of one device.
pub struct Network {
    parameters: BTreeMap<String, Tensor<2>>,
    /// Trained arrays in their fixed order.
    trained: Vec<String>,
    /// `[64, 4]`, 1 where a column belongs to the head.
    heads: Tensor<2>,
}

/// What the network says of a batch.
pub struct Outputs {
    /// `[B, 1]` raw logits.
    pub logit: Tensor<2>,
    /// `[B, 64]` last hidden layer.
    pub embedding: Tensor<2>,
    /// `[B, 10]` attention of the centre over its links, mean over heads; all zero where it has none.
    pub attention: Tensor<2>,
}

impl Network {
    /// Puts the weights on `device`. On an autodiff device the trained ones collect gradients.
    pub fn new(weights: &Weights, device: &Device) -> Self {
        let parameters = weights.arrays().iter().map(|array| {
            let tensor = floats(array.values.clone(), [array.rows, array.columns], device);
            (array.name.clone(), if array.trained && device.is_autodiff() { tensor.require_grad() } else { tensor })
        });
        Network {
            parameters: parameters.collect(),
            trained: weights.trained().map(|array| array.name.clone()).collect(),
            heads: floats(head_indicator(1.0), [WIDTH, HEADS], &Device::flex()),
        }
    }

    /// Scores a batch.
    pub fn forward(&self, input: &NetworkInput) -> Outputs {
        let links = self.links(input.links.clone(), input.age.clone());
        let mut hidden = self.nodes(input.nodes.clone());
        let mut attention = None;
        for layer in 0..LAYERS {
            let surroundings = Surroundings {
                size: input.size,
                links: first_rows(links.clone(), input.size, layer, LINK_INPUT),
                neighbours: input.neighbours[layer].clone(),
                mask: input.mask[layer].clone(),
            };
            let (next, weights) = self.layer(layer, hidden, surroundings);
            (hidden, attention) = (next, Some(weights));
        }
        let (logit, embedding) = self.head(hidden, input.payments.clone(), input.dropout.clone());
        let attention = attention.expect("there is a last layer").mean_dim(2).reshape([input.size, MAX_LINKS]);
        Outputs { logit, embedding, attention }
    }

    /// `[links, 24]`: standardised features and the encoding of their age.
    pub(super) fn links(&self, features: Tensor<2>, age: Tensor<2>) -> Tensor<2> {
        let time = (age * self.at("time.frequency") + self.at("time.phase")).cos();
        Tensor::cat(vec![features, time], 1)
    }

    /// `[B·128, 64]` hidden rows out of standardised node rows.
    pub(super) fn nodes(&self, features: Tensor<2>) -> Tensor<2> {
        activation::relu(features.matmul(self.at("input.weight")) + self.at("input.bias"))
    }

    /// One attention layer: `[B·S, 64]` rows in, `[B·R, 64]` rows and their attention `[B·R, K, heads]` out.
    pub(super) fn layer(&self, layer: usize, hidden: Tensor<2>, surroundings: Surroundings) -> (Tensor<2>, Tensor<3>) {
        let weight = |part: &str| self.at(&format!("layer{}.{part}", layer + 1));
        let Surroundings { size, links, neighbours, mask } = surroundings;
        let (source, updated) = (ROWS[layer], ROWS[layer + 1]);
        let rows = size * updated;

        let own =
            hidden.clone().reshape([size, source, WIDTH]).slice([0..size, 0..updated, 0..WIDTH]).reshape([rows, WIDTH]);
        let edge = links.matmul(weight("edge"));
        let gather = |part: &str| hidden.clone().matmul(weight(part)).select(0, neighbours.clone()) + edge.clone();
        let (key, value) = (gather("key"), gather("value"));

        let query = own.clone().matmul(weight("query")).reshape([rows, 1, WIDTH]);
        let product = (key.reshape([rows, MAX_LINKS, WIDTH]) * query).reshape([rows * MAX_LINKS, WIDTH]);
        let scaled_heads = self.heads.clone() / (HEAD_WIDTH as f32).sqrt();
        let score = product.matmul(scaled_heads).reshape([rows, MAX_LINKS, HEADS]);
        let away = (mask.clone() - 1.0) * -MASKED_SCORE;
        // Once more by the mask: a row without any neighbour would otherwise attend evenly to padding.
        let attention = activation::softmax(score + away, 1) * mask;

        let spread = attention.clone().reshape([rows * MAX_LINKS, HEADS]).matmul(self.heads.clone().transpose());
        let message = (spread * value).reshape([rows, MAX_LINKS, WIDTH]).sum_dim(1).reshape([rows, WIDTH]);
        let next = activation::relu(own.matmul(weight("own")) + message.matmul(weight("mix")) + weight("bias"));
        (next, attention)
    }

    /// Logit `[B, 1]` and embedding `[B, 64]` out of the centres `[B, 64]` and standardised payment features.
    pub(super) fn head(
        &self,
        centre: Tensor<2>,
        payments: Tensor<2>,
        dropout: Option<Tensor<2>>,
    ) -> (Tensor<2>, Tensor<2>) {
        let payment = activation::relu(payments.matmul(self.at("payment.weight")) + self.at("payment.bias"));
        let mut joined = Tensor::cat(vec![centre, payment], 1);
        if let Some(factors) = dropout {
            joined = joined * factors;
        }
        let embedding = activation::relu(joined.matmul(self.at("head.weight")) + self.at("head.bias"));
        let logit = embedding.clone().matmul(self.at("logit.weight")) + self.at("logit.bias");
        (logit, embedding)
    }

    /// The gradient of every trained value, in the order of [`Weights::trained_values`]; zero where nothing flowed.
    pub fn gradient(&self, gradients: &Gradients) -> Vec<f32> {
        let mut flat = Vec::new();
        for name in &self.trained {
            let parameter = &self.parameters[name];
            match parameter.grad(gradients) {
                Some(gradient) => flat.extend(values(gradient)),
                None => flat.resize(flat.len() + parameter.shape().num_elements(), 0.0),
            }
        }
        flat
    }

    fn at(&self, name: &str) -> Tensor<2> {
        self.parameters[name].clone()
    }
}

/// What a layer reads beside hidden rows.
pub(super) struct Surroundings {
    /// Payments, `B` below.
    pub size: usize,
    /// `[B·R·K, 24]` links of the rows it updates.
    pub links: Tensor<2>,
    /// `[B·R·K]` rows of the neighbours in the table of `B·S` rows.
    pub neighbours: Tensor<1, Int>,
    /// `[B·R, K, 1]`: 1 where there is a neighbour, else 0.
    pub mask: Tensor<3>,
}

/// Of a table of links with 41 rows a payment, those of the rows a layer updates.
pub(super) fn first_rows(links: Tensor<2>, size: usize, layer: usize, columns: usize) -> Tensor<2> {
    let updated = ROWS[layer + 1];
    if updated == MAX_ROWS {
        return links;
    }
    let table = links.reshape([size, MAX_ROWS, MAX_LINKS * columns]);
    let first = table.slice([0..size, 0..updated, 0..MAX_LINKS * columns]);
    first.reshape([size * updated * MAX_LINKS, columns])
}

/// `[64, 4]` matrix with `value` where a column of a hidden vector belongs to the head. Shared with the export.
pub fn head_indicator(value: f32) -> Vec<f32> {
    (0..WIDTH)
        .flat_map(|column| (0..HEADS).map(move |head| if column / HEAD_WIDTH == head { value } else { 0.0 }))
        .collect()
}

/// Values of a tensor, row-major.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("a float tensor of the CPU can be read")
}
