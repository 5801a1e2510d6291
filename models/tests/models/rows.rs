//! Models of rows: what tools like PyTorch and scikit-learn export, served as it is, and what of it is refused.

use crate::common::{Folder, Numbers, manifest, row, runtime, tensor, trees};
use fraudnet_features::FeatureSet;
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, ROWS_FILE, TREES_FILE};
use fraudnet_models::onnx::{
    DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto, OnnxError, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto, build, element, inspect_rows,
};
use fraudnet_models::{
    Artifact, ArtifactBuilder, ArtifactError, EMBEDDING_WIDTH, Golden, GoldenVector, Manifest, ModelSession,
    RowSession, RowsOutput, RuntimeConfig, RuntimeError, Scorer,
};
use prost::Message;

const SET: FeatureSet = FeatureSet::V2;

fn value(name: &str, element: i32, dims: &[Option<usize>]) -> ValueInfoProto {
    let dim = dims
        .iter()
        .map(|dim| DimensionProto {
            value: Some(match dim {
                Some(size) => DimensionValue::Size(*size as i64),
                None => DimensionValue::Name("N".to_owned()),
            }),
        })
        .collect();
    let tensor = TensorTypeProto { elem_type: element, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)) }),
        ..Default::default()
    }
}

fn model(node: Vec<NodeProto>, initializer: Vec<TensorProto>, output: Vec<ValueInfoProto>) -> ModelProto {
    let set = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    ModelProto {
        ir_version: build::IR_VERSION,
        graph: Some(GraphProto {
            name: "foreign".to_owned(),
            node,
            initializer,
            input: vec![value("X", element::FLOAT, &[None, Some(SET.width())])],
            output,
            ..Default::default()
        }),
        opset_import: vec![set("", build::OPSET), set("ai.onnx.ml", 3)],
        ..Default::default()
    }
}

/// One hidden layer, as a small network of PyTorch's is exported: the last layer's sigmoid is part of the graph where it gives a
/// probability.
struct Perceptron {
    hidden: Vec<f32>,
    output: Vec<f32>,
    probability: bool,
}

const HIDDEN: usize = 8;

impl Perceptron {
    fn new(probability: bool) -> Self {
        let mut numbers = Numbers::new(21);
        Perceptron {
            hidden: (0..SET.width() * HIDDEN).map(|_| 0.2 * numbers.value()).collect(),
            output: (0..HIDDEN).map(|_| numbers.value()).collect(),
            probability,
        }
    }

    fn file(&self) -> ModelProto {
        let weights = vec![
            TensorProto::floats("hidden.weight", &[SET.width(), HIDDEN], &self.hidden),
            TensorProto::floats("output.weight", &[HIDDEN, 1], &self.output),
            TensorProto::floats("output.bias", &[1], &[0.25]),
        ];
        let mut nodes = vec![
            NodeProto::new("MatMul", &["X", "hidden.weight"], &["layer"]),
            NodeProto::new("Relu", &["layer"], &["active"]),
            NodeProto::new("Gemm", &["active", "output.weight", "output.bias"], &["score"]),
        ];
        let name = if self.probability { "p" } else { "score" };
        if self.probability {
            nodes.push(NodeProto::new("Sigmoid", &["score"], &["p"]));
        }
        model(nodes, weights, vec![value(name, element::FLOAT, &[None, Some(1)])])
    }

    fn logit(&self, row: &[f32]) -> f32 {
        let layer = (0..HIDDEN).map(|unit| {
            let sum: f32 = row.iter().enumerate().map(|(column, x)| x * self.hidden[column * HIDDEN + unit]).sum();
            sum.max(0.0)
        });
        0.25 + layer.zip(&self.output).map(|(x, w)| x * w).sum::<f32>()
    }

    fn kind(&self) -> RowsOutput {
        if self.probability { RowsOutput::Probability } else { RowsOutput::Logit }
    }
}

fn artifact(file: &ModelProto, output: RowsOutput, logit: impl Fn(&[f32]) -> f32) -> ArtifactBuilder {
    let vectors = (0..4).map(|seed| {
        let tensor = tensor(seed);
        let logit = logit(&row(SET, &tensor, &[]));
        GoldenVector { tensor, logit, embedding: vec![0.0; EMBEDDING_WIDTH] }
    });
    let golden = Golden { vectors: vectors.collect() };
    ArtifactBuilder::new(Manifest { scorer: Scorer::Rows { features: SET, output }, ..manifest() })
        .file(ROWS_FILE, file.encode_to_vec())
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# A model from elsewhere\n".to_vec())
}

fn published(builder: ArtifactBuilder) -> Artifact {
    builder.write(&Folder::new().join("1")).unwrap()
}

#[test]
fn a_foreign_model_answers_as_its_tool_would() {
    for probability in [false, true] {
        let perceptron = Perceptron::new(probability);
        let artifact = published(artifact(&perceptron.file(), perceptron.kind(), |row| perceptron.logit(row)));
        assert_eq!(artifact.manifest.scorer.tier_name(), "custom");
        assert_eq!(
            artifact.manifest.files.keys().map(String::as_str).collect::<Vec<_>>(),
            ["README.md", "golden.arrow", "rows.onnx"]
        );
        let mut session = ModelSession::new(&artifact, &runtime()).unwrap();
        let report = artifact.verify_golden(&mut session).unwrap();
        assert!(report.vectors == 4 && report.logit_difference < 1e-4, "{report:?}");
        // More than a micro-batch of eight: each payment keeps its own score.
        let tensors: Vec<_> = (50..70).map(tensor).collect();
        let logits = session.run(&tensors.iter().collect::<Vec<_>>()).unwrap();
        for (tensor, logit) in tensors.iter().zip(logits) {
            let expected = perceptron.logit(&row(SET, tensor, &[]));
            assert!((logit - expected).abs() < 1e-4, "{logit} is not {expected}");
        }
        assert!(session.outputs(&[&tensors[0]]).unwrap()[0].embedding.is_empty());
        assert!(artifact.rows_file().is_some() && artifact.trees().is_none());
    }
}

#[test]
fn a_classifier_of_scikit_learn_is_read_by_its_second_column() {
    // Labels and two probabilities, as converters write logistic regression without the zip map.
    let mut numbers = Numbers::new(4);
    let weights: Vec<f32> = (0..SET.width()).map(|_| 0.1 * numbers.value()).collect();
    let negated: Vec<f32> = weights.iter().map(|weight| -weight).collect();
    let classifier = NodeProto {
        domain: "ai.onnx.ml".to_owned(),
        ..NodeProto::new("LinearClassifier", &["X"], &["label", "probabilities"])
            .with_floats("coefficients", &[&negated[..], &weights[..]].concat())
            .with_floats("intercepts", &[0.5, -0.5])
            .with_ints("classlabels_ints", &[0, 1])
            .with_int("multi_class", 1)
            .with_string("post_transform", "LOGISTIC")
    };
    let outputs =
        vec![value("label", element::INT64, &[None]), value("probabilities", element::FLOAT, &[None, Some(2)])];
    let file = model(vec![classifier], Vec::new(), outputs);
    let logit = |row: &[f32]| row.iter().zip(&weights).map(|(x, w)| x * w).sum::<f32>() - 0.5;
    let artifact = published(artifact(&file, RowsOutput::Probability, logit));
    let mut session = ModelSession::new(&artifact, &runtime()).unwrap();
    artifact.verify_golden(&mut session).unwrap();
}

#[test]
fn a_probability_of_one_is_a_finite_logit() {
    let sure = model(
        vec![
            NodeProto::new("ReduceMax", &["X"], &["max"]).with_ints("axes", &[1]).with_int("keepdims", 0),
            NodeProto::new("Greater", &["max", "zero"], &["above"]),
            NodeProto::new("Cast", &["above"], &["fraud_probability"]).with_int("to", element::FLOAT.into()),
        ],
        vec![TensorProto::floats("zero", &[], &[0.0])],
        vec![value("fraud_probability", element::FLOAT, &[None])],
    );
    let bytes = sure.encode_to_vec();
    let ports = inspect_rows(&bytes, SET.width(), RowsOutput::Probability).unwrap();
    let mut session = RowSession::from_bytes(&bytes, &ports, SET, RowsOutput::Probability, &runtime()).unwrap();
    let (zeros, ones) = (vec![0.0; SET.width()], vec![1.0; SET.width()]);
    let logits = session.run(&[zeros, ones].concat()).unwrap();
    assert!((logits[0] + 13.8155).abs() < 1e-3 && (logits[1] - 13.8155).abs() < 1e-3, "{logits:?}");
    assert!(matches!(session.run(&[1.0]), Err(RuntimeError::Rows { values: 1, .. })));
    assert_eq!(session.run(&[]).unwrap(), Vec::<f32>::new());
}

#[test]
fn files_that_are_no_plain_model_of_rows_are_refused() {
    type Change = fn(&mut ModelProto);
    fn graph(model: &mut ModelProto) -> &mut GraphProto {
        model.graph.as_mut().unwrap()
    }
    let width = SET.width();
    let not_wide = format!("input `X`: expected f32[batch, {width}] with a batch of any size, found f32[N, 7]");
    let fixed = format!("found f32[1, {width}]");
    let cases: Vec<(&str, Change)> = vec![
        ("tensor `hidden.weight` keeps its values in another file", |m| graph(m).initializer[0].data_location = 1),
        ("node `loop` uses operator `Loop`", |m| graph(m).node.push(NodeProto::new("Loop", &[], &["loop"]))),
        ("options={\"zipmap\": False}", |m| graph(m).node.push(NodeProto::new("ZipMap", &["p"], &["z"]))),
        ("operator domain `com.microsoft`", |m| graph(m).node[0].domain = "com.microsoft".to_owned()),
        ("operator domain `com.microsoft`", |m| {
            m.opset_import.push(OperatorSetIdProto { domain: "com.microsoft".to_owned(), version: 1 })
        }),
        // An operator of one domain is none of the other.
        ("node `layer` uses operator `MatMul`", |m| graph(m).node[0].domain = "ai.onnx.ml".to_owned()),
        ("a subgraph in node `score`", |m| graph(m).node[2] = graph(m).node[2].clone().with_int("x", 1).subgraph()),
        ("functions of its own", |m| m.functions = vec![vec![]]),
        (&not_wide, |m| graph(m).input[0] = value("X", element::FLOAT, &[None, Some(7)])),
        (&fixed, |m| graph(m).input[0] = value("X", element::FLOAT, &[Some(1), Some(SET.width())])),
        ("found element type 11[N", |m| graph(m).input[0] = value("X", element::DOUBLE, &[None, Some(SET.width())])),
        ("found 2 inputs", |m| {
            let more = value("more", element::FLOAT, &[None, Some(SET.width())]);
            graph(m).input.push(more);
        }),
        ("found 0 inputs", |m| graph(m).input.clear()),
        (
            "output `logit`: expected one of f32[batch] or f32[batch, 1], or one of this name, found `score` f32[N, 3]",
            |m| graph(m).output[0] = value("score", element::FLOAT, &[None, Some(3)]),
        ),
        ("found `score` i64[N]", |m| graph(m).output[0] = value("score", element::INT64, &[None])),
        ("found `score` f32[N, 1], `active` f32[N]", |m| {
            graph(m).output.push(value("active", element::FLOAT, &[None]))
        }),
        ("found nothing", |m| graph(m).output.clear()),
    ];
    let good = Perceptron::new(false).file();
    let inspect = |file: &ModelProto| inspect_rows(&file.encode_to_vec(), width, RowsOutput::Logit);
    let ports = inspect(&good).unwrap();
    assert_eq!((&ports.input[..], &ports.output[..]), ("X", "score"));
    for (expected, change) in cases {
        let mut file = good.clone();
        change(&mut file);
        let message = inspect(&file).expect_err(expected).to_string();
        assert!(message.contains(expected), "expected `{expected}` in `{message}`");
    }
    assert!(matches!(inspect_rows(b"\xff\xff", width, RowsOutput::Logit), Err(OnnxError::Unreadable(_))));
    // Of several that would do, the one of the telling name is taken.
    let mut named = good;
    graph(&mut named).output.push(value("logit", element::FLOAT, &[None]));
    assert_eq!(inspect(&named).unwrap().output, "logit");
}

trait WithSubgraph {
    fn subgraph(self) -> Self;
}

impl WithSubgraph for NodeProto {
    fn subgraph(mut self) -> Self {
        if let Some(setting) = self.attribute.first_mut() {
            setting.g = Some(Vec::new());
        }
        self
    }
}

#[test]
fn what_depends_on_its_company_or_is_no_probability_is_refused() {
    let mixing = model(
        vec![
            NodeProto::new("ReduceMean", &["X"], &["mean"]).with_ints("axes", &[1]).with_int("keepdims", 0),
            NodeProto::new("Softmax", &["mean"], &["logit"]).with_int("axis", 0),
        ],
        Vec::new(),
        vec![value("logit", element::FLOAT, &[None])],
    );
    let published = published(artifact(&mixing, RowsOutput::Logit, |_| 1.0));
    let error = ModelSession::new(&published, &runtime()).unwrap_err();
    assert!(matches!(error, RuntimeError::MixedRows), "{error}");

    let perceptron = Perceptron::new(false);
    let bytes = perceptron.file().encode_to_vec();
    let ports = inspect_rows(&bytes, SET.width(), RowsOutput::Probability).unwrap();
    let error = RowSession::from_bytes(&bytes, &ports, SET, RowsOutput::Probability, &runtime())
        .and_then(|mut session| session.run(&vec![40.0; SET.width()]))
        .unwrap_err();
    assert!(error.to_string().contains("which is no probability"), "{error}");

    let gpu = RuntimeConfig { require_gpu: true, ..runtime() };
    let good = artifact(&perceptron.file(), RowsOutput::Logit, |row| perceptron.logit(row));
    let message = ModelSession::new(&self::published(good.clone()), &gpu).unwrap_err().to_string();
    assert!(message.contains("a model of rows, which run on the processor"), "{message}");

    // Files of other kinds do not stand in for it, nor it for them.
    let forest = trees(1, SET.width(), 3).to_onnx("test");
    let folder = Folder::new();
    let error = good.clone().file(ROWS_FILE, b"nothing".to_vec()).write(&folder.join("1")).unwrap_err();
    assert!(matches!(error, ArtifactError::Onnx { file: ROWS_FILE, .. }), "{error}");
    let trees = Manifest { scorer: Scorer::Trees { features: SET }, ..manifest() };
    let error = ArtifactBuilder::new(trees)
        .file(TREES_FILE, bytes)
        .file(GOLDEN_FILE, Golden { vectors: Vec::new() }.to_bytes().unwrap_or_default())
        .file(CARD_FILE, Vec::new())
        .write(&folder.join("2"))
        .unwrap_err();
    assert!(matches!(error, ArtifactError::Onnx { file: TREES_FILE, .. }), "{error}");
    // The other way round it is fine: boosted trees of this build are a model of rows too.
    inspect_rows(&forest, SET.width(), RowsOutput::Logit).unwrap();
    assert!(folder.names().is_empty());
}
