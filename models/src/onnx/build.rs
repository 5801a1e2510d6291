//! Short constructors for writing a file: tensors, nodes with settings, a whole network, a whole tree model.

use super::schema::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, attribute_kind, element,
};
use super::signature::{Port, signature_inputs, signature_outputs, trees_inputs, trees_outputs};
use half::f16;

/// Version of the format that [`model`] writes; read by ONNX Runtime 1.15 and newer.
pub const IR_VERSION: i64 = 8;
/// Standard operator set that [`model`] names. In this set `ReduceMean` takes its axes as a setting, `ReduceSum`,
/// `Squeeze` and `Unsqueeze` as an input.
pub const OPSET: i64 = 17;
/// Domain of the tree operator.
pub const TREE_DOMAIN: &str = "ai.onnx.ml";
/// Operator set of [`TREE_DOMAIN`] that [`tree_model`] names; 5 replaces the operator by one that older runtimes do not have.
pub const TREE_OPSET: i64 = 3;

impl TensorProto {
    /// A float tensor. The number of values must be the product of `dims`.
    pub fn floats(name: impl Into<String>, dims: &[usize], values: &[f32]) -> Self {
        Self::raw(
            name,
            element::FLOAT,
            dims,
            values.len(),
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )
    }

    /// A half-precision tensor of values given as floats, rounded to nearest.
    pub fn halves(name: impl Into<String>, dims: &[usize], values: &[f32]) -> Self {
        let raw = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        Self::raw(name, element::FLOAT16, dims, values.len(), raw)
    }

    /// A tensor of 64-bit integers, as axes, shapes and indices are given.
    pub fn integers(name: impl Into<String>, dims: &[usize], values: &[i64]) -> Self {
        Self::raw(
            name,
            element::INT64,
            dims,
            values.len(),
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )
    }

    fn raw(name: impl Into<String>, data_type: i32, dims: &[usize], count: usize, raw_data: Vec<u8>) -> Self {
        assert_eq!(dims.iter().product::<usize>(), count, "a tensor's values must fill its shape");
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        TensorProto { name: name.into(), data_type, dims, raw_data, ..Default::default() }
    }
}

impl NodeProto {
    /// A node of the standard operator set, named after its first output.
    pub fn new(op_type: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        NodeProto {
            op_type: op_type.to_owned(),
            name: outputs.first().copied().unwrap_or_default().to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            ..Default::default()
        }
    }

    /// Adds an integer setting, e.g. `axis`.
    #[must_use]
    pub fn with_int(mut self, name: &str, i: i64) -> Self {
        self.attribute.push(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::INT,
            i,
            ..Default::default()
        });
        self
    }

    /// Adds a setting of several integers, e.g. `axes`.
    #[must_use]
    pub fn with_ints(mut self, name: &str, ints: &[i64]) -> Self {
        self.attribute.push(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::INTS,
            ints: ints.to_vec(),
            ..Default::default()
        });
        self
    }

    /// Adds a float setting, e.g. `epsilon`.
    #[must_use]
    pub fn with_float(mut self, name: &str, f: f32) -> Self {
        self.attribute.push(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::FLOAT,
            f,
            ..Default::default()
        });
        self
    }

    /// Adds a setting of several floats, e.g. `nodes_values`.
    #[must_use]
    pub fn with_floats(mut self, name: &str, floats: &[f32]) -> Self {
        self.attribute.push(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::FLOATS,
            floats: floats.to_vec(),
            ..Default::default()
        });
        self
    }

    /// Adds a text setting, e.g. `aggregate_function`.
    #[must_use]
    pub fn with_string(mut self, name: &str, text: &str) -> Self {
        self.attribute.push(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::STRING,
            s: text.as_bytes().to_vec(),
            ..Default::default()
        });
        self
    }

    /// Adds a setting of several texts, e.g. `nodes_modes`.
    #[must_use]
    pub fn with_strings(mut self, name: &str, texts: &[&str]) -> Self {
        self.attribute.push(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::STRINGS,
            strings: texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
            ..Default::default()
        });
        self
    }

    /// Adds a tensor setting, e.g. the `value` of a `Constant`.
    #[must_use]
    pub fn with_tensor(mut self, name: &str, tensor: TensorProto) -> Self {
        self.attribute.push(AttributeProto {
            name: name.to_owned(),
            kind: attribute_kind::TENSOR,
            t: Some(tensor),
            ..Default::default()
        });
        self
    }
}

/// A model with the inputs and outputs of the signature around these nodes and weights. Encode it with
/// [`prost::Message::encode_to_vec`].
pub fn model(name: &str, node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    around(name, node, initializer, &signature_inputs(), &signature_outputs(), &[("", OPSET)])
}

/// A model of boosted trees over rows of so many columns, all of them in this node.
pub fn tree_model(name: &str, columns: usize, node: NodeProto) -> ModelProto {
    let sets = [("", OPSET), (TREE_DOMAIN, TREE_OPSET)];
    around(name, vec![node], Vec::new(), &trees_inputs(columns), &trees_outputs(), &sets)
}

fn around(
    name: &str,
    node: Vec<NodeProto>,
    initializer: Vec<TensorProto>,
    inputs: &[Port],
    outputs: &[Port],
    sets: &[(&str, i64)],
) -> ModelProto {
    let set = |&(domain, version): &(&str, i64)| OperatorSetIdProto { domain: domain.to_owned(), version };
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "fraudnet".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(GraphProto {
            name: name.to_owned(),
            node,
            initializer,
            input: inputs.iter().map(Port::to_proto).collect(),
            output: outputs.iter().map(Port::to_proto).collect(),
            ..Default::default()
        }),
        opset_import: sets.iter().map(set).collect(),
        ..Default::default()
    }
}
