//! Policies that were published, and which one is active: a fold of control events.

use super::document::{NO_POLICY, PolicyDocument, version_name};
use crate::control::Meta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most versions kept.
const MAX_DOCUMENTS: usize = 10_000;
/// Activations remembered.
const MAX_HISTORY: usize = 1_000;

/// A change of the policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum PolicyChange {
    /// A new version; it decides nothing until it is activated or named by an experiment.
    Published {
        /// What it holds; it compiled where it was published.
        document: PolicyDocument,
        /// Its digest.
        digest: String,
    },
    /// A version becomes the one that decides.
    Activated {
        /// Which; `none` for no policy.
        version: String,
        /// Why.
        reason: String,
    },
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublishedPolicy {
    /// What it holds.
    #[serde(serialize_with = "whole")]
    pub document: Arc<PolicyDocument>,
    /// Its digest.
    pub digest: String,
    /// Who published it.
    pub actor: String,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Log position of the change.
    pub position: u64,
}

fn whole<S: serde::Serializer>(document: &Arc<PolicyDocument>, serializer: S) -> Result<S::Ok, S::Error> {
    document.serialize(serializer)
}

/// A version that became active.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Activation {
    /// Which; `none` for no policy.
    pub version: String,
    /// Why.
    pub reason: String,
    /// Who activated it.
    pub actor: String,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Log position of the change.
    pub position: u64,
}

/// What the changes come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PoliciesState {
    /// Versions by name.
    pub documents: BTreeMap<String, PublishedPolicy>,
    /// Activations, oldest first; the last is in force.
    pub history: Vec<Activation>,
}

impl PoliciesState {
    /// Applies a change.
    ///
    /// # Errors
    /// Why it contradicts what stands; nothing is changed then.
    pub fn apply(&mut self, meta: &Meta, change: &PolicyChange) -> Result<(), String> {
        match change {
            PolicyChange::Published { document, digest } => self.publish(meta, document, digest),
            PolicyChange::Activated { version, reason } => {
                if version != NO_POLICY && !self.documents.contains_key(version) {
                    return Err(format!("there is no policy {version}; publish it first"));
                }
                if self.active_version() == version {
                    return Err(format!("policy {version} is active already"));
                }
                if self.history.len() >= MAX_HISTORY {
                    self.history.remove(0);
                }
                self.history.push(Activation {
                    version: version.clone(),
                    reason: reason.clone(),
                    actor: meta.actor.clone(),
                    at_ms: meta.at_ms,
                    position: meta.position,
                });
                Ok(())
            }
        }
    }

    fn publish(&mut self, meta: &Meta, document: &PolicyDocument, digest: &str) -> Result<(), String> {
        version_name(&document.version).map_err(|reason| format!("the version {reason}"))?;
        if document.digest() != digest {
            return Err("the digest does not belong to the policy; publish it again".to_owned());
        }
        if let Some(known) = self.documents.get(&document.version) {
            // The same once more is what somebody sends who never heard the answer.
            return if known.digest == digest {
                Ok(())
            } else {
                Err(format!(
                    "policy {} was published with other content; a version never changes, so take a new one",
                    document.version
                ))
            };
        }
        if self.documents.len() >= MAX_DOCUMENTS {
            return Err(format!("{MAX_DOCUMENTS} versions are kept at most, and there are so many"));
        }
        let published = PublishedPolicy {
            document: Arc::new(document.clone()),
            digest: digest.to_owned(),
            actor: meta.actor.clone(),
            at_ms: meta.at_ms,
            position: meta.position,
        };
        self.documents.insert(document.version.clone(), published);
        Ok(())
    }

    /// The version in force; `none` where there is none.
    pub fn active_version(&self) -> &str {
        self.history.last().map_or(NO_POLICY, |activation| &activation.version)
    }

    /// The policy in force; none where model and lists alone decide.
    pub fn active(&self) -> Option<&Arc<PolicyDocument>> {
        self.document(self.active_version())
    }

    /// A published policy.
    pub fn document(&self, version: &str) -> Option<&Arc<PolicyDocument>> {
        self.documents.get(version).map(|published| &published.document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(position: u64) -> Meta {
        Meta { position, at_ms: 1_000, actor: "anna".to_owned() }
    }

    fn published(version: &str, description: &str) -> PolicyChange {
        let document = PolicyDocument {
            version: version.to_owned(),
            description: description.to_owned(),
            ..PolicyDocument::none()
        };
        PolicyChange::Published { digest: document.digest(), document }
    }

    fn activated(version: &str) -> PolicyChange {
        PolicyChange::Activated { version: version.to_owned(), reason: "a test".to_owned() }
    }

    #[test]
    fn a_version_never_changes_and_the_last_activation_holds() {
        let mut state = PoliciesState::default();
        assert_eq!((state.active_version(), state.active()), ("none", None));
        state.apply(&meta(1), &published("a", "first")).unwrap();
        state.apply(&meta(2), &published("a", "first")).unwrap();
        assert_eq!(state.documents["a"].position, 1, "the same once more is the first");
        for (change, expected) in [
            (published("a", "second"), "never changes"),
            (published("none", ""), "meaning of their own"),
            (published("a b", ""), "letters, digits"),
            (activated("b"), "no policy b"),
            (activated("none"), "active already"),
            (
                PolicyChange::Published {
                    document: PolicyDocument { version: "c".into(), ..PolicyDocument::none() },
                    digest: "0".into(),
                },
                "does not belong",
            ),
        ] {
            let before = state.clone();
            let refusal = state.apply(&meta(3), &change).unwrap_err();
            assert!(refusal.contains(expected), "{refusal}");
            assert_eq!(state, before, "a refusal changes nothing");
        }
        state.apply(&meta(4), &activated("a")).unwrap();
        assert_eq!(state.active().unwrap().description, "first");
        state.apply(&meta(5), &activated("none")).unwrap();
        assert_eq!((state.active_version(), state.history.len()), ("none", 2));
    }
}
