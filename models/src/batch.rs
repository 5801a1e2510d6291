//! Tensors of several payments, padded into the fixed shapes a network reads.
//!
//! Every hop owns a range of slots (1, 10, 30, 87), so the k-th node of a hop is always in the same row: the network needs no
//! node kinds, no scatter and no data-dependent shape, and a row of links is found by the slot of its node alone.
//!
//! Cost sketch: 65 KB written a payment (node rows 33, link rows 26, indices and mask 5), one pass to zero and one to fill the
//! used rows, f16 converted by the processor's own instruction where it has one; 7 µs in the development profile. Nothing is
//! allocated once the buffers have grown to the largest batch.

use fraudnet_features::{
    EDGE_WIDTH, HOP_BUDGET, MAX_LINKS, MAX_NODES, MAX_ROWS, NODE_WIDTH, Tensor, schema::payment_features,
};
use half::slice::HalfFloatSliceExt;

pub use fraudnet_features::EMBEDDING_WIDTH;

/// Names of a network's inputs and outputs; the signature every network follows.
pub mod input {
    /// `[B, 128, 64]` f32: node rows in hop slots (row 0 the centre, 1–10 hop 1, 11–40 hop 2, 41–127 hop 3); unused rows are zero.
    pub const NODE_FEATURES: &str = "node_features";
    /// `[B, 41, 10]` i64: row of the neighbour in the flattened `[B·128]` node table (the payment's own offset included); the row's own index where masked.
    pub const NEIGHBOUR_INDEX: &str = "neighbour_index";
    /// `[B, 41, 10, 16]` f32: link rows; zero where masked.
    pub const EDGE_FEATURES: &str = "edge_features";
    /// `[B, 41, 10]` f32: 1 where there is a neighbour, else 0.
    pub const NEIGHBOUR_MASK: &str = "neighbour_mask";
    /// `[B, T]` f32: payment features, raw (the network standardises them).
    pub const TRANSACTION_FEATURES: &str = "transaction_features";
    /// Output `[B]` f32.
    pub const FRAUD_LOGIT: &str = "fraud_logit";
    /// Output `[B, 64]` f32: the payment's embedding, the last hidden layer.
    pub const EMBEDDING: &str = "embedding";
    /// Output `[B, 10]` f32: attention of the centre over its links, mean over heads.
    pub const ATTENTION: &str = "attention";
}

/// First slot of each hop.
pub const HOP_OFFSET: [usize; 4] =
    [0, HOP_BUDGET[0], HOP_BUDGET[0] + HOP_BUDGET[1], HOP_BUDGET[0] + HOP_BUDGET[1] + HOP_BUDGET[2]];

/// Why a tensor cannot be put into a batch. Tensors of this process never fail; those read from a file may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// Hop counts over budget, or not summing to the node rows.
    #[error("hop counts do not fit the node rows or the budget of a hop; assemble the tensor with this build")]
    Nodes,
    /// Link ends do not ascend to the number of links, or a row has too many.
    #[error("link rows do not fit the nodes; assemble the tensor with this build")]
    Links,
    /// A link points at no node, or further than one hop outward.
    #[error("a link points at a node that is not there or not near; assemble the tensor with this build")]
    Neighbour,
    /// Wrong number of payment features.
    #[error("it has {found} payment features where {expected} are expected; assemble the tensor with this build")]
    Payment {
        /// Columns of the schema.
        expected: usize,
        /// Columns found.
        found: usize,
    },
}

/// Checks that a tensor is consistent, so that [`Batch::fill`] takes it. Under a microsecond.
pub fn check_tensor(tensor: &Tensor) -> Result<(), TensorError> {
    let counts = tensor.hop_counts.map(usize::from);
    let nodes: usize = counts.iter().sum();
    let over_budget = counts.iter().zip(HOP_BUDGET).any(|(&count, budget)| count > budget);
    if over_budget || nodes * NODE_WIDTH != tensor.nodes.len() {
        return Err(TensorError::Nodes);
    }
    let mut previous = 0;
    let ascending = tensor.row_ends.iter().all(|&end| {
        let fits = end >= previous && usize::from(end - previous) <= MAX_LINKS;
        previous = end;
        fits
    });
    let links = tensor.neighbours.len();
    if !ascending
        || tensor.row_ends.len() != nodes - counts[3]
        || usize::from(previous) != links
        || links * EDGE_WIDTH != tensor.edges.len()
    {
        return Err(TensorError::Links);
    }
    if !links_stay_near(tensor, counts) {
        return Err(TensorError::Neighbour);
    }
    let expected = payment_features().len();
    if tensor.payment.len() != expected {
        return Err(TensorError::Payment { expected, found: tensor.payment.len() });
    }
    Ok(())
}

/// A link points at most one hop outward: layers read only the rows of the next hop, so another index would reach into another payment.
fn links_stay_near(tensor: &Tensor, counts: [usize; 4]) -> bool {
    let mut links = 0;
    let mut reach = counts[0];
    let mut rows = tensor.row_ends.iter();
    (0..3).all(|hop| {
        reach += counts[hop + 1];
        rows.by_ref().take(counts[hop]).all(|&end| {
            let row = &tensor.neighbours[links..usize::from(end)];
            links = usize::from(end);
            row.iter().all(|&neighbour| usize::from(neighbour) < reach)
        })
    })
}

/// Flat, padded buffers of a micro-batch; reused.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Batch {
    /// Payments in it.
    pub size: usize,
    /// See [`input::NODE_FEATURES`].
    pub node_features: Vec<f32>,
    /// See [`input::NEIGHBOUR_INDEX`].
    pub neighbour_index: Vec<i64>,
    /// See [`input::EDGE_FEATURES`].
    pub edge_features: Vec<f32>,
    /// See [`input::NEIGHBOUR_MASK`].
    pub neighbour_mask: Vec<f32>,
    /// See [`input::TRANSACTION_FEATURES`].
    pub transaction_features: Vec<f32>,
}

impl Batch {
    /// Replaces the content by these payments, in order. They must pass [`check_tensor`]; those that [`fraudnet_features`]
    /// assembles do.
    pub fn fill(&mut self, tensors: &[&Tensor]) {
        self.size = tensors.len();
        zero(&mut self.node_features, tensors.len() * MAX_NODES * NODE_WIDTH);
        zero(&mut self.edge_features, tensors.len() * MAX_ROWS * MAX_LINKS * EDGE_WIDTH);
        zero(&mut self.neighbour_mask, tensors.len() * MAX_ROWS * MAX_LINKS);
        self.neighbour_index.clear();
        self.transaction_features.clear();
        for (payment, tensor) in tensors.iter().enumerate() {
            self.fill_one(payment, tensor);
        }
    }

    fn fill_one(&mut self, payment: usize, tensor: &Tensor) {
        let counts = tensor.hop_counts.map(usize::from);
        let node_features = &mut self.node_features[payment * MAX_NODES * NODE_WIDTH..][..MAX_NODES * NODE_WIDTH];
        let mut slots = [0u8; MAX_NODES];
        let mut node = 0;
        for (count, offset) in counts.into_iter().zip(HOP_OFFSET) {
            let rows = &tensor.nodes[node * NODE_WIDTH..][..count * NODE_WIDTH];
            rows.convert_to_f32_slice(&mut node_features[offset * NODE_WIDTH..][..count * NODE_WIDTH]);
            for slot in offset..offset + count {
                slots[node] = slot as u8;
                node += 1;
            }
        }

        let base = (payment * MAX_NODES) as i64;
        let index_start = self.neighbour_index.len();
        for row in 0..MAX_ROWS as i64 {
            self.neighbour_index.extend([base + row; MAX_LINKS]);
        }
        let neighbour_index = &mut self.neighbour_index[index_start..];
        let edge_features = &mut self.edge_features[payment * MAX_ROWS * MAX_LINKS * EDGE_WIDTH..];
        let neighbour_mask = &mut self.neighbour_mask[payment * MAX_ROWS * MAX_LINKS..];
        let mut start = 0;
        for (node, &end) in tensor.row_ends.iter().enumerate() {
            let end = usize::from(end);
            let links = end - start;
            let first = usize::from(slots[node]) * MAX_LINKS;
            let edges = &tensor.edges[start * EDGE_WIDTH..end * EDGE_WIDTH];
            edges.convert_to_f32_slice(&mut edge_features[first * EDGE_WIDTH..][..links * EDGE_WIDTH]);
            neighbour_mask[first..][..links].fill(1.0);
            for (index, &neighbour) in neighbour_index[first..][..links].iter_mut().zip(&tensor.neighbours[start..end])
            {
                *index = base + i64::from(slots[usize::from(neighbour)]);
            }
            start = end;
        }
        self.transaction_features.extend_from_slice(&tensor.payment);
    }
}

fn zero(buffer: &mut Vec<f32>, len: usize) {
    buffer.clear();
    buffer.resize(len, 0.0);
}
