//! What evidence is read off: the subgraph that the verdict saw, with the names of its nodes and what was reported of them.

use fraudnet_features::schema::node_features;
use fraudnet_features::{NODE_WIDTH, Tensor};
use fraudnet_graph::{Link, Payment, Relation, Subgraph, UNSEEN};
use std::sync::LazyLock;

/// A payment's neighbourhood for people.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The sample.
    pub subgraph: &'a Subgraph,
    /// Identifier of each node: data, never markup.
    pub identifiers: &'a [String],
    /// What was reported of each node.
    pub reports: &'a [Reports],
    /// When the payment was made, UTC milliseconds since the epoch.
    pub at_ms: i64,
}

/// Payments that an entity took part in before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reports {
    /// How many.
    pub payments: u32,
    /// Of them, reported as fraud, by the labels known at the cut.
    pub reported: u32,
}

/// Why there is nothing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SceneError {
    /// Names or reports are not of this sample.
    #[error("the subgraph has {nodes} nodes, but {given} {what} came with it; read both at the verdict's cut")]
    Lengths {
        /// Nodes of the sample.
        nodes: usize,
        /// What came with it.
        what: &'static str,
        /// How many.
        given: usize,
    },
    /// The sample is not one.
    #[error("the subgraph's links do not fit its nodes; sample it again at the verdict's cut")]
    Links,
}

impl<'a> Scene<'a> {
    /// A scene whose parts fit each other.
    ///
    /// # Errors
    /// See [`SceneError`].
    pub fn new(
        subgraph: &'a Subgraph,
        identifiers: &'a [String],
        reports: &'a [Reports],
        at_ms: i64,
    ) -> Result<Self, SceneError> {
        let nodes = subgraph.nodes.len();
        for (what, given) in [("identifiers", identifiers.len()), ("reports", reports.len())] {
            if given != nodes {
                return Err(SceneError::Lengths { nodes, what, given });
            }
        }
        let ends = &subgraph.row_ends;
        let in_place = ends.is_sorted()
            && ends.len() <= nodes
            && ends.last().map_or(0, |&end| usize::from(end)) == subgraph.links.len();
        if !in_place || nodes == 0 || subgraph.links.iter().any(|link| usize::from(link.node) >= nodes) {
            return Err(SceneError::Links);
        }
        Ok(Scene { subgraph, identifiers, reports, at_ms })
    }

    /// Links of every row with the node they lead from.
    pub(super) fn links(&self) -> impl Iterator<Item = (usize, &'a Link)> + use<'a> {
        let subgraph = self.subgraph;
        (0..subgraph.row_ends.len()).flat_map(move |from| subgraph.row(from).iter().map(move |link| (from, link)))
    }
}

static PAYMENTS: LazyLock<Option<usize>> = LazyLock::new(|| node_column("node_payments"));
static REPORTED: LazyLock<Option<usize>> = LazyLock::new(|| node_column("node_reported"));

/// What was reported of each node, read off the tensor that the model saw: its nodes are those of the subgraph, in the same order. Counts
/// are exact to 180, and within half a percent above.
pub fn reports(tensor: &Tensor) -> Vec<Reports> {
    let count = |row: &[half::f16], column: Option<usize>| {
        let stored = column.and_then(|column| row.get(column)).map_or(0.0, |value| value.to_f32());
        (stored.exp2() - 1.0).round() as u32
    };
    let rows = tensor.nodes.chunks_exact(NODE_WIDTH);
    rows.map(|row| Reports { payments: count(row, *PAYMENTS), reported: count(row, *REPORTED) }).collect()
}

/// Identifiers of a sample's nodes. `named` is asked for every entity that the graph has seen; what it has not seen is the payment's own.
pub fn identifiers(subgraph: &Subgraph, payment: &Payment, mut named: impl FnMut(u32) -> String) -> Vec<String> {
    let own = |node: usize| {
        if node == 0 {
            return Some(&payment.account);
        }
        let link = subgraph.row(0).iter().find(|link| link.own && usize::from(link.node) == node)?;
        match link.relation {
            Relation::AccountDevice => payment.device.as_ref(),
            Relation::AccountIp => payment.ip.as_ref(),
            Relation::AccountMerchant => payment.merchant.as_ref(),
            Relation::AccountAccount => payment.counterparty.as_ref(),
            Relation::DeviceIp => None,
        }
    };
    let nodes = subgraph.nodes.iter().enumerate();
    nodes
        .map(|(at, node)| match node.entity {
            UNSEEN => own(at).cloned().unwrap_or_default(),
            entity => named(entity),
        })
        .collect()
}

fn node_column(name: &str) -> Option<usize> {
    node_features().iter().position(|feature| feature.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::testing::{Drawing, payment};
    use half::f16;

    #[test]
    fn reports_are_read_off_the_tensor() {
        let counts = [(0_u32, 0_u32), (1, 1), (12, 3), (180, 180), (60_000, 999)];
        let mut tensor = Tensor::default();
        for (payments, reported) in counts {
            let mut row = vec![f16::ZERO; NODE_WIDTH];
            row[PAYMENTS.unwrap()] = f16::from_f32((1.0 + payments as f32).log2());
            row[REPORTED.unwrap()] = f16::from_f32((1.0 + reported as f32).log2());
            tensor.nodes.extend(row);
        }
        for (found, (payments, reported)) in reports(&tensor).iter().zip(counts) {
            let near =
                |found: u32, expected: u32| found.abs_diff(expected) <= if expected > 180 { expected / 150 } else { 0 };
            assert!(
                near(found.payments, payments) && near(found.reported, reported),
                "{found:?} is not {payments} {reported}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let drawing = Drawing::new("account a1 > device d1");
        let (subgraph, names, reports) = drawing.parts();
        assert!(Scene::new(&subgraph, &names, &reports, 0).is_ok());
        let few = Scene::new(&subgraph, &names[..1], &reports, 0).unwrap_err();
        assert_eq!(few, SceneError::Lengths { nodes: 2, what: "identifiers", given: 1 });
        assert!(matches!(Scene::new(&subgraph, &names, &reports[..1], 0), Err(SceneError::Lengths { .. })));
        let mut broken = subgraph.clone();
        broken.links[0].node = 9;
        assert_eq!(Scene::new(&broken, &names, &reports, 0).unwrap_err(), SceneError::Links);
        let mut broken = subgraph.clone();
        broken.row_ends = vec![7];
        assert_eq!(Scene::new(&broken, &names, &reports, 0).unwrap_err(), SceneError::Links);
        assert_eq!(Scene::new(&Subgraph::default(), &[], &[], 0).unwrap_err(), SceneError::Links);
    }

    #[test]
    fn unseen_nodes_have_the_names_of_the_payment() {
        let drawing = Drawing::new("account a1 > device d1 own; account a1 > ip i1 own; device d1 > account a2");
        let (mut subgraph, ..) = drawing.parts();
        for (at, node) in subgraph.nodes.iter_mut().enumerate() {
            node.entity = if at < 2 { UNSEEN } else { 40 + at as u32 };
        }
        let found = identifiers(&subgraph, &payment("acc", Some("dev")), |entity| format!("named {entity}"));
        assert_eq!(found, ["acc", "dev", "named 42", "named 43"]);
    }
}
