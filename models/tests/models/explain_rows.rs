//! A model of rows made elsewhere is explained as well: by walks over its columns.

use crate::common::{Folder, Numbers, manifest, row, runtime, tensor};
use fraudnet_features::FeatureSet;
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, ROWS_FILE};
use fraudnet_models::explain::{Budget, Explainer, Most};
use fraudnet_models::onnx::{
    DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto, build, element,
};
use fraudnet_models::{ArtifactBuilder, EMBEDDING_WIDTH, Golden, GoldenVector, Manifest, RowsOutput, Scorer};
use prost::Message;
use std::time::Duration;

const SET: FeatureSet = FeatureSet::V2;

fn value(name: &str, width: usize) -> ValueInfoProto {
    let dimension = |value| DimensionProto { value: Some(value) };
    let dim = vec![dimension(DimensionValue::Name("N".to_owned())), dimension(DimensionValue::Size(width as i64))];
    let tensor = TensorTypeProto { elem_type: element::FLOAT, shape: Some(TensorShapeProto { dim }) };
    let r#type = Some(TypeProto { value: Some(TypeValue::Tensor(tensor)) });
    ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
}

#[test]
fn a_linear_model_is_explained_exactly() {
    let mut numbers = Numbers::new(21);
    let weights: Vec<f32> = (0..SET.width()).map(|_| 0.1 * numbers.value()).collect();
    let logit = |row: &[f32]| row.iter().zip(&weights).map(|(x, w)| x * w).sum::<f32>();
    let file = ModelProto {
        ir_version: build::IR_VERSION,
        graph: Some(GraphProto {
            name: "foreign".to_owned(),
            node: vec![NodeProto::new("MatMul", &["X", "weight"], &["score"])],
            initializer: vec![TensorProto::floats("weight", &[SET.width(), 1], &weights)],
            input: vec![value("X", SET.width())],
            output: vec![value("score", 1)],
            ..Default::default()
        }),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: build::OPSET }],
        ..Default::default()
    };
    let vectors = (0..4).map(|seed| {
        let tensor = tensor(seed);
        let logit = logit(&row(SET, &tensor, &[]));
        GoldenVector { tensor, logit, embedding: vec![0.0; EMBEDDING_WIDTH] }
    });
    let golden = Golden { vectors: vectors.collect() };
    let scorer = Scorer::Rows { features: SET, output: RowsOutput::Logit };
    let artifact = ArtifactBuilder::new(Manifest { scorer, ..manifest() })
        .file(ROWS_FILE, file.encode_to_vec())
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# A model from elsewhere\n".to_vec())
        .write(&Folder::new().join("1"))
        .unwrap();
    let mut explainer = Explainer::open(&artifact, &runtime()).unwrap();
    for seed in 100..105 {
        let tensor = tensor(seed);
        let most = Most { features: usize::MAX, ..Most::default() };
        let budget = Budget { limit: Duration::MAX, spent: &|| Duration::ZERO };
        let found = explainer.explain(&tensor, most, &budget).unwrap();
        assert!((found.logit - logit(&tensor.payment)).abs() < 1e-4);
        let sum: f32 = found.features.iter().map(|feature| feature.contribution).sum();
        assert!((found.base_logit + sum - found.logit).abs() < 1e-4 && found.unlisted.abs() < 1e-4);
        assert!(found.attention.is_empty() && found.left_out.is_empty() && !found.without.is_empty());
    }
}
