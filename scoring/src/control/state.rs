//! The fold of all control events.

use super::event::{Change, ControlEvent, Meta};
use super::models::ModelsState;
use crate::access::AccessState;
use crate::drift::DriftState;
use crate::experiments::ExperimentsState;
use crate::policy::{ListsState, PoliciesState};
use crate::privacy::PrivacyState;
use std::sync::Arc;

/// What all changes so far come to. Equal events in equal order give an equal state.
#[derive(Debug, Clone, Default)]
pub struct ControlState {
    /// Changes applied so far.
    pub revision: u64,
    /// Which model versions score.
    pub models: ModelsState,
    /// Experiments, running and ended.
    pub experiments: ExperimentsState,
    /// Policies, and which one is active.
    pub policies: PoliciesState,
    /// Lists of entities; shared, since they can be long.
    pub lists: Arc<ListsState>,
    /// Drift alarms.
    pub drift: DriftState,
    /// Who has access; shared, since requests read it.
    pub access: Arc<AccessState>,
    /// What happened to people's pseudonyms; shared, since it only grows.
    pub privacy: Arc<PrivacyState>,
}

impl ControlState {
    /// Applies the event that stands at `position`.
    ///
    /// # Errors
    /// Why it contradicts what stands; then nothing was changed.
    pub fn apply(&mut self, position: u64, event: &ControlEvent) -> Result<(), String> {
        let meta = Meta { position, at_ms: event.at_ms, actor: event.actor.clone() };
        match &event.change {
            Change::Model(change) => self.models.apply(&meta, change),
            Change::Experiment(change) => self.experiments.apply(&meta, change),
            Change::Policy(change) => self.policies.apply(&meta, change),
            Change::List(change) => Arc::make_mut(&mut self.lists).apply(&meta, change),
            Change::Drift(change) => self.drift.apply(&meta, change),
            Change::Privacy(change) => Arc::make_mut(&mut self.privacy).apply(&meta, change),
            Change::Access(event) => {
                Arc::make_mut(&mut self.access).apply(&meta, event).map_err(|refusal| refusal.to_string())
            }
        }?;
        self.revision += 1;
        Ok(())
    }
}
