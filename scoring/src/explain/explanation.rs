//! The explanation of a verdict as it goes out: what the model says, with the names of the graph.

use super::paths::evidence_paths;
use super::scene::{Scene, SceneError};
use super::words::{entity_path, entity_text, path_text};
use fraudnet_models::explain::{Attribution, Evidence, LeftOut, group_text};
use serde::{Deserialize, Serialize};

/// Pieces of evidence listed.
const MOST_EVIDENCE: usize = 8;

/// Why a payment got its probability. Contributions are raw log-odds against ordinary payments, before calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explanation {
    /// The payment.
    pub transaction_id: String,
    /// The verdict.
    pub decision_id: String,
    /// The verdict's probability of fraud.
    pub fraud_probability: f32,
    /// The same, computed again from what the model saw then.
    pub recomputed_probability: f32,
    /// That of ordinary payments, which contributions are against.
    pub base_probability: f32,
    /// How long it took.
    pub spent_ms: f64,
    /// Figures, largest contribution (either way) first.
    pub features: Vec<FeatureReason>,
    /// What all other figures add.
    pub unlisted_contribution: f32,
    /// Entities, largest contribution (either way) first: a second view of the same.
    pub entities: Vec<EntityReason>,
    /// The probability without a piece of evidence, largest change first.
    pub without: Vec<WithoutEvidence>,
    /// Attention of the network over the account's links.
    pub attention: Vec<Attention>,
    /// Ways to reported fraud in the neighbourhood, the weightiest and nearest first.
    pub evidence: Vec<String>,
    /// What was not tried for want of time.
    pub left_out: Vec<String>,
}

/// What a figure adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FeatureReason {
    /// Name in the feature schema.
    pub name: String,
    /// What it means.
    pub text: String,
    /// Its value with its unit.
    pub value: String,
    /// Addition in log-odds.
    pub contribution: f32,
}

/// What an entity adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EntityReason {
    /// Index in the subgraph's nodes.
    pub node: usize,
    /// Kind: `account`, `device`, `ip` or `merchant`.
    pub kind: String,
    /// Identifier.
    pub id: String,
    /// Addition in log-odds.
    pub contribution: f32,
    /// The way from the account, and where it leads to.
    pub path: String,
}

/// What the model would say without a piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WithoutEvidence {
    /// The evidence in words.
    pub what: String,
    /// Calibrated probability without it.
    pub fraud_probability: f32,
}

/// Attention to one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attention {
    /// Index in the subgraph's nodes.
    pub node: usize,
    /// Share of the attention.
    pub weight: f32,
}

/// The verdict that is explained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explained<'a> {
    /// The payment.
    pub transaction_id: &'a str,
    /// The verdict.
    pub decision_id: &'a str,
    /// Its probability of fraud.
    pub fraud_probability: f32,
    /// How long the model took to explain it.
    pub spent_ms: f64,
}

/// Puts model and graph together. The scene must be of the sample that the tensor was read off.
///
/// # Errors
/// An attribution of another sample: a node that is not there.
pub fn explanation(
    verdict: &Explained<'_>,
    attribution: Attribution,
    scene: &Scene<'_>,
) -> Result<Explanation, SceneError> {
    let nodes = scene.subgraph.nodes.len();
    let named = attribution.entities.iter().map(|entity| entity.node);
    let attended = attribution.attention.iter().map(|attention| attention.node);
    if let Some(given) = named.chain(attended).find(|&node| node >= nodes) {
        return Err(SceneError::Lengths { nodes, what: "explained entities", given });
    }
    let paths = evidence_paths(scene);
    let entities = attribution.entities.iter().map(|entity| EntityReason {
        node: entity.node,
        kind: scene.subgraph.nodes[entity.node].kind.name().to_owned(),
        id: scene.identifiers[entity.node].clone(),
        contribution: entity.contribution,
        path: entity_path(scene, &paths, entity.node),
    });
    let without = attribution.without.iter().map(|without| WithoutEvidence {
        what: match without.evidence {
            Evidence::Entity { node } => entity_text(scene, node),
            Evidence::Group(group) => group_text(group).to_owned(),
        },
        fraud_probability: without.probability,
    });
    let left_out = attribution.left_out.iter().map(|left_out| match *left_out {
        LeftOut::Entity { node } => format!("{} was not taken away", entity_text(scene, node)),
        LeftOut::Background { done, of } => {
            format!("contributions compare with {done} of {of} ordinary payments")
        }
    });
    Ok(Explanation {
        transaction_id: verdict.transaction_id.to_owned(),
        decision_id: verdict.decision_id.to_owned(),
        fraud_probability: verdict.fraud_probability,
        recomputed_probability: attribution.probability,
        base_probability: attribution.base_probability,
        spent_ms: verdict.spent_ms,
        entities: entities.collect(),
        without: without.collect(),
        attention: attribution
            .attention
            .iter()
            .map(|attention| Attention { node: attention.node, weight: attention.weight })
            .collect(),
        evidence: paths.iter().take(MOST_EVIDENCE).map(|path| path_text(scene, path)).collect(),
        left_out: left_out.collect(),
        unlisted_contribution: attribution.unlisted,
        features: attribution
            .features
            .into_iter()
            .map(|feature| FeatureReason {
                name: feature.name,
                text: feature.text,
                value: feature.value,
                contribution: feature.contribution,
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::testing::Drawing;
    use fraudnet_features::schema::Group;
    use fraudnet_models::explain::{EntityShare, FeatureShare, NodeAttention, Party, Without};

    fn attribution() -> Attribution {
        let feature = FeatureShare {
            name: "device_accounts_1d".to_owned(),
            text: "device: distinct accounts, within 1 day".to_owned(),
            value: "12".to_owned(),
            contribution: 1.5,
        };
        let without = |evidence, probability| Without { evidence, logit: 0.0, probability };
        Attribution {
            logit: 2.0,
            probability: 0.75,
            base_logit: -5.0,
            base_probability: 0.0078125,
            features: vec![feature],
            unlisted: 5.5,
            entities: vec![EntityShare { node: 1, party: Some(Party::Device), contribution: 2.25 }],
            without: vec![without(Evidence::Entity { node: 1 }, 0.25), without(Evidence::Group(Group::Reports), 0.5)],
            attention: vec![NodeAttention { node: 1, weight: 1.0 }],
            left_out: vec![LeftOut::Entity { node: 1 }, LeftOut::Background { done: 3, of: 14 }],
        }
    }

    #[test]
    fn an_explanation_is_what_the_console_reads() {
        let drawing = Drawing::new(
            "account a1 > device <d1> @1795435440; device <d1> > account a2 1/1; device <d1> > account a3 1/1",
        );
        let (subgraph, names, reports) = drawing.parts();
        let scene = Scene::new(&subgraph, &names, &reports, 1_795_437_000_000).unwrap();
        let verdict = Explained { transaction_id: "t1", decision_id: "v1", fraud_probability: 0.75, spent_ms: 12.5 };
        let explanation = explanation(&verdict, attribution(), &scene).unwrap();
        let written = serde_json::to_value(&explanation).unwrap();
        let path = "account a1 → device \"<d1>\" since 12:04 → 2 accounts with reported fraud";
        assert_eq!(
            written,
            serde_json::json!({
                "transaction_id": "t1", "decision_id": "v1", "fraud_probability": 0.75, "recomputed_probability": 0.75,
                "base_probability": 0.0078125, "spent_ms": 12.5,
                "features": [{
                    "name": "device_accounts_1d", "text": "device: distinct accounts, within 1 day", "value": "12", "contribution": 1.5,
                }],
                "unlisted_contribution": 5.5,
                "entities": [{"node": 1, "kind": "device", "id": "<d1>", "contribution": 2.25, "path": path}],
                "without": [
                    {"what": "device \"<d1>\"", "fraud_probability": 0.25},
                    {"what": "fraud reported of the payment's own entities", "fraud_probability": 0.5},
                ],
                "attention": [{"node": 1, "weight": 1.0}],
                "evidence": [path],
                "left_out": ["device \"<d1>\" was not taken away", "contributions compare with 3 of 14 ordinary payments"],
            })
        );
        assert_eq!(serde_json::from_value::<Explanation>(written).unwrap(), explanation);
    }

    #[test]
    fn an_attribution_of_another_sample_is_refused() {
        let drawing = Drawing::new("account a1");
        let (subgraph, names, reports) = drawing.parts();
        let scene = Scene::new(&subgraph, &names, &reports, 0).unwrap();
        let verdict = Explained { transaction_id: "t1", decision_id: "v1", fraud_probability: 0.5, spent_ms: 0.0 };
        assert!(matches!(explanation(&verdict, attribution(), &scene), Err(SceneError::Lengths { .. })));
    }
}
