//! A small writer of ONNX graphs: every operator is a call that returns the name of its value.

use fraudnet_models::onnx::{ModelProto, NodeProto, TensorProto, build, element};
use std::collections::BTreeSet;

/// Nodes and constants of a graph under construction.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    known: BTreeSet<String>,
}

impl Graph {
    /// Adds an operator that writes one value, called `output`; returns that name.
    pub fn node(&mut self, operator: &str, inputs: &[&str], output: &str) -> String {
        self.push(NodeProto::new(operator, inputs, &[output]))
    }

    /// Adds a finished node with one output; returns the name of that output.
    pub fn push(&mut self, node: NodeProto) -> String {
        let output = node.output[0].clone();
        self.nodes.push(node);
        output
    }

    /// A float constant, in f16 where `half`. Added once under its name.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32], half: bool) -> String {
        let name = if half { format!("{name}.f16") } else { name.to_owned() };
        if self.known.insert(name.clone()) {
            let tensor = if half {
                TensorProto::halves(&*name, dims, values)
            } else {
                TensorProto::floats(&*name, dims, values)
            };
            self.constants.push(tensor);
        }
        name
    }

    /// A constant of 64-bit integers, shared by all who ask for the same values.
    pub fn integers(&mut self, values: &[i64]) -> String {
        let text: Vec<String> = values.iter().map(i64::to_string).collect();
        let name = format!("integers[{}]", text.join(","));
        if self.known.insert(name.clone()) {
            self.constants.push(TensorProto::integers(&*name, &[values.len()], values));
        }
        name
    }

    /// The value in another shape; one dimension may be -1.
    pub fn reshape(&mut self, value: &str, shape: &[i64], output: &str) -> String {
        let shape = self.integers(shape);
        self.node("Reshape", &[value, &shape], output)
    }

    /// The first `count` entries along axis 1.
    pub fn first(&mut self, value: &str, count: usize, output: &str) -> String {
        let (start, end, axis) = (self.integers(&[0]), self.integers(&[count as i64]), self.integers(&[1]));
        self.node("Slice", &[value, &start, &end, &axis], output)
    }

    /// The value as f16 or f32.
    pub fn cast(&mut self, value: &str, half: bool, output: &str) -> String {
        let to = if half { element::FLOAT16 } else { element::FLOAT };
        self.push(NodeProto::new("Cast", &[value], &[output]).with_int("to", i64::from(to)))
    }

    /// The finished model, with the inputs and outputs every network has.
    pub fn finish(self, name: &str) -> ModelProto {
        build::model(name, self.nodes, self.constants)
    }
}
