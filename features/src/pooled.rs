//! The sampled nodes pooled by hop and kind: what trees see of the neighbourhood. Read off a [`Tensor`] alone, so that served,
//! logged and replayed payments give the same row.
//!
//! For each of hops 1 to 3 and each kind: how many nodes there are, and the mean and one extreme of the node columns that say
//! something of that kind, all as the node rows store them (logarithms stay logarithms). A kind that is absent gives zeros.
//! Cost: about 60 ns a node, most of it the conversion from f16.

use crate::columns::COUNT;
use crate::math::log2_1p;
use crate::schema::{Feature, Group, node_features};
use crate::tensor::{NODE_WIDTH, Tensor};
use fraudnet_graph::Kind;
use half::slice::HalfFloatSliceExt;
use std::sync::LazyLock;

/// The extreme that stands beside a mean.
#[derive(Clone, Copy, PartialEq)]
enum Extreme {
    /// The largest: of counts, amounts, shares.
    Max,
    /// The smallest: of ages and idle times, where the newcomer and the latest activity matter.
    Min,
}
use Extreme::{Max, Min};

/// Node columns pooled for every kind. `linked_newest_idle_s` is left out: a row's latest link is nearly always the entity's latest
/// payment, so that it repeats `node_idle_s`; `linked_youngest_age_s` follows the shares of young ones.
const OF_ALL: [(&str, Extreme); 18] = [
    ("node_age_s", Min),
    ("node_idle_s", Min),
    ("node_payments", Max),
    ("node_reported", Max),
    ("node_reported_7d", Max),
    ("node_reported_30d", Max),
    ("node_reported_share", Max),
    ("node_paid_1d", Max),
    ("node_paid_30d", Max),
    ("node_mean_paid_30d", Max),
    ("node_gap_s", Min),
    ("node_burst_1d_7d", Max),
    ("node_amount_deviation", Max),
    ("node_amount_surprise", Max),
    ("linked_nodes", Max),
    ("linked_edge_reported", Max),
    ("linked_reported_share", Max),
    ("linked_young_share", Max),
];

/// Those pooled for one kind besides, by kind: receipts and relations that the other kinds do not have.
const OF_KIND: [&[(&str, Extreme)]; KINDS] = [
    &[
        ("node_degree_account_device", Max),
        ("node_degree_account_ip", Max),
        ("node_degree_account_merchant", Max),
        ("node_degree_account_account", Max),
        ("node_received_1d", Max),
        ("node_received_30d", Max),
        ("node_received_share_1d", Max),
        ("node_received_share_30d", Max),
        ("node_mean_received_30d", Max),
        ("node_received_idle_s", Max),
    ],
    &[("node_degree_account_device", Max), ("node_degree_device_ip", Max)],
    &[("node_degree_account_ip", Max), ("node_degree_device_ip", Max)],
    &[("node_degree_account_merchant", Max)],
];

const KINDS: usize = Kind::ALL.len();
/// Hops pooled: all but the centre, whose facts are the payment's own columns.
const HOPS: usize = 3;
/// Most columns pooled for one kind.
const MOST: usize = 32;
const _: () = {
    let mut kind = 0;
    while kind < KINDS {
        assert!(OF_ALL.len() + OF_KIND[kind].len() <= MOST);
        kind += 1;
    }
};

/// What is pooled of a kind.
struct Pool {
    /// Node column that says that a node is of the kind.
    flag: usize,
    /// Node columns and the extreme taken of each.
    columns: Vec<(usize, Extreme)>,
}

static POOLS: LazyLock<[Pool; KINDS]> = LazyLock::new(|| {
    Kind::ALL.map(|kind| Pool {
        flag: node_column(&format!("node_is_{}", kind.name())),
        columns: pooled_of(kind).map(|(name, extreme)| (node_column(name), extreme)).collect(),
    })
});

static FEATURES: LazyLock<Vec<Feature>> = LazyLock::new(|| {
    let mut features = Vec::new();
    for hop in 1..=HOPS {
        for kind in Kind::ALL {
            let entity = kind.name();
            let mut add = |name: String, meaning: String, unit, window| {
                // Named once for the life of the process.
                let (name, meaning) = (name.leak(), meaning.leak());
                features.push(Feature { name, group: Group::Pooled, meaning, unit, entity, window, default: 0.0 });
            };
            let where_ = format!("over the sampled nodes of the kind at hop {hop}");
            add(format!("hop{hop}_{entity}_count"), format!("how many there are {where_}"), COUNT, "");
            for (name, extreme) in pooled_of(kind) {
                let source = &node_features()[node_column(name)];
                let (end, extreme) = if extreme == Max { ("max", "largest") } else { ("min", "smallest") };
                for (end, statistic) in [("mean", "mean"), (end, extreme)] {
                    let meaning = format!("{}: {statistic} {where_}", source.meaning);
                    add(format!("hop{hop}_{entity}_{name}_{end}"), meaning, source.unit, source.window);
                }
            }
        }
    }
    features
});

fn pooled_of(kind: Kind) -> impl Iterator<Item = (&'static str, Extreme)> {
    OF_ALL.iter().chain(OF_KIND[kind as usize]).copied()
}

fn node_column(name: &str) -> usize {
    node_features().iter().position(|feature| feature.name == name).expect("the tables above name node columns")
}

/// The pooled columns, in order.
pub(crate) fn features() -> &'static [Feature] {
    &FEATURES
}

/// Sums and extremes over the nodes of one kind at one hop.
#[derive(Clone, Copy)]
struct Sums {
    nodes: f32,
    sums: [f32; MOST],
    extremes: [f32; MOST],
}

/// Appends the pooled columns of a payment.
pub(crate) fn append(tensor: &Tensor, rows: &mut Vec<f32>) {
    let pools = &*POOLS;
    let mut nodes = tensor.nodes.chunks_exact(NODE_WIDTH).skip(usize::from(tensor.hop_counts[0]));
    let mut row = [0.0; NODE_WIDTH];
    for hop in 1..=HOPS {
        let mut kinds = [Sums { nodes: 0.0, sums: [0.0; MOST], extremes: [0.0; MOST] }; KINDS];
        for node in nodes.by_ref().take(usize::from(tensor.hop_counts[hop])) {
            node.convert_to_f32_slice(&mut row);
            let Some(kind) = pools.iter().position(|pool| row[pool.flag] > 0.0) else { continue };
            kinds[kind].add(&pools[kind], &row);
        }
        for (kind, pool) in kinds.iter().zip(pools) {
            rows.push(log2_1p(kind.nodes));
            let share = if kind.nodes > 0.0 { 1.0 / kind.nodes } else { 0.0 };
            for column in 0..pool.columns.len() {
                rows.extend_from_slice(&[kind.sums[column] * share, kind.extremes[column]]);
            }
        }
    }
}

impl Sums {
    fn add(&mut self, pool: &Pool, row: &[f32; NODE_WIDTH]) {
        let first = self.nodes == 0.0;
        self.nodes += 1.0;
        for (place, (column, extreme)) in pool.columns.iter().enumerate() {
            let value = row[*column];
            self.sums[place] += value;
            let held = self.extremes[place];
            self.extremes[place] = match extreme {
                _ if first => value,
                Max => held.max(value),
                Min => held.min(value),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    /// A node of that kind whose columns are all `value` except the flags.
    fn node(kind: Kind, value: f32) -> Vec<f16> {
        let mut row = vec![f16::from_f32(value); NODE_WIDTH];
        for other in Kind::ALL {
            row[POOLS[other as usize].flag] = f16::from_f32(f32::from(u8::from(other == kind)));
        }
        row
    }

    #[test]
    fn mean_and_extreme_are_taken_within_hop_and_kind() {
        let tensor = Tensor {
            hop_counts: [1, 3, 0, 1],
            nodes: [
                node(Kind::Account, 50.0),
                node(Kind::Device, 2.0),
                node(Kind::Merchant, 9.0),
                node(Kind::Device, 5.0),
                node(Kind::Account, 7.0),
            ]
            .concat(),
            ..Tensor::default()
        };
        let mut rows = vec![-1.0];
        append(&tensor, &mut rows);
        assert_eq!((rows.len(), rows[0]), (1 + features().len(), -1.0));
        let value = |name: &str| rows[1 + features().iter().position(|feature| feature.name == name).unwrap()];
        assert!((value("hop1_device_count") - 3f32.log2()).abs() < 1e-4);
        assert_eq!((value("hop1_device_node_payments_mean"), value("hop1_device_node_payments_max")), (3.5, 5.0));
        assert_eq!((value("hop1_device_node_age_s_mean"), value("hop1_device_node_age_s_min")), (3.5, 2.0));
        assert_eq!((value("hop1_merchant_node_age_s_min"), value("hop1_account_node_age_s_min")), (9.0, 0.0));
        assert_eq!((value("hop3_account_node_received_1d_max"), value("hop2_account_count")), (7.0, 0.0));
        let pooled = features().iter().zip(&rows[1..]);
        let elsewhere = ["hop1_device", "hop1_merchant", "hop3_account"];
        for (feature, value) in pooled.filter(|(feature, _)| !elsewhere.iter().any(|at| feature.name.starts_with(at))) {
            assert_eq!(*value, 0.0, "{}", feature.name);
        }
    }
}
