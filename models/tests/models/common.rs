//! A small network that follows the signature and small trees, their answers in plain Rust, and artifacts made of them.

use fraudnet_features::{
    EDGE_WIDTH, FeatureSet, HOP_BUDGET, MAX_LINKS, MAX_NODES, MAX_ROWS, NODE_WIDTH, Tensor, schema,
};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, HALF_NETWORK_FILE, NETWORK_FILE, TREES_FILE};
use fraudnet_models::onnx::{ModelProto, NodeProto, TensorProto, Tree, TreeEnsemble, TreeNode, build, element};
use fraudnet_models::{
    ArtifactBuilder, Calibration, EMBEDDING_WIDTH, Golden, GoldenVector, MANIFEST_VERSION, Manifest, NetworkOutput,
    OperatingPoints, Provider, Rule, RuleSet, RuntimeConfig, Scorer, TierSettings, input,
};
use half::f16;
use prost::Message;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Numbers from a seed, so that every failure repeats (Knuth's 64-bit linear congruential generator).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed ^ 0x9e37_79b9_7f4a_7c15);
        numbers.below(2);
        numbers
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }

    /// Within -1 to 1.
    pub fn value(&mut self) -> f32 {
        self.below(2001) as f32 / 1000.0 - 1.0
    }

    pub fn halves(&mut self, count: usize) -> Vec<f16> {
        (0..count).map(|_| f16::from_f32(self.value())).collect()
    }
}

/// A consistent tensor of random shape and values.
pub fn tensor(seed: u64) -> Tensor {
    let mut numbers = Numbers::new(seed);
    let hops =
        [1, numbers.below(HOP_BUDGET[1] + 1), numbers.below(HOP_BUDGET[2] + 1), numbers.below(HOP_BUDGET[3] + 1)];
    let nodes: usize = hops.iter().sum();
    let rows = nodes - hops[3];
    let mut row_ends = Vec::new();
    let mut neighbours = Vec::new();
    for row in 0..rows {
        let reach = if row == 0 {
            hops[0] + hops[1]
        } else if row < hops[0] + hops[1] {
            rows
        } else {
            nodes
        };
        neighbours.extend((0..numbers.below(MAX_LINKS + 1)).map(|_| numbers.below(reach) as u8));
        row_ends.push(neighbours.len() as u16);
    }
    let links = neighbours.len();
    Tensor {
        hop_counts: hops.map(|count| count as u16),
        nodes: numbers.halves(nodes * NODE_WIDTH),
        row_ends,
        neighbours,
        edges: numbers.halves(links * EDGE_WIDTH),
        payment: (0..schema::payment_features().len()).map(|_| numbers.value()).collect(),
    }
}

/// `logit = tanh(mean of nodes) · u + payment · v + sum over links of the neighbour's mean + mean of link features + bias`,
/// the embedding is the tanh, the attention a softmax over the centre's mask: every input matters, every index is used.
pub struct TestNetwork {
    pub node_weights: Vec<f32>,
    pub payment_weights: Vec<f32>,
    pub bias: f32,
    /// Ends in a square root, which is not a number where the sum is negative.
    pub square_root: bool,
}

impl TestNetwork {
    pub fn new() -> Self {
        let mut numbers = Numbers::new(7);
        let payment_weights = (0..schema::payment_features().len()).map(|_| 0.1 * numbers.value().abs()).collect();
        TestNetwork {
            node_weights: (0..NODE_WIDTH).map(|_| numbers.value()).collect(),
            payment_weights,
            bias: 0.25,
            square_root: false,
        }
    }

    pub fn model(&self, half: bool) -> ModelProto {
        let mut weights = vec![
            TensorProto::floats("payment_weights", &[self.payment_weights.len(), 1], &self.payment_weights),
            TensorProto::floats("bias", &[], &[self.bias]),
            TensorProto::integers("table_shape", &[2], &[-1, NODE_WIDTH as i64]),
            TensorProto::integers("axis_one", &[1], &[1]),
            TensorProto::integers("link_axes", &[2], &[1, 2]),
            TensorProto::integers("centre", &[], &[0]),
        ];
        let mut nodes = vec![
            NodeProto::new("ReduceMean", &[input::NODE_FEATURES], &["pooled"])
                .with_ints("axes", &[1])
                .with_int("keepdims", 0),
            NodeProto::new("Tanh", &["pooled"], &[input::EMBEDDING]),
        ];
        if half {
            weights.push(TensorProto::halves("node_weights", &[NODE_WIDTH, 1], &self.node_weights));
            nodes.push(
                NodeProto::new("Cast", &[input::EMBEDDING], &["embedding_half"])
                    .with_int("to", element::FLOAT16.into()),
            );
            nodes.push(NodeProto::new("MatMul", &["embedding_half", "node_weights"], &["from_nodes_half"]));
            nodes.push(
                NodeProto::new("Cast", &["from_nodes_half"], &["from_nodes"]).with_int("to", element::FLOAT.into()),
            );
        } else {
            weights.push(TensorProto::floats("node_weights", &[NODE_WIDTH, 1], &self.node_weights));
            nodes.push(NodeProto::new("MatMul", &[input::EMBEDDING, "node_weights"], &["from_nodes"]));
        }
        let logit = if self.square_root { "before_root" } else { input::FRAUD_LOGIT };
        nodes.extend([
            NodeProto::new("MatMul", &[input::TRANSACTION_FEATURES, "payment_weights"], &["from_payment"]),
            NodeProto::new("Add", &["from_nodes", "from_payment"], &["columns"]),
            NodeProto::new("Squeeze", &["columns", "axis_one"], &["heads"]),
            NodeProto::new("Reshape", &[input::NODE_FEATURES, "table_shape"], &["table"]),
            NodeProto::new("Gather", &["table", input::NEIGHBOUR_INDEX], &["neighbours"]).with_int("axis", 0),
            NodeProto::new("ReduceMean", &["neighbours"], &["neighbour_means"])
                .with_ints("axes", &[3])
                .with_int("keepdims", 0),
            NodeProto::new("Mul", &["neighbour_means", input::NEIGHBOUR_MASK], &["messages"]),
            NodeProto::new("ReduceSum", &["messages", "link_axes"], &["from_links"]).with_int("keepdims", 0),
            NodeProto::new("ReduceMean", &[input::EDGE_FEATURES], &["from_edges"])
                .with_ints("axes", &[1, 2, 3])
                .with_int("keepdims", 0),
            NodeProto::new("Add", &["heads", "from_links"], &["partial"]),
            NodeProto::new("Add", &["partial", "from_edges"], &["unbiased"]),
            NodeProto::new("Add", &["unbiased", "bias"], &[logit]),
            NodeProto::new("Gather", &[input::NEIGHBOUR_MASK, "centre"], &["centre_mask"]).with_int("axis", 1),
            NodeProto::new("Softmax", &["centre_mask"], &[input::ATTENTION]).with_int("axis", -1),
        ]);
        if self.square_root {
            nodes.push(NodeProto::new("Sqrt", &[logit], &[input::FRAUD_LOGIT]));
        }
        build::model("test", nodes, weights)
    }

    /// What the network should answer, straight from the compact tensor.
    pub fn answer(&self, tensor: &Tensor) -> NetworkOutput {
        let row = |node: usize| tensor.nodes[node * NODE_WIDTH..][..NODE_WIDTH].iter().map(|value| value.to_f32());
        let mut pooled = vec![0.0f32; EMBEDDING_WIDTH];
        for node in 0..tensor.node_count() {
            pooled.iter_mut().zip(row(node)).for_each(|(sum, value)| *sum += value);
        }
        let embedding: Vec<f32> = pooled.iter().map(|sum| (sum / MAX_NODES as f32).tanh()).collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let links: f32 =
            tensor.neighbours.iter().map(|&node| row(usize::from(node)).sum::<f32>() / NODE_WIDTH as f32).sum();
        let edges: f32 =
            tensor.edges.iter().map(|value| value.to_f32()).sum::<f32>() / (MAX_ROWS * MAX_LINKS * EDGE_WIDTH) as f32;
        let sum = dot(&embedding, &self.node_weights)
            + dot(&tensor.payment, &self.payment_weights)
            + links
            + edges
            + self.bias;
        let exponents: Vec<f32> =
            (0..MAX_LINKS).map(|link| if link < usize::from(tensor.row_ends[0]) { 1f32.exp() } else { 1.0 }).collect();
        let attention = exponents.iter().map(|value| value / exponents.iter().sum::<f32>()).collect();
        NetworkOutput { logit: if self.square_root { sum.sqrt() } else { sum }, embedding, attention }
    }

    pub fn golden(&self, seeds: std::ops::Range<u64>) -> Golden {
        let vectors = seeds.map(|seed| {
            let tensor = tensor(seed);
            let NetworkOutput { logit, embedding, .. } = self.answer(&tensor);
            GoldenVector { tensor, logit, embedding }
        });
        Golden { vectors: vectors.collect() }
    }
}

pub fn manifest() -> Manifest {
    let feature = schema::payment_features()[0].name.to_owned();
    let rule = Rule {
        code: "TEST_RULE".to_owned(),
        text: "a test".to_owned(),
        feature,
        threshold: 1.5,
        below: false,
        weight: 2.0,
    };
    let tier = |points: [f32; 3]| TierSettings {
        calibration: Calibration::new(vec![(-4.0, -7.0), (0.1, -3.3), (4.0, 2.0)]).unwrap(),
        operating_points: OperatingPoints { challenge: points[0], review: points[1], decline: points[2] },
    };
    Manifest {
        manifest_version: MANIFEST_VERSION,
        name: "test".to_owned(),
        version: "2026.11.22-1".to_owned(),
        parent_version: None,
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: 7,
        data: serde_json::json!({ "history": "none" }),
        metrics: serde_json::json!({}),
        scorer: Scorer::Network,
        settings: tier([0.05, 0.2, 0.7]),
        rules: tier([0.1, 0.3, 0.9]),
        rule_set: RuleSet { bias: -5.0, rules: vec![rule] },
        files: Default::default(),
    }
}

/// Random trees over so many columns: every shape from a lone leaf to a deep comb, thresholds on a coarse grid.
pub fn trees(seed: u64, columns: usize, count: usize) -> TreeEnsemble {
    let mut numbers = Numbers::new(seed);
    let mut tree = || {
        let mut nodes = vec![TreeNode::Leaf { value: numbers.value() }];
        for _ in 0..numbers.below(20) {
            // A leaf becomes a split over two new leaves, which come last.
            let leaves: Vec<usize> =
                (0..nodes.len()).filter(|&node| matches!(nodes[node], TreeNode::Leaf { .. })).collect();
            let split = leaves[numbers.below(leaves.len())];
            let left = nodes.len() as u32;
            nodes[split] = TreeNode::Split {
                column: numbers.below(columns) as u32,
                threshold: grid(&mut numbers),
                left,
                right: left + 1,
                missing_left: numbers.below(2) == 0,
            };
            nodes.extend([(); 2].map(|()| TreeNode::Leaf { value: numbers.value() }));
        }
        Tree { nodes }
    };
    let trees = (0..count).map(|_| tree()).collect();
    TreeEnsemble { columns, bias: numbers.value(), trees }
}

/// One of few values, so that rows often lie exactly on a threshold.
pub fn grid(numbers: &mut Numbers) -> f32 {
    (numbers.below(9) as f32 - 4.0) / 4.0
}

/// The row that trees of a set read of a payment, as plain data.
pub fn row(set: FeatureSet, tensor: &Tensor, embedding: &[f32]) -> Vec<f32> {
    let mut row = Vec::new();
    set.append(tensor, embedding, &mut row);
    assert_eq!(row.len(), set.width());
    row
}

/// An artifact of trees alone.
pub fn trees_artifact(set: FeatureSet, ensemble: &TreeEnsemble) -> ArtifactBuilder {
    let vectors = (0..4).map(|seed| {
        let tensor = tensor(seed);
        let logit = ensemble.logit(&row(set, &tensor, &[]));
        GoldenVector { tensor, logit, embedding: vec![0.0; EMBEDDING_WIDTH] }
    });
    let golden = Golden { vectors: vectors.collect() };
    ArtifactBuilder::new(Manifest { scorer: Scorer::Trees { features: set }, ..manifest() })
        .file(TREES_FILE, ensemble.to_onnx("test"))
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# Test model\n".to_vec())
}

/// An artifact of a network and trees.
pub fn blend_artifact(network: &TestNetwork, ensemble: &TreeEnsemble, scorer: Scorer) -> ArtifactBuilder {
    let set = scorer.trees().expect("a blend has trees");
    let mut golden = network.golden(0..4);
    for vector in &mut golden.vectors {
        vector.logit = scorer.combine(vector.logit, ensemble.logit(&row(set, &vector.tensor, &vector.embedding)));
    }
    ArtifactBuilder::new(Manifest { scorer, ..manifest() })
        .file(NETWORK_FILE, network.model(false).encode_to_vec())
        .file(HALF_NETWORK_FILE, network.model(true).encode_to_vec())
        .file(TREES_FILE, ensemble.to_onnx("test"))
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# Test model\n".to_vec())
}

/// A whole, valid artifact of a test network.
pub fn artifact(network: &TestNetwork) -> ArtifactBuilder {
    artifact_of(network, network.golden(0..4))
}

pub fn artifact_of(network: &TestNetwork, golden: Golden) -> ArtifactBuilder {
    ArtifactBuilder::new(manifest())
        .file(NETWORK_FILE, network.model(false).encode_to_vec())
        .file(HALF_NETWORK_FILE, network.model(true).encode_to_vec())
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# Test model\n".to_vec())
}

/// The processor alone, with the library wherever `make setup` put it.
pub fn runtime() -> RuntimeConfig {
    RuntimeConfig {
        library: PathBuf::new(),
        providers: vec![Provider::Cpu],
        require_gpu: false,
        max_batch: 8,
        engine_cache: None,
    }
}

/// A folder of its own for a test, gone with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("models-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
