//! A batch of payments as the tensors the forward pass reads.
//!
//! Padding is the model crate's ([`Batch`]): the network is trained on the very layout it is served with. What does not
//! depend on weights is done here once, in plain loops: standardising, and turning neighbour rows into rows of each layer's
//! (smaller) table.

use super::shape::{LAYERS, ROWS, WIDTH};
use super::standardise::standardise;
use super::weights::Weights;
use burn::tensor::{Device, Int, Tensor, TensorData};
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH};
use fraudnet_graph::{MAX_LINKS, MAX_NODES, MAX_ROWS};
use fraudnet_models::Batch;

/// A batch of `size` payments. Below, `B` is the batch, `R` and `S` are rows updated and read by a layer, `K` links a row.
#[derive(Debug, Clone)]
pub struct NetworkInput {
    /// Payments.
    pub size: usize,
    /// `[B·128, 64]` node rows, standardised.
    pub nodes: Tensor<2>,
    /// `[B·41·K, 16]` links, standardised.
    pub links: Tensor<2>,
    /// `[B·41·K, 1]` age of a link as it came: `log2(1 + seconds since last active)`.
    pub age: Tensor<2>,
    /// For each layer `[B·R·K]`: row of the neighbour in the flattened table of `B·S` rows.
    pub neighbours: [Tensor<1, Int>; LAYERS],
    /// For each layer `[B·R, K, 1]`: 1 where there is a neighbour, else 0.
    pub mask: [Tensor<3>; LAYERS],
    /// `[B, T]` payment features, standardised.
    pub payments: Tensor<2>,
    /// `[B, 128]` factors on the joined vector while training (0 or 1/keep); none when scoring.
    pub dropout: Option<Tensor<2>>,
}

impl NetworkInput {
    /// Standardises a padded batch with the constants of `weights` and puts it on `device`.
    pub fn new(batch: &Batch, weights: &Weights, device: &Device) -> Self {
        let size = batch.size;
        let links = size * MAX_ROWS * MAX_LINKS;
        let table = |values: &[f32], name: &str, rows: usize, columns: usize| {
            let mut values = values.to_vec();
            let constant = |part: &str| &weights.array(&format!("{name}.{part}")).values;
            standardise(&mut values, constant("mean"), constant("scale"));
            floats(values, [rows, columns], device)
        };
        NetworkInput {
            size,
            nodes: table(&batch.node_features, "node", size * MAX_NODES, NODE_WIDTH),
            links: table(&batch.edge_features, "link", links, EDGE_WIDTH),
            age: floats(batch.edge_features.chunks_exact(EDGE_WIDTH).map(|link| link[0]).collect(), [links, 1], device),
            neighbours: std::array::from_fn(|layer| {
                let rows = layer_neighbours(&batch.neighbour_index, ROWS[layer], ROWS[layer + 1]);
                let count = rows.len();
                Tensor::from_data(TensorData::new(rows, [count]), device)
            }),
            mask: std::array::from_fn(|layer| {
                let rows = ROWS[layer + 1];
                let values = first_rows(&batch.neighbour_mask, rows).collect();
                floats(values, [size * rows, MAX_LINKS, 1], device)
            }),
            payments: table(&batch.transaction_features, "payment", size, weights.payment_width()),
            dropout: None,
        }
    }

    /// The same payments with these factors on the joined vector, `[B, 128]`.
    #[must_use]
    pub fn with_dropout(mut self, factors: Vec<f32>) -> Self {
        self.dropout = Some(floats(factors, [self.size, 2 * WIDTH], &self.payments.device()));
        self
    }
}

/// A float tensor of these values.
pub(super) fn floats<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Of a table with [`MAX_ROWS`] rows of [`MAX_LINKS`] values a payment, the first `rows` rows of each payment.
fn first_rows<T: Copy>(table: &[T], rows: usize) -> impl Iterator<Item = T> {
    table.chunks_exact(MAX_ROWS * MAX_LINKS).flat_map(move |payment| payment[..rows * MAX_LINKS].iter().copied())
}

/// Neighbours of the rows a layer updates, as rows of the table it reads, which holds the first `source` rows of a payment.
/// A link points at most one hop outward, so the neighbours of an updated row are always in the layer before.
fn layer_neighbours(index: &[i64], source: usize, updated: usize) -> Vec<i64> {
    first_rows(index, updated)
        .map(|global| {
            let (payment, row) = (global / MAX_NODES as i64, global % MAX_NODES as i64);
            assert!(row < source as i64, "a link points at most one hop outward");
            payment * source as i64 + row
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_renumbered_for_smaller_tables() {
        let mut index = vec![0i64; 2 * MAX_ROWS * MAX_LINKS];
        index[3] = 10;
        index[MAX_ROWS * MAX_LINKS] = 128 + 5;
        let centre = layer_neighbours(&index, ROWS[2], ROWS[3]);
        assert_eq!(centre.len(), 2 * MAX_LINKS);
        assert_eq!((centre[3], centre[MAX_LINKS]), (10, 11 + 5));
        let first = layer_neighbours(&index, ROWS[0], ROWS[1]);
        assert_eq!((first[3], first[MAX_ROWS * MAX_LINKS]), (10, 133));
    }
}
