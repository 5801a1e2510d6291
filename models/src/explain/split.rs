//! A network taken apart where the payment's own columns come in: the body, which reads the neighbourhood, and the head, which reads what
//! the body makes of it together with the columns.
//!
//! The body is nearly all the work. To ask what each of some 200 columns does, only the head has to run again: some microseconds a question
//! instead of a third of a millisecond. No name inside the network is relied on: a value belongs to the head if it depends on the columns,
//! and the border is where the head reads a value that does not.

use crate::input;
use crate::onnx::{
    DimensionProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue,
    ValueInfoProto, element,
};
use prost::Message;
use std::collections::BTreeSet;

/// Both parts as ONNX files, and what goes over the border.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitNetwork {
    /// From the neighbourhood to the attention and the values of the border.
    pub body: Vec<u8>,
    /// From the values of the border and the payment's columns to logit and embedding.
    pub head: Vec<u8>,
    /// Names of the values that go over the border.
    pub border: Vec<String>,
    /// Whether the embedding comes out of the body: it does not depend on the columns.
    pub embeds_in_body: bool,
}

/// Why a network cannot be taken apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The bytes are not an ONNX file.
    #[error("the network is not a readable onnx file ({0}); publish the model again")]
    Unreadable(String),
    /// An output does not depend on what it should, or on what it should not.
    #[error("the network cannot be explained, its {0}; export it with this build")]
    Shape(&'static str),
}

/// Takes a network file apart that passed [`crate::onnx::inspect()`].
///
/// # Errors
/// See [`SplitError`].
pub fn split(onnx: &[u8]) -> Result<SplitNetwork, SplitError> {
    let model = ModelProto::decode(onnx).map_err(|error| SplitError::Unreadable(error.to_string()))?;
    let graph = model.graph.as_ref().ok_or_else(|| SplitError::Unreadable("it holds no graph".to_owned()))?;
    let sides = Sides::of(graph);
    if !sides.head.contains(input::FRAUD_LOGIT) {
        return Err(SplitError::Shape("logit does not depend on the payment's columns"));
    }
    if sides.head.contains(input::ATTENTION) {
        return Err(SplitError::Shape("attention depends on the payment's columns"));
    }
    let border = sides.border(graph);
    let embeds_in_body = sides.body.contains(input::EMBEDDING);
    let mut body_outputs = vec![input::ATTENTION.to_owned()];
    let mut head_outputs = vec![input::FRAUD_LOGIT.to_owned()];
    if embeds_in_body { &mut body_outputs } else { &mut head_outputs }.push(input::EMBEDDING.to_owned());
    body_outputs.extend(border.iter().filter(|name| *name != input::EMBEDDING).cloned());
    let body_inputs = graph.input.iter().filter(|port| port.name != input::TRANSACTION_FEATURES).cloned();
    let columns = graph.input.iter().filter(|port| port.name == input::TRANSACTION_FEATURES).cloned();
    let head_inputs = border.iter().cloned().map(float).chain(columns);
    let floats = |names: Vec<String>| names.into_iter().map(float).collect::<Vec<_>>();
    let part = |graph| ModelProto { graph: Some(graph), ..model.clone() }.encode_to_vec();
    let body = half(graph, |node| !sides.is_head(node), body_inputs.collect(), floats(body_outputs));
    let head = half(graph, |node| !sides.is_body(node), head_inputs.collect(), floats(head_outputs));
    Ok(SplitNetwork { body: part(body), head: part(head), border, embeds_in_body })
}

/// Values by what they depend on. What depends on no input at all is constant and belongs to either part.
struct Sides {
    /// On the payment's columns.
    head: BTreeSet<String>,
    /// On another input, and not on the columns.
    body: BTreeSet<String>,
}

impl Sides {
    fn of(graph: &GraphProto) -> Sides {
        let mut sides = Sides { head: BTreeSet::new(), body: BTreeSet::new() };
        for port in &graph.input {
            let side = if port.name == input::TRANSACTION_FEATURES { &mut sides.head } else { &mut sides.body };
            side.insert(port.name.clone());
        }
        // Nodes stand after those they read from.
        for node in &graph.node {
            let reads = |side: &BTreeSet<String>| node.input.iter().any(|name| side.contains(name));
            if reads(&sides.head) {
                sides.head.extend(node.output.iter().cloned());
            } else if reads(&sides.body) {
                sides.body.extend(node.output.iter().cloned());
            }
        }
        sides
    }

    fn is_head(&self, node: &NodeProto) -> bool {
        node.output.iter().any(|name| self.head.contains(name))
    }

    fn is_body(&self, node: &NodeProto) -> bool {
        node.output.iter().any(|name| self.body.contains(name))
    }

    fn border(&self, graph: &GraphProto) -> Vec<String> {
        let mut border = Vec::new();
        for name in graph.node.iter().filter(|node| self.is_head(node)).flat_map(|node| &node.input) {
            if self.body.contains(name) && !border.contains(name) {
                border.push(name.clone());
            }
        }
        border
    }
}

/// The nodes of one part, with the weights that they read.
fn half(
    graph: &GraphProto,
    belongs: impl Fn(&NodeProto) -> bool,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
) -> GraphProto {
    let node: Vec<NodeProto> = graph.node.iter().filter(|node| belongs(node)).cloned().collect();
    let read: BTreeSet<&String> = node.iter().flat_map(|node| &node.input).collect();
    let initializer = graph.initializer.iter().filter(|weight| read.contains(&weight.name)).cloned().collect();
    GraphProto { name: graph.name.clone(), node, initializer, input: inputs, output: outputs, ..GraphProto::default() }
}

/// A value of floats whose first dimension, the payments, is known at run time, and so are the others: the runtime finds them.
fn float(name: String) -> ValueInfoProto {
    let tensor = TensorTypeProto { elem_type: element::FLOAT, shape: shape_of(&name) };
    ValueInfoProto {
        name,
        r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)) }),
        ..ValueInfoProto::default()
    }
}

/// Only of the logit is the rank told: a file whose outputs have no rank at all is refused by some checkers.
fn shape_of(name: &str) -> Option<TensorShapeProto> {
    (name == input::FRAUD_LOGIT).then(|| TensorShapeProto { dim: vec![DimensionProto { value: None }] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{TensorProto, build};

    /// Attention and a centre from the nodes, a head over centre and columns; `extra` comes last.
    fn network(extra: Vec<NodeProto>) -> Vec<u8> {
        let node = |operator: &str, inputs: &[&str], output: &str| NodeProto::new(operator, inputs, &[output]);
        let mut nodes = vec![
            node("ReduceSum", &[input::NEIGHBOUR_MASK, "axis"], input::ATTENTION),
            node("Constant", &[], "one"),
            node("ReduceSum", &[input::NODE_FEATURES, "axis"], "centre"),
            node("Add", &["centre", "one"], "border"),
            node("Mul", &[input::TRANSACTION_FEATURES, "one"], "columns"),
            node("Concat", &["border", "columns"], input::EMBEDDING),
            node("ReduceSum", &[input::EMBEDDING, "axis"], "sum"),
            node("Add", &["sum", "border"], input::FRAUD_LOGIT),
        ];
        nodes.extend(extra);
        build::model("test", nodes, vec![TensorProto::integers("axis", &[1], &[1])]).encode_to_vec()
    }

    fn told(bytes: &[u8]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let graph = ModelProto::decode(bytes).unwrap().graph.unwrap();
        let names = |ports: &[ValueInfoProto]| ports.iter().map(|port| port.name.clone()).collect();
        (names(&graph.input), names(&graph.output), graph.node.iter().map(|node| node.output[0].clone()).collect())
    }

    #[test]
    fn the_border_is_where_the_columns_come_in() {
        let parts = split(&network(Vec::new())).unwrap();
        assert_eq!(parts.border, ["border"]);
        let (inputs, outputs, nodes) = told(&parts.body);
        assert!(!inputs.contains(&input::TRANSACTION_FEATURES.to_owned()) && inputs.len() == 4);
        assert_eq!(
            (outputs, nodes),
            (
                ["attention", "border"].map(str::to_owned).to_vec(),
                vec!["attention".into(), "one".into(), "centre".into(), "border".into()]
            )
        );
        let (inputs, outputs, nodes) = told(&parts.head);
        assert_eq!(inputs, ["border", "transaction_features"]);
        assert_eq!(outputs, ["fraud_logit", "embedding"]);
        assert_eq!(nodes, ["one", "columns", "embedding", "sum", "fraud_logit"]);
    }

    #[test]
    fn a_network_that_has_no_such_border_is_refused() {
        assert!(matches!(split(b"nothing"), Err(SplitError::Unreadable(_))));
        let empty = ModelProto::default().encode_to_vec();
        assert!(matches!(split(&empty), Err(SplitError::Unreadable(_))));
        let blind = build::model("test", Vec::new(), Vec::new()).encode_to_vec();
        assert!(matches!(split(&blind), Err(SplitError::Shape(_))));
    }
}
