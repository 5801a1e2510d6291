//! Draws by seed and things made of them, for tests.

use super::permutation::Draw;
use crate::onnx::trees::{Tree, TreeEnsemble, TreeNode};
use fraudnet_features::schema::{edge_features, node_features, payment_features};
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH, Tensor};
use half::f16;

/// Numbers by seed.
pub(crate) struct Draws(Draw);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Draws(Draw::new(seed))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    /// A number from -1 to 1 in steps of 0.2, so that values often equal thresholds.
    pub(crate) fn value(&mut self) -> f32 {
        self.below(11) as f32 / 5.0 - 1.0
    }

    /// A row in which every eighth value is missing.
    pub(crate) fn row(&mut self, columns: usize) -> Vec<f32> {
        (0..columns).map(|_| if self.below(8) == 0 { f32::NAN } else { self.value() }).collect()
    }
}

/// Trees that split at random.
pub(crate) fn ensemble(draws: &mut Draws, columns: usize, trees: usize, leaves: usize) -> TreeEnsemble {
    let trees = (0..trees).map(|_| tree(draws, columns, leaves)).collect();
    TreeEnsemble { columns, bias: draws.value(), trees }
}

fn tree(draws: &mut Draws, columns: usize, leaves: usize) -> Tree {
    let mut nodes = vec![TreeNode::Leaf { value: draws.value() }];
    for _ in 1..leaves {
        let open: Vec<usize> = (0..nodes.len()).filter(|&at| matches!(nodes[at], TreeNode::Leaf { .. })).collect();
        let at = open[draws.below(open.len())];
        let left = nodes.len() as u32;
        nodes[at] = TreeNode::Split {
            column: draws.below(columns) as u32,
            threshold: draws.value(),
            left,
            right: left + 1,
            missing_left: draws.below(2) == 0,
        };
        for _ in 0..2 {
            let value = draws.value();
            nodes.push(TreeNode::Leaf { value });
        }
    }
    Tree { nodes }
}

/// A tensor out of a drawing: kinds of the nodes by hop (`a`ccount, `d`evice, `i`p, `m`erchant), and for each row the nodes it links; a
/// link with `true` is the payment's own.
pub(crate) fn tensor(hops: [&str; 4], rows: &[&[(u8, bool)]]) -> Tensor {
    let kinds: Vec<char> = hops.concat().chars().collect();
    let mut tensor = Tensor {
        hop_counts: hops.map(|hop| hop.len() as u16),
        payment: (0..payment_features().len()).map(|at| 0.25 + (at % 7) as f32).collect(),
        ..Tensor::default()
    };
    let column = |name: &str| node_features().iter().position(|feature| feature.name == name).unwrap();
    for (node, kind) in kinds.iter().enumerate() {
        let mut row = vec![f16::from_f32(node as f32); NODE_WIDTH];
        for (flag, name) in
            [('a', "node_is_account"), ('d', "node_is_device"), ('i', "node_is_ip"), ('m', "node_is_merchant")]
        {
            row[column(name)] = f16::from_f32(f32::from(u8::from(*kind == flag)));
        }
        tensor.nodes.extend(row);
    }
    for (from, row) in rows.iter().enumerate() {
        for &(to, own) in *row {
            tensor.neighbours.push(to);
            let relation = relation(kinds[from], kinds[usize::from(to)]);
            tensor.edges.extend((0..EDGE_WIDTH).map(|at| match edge_features()[at].name {
                "edge_own" => f16::from_f32(f32::from(u8::from(own))),
                name if name.starts_with("edge_is_") => f16::from_f32(f32::from(u8::from(name == relation))),
                _ => f16::from_f32(f32::from(to)),
            }));
        }
        tensor.row_ends.push(tensor.neighbours.len() as u16);
    }
    tensor
}

fn relation(from: char, to: char) -> &'static str {
    match (from.min(to), from.max(to)) {
        ('a', 'a') => "edge_is_account_account",
        ('a', 'd') => "edge_is_account_device",
        ('a', 'i') => "edge_is_account_ip",
        ('a', 'm') => "edge_is_account_merchant",
        _ => "edge_is_device_ip",
    }
}
