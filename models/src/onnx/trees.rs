//! Boosted trees as plain data, and as the one ONNX operator that runs them.
//!
//! Cost sketch of [`TreeEnsemble::logit`]: one comparison and one hop a level, so about 5 a tree; it is what files are held to,
//! payments are scored by the runtime.

use super::build::{TREE_DOMAIN, tree_model};
use super::schema::NodeProto;
use crate::batch::input;
use prost::Message;
use std::ops::Range;

/// Name of a tree file's input: `[B, columns]` f32, one row a payment, NaN where a value is missing.
pub const FEATURES: &str = "features";
/// The operator.
pub const TREE_OPERATOR: &str = "TreeEnsembleRegressor";

/// An additive ensemble: the raw logit of a row is `bias` plus the leaf each tree leads it to.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeEnsemble {
    /// Columns of a row.
    pub columns: usize,
    /// Added to every row.
    pub bias: f32,
    /// The trees.
    pub trees: Vec<Tree>,
}

/// One tree; node 0 is the root.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// Its nodes; children come after their parent.
    pub nodes: Vec<TreeNode>,
}

/// A node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TreeNode {
    /// Goes to `left` where the value of `column` is at most `threshold`, else to `right`; where it is not a number, to `left` if `missing_left`.
    Split {
        /// Column read.
        column: u32,
        /// Largest value that goes left.
        threshold: f32,
        /// Index of the left child.
        left: u32,
        /// Index of the right child.
        right: u32,
        /// Where a value that is not a number goes.
        missing_left: bool,
    },
    /// Ends here with this addition to the logit.
    Leaf {
        /// Addition to the logit.
        value: f32,
    },
}

/// Why trees cannot score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// There is nothing in the ensemble or in one of its trees.
    #[error("{0}; train again")]
    Empty(String),
    /// A node reads a column that is not there.
    #[error("node {node} of tree {tree} reads column {column} of {columns}; export them for this build's feature set")]
    Column {
        /// The tree.
        tree: usize,
        /// The node.
        node: usize,
        /// Column read.
        column: u32,
        /// Columns of a row.
        columns: usize,
    },
    /// Nodes are no tree: a child that is not there, stands before its parent, has two parents or none.
    #[error("node {node} of tree {tree} is not exactly one later node's child or leads to none; export them again")]
    Shape {
        /// The tree.
        tree: usize,
        /// The node.
        node: usize,
    },
    /// A threshold, leaf or bias is infinite or not a number.
    #[error("{0} is not a finite number; the fit diverged, train again")]
    NotFinite(String),
}

impl TreeEnsemble {
    /// Checks that it is a forest over its columns: every node is reached from its root by one way, every number is finite.
    ///
    /// # Errors
    /// See [`TreeError`].
    pub fn check(&self) -> Result<(), TreeError> {
        if self.columns == 0 || self.trees.is_empty() {
            return Err(TreeError::Empty("there are no trees or no columns".to_owned()));
        }
        if !self.bias.is_finite() {
            return Err(TreeError::NotFinite("the bias of the trees".to_owned()));
        }
        self.trees.iter().enumerate().try_for_each(|(number, tree)| tree.check(number, self.columns))
    }

    /// Raw logit of a row, in plain Rust: what the exported file is held to. Added in the order the runtime adds: the trees, then the bias.
    ///
    /// # Panics
    /// Where the ensemble does not pass [`TreeEnsemble::check`] or the row has fewer columns.
    pub fn logit(&self, row: &[f32]) -> f32 {
        self.trees.iter().map(|tree| tree.walk(row, |_, _| ())).sum::<f32>() + self.bias
    }

    /// Smallest distance of a value to a threshold that this row meets in these columns; infinite where it meets none.
    ///
    /// Two processors give a network's embedding with other last digits, and a value that crosses a threshold changes the logit by a
    /// whole leaf. A row of v3 makes a dependable golden vector only where this is well above that rounding (some 1e-6).
    ///
    /// # Panics
    /// As [`TreeEnsemble::logit`].
    pub fn margin(&self, row: &[f32], columns: Range<usize>) -> f32 {
        let mut margin = f32::INFINITY;
        for tree in &self.trees {
            tree.walk(row, |column, threshold| {
                if columns.contains(&column) {
                    margin = margin.min((row[column] - threshold).abs());
                }
            });
        }
        margin
    }

    /// The ONNX file: input `features` `[B, columns]` f32, output `fraud_logit` `[B, 1]` f32, one `TreeEnsembleRegressor`.
    pub fn to_onnx(&self, name: &str) -> Vec<u8> {
        tree_model(name, self.columns, self.to_node()).encode_to_vec()
    }

    /// Nodes of all trees.
    pub fn node_count(&self) -> usize {
        self.trees.iter().map(|tree| tree.nodes.len()).sum()
    }

    fn to_node(&self) -> NodeProto {
        let mut lists = Lists::default();
        for (tree, id) in self.trees.iter().zip(0..) {
            tree.append(id, &mut lists);
        }
        let mut node = NodeProto::new(TREE_OPERATOR, &[FEATURES], &[input::FRAUD_LOGIT])
            .with_string("aggregate_function", "SUM")
            .with_floats("base_values", &[self.bias])
            .with_int("n_targets", 1)
            .with_ints("nodes_falsenodeids", &lists.right)
            .with_ints("nodes_featureids", &lists.columns)
            .with_ints("nodes_missing_value_tracks_true", &lists.missing_left)
            .with_strings("nodes_modes", &lists.modes)
            .with_ints("nodes_nodeids", &lists.nodes)
            .with_ints("nodes_treeids", &lists.trees)
            .with_ints("nodes_truenodeids", &lists.left)
            .with_floats("nodes_values", &lists.thresholds)
            .with_string("post_transform", "NONE")
            .with_ints("target_ids", &vec![0; lists.leaves.len()])
            .with_ints("target_nodeids", &lists.leaf_nodes)
            .with_ints("target_treeids", &lists.leaf_trees)
            .with_floats("target_weights", &lists.leaves);
        node.domain = TREE_DOMAIN.to_owned();
        node
    }
}

/// The operator's parallel lists: one entry a node, then one entry a leaf.
#[derive(Default)]
struct Lists {
    trees: Vec<i64>,
    nodes: Vec<i64>,
    modes: Vec<&'static str>,
    columns: Vec<i64>,
    thresholds: Vec<f32>,
    left: Vec<i64>,
    right: Vec<i64>,
    missing_left: Vec<i64>,
    leaf_trees: Vec<i64>,
    leaf_nodes: Vec<i64>,
    leaves: Vec<f32>,
}

impl Tree {
    fn append(&self, tree: i64, lists: &mut Lists) {
        for (node, id) in self.nodes.iter().zip(0..) {
            let (mode, column, threshold, left, right, missing_left) = match *node {
                TreeNode::Split { column, threshold, left, right, missing_left } => {
                    (SPLIT_MODE, column, threshold, left, right, missing_left)
                }
                TreeNode::Leaf { value } => {
                    lists.leaf_trees.push(tree);
                    lists.leaf_nodes.push(id);
                    lists.leaves.push(value);
                    (LEAF_MODE, 0, 0.0, 0, 0, false)
                }
            };
            lists.trees.push(tree);
            lists.nodes.push(id);
            lists.modes.push(mode);
            lists.columns.push(column.into());
            lists.thresholds.push(threshold);
            lists.left.push(left.into());
            lists.right.push(right.into());
            lists.missing_left.push(missing_left.into());
        }
    }

    /// The leaf a row is led to; `met` is told column and threshold of every split on the way.
    fn walk(&self, row: &[f32], mut met: impl FnMut(usize, f32)) -> f32 {
        let mut node = 0;
        loop {
            match self.nodes[node] {
                TreeNode::Leaf { value } => return value,
                TreeNode::Split { column, threshold, left, right, missing_left } => {
                    met(column as usize, threshold);
                    let value = row[column as usize];
                    let goes_left = value <= threshold || (missing_left && value.is_nan());
                    node = if goes_left { left } else { right } as usize;
                }
            }
        }
    }

    fn check(&self, tree: usize, columns: usize) -> Result<(), TreeError> {
        if self.nodes.is_empty() {
            return Err(TreeError::Empty(format!("tree {tree} has no nodes")));
        }
        let mut has_parent = vec![false; self.nodes.len()];
        for (number, node) in self.nodes.iter().enumerate() {
            // Parents come first, so by now every node but the root must have been named by one.
            if has_parent[number] == (number == 0) {
                return Err(TreeError::Shape { tree, node: number });
            }
            match *node {
                TreeNode::Leaf { value } if value.is_finite() => {}
                TreeNode::Split { threshold, .. } if threshold.is_finite() => {}
                _ => return Err(TreeError::NotFinite(format!("node {number} of tree {tree}"))),
            }
            let TreeNode::Split { column, left, right, .. } = *node else { continue };
            if column as usize >= columns {
                return Err(TreeError::Column { tree, node: number, column, columns });
            }
            for child in [left as usize, right as usize] {
                if child <= number || child >= self.nodes.len() || std::mem::replace(&mut has_parent[child], true) {
                    return Err(TreeError::Shape { tree, node: number });
                }
            }
        }
        Ok(())
    }
}

/// Mode of a split as this workspace writes it: left where the value is at most the threshold.
pub(super) const SPLIT_MODE: &str = "BRANCH_LEQ";
/// Mode of a leaf.
pub(super) const LEAF_MODE: &str = "LEAF";
