//! What a model file must not contain, checked on its bytes before a runtime parses them.
//!
//! The runtime would follow a path out of the folder (external data), run code of a custom domain, or fail in the middle of
//! a payment (wrong shapes). All of it is refused here with a sentence that names the place.

use super::schema::{
    AttributeProto, DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto, TypeValue, ValueInfoProto, element,
};
use super::signature::{Dimension, Port, signature_inputs, signature_outputs};
use super::trees::TreeError;
use half::f16;
use prost::Message;
use std::collections::BTreeSet;

/// Standard operators a network may use: pure functions with shapes known ahead, all of them known to TensorRT and CUDA.
pub const ALLOWED_OPERATORS: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "Cos",
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
    "Gemm",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "Pow",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Selu",
    "Shape",
    "Sigmoid",
    "Sin",
    "Slice",
    "Softmax",
    "Softplus",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
];

/// Why a network or tree file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are not an ONNX file.
    #[error("it is not a readable onnx file ({0}); export it again")]
    Unreadable(String),
    /// There is no graph in it.
    #[error("it holds no graph; export it again")]
    NoGraph,
    /// Weights lie in another file.
    #[error("tensor `{0}` keeps its values in another file; export with all weights inside the file")]
    ExternalData(String),
    /// It contains something that is not a plain feed-forward graph.
    #[error("it contains {0}, which is not allowed; export a plain graph of standard operators")]
    Construct(String),
    /// An operator set outside the standard ones.
    #[error(
        "it uses the operator domain `{0}`; only the standard operators are allowed, and in a tree file those of trees"
    )]
    Domain(String),
    /// An operator outside the allow-list.
    #[error(
        "node `{node}` uses operator `{operator}`, which is not on the allow-list; express it with allowed operators"
    )]
    Operator {
        /// Name of the node.
        node: String,
        /// Its operator.
        operator: String,
    },
    /// An input or output is missing, extra, or of another type or shape.
    #[error("{direction} `{name}`: expected {expected}, found {found}; export it with the signature of this build")]
    Signature {
        /// `input` or `output`.
        direction: &'static str,
        /// Name of the port.
        name: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A classifier's probabilities come as a list of maps.
    #[error(
        "it gives its probabilities as a list of maps (operator `ZipMap`); export it again with options={{\"zipmap\": False}}"
    )]
    ZipMap,
    /// A weight is not a number.
    #[error("tensor `{0}` holds a value that is not a number; the fit diverged, train again")]
    NotANumber(String),
    /// A setting of the tree operator is missing, of another kind or length, unknown, or given twice.
    #[error(
        "setting `{0}` of the tree operator is missing, not what this build writes, or does not fit the other settings; export the trees with this build"
    )]
    TreeSetting(String),
    /// The trees cannot score.
    #[error(transparent)]
    Trees(TreeError),
    /// A tensor's bytes do not fill its shape.
    #[error("tensor `{0}` does not hold as many values as its shape says; export it again")]
    TensorSize(String),
}

/// Parses a network file and checks everything about it that can be checked without running it.
///
/// # Errors
/// See [`OnnxError`].
pub fn inspect(bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    let model = open(bytes, &[])?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    inspect_graph_plainness(graph)?;
    graph.node.iter().try_for_each(inspect_node)?;
    // Old exporters list weights among the inputs; what remains must be fed by us.
    let weights: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let fed: Vec<&ValueInfoProto> = graph.input.iter().filter(|value| !weights.contains(value.name.as_str())).collect();
    inspect_ports("input", &signature_inputs(), &fed)?;
    inspect_ports("output", &signature_outputs(), &graph.output.iter().collect::<Vec<_>>())?;
    Ok(model)
}

/// Parses a file that holds a graph and nothing beside it, of the standard operators and these domains.
pub(super) fn open(bytes: &[u8], domains: &[&str]) -> Result<ModelProto, OnnxError> {
    let model = ModelProto::decode(bytes).map_err(|error| OnnxError::Unreadable(error.to_string()))?;
    if !model.functions.is_empty() {
        return Err(OnnxError::Construct("functions of its own".to_owned()));
    }
    if !model.training_info.is_empty() {
        return Err(OnnxError::Construct("training data".to_owned()));
    }
    let foreign = |domain: &str| !is_standard(domain) && !domains.contains(&domain);
    match model.opset_import.iter().find(|set| foreign(&set.domain)) {
        Some(set) => Err(OnnxError::Domain(set.domain.clone())),
        None => Ok(model),
    }
}

/// Checks all of a graph but its operators and ports: weights inside the file and whole, no subgraph anywhere.
pub(super) fn inspect_graph_plainness(graph: &GraphProto) -> Result<(), OnnxError> {
    if !graph.sparse_initializer.is_empty() {
        return Err(OnnxError::Construct("sparse weights".to_owned()));
    }
    graph.initializer.iter().try_for_each(inspect_tensor)?;
    let settings = |node: &NodeProto| node.attribute.iter().try_for_each(|setting| inspect_attribute(node, setting));
    graph.node.iter().try_for_each(settings)
}

fn inspect_node(node: &NodeProto) -> Result<(), OnnxError> {
    if !is_standard(&node.domain) {
        return Err(OnnxError::Domain(node.domain.clone()));
    }
    if !ALLOWED_OPERATORS.contains(&node.op_type.as_str()) || !node.overload.is_empty() {
        return Err(OnnxError::Operator { node: node.name.clone(), operator: node.op_type.clone() });
    }
    Ok(())
}

fn inspect_attribute(node: &NodeProto, attribute: &AttributeProto) -> Result<(), OnnxError> {
    let refused = if attribute.g.is_some() || !attribute.graphs.is_empty() {
        "a subgraph"
    } else if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
        "a sparse tensor"
    } else if !attribute.ref_attr_name.is_empty() {
        "a reference to a function's setting"
    } else {
        return attribute.t.iter().chain(&attribute.tensors).try_for_each(inspect_tensor);
    };
    Err(OnnxError::Construct(format!("{refused} in node `{}`", node.name)))
}

fn inspect_tensor(tensor: &TensorProto) -> Result<(), OnnxError> {
    if tensor.data_location != 0 || !tensor.external_data.is_empty() {
        return Err(OnnxError::ExternalData(tensor.name.clone()));
    }
    let width = match tensor.data_type {
        element::FLOAT | element::INT32 => 4,
        element::INT64 | element::DOUBLE => 8,
        element::FLOAT16 => 2,
        element::BOOL => 1,
        other => return Err(OnnxError::Construct(format!("element type {other} in tensor `{}`", tensor.name))),
    };
    let count = tensor.dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(usize::try_from(dim).ok()?));
    if !tensor.raw_data.is_empty() && count.and_then(|count| count.checked_mul(width)) != Some(tensor.raw_data.len()) {
        return Err(OnnxError::TensorSize(tensor.name.clone()));
    }
    let raw = &tensor.raw_data;
    // Infinities may be meant (a mask), a NaN never is.
    let not_a_number = tensor.float_data.iter().any(|value| value.is_nan())
        || tensor.double_data.iter().any(|value| value.is_nan())
        || match tensor.data_type {
            element::FLOAT => raw.as_chunks::<4>().0.iter().any(|&chunk| f32::from_le_bytes(chunk).is_nan()),
            element::FLOAT16 => raw.as_chunks::<2>().0.iter().any(|&chunk| f16::from_le_bytes(chunk).is_nan()),
            _ => false,
        };
    if not_a_number { Err(OnnxError::NotANumber(tensor.name.clone())) } else { Ok(()) }
}

pub(super) fn inspect_ports(
    direction: &'static str,
    expected: &[Port],
    found: &[&ValueInfoProto],
) -> Result<(), OnnxError> {
    let mismatch = |name: &str, expected: String, found: String| OnnxError::Signature {
        direction,
        name: name.to_owned(),
        expected,
        found,
    };
    for port in expected {
        let mut same_name = found.iter().filter(|value| value.name == port.name);
        let Some(value) = same_name.next() else {
            return Err(mismatch(port.name, port.to_string(), "nothing".to_owned()));
        };
        if same_name.next().is_some() {
            return Err(mismatch(port.name, port.to_string(), "it twice".to_owned()));
        }
        if !matches(port, value) {
            return Err(mismatch(port.name, port.to_string(), describe(value)));
        }
    }
    match found.iter().find(|value| expected.iter().all(|port| port.name != value.name)) {
        Some(extra) => Err(mismatch(&extra.name, "nothing of that name".to_owned(), describe(extra))),
        None => Ok(()),
    }
}

fn matches(port: &Port, value: &ValueInfoProto) -> bool {
    let Some(TypeValue::Tensor(tensor)) = value.r#type.as_ref().and_then(|r#type| r#type.value.as_ref()) else {
        return false;
    };
    let Some(shape) = &tensor.shape else {
        return false;
    };
    tensor.elem_type == port.element
        && shape.dim.len() == port.dims.len()
        && shape.dim.iter().zip(&port.dims).all(|(found, expected)| match (expected, &found.value) {
            (Dimension::Batch, None | Some(DimensionValue::Name(_))) => true,
            (Dimension::Fixed(size), Some(DimensionValue::Size(found))) => *found == *size as i64,
            _ => false,
        })
}

pub(super) fn describe(value: &ValueInfoProto) -> String {
    let Some(TypeValue::Tensor(tensor)) = value.r#type.as_ref().and_then(|r#type| r#type.value.as_ref()) else {
        return "no tensor type".to_owned();
    };
    let element = match tensor.elem_type {
        element::FLOAT => "f32".to_owned(),
        element::FLOAT16 => "f16".to_owned(),
        element::INT32 => "i32".to_owned(),
        element::INT64 => "i64".to_owned(),
        other => format!("element type {other}"),
    };
    let Some(shape) = &tensor.shape else {
        return format!("{element} of unknown shape");
    };
    let dims: Vec<String> = shape
        .dim
        .iter()
        .map(|dim| match &dim.value {
            Some(DimensionValue::Size(size)) => size.to_string(),
            Some(DimensionValue::Name(name)) => name.clone(),
            None => "?".to_owned(),
        })
        .collect();
    format!("{element}[{}]", dims.join(", "))
}

pub(super) fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}
