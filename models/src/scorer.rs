//! What scores in an artifact: boosted trees, the network, a blend of both, or a model of rows from elsewhere.

use fraudnet_features::FeatureSet;
use serde::{Deserialize, Serialize};

/// Which parts of an artifact score a payment, and how their raw logits become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scorer {
    /// Boosted trees alone.
    Trees {
        /// The columns they read; v1 or v2, since v3 needs a network.
        #[serde(with = "by_name")]
        features: FeatureSet,
    },
    /// The network alone.
    Network,
    /// `network_weight · network + trees_weight · trees`, in raw logits.
    Blend {
        /// The columns the trees read. With v3 they read the embedding of this artifact's own network.
        #[serde(with = "by_name")]
        features: FeatureSet,
        /// Weight of the network's logit, at least 0. It may be 0: then the network only embeds.
        network_weight: f32,
        /// Weight of the trees' logit, at least 0; not both are 0.
        trees_weight: f32,
    },
    /// Any model from a row of columns to a number, made by whatever tool; see `models/README.md`.
    Rows {
        /// The columns it reads; v1 or v2.
        #[serde(with = "by_name")]
        features: FeatureSet,
        /// What its number is.
        output: RowsOutput,
    },
}

/// What the number is that a model of rows gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsOutput {
    /// A raw logit, before calibration.
    Logit,
    /// A probability, which is turned into a logit; it is calibrated again all the same.
    Probability,
}

impl RowsOutput {
    /// As manifests name it.
    pub const fn name(self) -> &'static str {
        match self {
            RowsOutput::Logit => "logit",
            RowsOutput::Probability => "probability",
        }
    }
}

/// Why a scorer was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScorerError {
    /// Trees alone on a feature set that holds an embedding.
    #[error(
        "trees alone cannot read feature set v3, which holds a network's embedding; publish them as a blend with their network, or fit them on v1 or v2"
    )]
    NoEmbedding,
    /// A model of rows on a feature set that holds an embedding.
    #[error(
        "a model of rows cannot read feature set v3, which holds the embedding of a network it does not have; fit it on v1 or v2"
    )]
    RowsEmbedding,
    /// The weights of a blend make no score.
    #[error(
        "the blend weighs the network {network} and the trees {trees}; both must be finite and at least 0, one of them above it, so choose the weights again"
    )]
    Weights {
        /// Weight of the network.
        network: f32,
        /// Weight of the trees.
        trees: f32,
    },
}

impl Scorer {
    /// Whether a network takes part.
    pub const fn has_network(self) -> bool {
        matches!(self, Scorer::Network | Scorer::Blend { .. })
    }

    /// The columns read by its trees; none where it has no trees.
    pub const fn trees(self) -> Option<FeatureSet> {
        match self {
            Scorer::Trees { features } | Scorer::Blend { features, .. } => Some(features),
            Scorer::Network | Scorer::Rows { .. } => None,
        }
    }

    /// The columns read by its model of rows and what that gives; none where it has no such model.
    pub const fn rows(self) -> Option<(FeatureSet, RowsOutput)> {
        match self {
            Scorer::Rows { features, output } => Some((features, output)),
            Scorer::Trees { .. } | Scorer::Network | Scorer::Blend { .. } => None,
        }
    }

    /// Name of the tier it answers as, which is that of its family: `trees-v1`, `trees-v2`, `hybrid`; `custom` for a model of rows.
    pub const fn tier_name(self) -> &'static str {
        match self {
            Scorer::Trees { features: FeatureSet::V1 } => "trees-v1",
            Scorer::Trees { features: FeatureSet::V2 } => "trees-v2",
            Scorer::Rows { .. } => "custom",
            // Trees alone on v3 pass no check, so no artifact of theirs exists.
            Scorer::Trees { features: FeatureSet::V3 } | Scorer::Network | Scorer::Blend { .. } => "hybrid",
        }
    }

    /// Checks that it can score at all.
    ///
    /// # Errors
    /// See [`ScorerError`].
    pub fn check(self) -> Result<(), ScorerError> {
        match self {
            Scorer::Trees { features } if features.reads_embedding() => Err(ScorerError::NoEmbedding),
            Scorer::Rows { features, .. } if features.reads_embedding() => Err(ScorerError::RowsEmbedding),
            Scorer::Blend { network_weight: network, trees_weight: trees, .. } => {
                let fine = |weight: f32| weight.is_finite() && weight >= 0.0;
                let weighs = fine(network) && fine(trees) && network + trees > 0.0;
                if weighs { Ok(()) } else { Err(ScorerError::Weights { network, trees }) }
            }
            Scorer::Trees { .. } | Scorer::Network | Scorer::Rows { .. } => Ok(()),
        }
    }

    /// Raw logit of the whole from those of its parts, `rows` being that of its trees or of its model of rows; a part it does not have
    /// counts as 0.
    pub fn combine(self, network: f32, rows: f32) -> f32 {
        match self {
            Scorer::Trees { .. } | Scorer::Rows { .. } => rows,
            Scorer::Network => network,
            Scorer::Blend { network_weight, trees_weight, .. } => network_weight * network + trees_weight * rows,
        }
    }
}

/// Feature sets stand in a manifest by their names.
mod by_name {
    use fraudnet_features::FeatureSet;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(set: &FeatureSet, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(set.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FeatureSet, D::Error> {
        let name = String::deserialize(deserializer)?;
        FeatureSet::parse(&name)
            .ok_or_else(|| D::Error::custom(format!("unknown feature set `{name}`, this build knows v1, v2 and v3")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLEND: Scorer = Scorer::Blend { features: FeatureSet::V3, network_weight: 0.25, trees_weight: 0.75 };
    const ROWS: Scorer = Scorer::Rows { features: FeatureSet::V2, output: RowsOutput::Probability };

    #[test]
    fn a_scorer_is_told_by_kind_and_feature_set() {
        let written = [
            (Scorer::Trees { features: FeatureSet::V1 }, r#"{"kind":"trees","features":"v1"}"#),
            (Scorer::Network, r#"{"kind":"network"}"#),
            (BLEND, r#"{"kind":"blend","features":"v3","network_weight":0.25,"trees_weight":0.75}"#),
            (ROWS, r#"{"kind":"rows","features":"v2","output":"probability"}"#),
        ];
        for (scorer, json) in written {
            assert_eq!(serde_json::to_string(&scorer).unwrap(), json);
            assert_eq!(serde_json::from_str::<Scorer>(json).unwrap(), scorer);
            scorer.check().unwrap();
        }
        for (json, expected) in [
            (r#"{"kind":"trees","features":"v9"}"#, "unknown feature set `v9`"),
            (r#"{"kind":"trees"}"#, "missing field `features`"),
            (r#"{"kind":"trees","features":"v1","depth":3}"#, "unknown field `depth`"),
            (r#"{"kind":"rows","features":"v2","output":"odds"}"#, "unknown variant `odds`"),
            (r#"{"kind":"rows","features":"v2"}"#, "missing field `output`"),
            (r#"{"kind":"oracle"}"#, "unknown variant `oracle`"),
        ] {
            let message = serde_json::from_str::<Scorer>(json).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn parts_and_tiers_follow_from_the_kind() {
        let trees = |features| Scorer::Trees { features };
        let expected = [
            (trees(FeatureSet::V1), (false, Some(FeatureSet::V1), "trees-v1")),
            (trees(FeatureSet::V2), (false, Some(FeatureSet::V2), "trees-v2")),
            (Scorer::Network, (true, None, "hybrid")),
            (BLEND, (true, Some(FeatureSet::V3), "hybrid")),
            (ROWS, (false, None, "custom")),
        ];
        for (scorer, parts) in expected {
            assert_eq!((scorer.has_network(), scorer.trees(), scorer.tier_name()), parts);
        }
        assert_eq!(trees(FeatureSet::V1).combine(3.0, 5.0), 5.0);
        assert_eq!(Scorer::Network.combine(3.0, 5.0), 3.0);
        assert_eq!(BLEND.combine(3.0, 5.0), 4.5);
        assert_eq!(ROWS.combine(3.0, 5.0), 5.0);
        assert_eq!(ROWS.rows(), Some((FeatureSet::V2, RowsOutput::Probability)));
    }

    #[test]
    fn what_cannot_score_is_refused() {
        assert_eq!(Scorer::Trees { features: FeatureSet::V3 }.check(), Err(ScorerError::NoEmbedding));
        let rows = Scorer::Rows { features: FeatureSet::V3, output: RowsOutput::Logit };
        assert_eq!(rows.check(), Err(ScorerError::RowsEmbedding));
        let blend = |network_weight, trees_weight| {
            Scorer::Blend { features: FeatureSet::V2, network_weight, trees_weight }.check()
        };
        for (network, trees) in [(0.0, 0.0), (-0.1, 1.0), (1.0, -0.1), (f32::NAN, 1.0), (1.0, f32::INFINITY)] {
            assert!(matches!(blend(network, trees), Err(ScorerError::Weights { .. })), "{network} {trees}");
        }
        for (network, trees) in [(0.0, 1.0), (1.0, 0.0), (0.5, 0.5)] {
            blend(network, trees).unwrap();
        }
    }
}
