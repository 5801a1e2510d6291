//! The three named feature sets, as model generations grew; trees are fitted on rows of one of them.
//!
//! v1 stands first in the payment row and v2 is the whole of it, so that neither is computed a second time; v3 adds what is
//! read off the rest of the [`Tensor`] ([`crate::pooled`], some 8 µs) and what a network has made of it.

use crate::payment_features::V1_WIDTH;
use crate::schema::{Feature, Group, payment_features};
use crate::{Tensor, pooled};
use std::sync::LazyLock;

/// Values of the network's embedding of a payment.
pub const EMBEDDING_WIDTH: usize = 64;

static V3: LazyLock<Vec<Feature>> = LazyLock::new(|| {
    let embedding = (0..EMBEDDING_WIDTH).map(|place| Feature {
        // Named once for the life of the process.
        name: format!("embedding_{place:02}").leak(),
        group: Group::Embedding,
        meaning: "one value of the network's embedding of the payment in its neighbourhood",
        unit: "network unit",
        entity: "payment",
        window: "",
        default: 0.0,
    });
    payment_features().iter().chain(pooled::features()).copied().chain(embedding).collect()
});

/// A named feature set for trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeatureSet {
    /// Payment, velocity, history: no label, no graph.
    V1,
    /// All columns of [`Tensor::payment`]: v1, further windows, fraud reports, the sampled neighbourhood in single figures.
    V2,
    /// v2, the sampled nodes pooled by hop and kind, and the network's embedding.
    V3,
}

impl FeatureSet {
    /// All three, smallest first.
    pub const ALL: [FeatureSet; 3] = [FeatureSet::V1, FeatureSet::V2, FeatureSet::V3];

    /// `v1`, `v2` or `v3`.
    pub const fn name(self) -> &'static str {
        match self {
            FeatureSet::V1 => "v1",
            FeatureSet::V2 => "v2",
            FeatureSet::V3 => "v3",
        }
    }

    /// The set of that name.
    pub fn parse(name: &str) -> Option<FeatureSet> {
        FeatureSet::ALL.into_iter().find(|set| set.name() == name)
    }

    /// Its columns, in order; each set's begin with those of the one before.
    pub fn features(self) -> &'static [Feature] {
        match self {
            FeatureSet::V1 => &payment_features()[..V1_WIDTH],
            FeatureSet::V2 => payment_features(),
            FeatureSet::V3 => &V3,
        }
    }

    /// Number of columns.
    pub fn width(self) -> usize {
        self.features().len()
    }

    /// Whether its rows need the network's embedding.
    pub const fn reads_embedding(self) -> bool {
        matches!(self, FeatureSet::V3)
    }

    /// Appends the row of a payment to `rows`: [`FeatureSet::width`] values for a tensor that `observe` assembled. `embedding`
    /// is read by v3 only, which panics unless it has [`EMBEDDING_WIDTH`] values.
    pub fn append(self, tensor: &Tensor, embedding: &[f32], rows: &mut Vec<f32>) {
        match self {
            FeatureSet::V1 => rows.extend_from_slice(&tensor.payment[..V1_WIDTH]),
            FeatureSet::V2 => rows.extend_from_slice(&tensor.payment),
            FeatureSet::V3 => {
                assert_eq!(embedding.len(), EMBEDDING_WIDTH, "v3 reads the network's whole embedding");
                rows.reserve(self.width());
                rows.extend_from_slice(&tensor.payment);
                pooled::append(tensor, rows);
                rows.extend_from_slice(embedding);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_found_by_name_and_begin_with_one_another() {
        for set in FeatureSet::ALL {
            assert_eq!((FeatureSet::parse(set.name()), set.width()), (Some(set), set.features().len()));
        }
        assert_eq!(FeatureSet::parse("v4"), None);
        let [v1, v2, v3] = FeatureSet::ALL.map(FeatureSet::features);
        assert!(v2.starts_with(v1) && v3.starts_with(v2) && v1.len() < v2.len() && v2.len() < v3.len());
    }

    #[test]
    fn v1_holds_every_column_without_label_or_graph_and_no_other() {
        let early = |feature: &Feature| matches!(feature.group, Group::Payment | Group::Velocity | Group::History);
        assert_eq!(payment_features().iter().filter(|feature| early(feature)).count(), V1_WIDTH);
        for (column, feature) in FeatureSet::V3.features().iter().enumerate() {
            assert_eq!(early(feature), column < V1_WIDTH, "{}", feature.name);
            assert!(column >= V1_WIDTH || !feature.name.contains("report"), "{}", feature.name);
        }
        assert!(FeatureSet::V3.features().is_sorted_by_key(|feature| feature.group));
    }

    #[test]
    fn a_row_is_as_wide_as_its_set() {
        let tensor = Tensor { payment: (0..FeatureSet::V2.width()).map(|x| x as f32).collect(), ..Tensor::default() };
        let mut rows = Vec::new();
        for set in FeatureSet::ALL {
            rows.clear();
            set.append(&tensor, &[0.5; EMBEDDING_WIDTH], &mut rows);
            assert_eq!(rows.len(), set.width());
            assert_eq!(rows[..V1_WIDTH], tensor.payment[..V1_WIDTH]);
        }
        assert_eq!(rows[rows.len() - EMBEDDING_WIDTH..], [0.5; EMBEDDING_WIDTH]);
    }
}
