//! The maths of [`crate::network`] as ONNX nodes; the formulas stand in that module's introduction, names follow them.
//!
//! Cost (ONNX Runtime, one thread): a node costs about a microsecond before it computes anything, and layers 2 and 3 compute
//! little, so everything that the layers share (time encoding, mask, integer rows) is computed once and sliced. All heavy
//! work is on plain matrices, where a bias and a ReLU fuse into the product. Only the batch axis is dynamic. Measured with all
//! 128 nodes on a busy machine (p10): 0.29 ms at batch 1, 0.27 ms a payment at batch 8; f16 on the processor 0.32 and 0.28.

use super::graph::Graph;
use crate::network::{Weights, forward::head_indicator, shape::*};
use fraudnet_features::EDGE_WIDTH;
use fraudnet_graph::{MAX_LINKS, MAX_NODES, MAX_ROWS};
use fraudnet_models::{
    Precision, input,
    onnx::{ModelProto, NodeProto},
};

const K: i64 = MAX_LINKS as i64;
const D: i64 = WIDTH as i64;
const H: i64 = HEADS as i64;

/// Writes one network.
struct Writer<'a> {
    graph: Graph,
    weights: &'a Weights,
    /// Whether the attention layers compute in f16.
    half: bool,
}

/// The whole network.
pub fn network(weights: &Weights, precision: Precision) -> ModelProto {
    let mut writer = Writer { graph: Graph::default(), weights, half: precision == Precision::Half };
    let links = writer.links();
    let mask = writer.mask();
    let mut hidden = writer.nodes();
    let mut attention = String::new();
    for layer in 0..LAYERS {
        (hidden, attention) = writer.layer(layer, &hidden, &links, &mask);
    }
    writer.head(&hidden);
    writer.attention_output(&attention);
    writer.graph.finish("fraudnet-hybrid")
}

/// The mask, and what it adds to scores.
struct Mask {
    /// `[B, 41, K]` 1 or 0.
    keep: String,
    /// `[B, 41, K]` 0 or [`MASKED_SCORE`].
    away: String,
}

impl Writer<'_> {
    /// A weight matrix, in f16 where the layers are.
    fn weight(&mut self, name: &str) -> String {
        self.constant(name, self.half)
    }

    fn constant(&mut self, name: &str, half: bool) -> String {
        let array = self.weights.array(name);
        let dims = if array.rows == 1 { vec![array.columns] } else { vec![array.rows, array.columns] };
        self.graph.floats(name, &dims, &array.values, half)
    }

    /// `clip((value - mean) · scale)`, always f32.
    fn standardised(&mut self, value: &str, name: &str) -> String {
        let (mean, scale) =
            (self.constant(&format!("{name}.mean"), false), self.constant(&format!("{name}.scale"), false));
        let centred = self.graph.node("Sub", &[value, &mean], &format!("{name}.centred"));
        let scaled = self.graph.node("Mul", &[&centred, &scale], &format!("{name}.scaled"));
        let (low, high) =
            (self.graph.floats("clip.low", &[], &[-CLIP], false), self.graph.floats("clip.high", &[], &[CLIP], false));
        self.graph.node("Clip", &[&scaled, &low, &high], &format!("{name}.standardised"))
    }

    /// To the precision of the layers.
    fn lowered(&mut self, value: String) -> String {
        if self.half { self.graph.cast(&value, true, &format!("{value}.lowered")) } else { value }
    }

    /// To f32.
    fn raised(&mut self, value: String) -> String {
        if self.half { self.graph.cast(&value, false, &format!("{value}.raised")) } else { value }
    }

    /// `relu(value · weight + bias)`; the runtime fuses it into one kernel.
    fn dense(&mut self, value: &str, name: &str, half: bool) -> String {
        let (weight, bias) =
            (self.constant(&format!("{name}.weight"), half), self.constant(&format!("{name}.bias"), half));
        let sum = self.graph.node("Gemm", &[value, &weight, &bias], &format!("{name}.sum"));
        self.graph.node("Relu", &[&sum], &format!("{name}.out"))
    }

    /// `[B, 41, K, 24]`: standardised link features and the time encoding.
    fn links(&mut self) -> String {
        let features = self.standardised(input::EDGE_FEATURES, "link");
        let (zero, one, axis) = (self.graph.integers(&[0]), self.graph.integers(&[1]), self.graph.integers(&[3]));
        let age = self.graph.node("Slice", &[input::EDGE_FEATURES, &zero, &one, &axis], "age");
        let (frequency, phase) = (self.constant("time.frequency", false), self.constant("time.phase", false));
        let turned = self.graph.node("Mul", &[&age, &frequency], "time.turned");
        let angle = self.graph.node("Add", &[&turned, &phase], "time.angle");
        let time = self.graph.node("Cos", &[&angle], "time.encoding");
        let joined = self.graph.push(NodeProto::new("Concat", &[&features, &time], &["links"]).with_int("axis", 3));
        assert_eq!(LINK_INPUT, EDGE_WIDTH + FREQUENCIES);
        self.lowered(joined)
    }

    /// Always f32: the softmax is.
    fn mask(&mut self) -> Mask {
        let one = self.graph.floats("one", &[], &[1.0], false);
        let missing = self.graph.node("Sub", &[input::NEIGHBOUR_MASK, &one], "mask.missing");
        let strength = self.graph.floats("mask.strength", &[], &[-MASKED_SCORE], false);
        let away = self.graph.node("Mul", &[&missing, &strength], "mask.away");
        Mask { keep: input::NEIGHBOUR_MASK.to_owned(), away }
    }

    /// `[B·128, 64]`: h0.
    fn nodes(&mut self) -> String {
        let features = self.standardised(input::NODE_FEATURES, "node");
        let rows = self.graph.reshape(&features, &[-1, D], "node.rows");
        let rows = self.lowered(rows);
        self.dense(&rows, "input", self.half)
    }

    /// Rows of the neighbours in the table a layer reads, `[B·R·K]`, out of rows in the table of 128.
    fn neighbours(&mut self, layer: usize, source: usize, updated: usize) -> String {
        let name = |part: &str| format!("layer{}.{part}", layer + 1);
        let index = self.first_rows(input::NEIGHBOUR_INDEX, updated, &name("index"));
        let index = self.graph.reshape(&index, &[-1], &name("index.flat"));
        if source == MAX_NODES {
            return index;
        }
        // Payment b, row r stands at 128·b + r and is wanted at S·b + r. Division of integers rounds down.
        let all = self.graph.integers(&[MAX_NODES as i64]);
        let payment = self.graph.node("Div", &[&index, &all], &name("index.payment"));
        let fewer = self.graph.integers(&[(MAX_NODES - source) as i64]);
        let skipped = self.graph.node("Mul", &[&payment, &fewer], &name("index.skipped"));
        self.graph.node("Sub", &[&index, &skipped], &name("index.source"))
    }

    /// Of a value with 41 rows a payment, the rows that a layer updates.
    fn first_rows(&mut self, value: &str, updated: usize, output: &str) -> String {
        if updated == MAX_ROWS { value.to_owned() } else { self.graph.first(value, updated, output) }
    }

    /// One attention layer: `[B·S, 64]` in; `[B·R, 64]` and the attention `[B·R, K, heads]` (f32) out.
    fn layer(&mut self, layer: usize, hidden: &str, links: &str, mask: &Mask) -> (String, String) {
        let (source, updated) = (ROWS[layer], ROWS[layer + 1]);
        let prefix = format!("layer{}", layer + 1);
        let name = |part: &str| format!("{prefix}.{part}");

        let table = self.graph.reshape(hidden, &[-1, source as i64, D], &name("table"));
        let own = self.graph.first(&table, updated, &name("own.table"));
        let own = self.graph.reshape(&own, &[-1, D], &name("own.rows"));
        let links = self.first_rows(links, updated, &name("links"));
        let links = self.graph.reshape(&links, &[-1, LINK_INPUT as i64], &name("links.flat"));
        let weight = self.weight(&name("edge"));
        let edge = self.graph.node("MatMul", &[&links, &weight], &name("edge.out"));
        let neighbours = self.neighbours(layer, source, updated);
        let mut gather = |part: &str| {
            let weight = self.weight(&name(part));
            let projected = self.graph.node("MatMul", &[hidden, &weight], &name(&format!("{part}.table")));
            let gathered = NodeProto::new("Gather", &[&projected, &neighbours], &[&name(&format!("{part}.gathered"))]);
            let gathered = self.graph.push(gathered.with_int("axis", 0));
            self.graph.node("Add", &[&gathered, &edge], &name(&format!("{part}.out")))
        };
        let (key, value) = (gather("key"), gather("value"));

        let attention = self.attention(layer, &own, &key, updated, mask);
        let lowered = self.lowered(attention.clone());
        let flat = self.graph.reshape(&lowered, &[-1, H], &name("attention.flat"));
        let transposed: Vec<f32> =
            (0..WIDTH * HEADS).map(|i| head_indicator(1.0)[(i % WIDTH) * HEADS + i / WIDTH]).collect();
        let spreader = self.graph.floats("heads.spread", &[HEADS, WIDTH], &transposed, self.half);
        let spread = self.graph.node("MatMul", &[&flat, &spreader], &name("attention.spread"));
        let weighted = self.graph.node("Mul", &[&spread, &value], &name("weighted"));
        let weighted = self.graph.reshape(&weighted, &[-1, K, D], &name("weighted.rows"));
        let axis = self.graph.integers(&[1]);
        let message = NodeProto::new("ReduceSum", &[&weighted, &axis], &[&name("message")]).with_int("keepdims", 0);
        let message = self.graph.push(message);

        let (own_weight, mix, bias) =
            (self.weight(&name("own")), self.weight(&name("mix")), self.weight(&name("bias")));
        let kept = self.graph.node("Gemm", &[&own, &own_weight, &bias], &name("kept"));
        let sum = self.graph.node("Gemm", &[&message, &mix, &kept], &name("sum"));
        let next = self.graph.node("Relu", &[&sum], &name("out"));
        (next, attention)
    }

    /// `mask · softmax(q · k / sqrt(16))` over the links of a row, `[B·R, K, heads]`, f32.
    fn attention(&mut self, layer: usize, own: &str, key: &str, updated: usize, mask: &Mask) -> String {
        let prefix = format!("layer{}", layer + 1);
        let name = |part: &str| format!("{prefix}.{part}");
        let weight = self.weight(&name("query"));
        let query = self.graph.node("MatMul", &[own, &weight], &name("query.out"));
        let query = self.graph.reshape(&query, &[-1, 1, D], &name("query.rows"));
        let key = self.graph.reshape(key, &[-1, K, D], &name("key.rows"));
        let product = self.graph.node("Mul", &[&key, &query], &name("product"));
        let product = self.graph.reshape(&product, &[-1, D], &name("product.flat"));
        let heads = head_indicator(1.0 / (HEAD_WIDTH as f32).sqrt());
        let heads = self.graph.floats("heads.score", &[WIDTH, HEADS], &heads, self.half);
        let score = self.graph.node("MatMul", &[&product, &heads], &name("score.flat"));
        let score = self.raised(score);
        let score = self.graph.reshape(&score, &[-1, K, H], &name("score"));
        let away = self.first_rows(&mask.away, updated, &name("away"));
        let away = self.graph.reshape(&away, &[-1, K, 1], &name("away.rows"));
        let masked = self.graph.node("Add", &[&score, &away], &name("score.masked"));
        let softmax = self.graph.push(NodeProto::new("Softmax", &[&masked], &[&name("softmax")]).with_int("axis", 1));
        let keep = self.first_rows(&mask.keep, updated, &name("keep"));
        let keep = self.graph.reshape(&keep, &[-1, K, 1], &name("keep.rows"));
        self.graph.node("Mul", &[&softmax, &keep], &name("attention"))
    }

    /// Embedding and logit, f32.
    fn head(&mut self, centre: &str) {
        let centre = self.raised(centre.to_owned());
        let features = self.standardised(input::TRANSACTION_FEATURES, "payment");
        let payment = self.dense(&features, "payment", false);
        let joined = self.graph.push(NodeProto::new("Concat", &[&centre, &payment], &["joined"]).with_int("axis", 1));
        let (weight, bias) = (self.constant("head.weight", false), self.constant("head.bias", false));
        let sum = self.graph.node("Gemm", &[&joined, &weight, &bias], "head.sum");
        let embedding = self.graph.node("Relu", &[&sum], input::EMBEDDING);
        let (weight, bias) = (self.constant("logit.weight", false), self.constant("logit.bias", false));
        let logit = self.graph.node("Gemm", &[&embedding, &weight, &bias], "logit");
        self.graph.reshape(&logit, &[-1], input::FRAUD_LOGIT);
    }

    /// Attention of the centre, mean over heads.
    fn attention_output(&mut self, attention: &str) {
        let mean = NodeProto::new("ReduceMean", &[attention], &[input::ATTENTION]);
        self.graph.push(mean.with_ints("axes", &[2]).with_int("keepdims", 0));
    }
}
