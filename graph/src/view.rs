//! A sample as a petgraph value, for what people look at: components, paths, layout, and export as DOT or GraphML. Not on the hot path.

use std::fmt::Write;

use petgraph::graph::UnGraph;
use petgraph::visit::{EdgeRef, IntoNodeReferences};

use crate::{EdgeFacts, EntityFacts, Graph, Kind, Relation, Subgraph, UNSEEN};

/// A node of the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Identifier; `None` where the payment brought one that the graph has never seen.
    pub identifier: Option<String>,
    /// Kind of the entity.
    pub kind: Kind,
    /// Distance from the centre, 0–3.
    pub hop: u8,
    /// True for the payment's own entities.
    pub own: bool,
    /// Running facts; `None` where the entity was never seen.
    pub facts: Option<EntityFacts>,
}

/// An edge of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeView {
    /// Relation of the edge.
    pub relation: Relation,
    /// True where the payment itself makes the link.
    pub own: bool,
    /// Running facts.
    pub facts: EdgeFacts,
}

impl Graph {
    /// The sample as a graph value. Node indexes are those of [`Subgraph::nodes`]; each pair of nodes is joined at most once. Names and
    /// facts of entities are read from this graph, so call it before the next event is applied.
    pub fn view(&self, sample: &Subgraph) -> UnGraph<NodeView, EdgeView> {
        let mut view = UnGraph::with_capacity(sample.nodes.len(), sample.links.len());
        for node in &sample.nodes {
            let seen = node.entity != UNSEEN;
            view.add_node(NodeView {
                identifier: seen.then(|| self.identifier(node.entity).to_owned()),
                kind: node.kind,
                hop: node.hop,
                own: node.own,
                facts: seen.then(|| self.entity(node.entity)),
            });
        }
        for row in 0..sample.row_ends.len() {
            for link in sample.row(row) {
                let (from, to) = ((row as u32).into(), u32::from(link.node).into());
                if view.find_edge(from, to).is_none() {
                    view.add_edge(from, to, EdgeView { relation: link.relation, own: link.own, facts: link.facts });
                }
            }
        }
        view
    }
}

/// Text for Graphviz.
pub fn to_dot(view: &UnGraph<NodeView, EdgeView>) -> String {
    let mut text = String::from("graph sample {\n");
    for (index, node) in view.node_references() {
        let label = format!("{} {}", node.kind.name(), name(node));
        let shape = if node.own { "box" } else { "ellipse" };
        let _ = writeln!(text, "  n{} [label=\"{}\", shape={shape}];", index.index(), escape_dot(&label));
    }
    for edge in view.edge_references() {
        let EdgeView { relation, own, facts } = edge.weight();
        let style = if *own { "bold" } else { "solid" };
        let label = format!("{} ×{}, {} reported", relation.name(), facts.count, facts.reported);
        let _ = writeln!(
            text,
            "  n{} -- n{} [label=\"{label}\", style={style}];",
            edge.source().index(),
            edge.target().index()
        );
    }
    text.push_str("}\n");
    text
}

/// GraphML: nodes with `identifier`, `kind`, `hop`, `own`; edges with `relation`, `own` and the running facts.
pub fn to_graphml(view: &UnGraph<NodeView, EdgeView>) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n",
    );
    for (domain, name, kind) in GRAPHML_KEYS {
        let _ = writeln!(
            text,
            "  <key id=\"{domain}_{name}\" for=\"{domain}\" attr.name=\"{name}\" attr.type=\"{kind}\"/>"
        );
    }
    text.push_str("  <graph id=\"sample\" edgedefault=\"undirected\">\n");
    for (index, node) in view.node_references() {
        let _ = writeln!(text, "    <node id=\"n{}\">", index.index());
        put(&mut text, "node_identifier", name(node));
        put(&mut text, "node_kind", node.kind.name());
        put(&mut text, "node_hop", node.hop);
        put(&mut text, "node_own", node.own);
        text.push_str("    </node>\n");
    }
    for edge in view.edge_references() {
        let EdgeView { relation, own, facts } = edge.weight();
        let _ =
            writeln!(text, "    <edge source=\"n{}\" target=\"n{}\">", edge.source().index(), edge.target().index());
        put(&mut text, "edge_relation", relation.name());
        put(&mut text, "edge_own", own);
        put(&mut text, "edge_first_s", facts.first_s);
        put(&mut text, "edge_last_s", facts.last_s);
        put(&mut text, "edge_count", facts.count);
        put(&mut text, "edge_reported", facts.reported);
        put(&mut text, "edge_amount", facts.amount);
        put(&mut text, "edge_source", facts.source);
        text.push_str("    </edge>\n");
    }
    text.push_str("  </graph>\n</graphml>\n");
    text
}

const GRAPHML_KEYS: [(&str, &str, &str); 12] = [
    ("node", "identifier", "string"),
    ("node", "kind", "string"),
    ("node", "hop", "int"),
    ("node", "own", "boolean"),
    ("edge", "relation", "string"),
    ("edge", "own", "boolean"),
    ("edge", "first_s", "long"),
    ("edge", "last_s", "long"),
    ("edge", "count", "long"),
    ("edge", "reported", "long"),
    ("edge", "amount", "long"),
    ("edge", "source", "long"),
];

fn name(node: &NodeView) -> &str {
    node.identifier.as_deref().unwrap_or("(new)")
}

fn put(text: &mut String, key: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "      <data key=\"{key}\">{}</data>", escape_xml(&value.to_string()));
}

/// Inside a quoted DOT string only the quote and the backslash have a meaning; other control characters could still upset a reader.
fn escape_dot(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// XML 1.0 cannot hold most control characters even when escaped: they become U+FFFD.
fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
