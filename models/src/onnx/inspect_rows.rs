//! What a model of rows may be: any plain graph from one row of columns a payment to one number, whoever exported it.
//!
//! A network file must have the one signature of this build; here the exporters' habits are met half way instead. Names are free, labels
//! and other outputs beside the score are passed over, and the operators are those that PyTorch and scikit-learn converters write for
//! feed-forward models, linear ones, trees and support vectors. What a file could do beyond computing stays refused: weights elsewhere,
//! subgraphs, functions, foreign domains.

use super::build::TREE_DOMAIN;
use super::inspect::{OnnxError, describe, inspect_graph_plainness, is_standard, open};
use super::schema::{DimensionProto, DimensionValue, GraphProto, NodeProto, TypeValue, ValueInfoProto, element};
use crate::scorer::RowsOutput;
use std::collections::BTreeSet;

/// Standard operators that a model of rows may use.
pub const ROWS_OPERATORS: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
    "Concat",
    "Constant",
    "Div",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "Gelu",
    "Gemm",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "IsNaN",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pow",
    "Reciprocal",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Round",
    "Selu",
    "Shape",
    "Sigmoid",
    "Sign",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
    "Xor",
];

/// Operators of the domain `ai.onnx.ml` that a model of rows may use.
pub const ROWS_ML_OPERATORS: &[&str] = &[
    "ArrayFeatureExtractor",
    "Binarizer",
    "FeatureVectorizer",
    "Imputer",
    "LabelEncoder",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "OneHotEncoder",
    "SVMClassifier",
    "SVMRegressor",
    "Scaler",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
];

/// Names by which an output is taken though others would do as well, most telling first.
const LOGIT_NAMES: &[&str] = &["logit", "fraud_logit"];
const PROBABILITY_NAMES: &[&str] = &["probability", "fraud_probability", "probabilities"];

/// Where a row goes in and a score comes out of a model of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsPorts {
    /// Name of the input, f32 `[batch, columns]`.
    pub input: String,
    /// Name of the output, f32 `[batch]`, `[batch, 1]` or, of probabilities, `[batch, 2]` with fraud second.
    pub output: String,
}

/// Parses a model of rows of so many columns, checks everything about it that can be checked without running it, and finds its ports.
///
/// # Errors
/// See [`OnnxError`].
pub fn inspect_rows(bytes: &[u8], columns: usize, output: RowsOutput) -> Result<RowsPorts, OnnxError> {
    let model = open(bytes, &[TREE_DOMAIN])?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    // Before anything else: it is what most exports of classifiers stumble over, and the advice is short.
    if graph.node.iter().any(|node| node.op_type == "ZipMap") {
        return Err(OnnxError::ZipMap);
    }
    inspect_graph_plainness(graph)?;
    graph.node.iter().try_for_each(inspect_node)?;
    Ok(RowsPorts { input: input_of(graph, columns)?, output: output_of(graph, output)? })
}

fn inspect_node(node: &NodeProto) -> Result<(), OnnxError> {
    let allowed = if is_standard(&node.domain) {
        ROWS_OPERATORS
    } else if node.domain == TREE_DOMAIN {
        ROWS_ML_OPERATORS
    } else {
        return Err(OnnxError::Domain(node.domain.clone()));
    };
    if !allowed.contains(&node.op_type.as_str()) || !node.overload.is_empty() {
        return Err(OnnxError::Operator { node: node.name.clone(), operator: node.op_type.clone() });
    }
    Ok(())
}

fn input_of(graph: &GraphProto, columns: usize) -> Result<String, OnnxError> {
    let weights: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let fed: Vec<&ValueInfoProto> = graph.input.iter().filter(|value| !weights.contains(value.name.as_str())).collect();
    let expected = format!("f32[batch, {columns}] with a batch of any size");
    let refused = |name: &str, found: String| {
        Err(OnnxError::Signature { direction: "input", name: name.to_owned(), expected: expected.clone(), found })
    };
    let &[value] = &fed[..] else {
        let names: Vec<&str> = fed.iter().map(|value| value.name.as_str()).collect();
        return refused(names.first().copied().unwrap_or_default(), format!("{} inputs", names.len()));
    };
    let shape = dimensions(value).unwrap_or_default();
    let fits = element_of(value) == Some(element::FLOAT) && shape == [None, Some(columns as i64)];
    if fits && !value.name.is_empty() { Ok(value.name.clone()) } else { refused(&value.name, describe(value)) }
}

fn output_of(graph: &GraphProto, kind: RowsOutput) -> Result<String, OnnxError> {
    let fits = |value: &&ValueInfoProto| match element_of(value) {
        Some(element::FLOAT) if !value.name.is_empty() => match dimensions(value).as_deref() {
            // Converters leave shapes out where they do not know them; the first run tells.
            None | Some([_]) => true,
            Some([_, width]) => match kind {
                RowsOutput::Logit => matches!(width, None | Some(1)),
                RowsOutput::Probability => matches!(width, None | Some(1 | 2)),
            },
            Some(_) => false,
        },
        _ => false,
    };
    let candidates: Vec<&ValueInfoProto> = graph.output.iter().filter(fits).collect();
    let preferred = match kind {
        RowsOutput::Logit => LOGIT_NAMES,
        RowsOutput::Probability => PROBABILITY_NAMES,
    };
    let named = preferred.iter().find_map(|name| candidates.iter().find(|value| value.name == *name));
    match (named, &candidates[..]) {
        (Some(value), _) | (None, [value]) => Ok(value.name.clone()),
        (None, candidates) => {
            let found: Vec<String> = if candidates.is_empty() {
                graph.output.iter().map(|value| format!("`{}` {}", value.name, describe(value))).collect()
            } else {
                candidates.iter().map(|value| format!("`{}` {}", value.name, describe(value))).collect()
            };
            let shapes = match kind {
                RowsOutput::Logit => "f32[batch] or f32[batch, 1]",
                RowsOutput::Probability => "f32[batch], f32[batch, 1] or f32[batch, 2]",
            };
            Err(OnnxError::Signature {
                direction: "output",
                name: preferred[0].to_owned(),
                expected: format!("one of {shapes}, or one of this name"),
                found: if found.is_empty() { "nothing".to_owned() } else { found.join(", ") },
            })
        }
    }
}

fn element_of(value: &ValueInfoProto) -> Option<i32> {
    match value.r#type.as_ref()?.value.as_ref()? {
        TypeValue::Tensor(tensor) => Some(tensor.elem_type),
    }
}

/// Sizes of its dimensions, `None` where one is known at run time only; `None` of all where no shape is told.
fn dimensions(value: &ValueInfoProto) -> Option<Vec<Option<i64>>> {
    let TypeValue::Tensor(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    let size = |dim: &DimensionProto| match dim.value {
        // Some converters write 0 where they mean any size.
        Some(DimensionValue::Size(size)) if size > 0 => Some(size),
        _ => None,
    };
    Some(tensor.shape.as_ref()?.dim.iter().map(size).collect())
}
