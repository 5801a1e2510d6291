//! The answer to a payment.

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
    /// The graph network.
    Hybrid,
    /// Velocity rules.
    Rules,
}

/// Why a lower rung answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierCause {
    /// The network could not answer within the caller's deadline.
    Deadline,
    /// The inference queue was full.
    InferenceQueueFull,
    /// The network failed or gave no finite number.
    ModelError,
}

/// A reason with its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reason {
    /// Stable id, e.g. `NETWORK_SCORE`.
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
    /// Running the network (the whole batch).
    pub inference: u32,
    /// Policy.
    pub policy: u32,
}
