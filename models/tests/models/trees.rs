//! Boosted trees: the file says to the runtime what the plain data says here, and nothing else passes the inspection.

use crate::common::{Numbers, grid, runtime, trees};
use fraudnet_features::FeatureSet;
use fraudnet_models::onnx::{self, ModelProto, NodeProto, OnnxError, Tree, TreeEnsemble, TreeNode, inspect_trees};
use fraudnet_models::{RuntimeError, TreeSession};
use proptest::prelude::*;
use prost::Message;

/// Values on the thresholds' own grid, a step of the last digit beside it, far from it, infinite, and missing.
fn rows(numbers: &mut Numbers, columns: usize, count: usize) -> Vec<f32> {
    let mut value = || match numbers.below(8) {
        0 => f32::NAN,
        1 => grid(numbers).next_up(),
        2 => grid(numbers).next_down(),
        3 => 1e30 * numbers.value(),
        4 => [f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0][numbers.below(4)],
        _ => grid(numbers),
    };
    (0..columns * count).map(|_| value()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every row of every ensemble gets from the runtime what the plain data gives it, at any batch size.
    #[test]
    fn the_runtime_says_what_the_plain_data_says(seed in any::<u64>(), count in 1usize..160, batch in 1usize..70) {
        let set = FeatureSet::V1;
        let ensemble = trees(seed, set.width(), count);
        ensemble.check().unwrap();
        let file = ensemble.to_onnx("test");
        prop_assert_eq!(&inspect_trees(&file, set.width()).unwrap(), &ensemble);
        let mut session = TreeSession::from_bytes(&file, set, &runtime()).unwrap();
        let rows = rows(&mut Numbers::new(seed ^ 1), set.width(), batch);
        let found = session.run(&rows).unwrap();
        prop_assert_eq!(found.len(), batch);
        for (row, found) in rows.chunks_exact(set.width()).zip(found) {
            let expected = ensemble.logit(row);
            prop_assert!((found - expected).abs() <= 1e-5, "{} is not {}", found, expected);
        }
    }
}

#[test]
fn a_value_on_the_threshold_goes_left_and_a_missing_one_where_it_is_told() {
    let set = FeatureSet::V1;
    let tree = |missing_left| Tree {
        nodes: vec![
            TreeNode::Split { column: 3, threshold: 0.5, left: 1, right: 2, missing_left },
            TreeNode::Leaf { value: -1.0 },
            TreeNode::Leaf { value: 1.0 },
        ],
    };
    // The second tree answers in tenths, so that one logit tells both ways.
    let mut tenths = tree(false);
    tenths.nodes[1] = TreeNode::Leaf { value: -0.1 };
    tenths.nodes[2] = TreeNode::Leaf { value: 0.1 };
    let ensemble = TreeEnsemble { columns: set.width(), bias: 4.0, trees: vec![tree(true), tenths] };
    let mut session = TreeSession::from_bytes(&ensemble.to_onnx("test"), set, &runtime()).unwrap();
    assert_eq!(session.feature_set(), set);
    for (value, expected) in
        [(0.5, 2.9), (0.5f32.next_up(), 5.1), (f32::NEG_INFINITY, 2.9), (f32::INFINITY, 5.1), (f32::NAN, 3.1)]
    {
        let mut row = vec![0.0; set.width()];
        row[3] = value;
        let found = session.run(&row).unwrap()[0];
        assert!((found - expected).abs() < 1e-6, "{value} gives {found}, not {expected}");
        assert!((ensemble.logit(&row) - expected).abs() < 1e-6);
    }
    assert_eq!(session.run(&[]).unwrap(), Vec::<f32>::new());
    let error = session.run(&[0.0; 3]).unwrap_err();
    assert!(matches!(error, RuntimeError::Rows { values: 3, .. }), "{error}");
}

#[test]
fn a_margin_is_how_far_a_row_may_move_without_another_leaf() {
    let columns = 6;
    for seed in 0..40 {
        let ensemble = trees(seed, columns, 8);
        let mut numbers = Numbers::new(seed ^ 5);
        let row: Vec<f32> = (0..columns).map(|_| numbers.value()).collect();
        let margin = ensemble.margin(&row, 2..4);
        assert!(margin >= ensemble.margin(&row, 0..columns), "fewer columns meet fewer thresholds");
        assert_eq!(ensemble.margin(&row, 0..0), f32::INFINITY);
        for step in [-0.99, 0.99] {
            let mut moved = row.clone();
            moved[2..4].iter_mut().for_each(|value| *value += step * margin.min(10.0));
            assert_eq!(ensemble.logit(&moved), ensemble.logit(&row), "seed {seed}");
        }
    }
    assert_eq!(stump().margin(&[0.0, 0.0, 0.0, 0.0, 0.75], 0..5), 0.25);
}

#[test]
fn a_logit_that_is_no_number_is_refused() {
    let set = FeatureSet::V1;
    let leaf = || Tree { nodes: vec![TreeNode::Leaf { value: f32::MAX }] };
    let ensemble = TreeEnsemble { columns: set.width(), bias: 0.0, trees: vec![leaf(), leaf()] };
    let error = TreeSession::from_bytes(&ensemble.to_onnx("test"), set, &runtime()).unwrap_err();
    assert!(matches!(error, RuntimeError::NotFinite { payment: 0, output: "fraud_logit" }), "{error}");
    let error = TreeSession::from_bytes(b"no model", set, &runtime()).unwrap_err();
    assert!(error.to_string().starts_with("`trees.onnx` cannot be run on cpu"), "{error}");
}

#[test]
fn plain_data_that_is_no_forest_is_refused() {
    type Change = fn(&mut Tree);
    let cases: [(&str, Change); 9] = [
        ("tree 0 has no nodes", |tree| tree.nodes.clear()),
        ("node 0 of tree 0 reads column 5 of 5", |tree| set_split(tree, |column, _, _, _| *column = 5)),
        ("node 0 of tree 0 is not a finite number", |tree| set_split(tree, |_, threshold, _, _| *threshold = f32::NAN)),
        ("node 1 of tree 0 is not a finite number", |tree| tree.nodes[1] = TreeNode::Leaf { value: f32::INFINITY }),
        ("node 0 of tree 0 is not exactly one", |tree| set_split(tree, |_, _, left, _| *left = 0)),
        ("node 0 of tree 0 is not exactly one", |tree| set_split(tree, |_, _, _, right| *right = 3)),
        ("node 0 of tree 0 is not exactly one", |tree| set_split(tree, |_, _, left, _| *left = 2)),
        ("node 3 of tree 0 is not exactly one", |tree| tree.nodes.push(TreeNode::Leaf { value: 0.0 })),
        ("node 1 of tree 0 is not exactly one", |tree| {
            tree.nodes[1] = TreeNode::Split { column: 0, threshold: 0.0, left: 0, right: 2, missing_left: false }
        }),
    ];
    for (expected, change) in cases {
        let mut ensemble = stump();
        ensemble.check().unwrap();
        change(&mut ensemble.trees[0]);
        let message = ensemble.check().expect_err(expected).to_string();
        assert!(message.contains(expected), "expected `{expected}` in `{message}`");
    }
    assert!(TreeEnsemble { trees: Vec::new(), ..stump() }.check().is_err());
    assert!(TreeEnsemble { columns: 0, ..stump() }.check().is_err());
    assert!(TreeEnsemble { bias: f32::NAN, ..stump() }.check().is_err());
}

fn stump() -> TreeEnsemble {
    let nodes = vec![
        TreeNode::Split { column: 4, threshold: 0.5, left: 1, right: 2, missing_left: false },
        TreeNode::Leaf { value: -1.0 },
        TreeNode::Leaf { value: 1.0 },
    ];
    TreeEnsemble { columns: 5, bias: 0.25, trees: vec![Tree { nodes: nodes.clone() }, Tree { nodes }] }
}

fn set_split(tree: &mut Tree, change: fn(&mut u32, &mut f32, &mut u32, &mut u32)) {
    let TreeNode::Split { column, threshold, left, right, .. } = &mut tree.nodes[0] else { unreachable!() };
    change(column, threshold, left, right);
}

#[test]
fn files_that_are_not_plainly_trees_are_refused() {
    type Change = fn(&mut ModelProto);
    fn node(model: &mut ModelProto) -> &mut NodeProto {
        &mut model.graph.as_mut().unwrap().node[0]
    }
    fn setting<'a>(model: &'a mut ModelProto, name: &str) -> &'a mut onnx::AttributeProto {
        node(model).attribute.iter_mut().find(|setting| setting.name == name).unwrap()
    }
    let cases: [(&str, Change); 32] = [
        ("a subgraph in node", |m| setting(m, "nodes_values").g = Some(Vec::new())),
        ("functions of its own", |m| m.functions = vec![vec![]]),
        ("holds no graph", |m| m.graph = None),
        ("operator domain `com.example`", |m| m.opset_import[1].domain = "com.example".to_owned()),
        ("weights beside the trees", |m| {
            m.graph.as_mut().unwrap().initializer.push(onnx::TensorProto::floats("w", &[1], &[0.0]))
        }),
        ("2 nodes where one holds all trees", |m| {
            let twice = node(m).clone();
            m.graph.as_mut().unwrap().node.push(twice);
        }),
        ("uses operator `TreeEnsembleClassifier`", |m| node(m).op_type = "TreeEnsembleClassifier".to_owned()),
        ("uses operator `TreeEnsembleRegressor`", |m| node(m).domain = String::new()),
        ("other inputs or outputs than its own", |m| node(m).input[0] = "others".to_owned()),
        ("other inputs or outputs than its own", |m| node(m).output.push("more".to_owned())),
        ("`nodes_hitrates`", |m| {
            let more = node(m).clone().with_floats("nodes_hitrates", &[1.0; 6]);
            *node(m) = more;
        }),
        ("`n_targets`", |m| {
            let twice = setting(m, "n_targets").clone();
            node(m).attribute.push(twice);
        }),
        ("`n_targets`", |m| setting(m, "n_targets").i = 2),
        ("`n_targets`", |m| setting(m, "n_targets").kind = onnx::attribute_kind::FLOAT),
        ("`post_transform`", |m| setting(m, "post_transform").s = b"LOGISTIC".to_vec()),
        ("`aggregate_function`", |m| setting(m, "aggregate_function").s = b"MAX".to_vec()),
        ("`base_values`", |m| setting(m, "base_values").floats.clear()),
        ("`nodes_treeids`", |m| setting(m, "nodes_treeids").name = "node_treeids".to_owned()),
        ("`nodes_treeids`", |m| setting(m, "nodes_treeids").ints[5] = 2),
        ("`nodes_nodeids`", |m| setting(m, "nodes_nodeids").ints[1] = 2),
        ("`nodes_nodeids`", |m| setting(m, "nodes_nodeids").ints[0] = 1),
        ("`nodes_values`", |m| setting(m, "nodes_values").floats.truncate(5)),
        ("`nodes_modes`", |m| setting(m, "nodes_modes").strings[0] = b"BRANCH_LT".to_vec()),
        ("`nodes_featureids`", |m| setting(m, "nodes_featureids").ints[0] = -1),
        ("reads column 5 of 5", |m| setting(m, "nodes_featureids").ints[0] = 5),
        ("`nodes_missing_value_tracks_true`", |m| setting(m, "nodes_missing_value_tracks_true").ints[0] = 2),
        ("node 0 of tree 0 is not exactly one", |m| setting(m, "nodes_truenodeids").ints[0] = 7),
        ("node 0 of tree 0 is not exactly one", |m| setting(m, "nodes_falsenodeids").ints[0] = 0),
        ("`target_nodeids`", |m| setting(m, "target_nodeids").ints[0] = 2),
        ("`target_ids`", |m| setting(m, "target_ids").ints[0] = 1),
        ("not a finite number", |m| setting(m, "target_weights").floats[0] = f32::NAN),
        ("`target_nodeids`", |m| {
            for name in ["target_nodeids", "target_treeids", "target_ids"] {
                let last = setting(m, name).ints[3];
                setting(m, name).ints.push(last);
            }
            setting(m, "target_weights").floats.push(1.0);
        }),
    ];
    let good = ModelProto::decode(&stump().to_onnx("test")[..]).unwrap();
    assert_eq!(inspect_trees(&good.encode_to_vec(), 5).unwrap(), stump());
    for (expected, change) in cases {
        let mut model = good.clone();
        change(&mut model);
        let message = inspect_trees(&model.encode_to_vec(), 5).expect_err(expected).to_string();
        assert!(message.contains(expected), "expected `{expected}` in `{message}`");
    }
    let wider = inspect_trees(&good.encode_to_vec(), 6).unwrap_err();
    assert!(matches!(&wider, OnnxError::Signature { name, .. } if name == "features"), "{wider}");
    assert!(matches!(onnx::inspect(&good.encode_to_vec()), Err(OnnxError::Domain(domain)) if domain == "ai.onnx.ml"));
    assert!(matches!(inspect_trees(b"\xff\xff", 5), Err(OnnxError::Unreadable(_))));
}
