//! A payment as it would look without a piece of evidence.
//!
//! What is taken away becomes what it is where it never was: an entity has no node, no links and the default in every column that speaks of
//! it; a group of columns has its defaults. Figures that sum up several entities (`hop_2_reported`, `shared_entities`) stay as they were
//! seen: they cannot be told apart any more.

use super::party::{Party, columns_of, own_node};
use fraudnet_features::schema::{Group, payment_features};
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH, Tensor};

/// The tensor without a node and without what is reached only through it. The centre cannot be taken away; the tensor must pass
/// [`crate::check_tensor`].
pub fn without_node(tensor: &Tensor, node: usize) -> Tensor {
    let kept = reached(tensor, node);
    let mut number = vec![0_u8; kept.len()];
    let mut without = Tensor { payment: tensor.payment.clone(), ..Tensor::default() };
    let (mut at, mut next) = (0, 0);
    for (hop, &count) in tensor.hop_counts.iter().enumerate() {
        for _ in 0..count {
            if kept[at] {
                number[at] = next;
                next = next.saturating_add(1);
                without.hop_counts[hop] += 1;
                without.nodes.extend_from_slice(&tensor.nodes[at * NODE_WIDTH..(at + 1) * NODE_WIDTH]);
            }
            at += 1;
        }
    }
    for from in (0..tensor.row_ends.len()).filter(|&from| kept[from]) {
        for link in row(tensor, from) {
            let to = usize::from(tensor.neighbours[link]);
            if kept[to] {
                without.neighbours.push(number[to]);
                without.edges.extend_from_slice(&tensor.edges[link * EDGE_WIDTH..(link + 1) * EDGE_WIDTH]);
            }
        }
        without.row_ends.push(without.neighbours.len() as u16);
    }
    without
}

/// Puts the default into every payment column that speaks of the entity in `node`, where it is the payment's own.
pub fn forget_entity(payment: &mut [f32], tensor: &Tensor, node: usize) {
    for party in Party::ALL {
        if own_node(tensor, party) == Some(node) {
            columns_of(party).for_each(|column| to_default(payment, column));
        }
    }
}

/// Puts the default into every payment column of the group.
pub fn forget_group(payment: &mut [f32], group: Group) {
    for (column, feature) in payment_features().iter().enumerate() {
        if feature.group == group {
            to_default(payment, column);
        }
    }
}

/// Places of a row's links; none for nodes of hop 3.
pub fn row(tensor: &Tensor, node: usize) -> std::ops::Range<usize> {
    let end = |node: usize| tensor.row_ends.get(node).map(|&end| usize::from(end));
    match (node.checked_sub(1).map_or(Some(0), end), end(node)) {
        (Some(start), Some(end)) => start..end,
        _ => 0..0,
    }
}

fn to_default(payment: &mut [f32], column: usize) {
    if let (Some(value), Some(feature)) = (payment.get_mut(column), payment_features().get(column)) {
        *value = feature.default;
    }
}

/// Which nodes messages still come from: over rows from the centre, not through `avoided`.
fn reached(tensor: &Tensor, avoided: usize) -> Vec<bool> {
    let mut reached = vec![false; tensor.node_count()];
    let mut ahead = Vec::new();
    if let Some(centre) = reached.first_mut() {
        *centre = true;
        ahead.push(0);
    }
    while let Some(from) = ahead.pop() {
        for link in row(tensor, from) {
            let to = usize::from(tensor.neighbours[link]);
            if to != avoided && !std::mem::replace(&mut reached[to], true) {
                ahead.push(to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_tensor;
    use crate::explain::testing::{Draws, tensor};
    use fraudnet_features::schema::payment_feature_index;
    use proptest::prelude::*;

    /// The account, its device and IP (linked with each other), a merchant; another account on the device, one on both, a device beyond.
    fn drawing() -> Tensor {
        tensor(
            ["a", "dim", "aa", "d"],
            &[
                &[(1, true), (2, true), (3, true)],
                &[(0, true), (2, true), (4, false), (5, false)],
                &[(0, true), (1, true), (5, false)],
                &[(0, true)],
                &[(1, false), (6, false)],
                &[(1, false), (2, false)],
            ],
        )
    }

    #[test]
    fn what_is_reached_only_through_a_node_goes_with_it() {
        let whole = drawing();
        check_tensor(&whole).unwrap();
        /// Node taken away, nodes a hop, ends of the rows, nodes by their old number.
        type Left = (usize, [u16; 4], &'static [u16], &'static [f32]);
        let expected: [Left; 3] = [
            (1, [1, 2, 1, 0], &[2, 4, 5, 6], &[0.0, 2.0, 3.0, 5.0]),
            (2, [1, 2, 2, 1], &[2, 5, 6, 8, 9], &[0.0, 1.0, 3.0, 4.0, 5.0, 6.0]),
            (3, [1, 2, 2, 1], &[2, 6, 9, 11, 13], &[0.0, 1.0, 2.0, 4.0, 5.0, 6.0]),
        ];
        for (node, hops, ends, nodes) in expected {
            let without = without_node(&whole, node);
            check_tensor(&without).unwrap();
            assert_eq!((without.hop_counts, &without.row_ends[..]), (hops, ends), "without {node}");
            let kept: Vec<f32> = without.nodes.chunks(NODE_WIDTH).map(|row| row[0].to_f32()).collect();
            assert_eq!(kept, nodes, "without {node}");
            assert_eq!(without.payment, whole.payment);
        }
    }

    #[test]
    fn a_link_keeps_its_own_facts() {
        let without = without_node(&drawing(), 1);
        // Test links say in every plain column which node they lead to.
        let told: Vec<f32> = without.edges.chunks(EDGE_WIDTH).map(|link| link[0].to_f32()).collect();
        assert_eq!(told, [2.0, 3.0, 0.0, 5.0, 0.0, 2.0]);
        assert_eq!(without.neighbours, [1, 2, 0, 3, 0, 1]);
    }

    #[test]
    fn an_own_entity_takes_its_columns_along() {
        let whole = drawing();
        let at = |name: &str| payment_feature_index(name).unwrap();
        let mut payment = whole.payment.clone();
        forget_entity(&mut payment, &whole, 1);
        for name in ["device_new", "device_accounts_1d", "account_device_age_s", "has_device", "device_ip_new"] {
            assert_eq!(payment[at(name)], 0.0, "{name}");
        }
        for name in ["amount", "account_age_s", "ip_new", "account_devices_1d", "hop_1_reported", "shared_entities"] {
            assert_eq!(payment[at(name)], whole.payment[at(name)], "{name}");
        }
        let mut untouched = whole.payment.clone();
        forget_entity(&mut untouched, &whole, 4);
        assert_eq!(untouched, whole.payment, "node 4 is none of the payment's own");
    }

    #[test]
    fn a_group_goes_to_its_defaults() {
        let whole = drawing();
        let mut payment = whole.payment.clone();
        forget_group(&mut payment, Group::History);
        for (feature, (&value, &before)) in payment_features().iter().zip(payment.iter().zip(&whole.payment)) {
            let expected = if feature.group == Group::History { feature.default } else { before };
            assert_eq!(value, expected, "{}", feature.name);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_away_a_model_can_read_the_rest(seed: u64) {
            let mut draws = Draws::new(seed);
            let counts = [1, 1 + draws.below(4), draws.below(5), draws.below(5)];
            let kinds = ["aaaaa", "dimad", "amdia", "midaa"];
            let hops: [&str; 4] = std::array::from_fn(|hop| &kinds[hop][..counts[hop]]);
            let ends = [1, 1 + counts[1], 1 + counts[1] + counts[2], 1 + counts[1] + counts[2] + counts[3]];
            let rows: Vec<Vec<(u8, bool)>> = (0..ends[2])
                .map(|from| {
                    let reach = ends[1 + ends.iter().filter(|&&end| from >= end).count()];
                    (0..draws.below(5)).map(|_| (draws.below(reach) as u8, false)).collect()
                })
                .collect();
            let rows: Vec<&[(u8, bool)]> = rows.iter().map(Vec::as_slice).collect();
            let whole = tensor(hops, &rows);
            prop_assume!(check_tensor(&whole).is_ok());
            for node in 1..ends[3] {
                prop_assert_eq!(check_tensor(&without_node(&whole, node)), Ok(()));
            }
        }
    }
}
