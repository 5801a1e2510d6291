//! The models that are compared, weakest generation first: everything that scores a payment, under one name and number.

use fraudnet_features::FeatureSet;
use fraudnet_models::Scorer;
use serde::{Deserialize, Serialize};

/// One of the models compared. Its number ([`Contender::index`]) is its place in every array of logits or figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// Velocity rules, as payment teams write them.
    Rules,
    /// Logistic regression on the columns of feature set v2.
    #[serde(rename = "logistic-regression")]
    Logistic,
    /// Boosted trees on feature set v1: no label, no graph.
    TreesV1,
    /// Boosted trees on feature set v2: labels and every graph column.
    TreesV2,
    /// The graph network alone.
    Network,
    /// The form of network and trees that was best on the stop window.
    Hybrid,
}

impl Contender {
    /// How many there are.
    pub const COUNT: usize = 6;
    /// All, weakest generation first.
    pub const ALL: [Contender; Contender::COUNT] = [
        Contender::Rules,
        Contender::Logistic,
        Contender::TreesV1,
        Contender::TreesV2,
        Contender::Network,
        Contender::Hybrid,
    ];

    /// Those that can be published and served, each a family of artifacts of its name.
    pub const FAMILIES: [Contender; 3] = [Contender::TreesV1, Contender::TreesV2, Contender::Hybrid];

    /// The family of an artifact, by what scores in it.
    pub const fn of(scorer: Scorer) -> Contender {
        match scorer {
            // A model of rows stands where trees on its columns would.
            Scorer::Trees { features: FeatureSet::V1 } | Scorer::Rows { features: FeatureSet::V1, .. } => {
                Contender::TreesV1
            }
            Scorer::Trees { .. } | Scorer::Rows { .. } => Contender::TreesV2,
            Scorer::Network | Scorer::Blend { .. } => Contender::Hybrid,
        }
    }

    /// Name in reports, e.g. `trees-v2`.
    pub const fn name(self) -> &'static str {
        match self {
            Contender::Rules => "rules",
            Contender::Logistic => "logistic-regression",
            Contender::TreesV1 => "trees-v1",
            Contender::TreesV2 => "trees-v2",
            Contender::Network => "network",
            Contender::Hybrid => "hybrid",
        }
    }

    /// The contender of that name.
    pub fn parse(name: &str) -> Option<Contender> {
        Contender::ALL.into_iter().find(|contender| contender.name() == name)
    }

    /// Its place in [`Contender::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for (place, contender) in Contender::ALL.into_iter().enumerate() {
            assert_eq!(contender.index(), place);
            assert_eq!(Contender::parse(contender.name()), Some(contender));
            assert_eq!(serde_json::to_value(contender).unwrap(), contender.name());
        }
        assert_eq!(Contender::parse("oracle"), None);
    }
}
