//! Inputs and outputs that every network and every tree file has: one list, used to write files, to check them and to set TensorRT's profiles.

use super::schema::{
    DimensionProto, DimensionValue, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto, element,
};
use super::trees::FEATURES;
use crate::batch::{EMBEDDING_WIDTH, input};
use fraudnet_features::{EDGE_WIDTH, MAX_LINKS, MAX_NODES, MAX_ROWS, NODE_WIDTH, schema::payment_features};
use std::fmt;

/// Name of the batch dimension in files written here.
pub const BATCH_DIMENSION: &str = "batch";

/// A dimension of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Payments in the batch; known at run time.
    Batch,
    /// A fixed size.
    Fixed(usize),
}

/// An input or output: name, element type, shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name.
    pub name: &'static str,
    /// Element type, see [`element`].
    pub element: i32,
    /// Shape, the batch first.
    pub dims: Vec<Dimension>,
}

impl Port {
    fn new(name: &'static str, element: i32, fixed: &[usize]) -> Self {
        let dims = std::iter::once(Dimension::Batch).chain(fixed.iter().map(|&size| Dimension::Fixed(size))).collect();
        Port { name, element, dims }
    }

    /// Sizes of a batch of this many payments.
    pub fn shape(&self, batch: usize) -> Vec<usize> {
        self.dims
            .iter()
            .map(|dim| match dim {
                Dimension::Batch => batch,
                Dimension::Fixed(size) => *size,
            })
            .collect()
    }

    /// As it stands in a file.
    pub fn to_proto(&self) -> ValueInfoProto {
        let dim = self
            .dims
            .iter()
            .map(|dim| DimensionProto {
                value: Some(match dim {
                    Dimension::Batch => DimensionValue::Name(BATCH_DIMENSION.to_owned()),
                    Dimension::Fixed(size) => DimensionValue::Size(*size as i64),
                }),
            })
            .collect();
        let tensor = TensorTypeProto { elem_type: self.element, shape: Some(TensorShapeProto { dim }) };
        ValueInfoProto {
            name: self.name.to_owned(),
            r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)) }),
            ..Default::default()
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let element = match self.element {
            element::FLOAT => "f32",
            element::INT64 => "i64",
            _ => "?",
        };
        write!(f, "{element}[")?;
        for (index, dim) in self.dims.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match dim {
                Dimension::Batch => write!(f, "{comma}{BATCH_DIMENSION}")?,
                Dimension::Fixed(size) => write!(f, "{comma}{size}")?,
            }
        }
        f.write_str("]")
    }
}

/// The inputs of a network, in the order a [`crate::Batch`] holds them.
pub fn signature_inputs() -> [Port; 5] {
    [
        Port::new(input::NODE_FEATURES, element::FLOAT, &[MAX_NODES, NODE_WIDTH]),
        Port::new(input::NEIGHBOUR_INDEX, element::INT64, &[MAX_ROWS, MAX_LINKS]),
        Port::new(input::EDGE_FEATURES, element::FLOAT, &[MAX_ROWS, MAX_LINKS, EDGE_WIDTH]),
        Port::new(input::NEIGHBOUR_MASK, element::FLOAT, &[MAX_ROWS, MAX_LINKS]),
        Port::new(input::TRANSACTION_FEATURES, element::FLOAT, &[payment_features().len()]),
    ]
}

/// The outputs of a network.
pub fn signature_outputs() -> [Port; 3] {
    [
        Port::new(input::FRAUD_LOGIT, element::FLOAT, &[]),
        Port::new(input::EMBEDDING, element::FLOAT, &[EMBEDDING_WIDTH]),
        Port::new(input::ATTENTION, element::FLOAT, &[MAX_LINKS]),
    ]
}

/// The input of a tree file for rows of so many columns.
pub fn trees_inputs(columns: usize) -> [Port; 1] {
    [Port::new(FEATURES, element::FLOAT, &[columns])]
}

/// The output of a tree file.
pub fn trees_outputs() -> [Port; 1] {
    [Port::new(input::FRAUD_LOGIT, element::FLOAT, &[1])]
}
