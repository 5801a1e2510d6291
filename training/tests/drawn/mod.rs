//! Random but consistent tensors for tests: sparse rows, rows without any link, payments with nothing but their account.
#![allow(dead_code, reason = "every test binary uses some of it")]

use fraudnet_features::{EDGE_WIDTH, HOP_BUDGET, MAX_LINKS, NODE_WIDTH, Tensor, schema};
use fraudnet_training::network::{Example, Standardisation, Weights};
use half::f16;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random draws for tensors.
struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    /// Roughly normal, mean 0, deviation 1.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.0.next_u32() as f32 / u32::MAX as f32).sum::<f32>() - 6.0
    }
}

/// A consistent random tensor; `hops` says how many nodes each hop has.
pub fn tensor_of(seed: u64, hops: [usize; 4]) -> Tensor {
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
    let nodes: usize = hops.iter().sum();
    let mut row_ends = Vec::new();
    let mut neighbours = Vec::new();
    for hop in 0..3 {
        for _ in 0..hops[hop] {
            // Links reach at most one hop outward. One row in four has none.
            let reachable: usize = hops[..=hop + 1].iter().sum();
            let count = if nodes == 1 || draw.below(4) == 0 { 0 } else { draw.below(MAX_LINKS + 1) };
            neighbours.extend((0..count).map(|_| draw.below(reachable) as u8));
            row_ends.push(neighbours.len() as u16);
        }
    }
    let edges = (0..neighbours.len()).flat_map(|_| {
        let mut link: Vec<f32> = (0..EDGE_WIDTH).map(|_| draw.normal()).collect();
        link[0] = draw.below(2500) as f32 / 100.0;
        link
    });
    let edges = edges.map(f16::from_f32).collect();
    let scales: Vec<f32> = (0..NODE_WIDTH).map(|column| [0.1, 1.0, 5.0][column % 3]).collect();
    let nodes = (0..nodes)
        .flat_map(|_| scales.iter().map(|scale| f16::from_f32(scale * draw.normal())).collect::<Vec<_>>())
        .collect();
    let payment = (0..schema::payment_features().len()).map(|column| draw.normal() * [1.0, 8.0][column % 2]).collect();
    Tensor { hop_counts: hops.map(|count| count as u16), nodes, row_ends, neighbours, edges, payment }
}

/// As [`tensor_of`], of random size: every seventh has the account alone, every fifth is full.
pub fn tensor(seed: u64) -> Tensor {
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(!seed));
    let hops = match seed {
        _ if seed.is_multiple_of(7) => [1, 0, 0, 0],
        _ if seed.is_multiple_of(5) => HOP_BUDGET,
        _ => [1, 1 + draw.below(10), draw.below(31), draw.below(88)],
    };
    tensor_of(seed, hops)
}

pub fn tensors(seeds: std::ops::Range<u64>) -> Vec<Tensor> {
    seeds.map(tensor).collect()
}

/// Random weights, moved away from their start so that biases and phases count too.
pub fn weights(seed: u64) -> Weights {
    let sample = tensors(1000..1064);
    let constants = Standardisation::of(&sample, schema::payment_features().len());
    let mut weights = Weights::initial(schema::payment_features().len(), &constants, seed);
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
    let moved: Vec<f32> = weights.trained_values().iter().map(|value| value + 0.05 * draw.normal()).collect();
    weights.set_trained_values(&moved);
    weights
}

/// Payments whose label depends on the centre's neighbour alone, so that only attention can learn it.
pub fn examples(seeds: std::ops::Range<u64>) -> Vec<Example> {
    seeds
        .map(|seed| {
            let mut tensor = tensor_of(seed, [1, 2, 3, 2]);
            let fraud = seed.is_multiple_of(2);
            tensor.nodes[NODE_WIDTH] = f16::from_f32(if fraud { 2.0 } else { -2.0 });
            let spare = tensor.row_ends[0] == 0;
            if spare {
                tensor.row_ends.iter_mut().for_each(|end| *end += 1);
                tensor.neighbours.insert(0, 1);
                tensor.edges.splice(0..0, [f16::ONE; EDGE_WIDTH]);
            }
            tensor.neighbours[..usize::from(tensor.row_ends[0])].fill(1);
            Example { tensor, label: f32::from(u8::from(fraud)), weight: 1.0 }
        })
        .collect()
}

/// Mean over frauds of the precision at their rank; every payment here counts once.
pub fn average_precision(scores: &[f32], labels: &[bool], _weights: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut frauds = 0.0;
    let precisions = order.iter().enumerate().filter(|(_, i)| labels[**i]).map(|(rank, _)| {
        frauds += 1.0;
        frauds / (rank + 1) as f64
    });
    let sum: f64 = precisions.collect::<Vec<_>>().iter().sum();
    sum / frauds
}

/// The examples as a fit takes them.
pub fn all(examples: &[Example]) -> Vec<&Example> {
    examples.iter().collect()
}
