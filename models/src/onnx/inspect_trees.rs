//! What a tree file must be: one tree operator over the columns of a feature set, with lists that fit each other and make trees.
//!
//! Only what [`TreeEnsemble::to_onnx`] writes is accepted, and read back into the same plain data: a file that could mean
//! something else to the runtime than to a reader here is refused.

use super::build::TREE_DOMAIN;
use super::inspect::{OnnxError, inspect_graph_plainness, inspect_ports, open};
use super::schema::{AttributeProto, GraphProto, NodeProto, attribute_kind};
use super::signature::{trees_inputs, trees_outputs};
use super::trees::{FEATURES, LEAF_MODE, SPLIT_MODE, TREE_OPERATOR, Tree, TreeEnsemble, TreeNode};
use crate::batch::input;

/// Parses a tree file for rows of so many columns, and checks everything about it that can be checked without running it.
///
/// # Errors
/// See [`OnnxError`].
pub fn inspect_trees(bytes: &[u8], columns: usize) -> Result<TreeEnsemble, OnnxError> {
    let model = open(bytes, &[TREE_DOMAIN])?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    inspect_graph_plainness(graph)?;
    inspect_ports("input", &trees_inputs(columns), &graph.input.iter().collect::<Vec<_>>())?;
    inspect_ports("output", &trees_outputs(), &graph.output.iter().collect::<Vec<_>>())?;
    let ensemble = read(only_node(graph)?, columns)?;
    ensemble.check().map_err(OnnxError::Trees)?;
    Ok(ensemble)
}

fn only_node(graph: &GraphProto) -> Result<&NodeProto, OnnxError> {
    if !graph.initializer.is_empty() {
        return Err(OnnxError::Construct("weights beside the trees".to_owned()));
    }
    let [node] = &graph.node[..] else {
        return Err(OnnxError::Construct(format!("{} nodes where one holds all trees", graph.node.len())));
    };
    if node.domain != TREE_DOMAIN || node.op_type != TREE_OPERATOR || !node.overload.is_empty() {
        return Err(OnnxError::Operator { node: node.name.clone(), operator: node.op_type.clone() });
    }
    if node.input != [FEATURES] || node.output != [input::FRAUD_LOGIT] {
        return Err(OnnxError::Construct(format!("other inputs or outputs than its own in node `{}`", node.name)));
    }
    Ok(node)
}

fn read(node: &NodeProto, columns: usize) -> Result<TreeEnsemble, OnnxError> {
    let mut settings = Settings { left: node.attribute.iter().collect() };
    settings.text("aggregate_function", "SUM")?;
    settings.text("post_transform", "NONE")?;
    if settings.int("n_targets")? != 1 {
        return Err(list("n_targets"));
    }
    let &[bias] = settings.floats("base_values")? else { return Err(list("base_values")) };
    let trees = settings.ints("nodes_treeids")?;
    let nodes = settings.ints("nodes_nodeids")?;
    let modes = settings.texts("nodes_modes")?;
    let reads = settings.ints("nodes_featureids")?;
    let thresholds = settings.floats("nodes_values")?;
    let left = settings.ints("nodes_truenodeids")?;
    let right = settings.ints("nodes_falsenodeids")?;
    let missing_left = settings.ints("nodes_missing_value_tracks_true")?;
    let leaf_trees = settings.ints("target_treeids")?;
    let leaf_nodes = settings.ints("target_nodeids")?;
    let targets = settings.ints("target_ids")?;
    let leaves = settings.floats("target_weights")?;
    settings.end()?;
    let same_length = |name, length, expected| if length == expected { Ok(()) } else { Err(list(name)) };
    same_length("nodes_nodeids", nodes.len(), trees.len())?;
    same_length("nodes_modes", modes.len(), trees.len())?;
    same_length("nodes_featureids", reads.len(), trees.len())?;
    same_length("nodes_values", thresholds.len(), trees.len())?;
    same_length("nodes_truenodeids", left.len(), trees.len())?;
    same_length("nodes_falsenodeids", right.len(), trees.len())?;
    same_length("nodes_missing_value_tracks_true", missing_left.len(), trees.len())?;
    same_length("target_nodeids", leaf_nodes.len(), leaf_trees.len())?;
    same_length("target_ids", targets.len(), leaf_trees.len())?;
    same_length("target_weights", leaves.len(), leaf_trees.len())?;
    if targets.iter().any(|&target| target != 0) {
        return Err(list("target_ids"));
    }

    let mut ensemble = TreeEnsemble { columns, bias, trees: Vec::new() };
    let mut leaf = 0;
    for at in 0..trees.len() {
        // Trees one after the other, nodes in order: `0 0 0 1 1 …` and `0 1 2 0 1 …`.
        if nodes[at] == 0 {
            ensemble.trees.push(Tree { nodes: Vec::new() });
        }
        let number = ensemble.trees.len() as i64 - 1;
        let Some(tree) = ensemble.trees.last_mut() else { return Err(list("nodes_nodeids")) };
        if trees[at] != number {
            return Err(list("nodes_treeids"));
        }
        if nodes[at] != tree.nodes.len() as i64 {
            return Err(list("nodes_nodeids"));
        }
        let node = match &modes[at][..] {
            mode if mode == SPLIT_MODE.as_bytes() => TreeNode::Split {
                column: u32::try_from(reads[at]).map_err(|_| list("nodes_featureids"))?,
                threshold: thresholds[at],
                left: u32::try_from(left[at]).map_err(|_| list("nodes_truenodeids"))?,
                right: u32::try_from(right[at]).map_err(|_| list("nodes_falsenodeids"))?,
                missing_left: match missing_left[at] {
                    0 => false,
                    1 => true,
                    _ => return Err(list("nodes_missing_value_tracks_true")),
                },
            },
            mode if mode == LEAF_MODE.as_bytes() => {
                if (leaf_trees.get(leaf), leaf_nodes.get(leaf)) != (Some(&trees[at]), Some(&nodes[at])) {
                    return Err(list("target_nodeids"));
                }
                leaf += 1;
                TreeNode::Leaf { value: leaves[leaf - 1] }
            }
            _ => return Err(list("nodes_modes")),
        };
        tree.nodes.push(node);
    }
    // More values than leaves: some would be added where this reader sees none.
    same_length("target_nodeids", leaf_nodes.len(), leaf)?;
    Ok(ensemble)
}

fn list(name: &str) -> OnnxError {
    OnnxError::TreeSetting(name.to_owned())
}

/// The settings of the node, each taken once and with its one kind.
struct Settings<'a> {
    left: Vec<&'a AttributeProto>,
}

impl<'a> Settings<'a> {
    fn take(&mut self, name: &str, kind: i32) -> Result<&'a AttributeProto, OnnxError> {
        let place = self.left.iter().position(|setting| setting.name == name).ok_or_else(|| list(name))?;
        let setting = self.left.swap_remove(place);
        if setting.kind == kind { Ok(setting) } else { Err(list(name)) }
    }

    fn text(&mut self, name: &str, expected: &str) -> Result<(), OnnxError> {
        let setting = self.take(name, attribute_kind::STRING)?;
        if setting.s == expected.as_bytes() { Ok(()) } else { Err(list(name)) }
    }

    fn texts(&mut self, name: &str) -> Result<&'a [Vec<u8>], OnnxError> {
        Ok(&self.take(name, attribute_kind::STRINGS)?.strings)
    }

    fn int(&mut self, name: &str) -> Result<i64, OnnxError> {
        Ok(self.take(name, attribute_kind::INT)?.i)
    }

    fn ints(&mut self, name: &str) -> Result<&'a [i64], OnnxError> {
        Ok(&self.take(name, attribute_kind::INTS)?.ints)
    }

    fn floats(&mut self, name: &str) -> Result<&'a [f32], OnnxError> {
        Ok(&self.take(name, attribute_kind::FLOATS)?.floats)
    }

    /// Whatever is left would mean something to the runtime that is not read here; a setting given twice is among it.
    fn end(self) -> Result<(), OnnxError> {
        self.left.first().map_or(Ok(()), |setting| Err(list(&setting.name)))
    }
}
