//! What a change looks like, in the log and in the topic `model-events`.

use super::models::ModelChange;
use crate::access::AccessEvent;
use crate::drift::DriftChange;
use crate::experiments::ExperimentChange;
use crate::policy::{ListChange, PolicyChange};
use crate::privacy::PrivacyChange;
use serde::{Deserialize, Serialize};

/// A change of what scores, with who made it and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ControlEvent {
    /// Id of the event.
    pub control_id: String,
    /// When it was submitted, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Who changed it: a person, `trainer`, or `fraudnet` itself.
    pub actor: String,
    /// What is changed.
    pub change: Change,
}

/// What is changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Which model versions score.
    Model(ModelChange),
    /// An experiment.
    Experiment(ExperimentChange),
    /// The policy.
    Policy(PolicyChange),
    /// A list of entities.
    List(ListChange),
    /// An alarm of the drift monitor.
    Drift(DriftChange),
    /// Who has access.
    Access(AccessEvent),
    /// People's pseudonyms.
    Privacy(PrivacyChange),
}

/// When and by whom a change was made, for its fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Log position of the event.
    pub position: u64,
    /// When it was submitted, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Who submitted it.
    pub actor: String,
}

impl Change {
    /// The part that it changes, for log lines and message headers.
    pub fn name(&self) -> &'static str {
        match self {
            Change::Model(_) => "model",
            Change::Experiment(_) => "experiment",
            Change::Policy(_) => "policy",
            Change::List(_) => "list",
            Change::Drift(_) => "drift",
            Change::Access(_) => "access",
            Change::Privacy(_) => "privacy",
        }
    }
}

impl ControlEvent {
    /// Its JSON.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a control event is plain data with text keys, which always has a JSON form")
    }

    /// Reads its JSON.
    ///
    /// # Errors
    /// Where it is not one that this build knows.
    pub fn decode(json: &[u8]) -> Result<ControlEvent, String> {
        serde_json::from_slice(json).map_err(|error| format!("{error}; run the version that wrote it or a newer one"))
    }
}
