//! Padding: every value lands where the signature says, and payments do not see each other.

use crate::common::tensor;
use fraudnet_features::{EDGE_WIDTH, MAX_LINKS, MAX_NODES, MAX_ROWS, NODE_WIDTH};
use fraudnet_models::{Batch, HOP_OFFSET, TensorError, check_tensor};
use half::f16;
use proptest::prelude::*;

fn filled(tensors: &[&fraudnet_features::Tensor]) -> Batch {
    let mut batch = Batch::default();
    batch.fill(tensors);
    batch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A batch is its payments one after the other, with indices moved to each payment's own node rows.
    #[test]
    fn a_batch_is_the_concatenation_of_singles(seeds in prop::collection::vec(any::<u64>(), 0..9), before in any::<u64>()) {
        let tensors: Vec<_> = seeds.iter().map(|&seed| tensor(seed)).collect();
        let mut batch = filled(&[&tensor(before), &tensor(before ^ 1), &tensor(before ^ 2)]);
        batch.fill(&tensors.iter().collect::<Vec<_>>());

        let mut expected = Batch { size: tensors.len(), ..Default::default() };
        for (payment, tensor) in tensors.iter().enumerate() {
            let single = filled(&[tensor]);
            let offset = (payment * MAX_NODES) as i64;
            expected.node_features.extend(single.node_features);
            expected.neighbour_index.extend(single.neighbour_index.iter().map(|index| index + offset));
            expected.edge_features.extend(single.edge_features);
            expected.neighbour_mask.extend(single.neighbour_mask);
            expected.transaction_features.extend(single.transaction_features);
        }
        prop_assert_eq!(batch, expected);
    }

    /// Every node, link and payment value is found at its slot; all else is zero, masked, or points at itself.
    #[test]
    fn every_value_is_in_its_slot(seed in any::<u64>()) {
        let tensor = tensor(seed);
        check_tensor(&tensor).unwrap();
        let batch = filled(&[&tensor]);

        let mut slots = Vec::new();
        for (hop, &count) in tensor.hop_counts.iter().enumerate() {
            slots.extend((0..usize::from(count)).map(|k| HOP_OFFSET[hop] + k));
        }
        let floats = |values: &[f16]| values.iter().map(|value| value.to_f32()).collect::<Vec<_>>();
        let mut used = [false; MAX_NODES];
        for (node, &slot) in slots.iter().enumerate() {
            used[slot] = true;
            prop_assert_eq!(&batch.node_features[slot * NODE_WIDTH..][..NODE_WIDTH], &floats(&tensor.nodes[node * NODE_WIDTH..][..NODE_WIDTH])[..]);
        }
        for slot in (0..MAX_NODES).filter(|&slot| !used[slot]) {
            prop_assert!(batch.node_features[slot * NODE_WIDTH..][..NODE_WIDTH].iter().all(|&value| value == 0.0));
        }

        for row in 0..MAX_ROWS {
            let node = slots.iter().position(|&slot| slot == row);
            let (start, end) = match node {
                Some(0) => (0, usize::from(tensor.row_ends[0])),
                Some(node) => (usize::from(tensor.row_ends[node - 1]), usize::from(tensor.row_ends[node])),
                None => (0, 0),
            };
            for k in 0..MAX_LINKS {
                let place = row * MAX_LINKS + k;
                let link = start + k;
                let (mask, index, edge) = if link < end {
                    let neighbour = slots[usize::from(tensor.neighbours[link])];
                    (1.0, neighbour, floats(&tensor.edges[link * EDGE_WIDTH..][..EDGE_WIDTH]))
                } else {
                    (0.0, row, vec![0.0; EDGE_WIDTH])
                };
                prop_assert_eq!(batch.neighbour_mask[place], mask);
                prop_assert_eq!(batch.neighbour_index[place], index as i64);
                prop_assert_eq!(&batch.edge_features[place * EDGE_WIDTH..][..EDGE_WIDTH], &edge[..]);
            }
        }
        prop_assert_eq!(batch.transaction_features, tensor.payment);
    }
}

#[test]
fn inconsistent_tensors_are_named_before_they_are_padded() {
    let whole = (0..).map(tensor).find(|tensor| tensor.neighbours.len() > 20 && tensor.hop_counts[1] > 2).unwrap();
    let broken = |change: fn(&mut fraudnet_features::Tensor)| {
        let mut tensor = whole.clone();
        change(&mut tensor);
        check_tensor(&tensor)
    };
    assert_eq!(check_tensor(&whole), Ok(()));
    assert_eq!(broken(|tensor| tensor.hop_counts[1] += 1), Err(TensorError::Nodes));
    assert_eq!(
        broken(|tensor| tensor.hop_counts = [2, tensor.hop_counts[1] - 1, tensor.hop_counts[2], tensor.hop_counts[3]]),
        Err(TensorError::Nodes)
    );
    assert_eq!(broken(|tensor| tensor.nodes.truncate(10)), Err(TensorError::Nodes));
    assert_eq!(broken(|tensor| tensor.row_ends[0] = 11), Err(TensorError::Links));
    assert_eq!(
        broken(|tensor| {
            tensor.row_ends.pop();
        }),
        Err(TensorError::Links)
    );
    assert_eq!(
        broken(|tensor| {
            tensor.neighbours.pop();
        }),
        Err(TensorError::Links)
    );
    assert_eq!(
        broken(|tensor| {
            tensor.edges.pop();
        }),
        Err(TensorError::Links)
    );
    assert_eq!(broken(|tensor| tensor.neighbours[3] = 255), Err(TensorError::Neighbour));
    assert!(matches!(broken(|tensor| tensor.payment.push(0.0)), Err(TensorError::Payment { .. })));
    assert_eq!(
        check_tensor(&Default::default()),
        Err(TensorError::Payment { expected: whole.payment.len(), found: 0 })
    );
}
