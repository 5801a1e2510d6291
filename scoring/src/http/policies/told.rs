//! What is asked and told of policies.

use crate::control::Applied;
use crate::policy::{Activation, ControlGroupSettings, PoliciesState, PolicyDocument, PublishedPolicy};
use crate::wire::format_timestamp;
use serde::{Deserialize, Serialize};

/// All versions, and what was in force when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PoliciesReply {
    /// Version in force; `none` where model and lists alone decide.
    pub active: String,
    /// Versions by name.
    pub policies: Vec<PolicyTold>,
    /// Activations, newest first.
    pub history: Vec<ActivationTold>,
}

/// A version, without its rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyTold {
    /// Name.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Digest of all that it holds.
    pub digest: String,
    /// How many rules it has.
    pub rules: usize,
    /// Its control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_group: Option<ControlGroupSettings>,
    /// Who published it.
    pub published_by: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    pub published_at: String,
    /// Whether it is in force.
    pub active: bool,
}

/// That a version came into force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActivationTold {
    /// Version; `none` for no policy.
    pub version: String,
    /// Why.
    pub reason: String,
    /// Who activated it.
    pub actor: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// Log position of the change.
    pub position: u64,
}

/// A version as it was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyReply {
    /// All that it holds.
    pub document: PolicyDocument,
    /// Digest of it.
    pub digest: String,
    /// Who published it.
    pub published_by: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    pub published_at: String,
    /// Whether it is in force.
    pub active: bool,
}

/// That a version was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PublishedReply {
    /// Name.
    pub version: String,
    /// Digest of all that it holds.
    pub digest: String,
    /// Log position of the change.
    pub position: u64,
    /// Revision of what scores after it.
    pub revision: u64,
}

/// Which version is to come into force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateRequest {
    /// Version; `none` for no policy.
    pub version: String,
    /// Why; one line of at most 300 characters.
    pub reason: String,
}

/// What is in force now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActiveReply {
    /// Version in force.
    pub version: String,
    /// The one before.
    pub previous: String,
    /// Log position of the change.
    pub position: u64,
    /// Revision of what scores after it.
    pub revision: u64,
}

impl PoliciesReply {
    pub(super) fn of(state: &PoliciesState) -> PoliciesReply {
        let active = state.active_version();
        PoliciesReply {
            active: active.to_owned(),
            policies: state.documents.values().map(|published| PolicyTold::of(published, active)).collect(),
            history: state.history.iter().rev().map(ActivationTold::of).collect(),
        }
    }
}

impl PolicyTold {
    fn of(published: &PublishedPolicy, active: &str) -> PolicyTold {
        let document = &published.document;
        PolicyTold {
            version: document.version.clone(),
            description: document.description.clone(),
            digest: published.digest.clone(),
            rules: document.rules.len(),
            control_group: document.control_group,
            published_by: published.actor.clone(),
            published_at: format_timestamp(published.at_ms),
            active: document.version == active,
        }
    }
}

impl ActivationTold {
    fn of(activation: &Activation) -> ActivationTold {
        ActivationTold {
            version: activation.version.clone(),
            reason: activation.reason.clone(),
            actor: activation.actor.clone(),
            at: format_timestamp(activation.at_ms),
            position: activation.position,
        }
    }
}

impl PolicyReply {
    pub(super) fn of(published: &PublishedPolicy, active: &str) -> PolicyReply {
        PolicyReply {
            document: PolicyDocument::clone(&published.document),
            digest: published.digest.clone(),
            published_by: published.actor.clone(),
            published_at: format_timestamp(published.at_ms),
            active: published.document.version == active,
        }
    }
}

impl PublishedReply {
    pub(super) fn of(version: String, digest: String, applied: Applied) -> PublishedReply {
        PublishedReply { version, digest, position: applied.position, revision: applied.revision }
    }
}
