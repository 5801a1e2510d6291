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
}

impl Tier {
    /// Every tier, in the order of the ladder.
    pub const ALL: [Tier; 4] = [Tier::Hybrid, Tier::TreesV2, Tier::TreesV1, Tier::Rules];

    /// The tier that a model with this scorer answers as.
    pub const fn of(scorer: Scorer) -> Tier {
        match scorer {
            Scorer::Trees { features: FeatureSet::V1 } => Tier::TreesV1,
            Scorer::Trees { features: FeatureSet::V2 } => Tier::TreesV2,
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
    /// The model failed or gave no finite number.
    ModelError,
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
    /// Calibrated probability of fraud, 0–1.
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
    /// Model family.
    pub model: String,
    /// Model version.
    pub model_version: String,
    /// Version of the operating points and rules applied.
    pub policy_version: String,
    /// The cut: what was known.
    pub as_of: AsOf,
    /// Hex digest of the subgraph the verdict was read off.
    pub subgraph_digest: String,
    /// Size of that subgraph.
    pub subgraph: SubgraphSize,
    /// Microseconds spent per stage.
    pub stage_us: StageTimes,
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
