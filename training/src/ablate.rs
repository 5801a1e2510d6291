//! What each part of the neighbourhood is worth: the test payments again, with parts of it taken away.
//!
//! Payment features stay as they are (some of them summarise the neighbourhood), so this is what the *network* reads off
//! the graph beyond them. The network is not fitted again: a change says that it uses the part, not that no other network
//! could do without it.

use crate::metrics::{Interval, Ranking, block_bootstrap};
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH, Tensor};
use serde::{Deserialize, Serialize};

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// All edges: the centre stands alone.
    AllEdges,
    /// Hop 2, and with it hop 3, which is only reached through it.
    FromHop2,
    /// Hop 3.
    Hop3,
}

impl Cut {
    /// Every cut, the largest first.
    pub const ALL: [Cut; 3] = [Cut::AllEdges, Cut::FromHop2, Cut::Hop3];

    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Cut::AllEdges => "without all edges",
            Cut::FromHop2 => "without hops 2 and 3",
            Cut::Hop3 => "without hop 3",
        }
    }

    /// The tensor without it.
    pub fn apply(self, tensor: &Tensor) -> Tensor {
        match self {
            Cut::AllEdges => within(tensor, 0),
            Cut::FromHop2 => within(tensor, 1),
            Cut::Hop3 => within(tensor, 2),
        }
    }
}

/// The tensor with nodes up to `hop` and the links among them.
fn within(tensor: &Tensor, hop: usize) -> Tensor {
    let mut hop_counts = tensor.hop_counts;
    hop_counts[hop + 1..].fill(0);
    let nodes: usize = hop_counts.iter().map(|&count| usize::from(count)).sum();
    let mut kept = Tensor {
        hop_counts,
        nodes: tensor.nodes[..nodes * NODE_WIDTH].to_vec(),
        payment: tensor.payment.clone(),
        ..Tensor::default()
    };
    let mut start = 0;
    for &end in tensor.row_ends.iter().take(nodes) {
        for link in start..usize::from(end) {
            if usize::from(tensor.neighbours[link]) < nodes {
                kept.neighbours.push(tensor.neighbours[link]);
                kept.edges.extend_from_slice(&tensor.edges[link * EDGE_WIDTH..(link + 1) * EDGE_WIDTH]);
            }
        }
        start = usize::from(end);
        kept.row_ends.push(kept.neighbours.len() as u16);
    }
    kept
}

/// What a cut did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// What was taken away.
    pub name: String,
    /// Average precision without it.
    pub average_precision: f64,
    /// Change against the whole neighbourhood, same payments, with its paired interval; negative: it is missed.
    pub change: Interval,
}

/// Payments a cut is measured on: a weighted sample of the test window.
pub struct AblationSample {
    /// The tensors, whole.
    pub tensors: Vec<Tensor>,
    /// Logits of the network on them.
    pub logits: Vec<f32>,
    /// Whether fraud.
    pub positive: Vec<bool>,
    /// Payments each stands for.
    pub weights: Vec<f64>,
    /// Block (day) of each, for the bootstrap.
    pub blocks: Vec<u32>,
}

impl AblationSample {
    /// Compares the network's logits on cut tensors with those on whole ones.
    pub fn compare(&self, cut: Cut, logits: &[f32], replicates: usize, seed: u64) -> Ablation {
        let whole = Ranking::weighted(&self.logits, &self.positive, &self.weights);
        let without = Ranking::weighted(logits, &self.positive, &self.weights);
        let change = block_bootstrap(&self.blocks, replicates, seed, |times| {
            without.average_precision_with(times) - whole.average_precision_with(times)
        });
        Ablation {
            name: cut.name().to_owned(),
            average_precision: crate::metrics::rounded(without.average_precision()),
            change,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    /// Centre 0 – 1 (hop 1) – 2 (hop 2) – 3 (hop 3), each row linked back as well.
    fn chain() -> Tensor {
        let row = |value: f32, width: usize| vec![f16::from_f32(value); width];
        Tensor {
            hop_counts: [1, 1, 1, 1],
            nodes: (0..4).flat_map(|node| row(node as f32, NODE_WIDTH)).collect(),
            row_ends: vec![1, 3, 5],
            neighbours: vec![1, 0, 2, 1, 3],
            edges: (0..5).flat_map(|link| row(10.0 + link as f32, EDGE_WIDTH)).collect(),
            payment: vec![1.0, 2.0],
        }
    }

    #[test]
    fn a_cut_leaves_the_nodes_within_and_the_links_among_them() {
        let without = Cut::Hop3.apply(&chain());
        assert_eq!((without.hop_counts, without.node_count()), ([1, 1, 1, 0], 3));
        assert_eq!((without.row_ends, without.neighbours), (vec![1, 3, 4], vec![1, 0, 2, 1]));
        assert_eq!(without.edges, chain().edges[..4 * EDGE_WIDTH]);

        let near = Cut::FromHop2.apply(&chain());
        assert_eq!((near.hop_counts, near.row_ends, near.neighbours), ([1, 1, 0, 0], vec![1, 2], vec![1, 0]));

        let alone = Cut::AllEdges.apply(&chain());
        assert_eq!((alone.hop_counts, alone.node_count(), alone.row_ends), ([1, 0, 0, 0], 1, vec![0]));
        assert!(alone.neighbours.is_empty() && alone.edges.is_empty());
        assert_eq!(alone.payment, chain().payment);
    }

    #[test]
    fn links_in_the_middle_go_with_their_edges() {
        let mut tensor = chain();
        tensor.neighbours = vec![1, 2, 0, 1, 3]; // row 1: first outward, then back
        let near = Cut::FromHop2.apply(&tensor);
        assert_eq!(near.neighbours, vec![1, 0]);
        assert_eq!(near.edges[EDGE_WIDTH], f16::from_f32(12.0), "the edge of the second link went with it");
    }

    #[test]
    fn a_network_that_is_lost_without_its_edges_shows_it() {
        let rows = 200;
        let sample = AblationSample {
            tensors: Vec::new(),
            logits: (0..rows).map(|row| if row % 10 == 0 { 1.0 } else { 0.0 }).collect(),
            positive: (0..rows).map(|row| row % 10 == 0).collect(),
            weights: vec![1.0; rows],
            blocks: (0..rows as u32).map(|row| row / 20).collect(),
        };
        let ablation = sample.compare(Cut::AllEdges, &vec![0.0; rows], 200, 1);
        assert_eq!((ablation.average_precision, ablation.change.value), (0.1, -0.9));
        assert!(ablation.change.high < -0.85, "{ablation:?}");
    }
}
