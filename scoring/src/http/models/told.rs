//! What is told of models: replies, and how they are read off registry, control events and roster.

use crate::control::models::{Alias, ModelsState, Named, Refusal};
use crate::verdict::Tier;
use crate::wire::format_timestamp;
use fraudnet_models::{Listed, ModelRef, Registry, Trust};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A version of the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelTold {
    /// Name and version.
    #[schema(value_type = String, example = "hybrid/2026.11.22-2")]
    pub model: ModelRef,
    /// The tier it answers as; none where its manifest cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The version it was trained on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_version: Option<String>,
    /// Whether it is whole, of this build's features and as signed as it has to be. Golden vectors are run by `:verify`.
    pub verified: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Who signed it with a trusted key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whose signature it bears, trusted or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Whether its family's `champion` file names it.
    pub champion_file: bool,
    /// Its roles.
    pub aliases: Vec<Alias>,
    /// Average precision on its test window and what stands beside it.
    pub metrics: BTreeMap<String, f64>,
}

impl ModelTold {
    /// Reads a listed version whole and says what is to be said of it. It takes milliseconds: every file is hashed.
    pub fn of(registry: &Registry, trust: &Trust, listed: Listed) -> ModelTold {
        let verified = registry.verify(&listed.model, trust);
        let manifest = listed.manifest.as_ref().ok();
        ModelTold {
            tier: manifest.map(|manifest| Tier::of(manifest.scorer)),
            parent_version: manifest.and_then(|manifest| manifest.parent_version.clone()),
            verified: verified.is_ok(),
            problem: verified.as_ref().err().map(ToString::to_string),
            author: verified.ok().and_then(|verified| verified.author),
            signed_by: listed.signed_by.clone(),
            champion_file: listed.champion,
            aliases: Vec::new(),
            metrics: manifest.map(|manifest| manifest.headline()).unwrap_or_default(),
            model: listed.model,
        }
    }
}

/// A role and who has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AliasTold {
    /// The role.
    pub alias: Alias,
    /// The version that has it; none: nobody.
    #[schema(value_type = Option<String>)]
    pub model: Option<ModelRef>,
    /// Whether it has the role by configuration, no change having said otherwise.
    pub configured: bool,
    /// When it was given the role, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// Who gave it the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl AliasTold {
    /// The role as the changes say, else as `configured` says.
    pub(super) fn of(alias: Alias, state: &ModelsState, configured: Option<ModelRef>) -> AliasTold {
        let named: Option<&Named> = state.aliases.get(&alias);
        AliasTold {
            alias,
            model: named.map_or(configured, |named| named.model.clone()),
            configured: named.is_none(),
            since: named.map(|named| format_timestamp(named.at_ms)),
            actor: named.map(|named| named.actor.clone()),
            reason: named.map(|named| named.reason.clone()),
        }
    }
}

/// All models there are and which of them serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelsReply {
    /// The version that scores here now. It is not the champion only where that one could not be loaded.
    #[schema(value_type = String)]
    pub serving: ModelRef,
    /// Roles.
    pub aliases: Vec<AliasTold>,
    /// The version a rollback would bring back: a version, `configured`, or none.
    pub previous_champion: Option<String>,
    /// Versions in the registry.
    pub models: Vec<ModelTold>,
    /// Versions that could not be loaded when they were to serve, latest last.
    pub refusals: Vec<Refusal>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelReply {
    /// What a list tells of it.
    #[serde(flatten)]
    pub told: ModelTold,
    /// Its manifest: calibration, operating points, rules, data, metrics, files. None where it cannot be read.
    #[schema(value_type = Option<Object>)]
    pub manifest: Option<serde_json::Value>,
}

/// How close a version came to its golden vectors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GoldenTold {
    /// Vectors run.
    pub vectors: usize,
    /// Largest difference of a raw logit.
    pub logit_difference: f32,
    /// Largest difference of a calibrated probability.
    pub probability_difference: f32,
}

/// A version that was proven whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VerifiedReply {
    /// Name and version.
    #[schema(value_type = String)]
    pub model: ModelRef,
    /// The tier it answers as.
    pub tier: Tier,
    /// Who signed it with a trusted key.
    pub author: Option<String>,
    /// What running it gave.
    pub golden: GoldenTold,
    /// Log position of the event that says so; where it was published only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// Asks for a role to be given to a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasRequest {
    /// The version; null: as configured, and no challenger.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "hybrid/2026.11.22-2")]
    pub model: Option<ModelRef>,
    /// Why, for the record.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// Asks for the previous champion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Why, for the record.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// A role that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AliasReply {
    /// The role.
    pub alias: Alias,
    /// The version that has it now; none: as configured.
    #[schema(value_type = Option<String>)]
    pub model: Option<ModelRef>,
    /// The version that had it before; none: as configured.
    #[schema(value_type = Option<String>)]
    pub previous: Option<ModelRef>,
    /// The version that scores here now.
    #[schema(value_type = String)]
    pub serving: ModelRef,
    /// Log position of the change.
    pub position: u64,
    /// Changes of any kind so far.
    pub revision: u64,
}
