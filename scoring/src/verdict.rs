//! The answer to a payment.

use fraudnet_features::FeatureSet;
use fraudnet_models::Scorer;
use serde::{Deserialize, Serialize};

/// What to do with the payment, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Let it pass.
    Approve,
    /// Ask the customer to authenticate.
    Challenge,
    /// Hold it for an analyst.
    Review,
    /// Refuse it.
    Decline,
}

impl Decision {
    /// Every decision, mildest first.
    pub const ALL: [Decision; 4] = [Decision::Approve, Decision::Challenge, Decision::Review, Decision::Decline];

    /// As verdicts and metrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Decision::Approve => "approve",
            Decision::Challenge => "challenge",
            Decision::Review => "review",
            Decision::Decline => "decline",
        }
    }
}

/// Which rung of the ladder answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The graph network, alone or blended with boosted trees.
    Hybrid,
    /// Boosted trees on feature set v2: payment, velocity, history, reports, graph.
    TreesV2,
    /// Boosted trees on feature set v1: payment, velocity, history.
    TreesV1,
    /// Velocity rules.
    Rules,
    /// A model of rows from elsewhere, as good as whoever made it.
    Custom,
    /// The configured decision: not even the payment's neighbourhood was known in time.
    Default,
}

impl Tier {
    /// Every tier: those of the ladder in its order, then the two beside it.
    pub const ALL: [Tier; 6] = [Tier::Hybrid, Tier::TreesV2, Tier::TreesV1, Tier::Rules, Tier::Custom, Tier::Default];

    /// The tier that a model with this scorer answers as.
    pub const fn of(scorer: Scorer) -> Tier {
        match scorer {
            Scorer::Trees { features: FeatureSet::V1 } => Tier::TreesV1,
            Scorer::Trees { features: FeatureSet::V2 } => Tier::TreesV2,
            Scorer::Rows { .. } => Tier::Custom,
            // Trees alone on v3 are refused when an artifact is loaded.
            Scorer::Trees { features: FeatureSet::V3 } | Scorer::Network | Scorer::Blend { .. } => Tier::Hybrid,
        }
    }

    /// As verdicts and metrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Tier::Hybrid => "hybrid",
            Tier::TreesV2 => "trees_v2",
            Tier::TreesV1 => "trees_v1",
            Tier::Rules => "rules",
            Tier::Custom => "custom",
            Tier::Default => "default",
        }
    }
}

/// Why a lower rung answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierCause {
    /// The model could not answer within the caller's deadline.
    Deadline,
    /// The inference queue was full.
    InferenceQueueFull,
    /// The model failed.
    ModelError,
    /// The model gave no finite number.
    NotFinite,
    /// The model failed so often of late that it was not asked.
    CircuitOpen,
}

/// A reason with its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reason {
    /// Stable id, e.g. `NETWORK_SCORE` or `TREES_SCORE`.
    pub code: String,
    /// Sentence for people.
    pub text: String,
}

/// The answer to a payment, as replied, logged and stored. It never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verdict {
    /// Id of this decision.
    pub decision_id: String,
    /// The caller's transaction id.
    pub transaction_id: String,
    /// What to do.
    pub decision: Decision,
    /// Calibrated probability of fraud, 0–1; 0 at tier `default`, where nobody estimated one.
    pub fraud_probability: f32,
    /// The same for eyes, 0–100.
    pub risk_score: u8,
    /// Stable ids of the reasons, weightiest first.
    pub reason_codes: Vec<String>,
    /// The reasons in words.
    pub reasons: Vec<Reason>,
    /// Rung of the ladder that answered.
    pub tier: Tier,
    /// Why it was not the first rung.
    pub tier_cause: Option<TierCause>,
    /// Model family: that of the model that scored, or whose rules answered.
    pub model: String,
    /// Model version.
    pub model_version: String,
    /// Version of the operating points and rules applied.
    pub policy_version: String,
    /// The cut: what was known.
    pub as_of: AsOf,
    /// Hex digest of the subgraph the verdict was read off; empty at tier `default`.
    pub subgraph_digest: String,
    /// Size of that subgraph.
    pub subgraph: SubgraphSize,
    /// Experiments that the payment takes part in, and the arm it was decided by in each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<ArmTold>,
    /// What the score alone would have decided, where rules, lists or the control group decided otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_decision: Option<Decision>,
    /// Set where the payment would have been declined and was let through, so that models can be judged without bias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_group: Option<ControlGroup>,
    /// Microseconds spent per stage.
    pub stage_us: StageTimes,
}

/// An experiment and the arm of it that a payment was decided by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArmTold {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the arm; `control` where the payment was decided as without the experiment, `excluded` where an older experiment or a
    /// model that is not there came in its way.
    pub arm: String,
}

/// A would-be decline that was let through by a draw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ControlGroup {
    /// Probability with which such a payment is let through.
    pub propensity: f32,
    /// What would have been decided.
    pub would_be: Decision,
}

/// The cut of a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AsOf {
    /// Log position of the payment; everything before it was applied, nothing after.
    pub position: u64,
    /// The graph's clock when the payment arrived, RFC 3339; ages and windows are as of then.
    pub time: String,
    /// The same cut in Kafka's terms, where payments come from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// The cut of a verdict among Kafka's topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cut {
    /// Identity of the journal that `position` speaks of: each replica writes down in which order it merged the topics.
    pub journal: String,
    /// Offset of the payment in `transactions`: everything before it was applied.
    pub transactions: i64,
    /// First offset of `labels` that was not applied.
    pub labels: i64,
}

/// Size of a sampled subgraph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubgraphSize {
    /// Nodes per hop, the centre first.
    pub hops: [u16; 4],
    /// Neighbours the budgets left out.
    pub truncated: u32,
}

/// Microseconds spent per stage until the verdict was made; making it durable comes after and is told in `Server-Timing`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StageTimes {
    /// Waiting for the engine.
    pub engine_queue: u32,
    /// Sampling, assembling, applying.
    pub observe: u32,
    /// Waiting for a micro-batch.
    pub inference_queue: u32,
    /// Running the model (the whole batch).
    pub inference: u32,
    /// Policy.
    pub policy: u32,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A verdict with every field filled.
    pub(crate) fn verdict(decision: Decision) -> Verdict {
        Verdict {
            decision_id: "dec_821a0898d8f680911c614144".into(),
            transaction_id: "order-1001".into(),
            decision,
            fraud_probability: 0.731,
            risk_score: 73,
            reason_codes: vec!["DEVICE_REPORTED".into()],
            reasons: vec![Reason {
                code: "DEVICE_REPORTED".into(),
                text: "a payment from this device was reported".into(),
            }],
            tier: Tier::Rules,
            tier_cause: Some(TierCause::Deadline),
            model: "hybrid".into(),
            model_version: "2026.11.22-2".into(),
            policy_version: "69419cb5364ba24e".into(),
            as_of: AsOf {
                position: 41,
                time: "2026-11-22T09:57:05.000Z".into(),
                cut: Some(Cut { journal: "1f00a2b3c4d5e6f7".into(), transactions: 40, labels: 3 }),
            },
            subgraph_digest: "26b47f2c3935fb40c882caffc0946b52".into(),
            subgraph: SubgraphSize { hops: [1, 3, 0, 0], truncated: 0 },
            experiments: Vec::new(),
            score_decision: None,
            control_group: None,
            stage_us: StageTimes::default(),
        }
    }
}
