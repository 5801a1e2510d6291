//! Every column by name. The tables stand beside the code that fills them (`payment_features`, `node_features`,
//! `edge_features`, `pooled`); here they are put together and given a fingerprint.

use crate::tensor::{EDGE_WIDTH, NODE_WIDTH};
use crate::{edge_features as edges, node_features as nodes, payment_features as payments, pooled};
use fraudnet_graph::{HOP_BUDGET, MAX_LINKS, MAX_NODES, MAX_ROWS};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Counts up whenever a column comes to mean something else although its row above stays the same: a new fingerprint keeps
/// models that were fitted on the old meaning from being loaded.
pub const FEATURE_CODE_VERSION: u32 = 2;

/// What a column is computed from, in the order in which the groups stand in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The payment itself.
    Payment,
    /// Counts, sums and distinct counterparts of the payment's own entities within a window.
    Velocity,
    /// Ages, gaps and habits of the payment's own entities.
    History,
    /// Further windows of the payment's own entities: the week, payments large for their payer, the recent level of amounts.
    Windows,
    /// Fraud reports known by now.
    Reports,
    /// The sampled neighbourhood, node rows and link rows.
    Graph,
    /// Node rows pooled by hop and kind.
    Pooled,
    /// What the network makes of the neighbourhood.
    Embedding,
}

impl Group {
    /// The group in lower case, e.g. `velocity`.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Payment => "payment",
            Group::Velocity => "velocity",
            Group::History => "history",
            Group::Windows => "windows",
            Group::Reports => "reports",
            Group::Graph => "graph",
            Group::Pooled => "pooled",
            Group::Embedding => "embedding",
        }
    }
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feature {
    /// Stable name, snake case, unit last.
    pub name: &'static str,
    /// What it is computed from.
    pub group: Group,
    /// What it means.
    pub meaning: &'static str,
    /// Unit of the value as stored, e.g. `log2(1+count)`.
    pub unit: &'static str,
    /// Entity it is read from: `payment`, `account`, `device`, `ip`, `merchant`, `counterparty`; `node` or `edge` in the tables of
    /// those; for pooled columns the kind of the nodes.
    pub entity: &'static str,
    /// Window, e.g. `1h`; empty where it has none.
    pub window: &'static str,
    /// Value where it cannot be computed.
    pub default: f32,
}

static PAYMENT: LazyLock<Vec<Feature>> = LazyLock::new(|| payments::columns().collect());
static NODE: LazyLock<Vec<Feature>> = LazyLock::new(|| [nodes::LOG_COLUMNS, nodes::PLAIN_COLUMNS].concat());
static EDGE: LazyLock<Vec<Feature>> = LazyLock::new(|| [edges::LOG_COLUMNS, edges::PLAIN_COLUMNS].concat());
static BY_NAME: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| PAYMENT.iter().enumerate().map(|(index, feature)| (feature.name, index)).collect());
static FINGERPRINT: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    let shapes = [NODE_WIDTH, EDGE_WIDTH, MAX_NODES, MAX_ROWS, MAX_LINKS, payments::WIDTH];
    hasher.update(&FEATURE_CODE_VERSION.to_le_bytes());
    for number in HOP_BUDGET.into_iter().chain(shapes) {
        hasher.update(&(number as u32).to_le_bytes());
    }
    for table in [&PAYMENT[..], &NODE[..], &EDGE[..], pooled::features()] {
        for feature in table {
            let Feature { name, group, meaning, unit, entity, window, default: _ } = *feature;
            for text in [name, group.name(), meaning, unit, entity, window] {
                hasher.update(&(text.len() as u32).to_le_bytes()).update(text.as_bytes());
            }
            hasher.update(&feature.default.to_bits().to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
});

/// Columns of [`crate::Tensor::payment`], in order.
pub fn payment_features() -> &'static [Feature] {
    &PAYMENT
}

/// Columns of a node row, in order.
pub fn node_features() -> &'static [Feature] {
    &NODE
}

/// Columns of a link row, in order. Column 0 is `log2(1 + seconds since last active)`, which the network encodes as time.
pub fn edge_features() -> &'static [Feature] {
    &EDGE
}

/// Index of a payment feature by name.
pub fn payment_feature_index(name: &str) -> Option<usize> {
    BY_NAME.get(name).copied()
}

/// Hex digest over every name, group, meaning, unit, window, default and shape constant, and [`FEATURE_CODE_VERSION`]. Stored with a model and checked at load.
pub fn fingerprint() -> &'static str {
    &FINGERPRINT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeatureSet;
    use std::collections::HashSet;

    #[test]
    fn every_column_is_named_once_and_explained() {
        let mut names = HashSet::new();
        for feature in [FeatureSet::V3.features(), node_features(), edge_features()].concat() {
            assert!(names.insert(feature.name), "{} is named twice", feature.name);
            assert!(
                feature.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{}",
                feature.name
            );
            assert!(
                !feature.meaning.is_empty() && !feature.unit.is_empty() && !feature.entity.is_empty(),
                "{}",
                feature.name
            );
            assert!(feature.default.is_finite());
        }
        assert_eq!(node_features().len(), NODE_WIDTH);
        assert_eq!(edge_features().len(), EDGE_WIDTH);
        assert_eq!(payment_features().len(), payments::WIDTH);
        assert_eq!(edge_features()[0].name, "edge_idle_s");
    }

    #[test]
    fn names_lead_to_their_columns() {
        for (index, feature) in payment_features().iter().enumerate() {
            assert_eq!(payment_feature_index(feature.name), Some(index));
        }
        assert_eq!(payment_feature_index("fraud"), None);
    }

    #[test]
    fn fingerprint_is_a_stable_hex_digest() {
        assert_eq!(fingerprint().len(), 64);
        assert!(fingerprint().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(fingerprint(), fingerprint());
    }
}
