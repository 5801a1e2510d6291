//! LightGBM's text form of a model → trees as data.
//!
//! The text rather than the JSON dump: the same numbers (17 digits), but flat arrays instead of one level of nesting for
//! each level of a tree. Layout: LightGBM's `src/io/tree.cpp` and `src/boosting/gbdt_model_text.cpp`, version v4. A tree
//! of n leaves has n - 1 splits, numbered in the order they were made; a child is a split's number, or the complement of
//! a leaf's. So `splits, then leaves` is an order in which every child comes after its parent.

use anyhow::{Context, Result, bail, ensure};
use fraudnet_models::onnx::trees::{Tree, TreeEnsemble, TreeNode};
use std::str::FromStr;

/// Bits of `decision_type` (LightGBM's `tree.h`): a split by categories, ...
const CATEGORICAL: u8 = 1;
/// ... whether an absent value goes left, ...
const DEFAULT_LEFT: u8 = 2;
/// ... and, from the third bit on, what counts as absent: nothing, zero, or not-a-number.
const MISSING_SHIFT: u8 = 2;
const MISSING_NONE: u8 = 0;
const MISSING_NAN: u8 = 2;
/// `kZeroThreshold` of LightGBM's `meta.h`: rows to predict lose values as small as this. Splits between a negative and
/// zero, or zero and a positive, are often put exactly here.
const ZERO: f32 = 1e-35;

/// The trees of a model's text, and the total gain of the splits on each column.
pub(super) fn ensemble(text: &str) -> Result<(TreeEnsemble, Vec<f64>)> {
    let (trees, _) = text.split_once("end of trees").context("LightGBM's model text has no end of trees")?;
    let mut blocks = trees.split("\nTree=");
    let header = blocks.next().unwrap_or_default();
    ensure!(
        field(header, "version")? == "v4" && field(header, "num_tree_per_iteration")? == "1",
        "LightGBM's model text is not one of version v4 with one tree a round; run `make setup` for the pinned version"
    );
    ensure!(field(header, "objective")? == "binary sigmoid:1", "the trees were not fitted to log-odds");
    let columns = one::<usize>(header, "max_feature_idx")? + 1;
    let mut gain = vec![0.0; columns];
    let mut trees = Vec::new();
    for (index, block) in blocks.enumerate() {
        trees.push(tree(block, &mut gain).with_context(|| format!("tree {index} of LightGBM's model text"))?);
    }
    Ok((TreeEnsemble { columns, bias: 0.0, trees }, gain))
}

fn tree(block: &str, gain: &mut [f64]) -> Result<Tree> {
    let leaves = one::<usize>(block, "num_leaves")?;
    ensure!(leaves >= 1, "no leaves");
    ensure!(field(block, "num_cat")? == "0" && field(block, "is_linear")? == "0", "only splits by value are known");
    let splits = leaves - 1;
    let values: Vec<f64> = many(block, "leaf_value", leaves)?;
    let mut nodes = Vec::with_capacity(splits + leaves);
    if splits > 0 {
        let columns: Vec<u32> = many(block, "split_feature", splits)?;
        let gains: Vec<f64> = many(block, "split_gain", splits)?;
        let thresholds: Vec<f64> = many(block, "threshold", splits)?;
        let decisions: Vec<u8> = many(block, "decision_type", splits)?;
        let lefts: Vec<i64> = many(block, "left_child", splits)?;
        let rights: Vec<i64> = many(block, "right_child", splits)?;
        for split in 0..splits {
            let column = columns[split];
            ensure!((column as usize) < gain.len(), "column {column} of {}", gain.len());
            gain[column as usize] += gains[split];
            nodes.push(TreeNode::Split {
                column,
                threshold: rounded_down(thresholds[split]),
                left: child(lefts[split], split, leaves)?,
                right: child(rights[split], split, leaves)?,
                missing_left: missing_left(decisions[split], thresholds[split])?,
            });
        }
    }
    for value in values {
        ensure!(value.is_finite(), "a leaf of {value}");
        nodes.push(TreeNode::Leaf { value: value as f32 });
    }
    Ok(Tree { nodes })
}

/// Place of a child among the nodes: splits first, then leaves.
fn child(number: i64, parent: usize, leaves: usize) -> Result<u32> {
    let splits = leaves as i64 - 1;
    let node = if number < 0 { splits - 1 - number } else { number };
    let known = if number < 0 { node < splits + leaves as i64 } else { node < splits && node > parent as i64 };
    ensure!(known, "child {number} of split {parent}");
    Ok(node as u32)
}

/// Whether not-a-number goes left, as `Tree::NumericalDecision` has it: where a column of the fit rows had no absent
/// value it counts as zero and is compared like one.
fn missing_left(decision: u8, threshold: f64) -> Result<bool> {
    ensure!(decision & CATEGORICAL == 0, "a split by categories is not known");
    match decision >> MISSING_SHIFT {
        MISSING_NONE => Ok(0.0 <= threshold),
        MISSING_NAN => Ok(decision & DEFAULT_LEFT != 0),
        _ => bail!("a split that takes zero for absent is not known"),
    }
}

/// The f32 against which `x <= t` answers for every f32 `x` as LightGBM does against its f64: the largest one that is
/// not above it, and, as LightGBM takes an `x` within [`ZERO`] for zero, one outside that band.
fn rounded_down(threshold: f64) -> f32 {
    if threshold.abs() <= f64::from(ZERO) {
        return if threshold >= 0.0 { ZERO } else { (-ZERO).next_down() };
    }
    let near = threshold as f32;
    if f64::from(near) > threshold { near.next_down() } else { near }
}

fn field<'t>(block: &'t str, name: &str) -> Result<&'t str> {
    let value = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.with_context(|| format!("LightGBM's model text has no {name}"))
}

fn one<T: FromStr>(block: &str, name: &str) -> Result<T> {
    let value = field(block, name)?;
    value.parse().ok().with_context(|| format!("{name} of LightGBM's model text cannot be {value}"))
}

fn many<T: FromStr>(block: &str, name: &str, count: usize) -> Result<Vec<T>> {
    let parsed: Option<Vec<T>> = field(block, name)?.split_ascii_whitespace().map(|value| value.parse().ok()).collect();
    let values = parsed.with_context(|| format!("{name} of LightGBM's model text is not a row of numbers"))?;
    ensure!(values.len() == count, "{} of {name} where LightGBM's model text should have {count}", values.len());
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two splits: column 1 at 0.1, whose left child splits column 0 at -2 (by `decision`).
    fn text(decision: u8) -> String {
        format!(
            "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=2\nobjective=binary sigmoid:1\n\
             \nTree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=1 0\nsplit_gain=7.5 2\nthreshold=0.1 -2\n\
             decision_type={decision} {decision}\nleft_child=1 -1\nright_child=-2 -3\nleaf_value=0.5 -1 0.25\n\
             is_linear=0\nshrinkage=0.05\n\n\nTree=1\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nleaf_value=2\n\
             is_linear=0\n\nend of trees\n"
        )
    }

    #[test]
    fn reads_splits_then_leaves() {
        let (ensemble, gain) = ensemble(&text(0)).unwrap();
        assert_eq!(gain, [2.0, 7.5, 0.0]);
        assert_eq!((ensemble.columns, ensemble.bias), (3, 0.0));
        let split = |column, threshold, left, right, missing_left| TreeNode::Split {
            column,
            threshold,
            left,
            right,
            missing_left,
        };
        let leaf = |value| TreeNode::Leaf { value };
        // 0.1 as f32 is above 0.1 as f64; absent counts as zero: 0 <= 0.1, but not 0 <= -2
        assert_eq!(
            ensemble.trees[0].nodes,
            [split(1, 0.1f32.next_down(), 1, 3, true), split(0, -2.0, 2, 4, false), leaf(0.5), leaf(-1.0), leaf(0.25)]
        );
        assert_eq!(ensemble.trees[1].nodes, [leaf(2.0)]);
    }

    #[test]
    fn absent_values_go_where_the_split_says() {
        for (decision, left) in [(8, [false, false]), (10, [true, true]), (2, [true, false])] {
            let (ensemble, _) = ensemble(&text(decision)).unwrap();
            let found: Vec<bool> = (ensemble.trees[0].nodes.iter())
                .filter_map(|node| match node {
                    TreeNode::Split { missing_left, .. } => Some(*missing_left),
                    TreeNode::Leaf { .. } => None,
                })
                .collect();
            assert_eq!(found, left, "decision type {decision}");
        }
    }

    #[test]
    fn refuses_what_would_be_scored_otherwise() {
        let refused = |text: String| format!("{:#}", ensemble(&text).unwrap_err());
        assert!(refused(text(1)).contains("categories"));
        assert!(refused(text(4)).contains("zero for absent"));
        assert!(refused(text(0).replace("version=v4", "version=v5")).contains("make setup"));
        assert!(refused(text(0).replace("left_child=1 ", "left_child=0 ")).contains("child 0 of split 0"));
        assert!(refused(text(0).replace("left_child=1 ", "left_child=-4 ")).contains("child -4 of split 0"));
        assert!(refused(text(0).replace("threshold=0.1 ", "threshold=")).contains("1 of threshold"));
        assert!(refused(text(0).replace("split_feature=1 ", "split_feature=3 ")).contains("column 3"));
        assert!(refused(text(0).replace("leaf_value=0.5", "leaf_value=nan")).contains("leaf of NaN"));
        assert!(refused("no model".into()).contains("end of trees"));
    }

    #[test]
    fn thresholds_split_every_f32_as_their_f64_does() {
        let zero = f64::from(ZERO);
        for threshold in [0.1, -0.1, zero, -zero, 0.0, 1e-36, -1e-36, 1e-34, 16_777_217.0, -16_777_217.0, 1e300, -1e300]
        {
            let down = rounded_down(threshold);
            let near = [down, ZERO, -ZERO, 0.0, -0.0, f32::MAX, f32::MIN];
            for value in near.into_iter().flat_map(|value| [value.next_down(), value, value.next_up()]) {
                let taken = if value.abs() <= ZERO { 0.0 } else { f64::from(value) };
                assert_eq!(value <= down, taken <= threshold, "{value} against {threshold}");
            }
        }
    }
}
