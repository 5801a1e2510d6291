//! Changing what serves, under load.
//!
//! A version is read, checked, opened and held to its golden vectors beside the traffic; then the roster is swapped as a whole. A payment
//! keeps the route it has, and the models in it live until the last such payment is decided. Whatever goes wrong, what served before goes
//! on, and the reason is told: in `/readyz`, as a metric, and as an event.
//!
//! Cost: a swap is one pointer; loading takes from milliseconds to seconds, on the thread that applies changes or one that may block.

use super::loaded::{LoadedModel, Role};
use super::roster::{Roster, Tried, below};
use super::{Configured, Inner, Serving};
use crate::control::models::{Alias, ModelChange};
use crate::control::{Change, ControlState, Listener};
use crate::experiments::{Assigner, Exposure};
use crate::policy::{CompiledPolicy, NO_POLICY, PolicyDocument};
use fraudnet_models::ModelRef;
use metrics::{counter, gauge};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError, Weak};

/// Who submits what this service finds out by itself.
const ACTOR: &str = "fraudnet";

/// What is known of versions between two swaps.
#[derive(Default)]
pub(super) struct Swap {
    /// Versions that somebody holds.
    loaded: HashMap<ModelRef, Weak<LoadedModel>>,
    /// What was wanted last.
    wanted: Option<Wanted>,
    /// Wanted versions that could not be loaded, and why; tried again when they are asked for anew.
    failed: BTreeMap<ModelRef, String>,
    /// Why policies cannot be read.
    unread: Vec<String>,
    /// Roles as the metrics name them.
    told: BTreeSet<(&'static str, ModelRef)>,
}

/// Versions that should serve.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    champion: ModelRef,
    ladder: [Option<ModelRef>; 2],
    /// Of the arms of experiments.
    tried: BTreeSet<(ModelRef, Role)>,
}

impl Wanted {
    fn of(state: &ControlState, configured: &Configured) -> Wanted {
        let named = |alias, configured: Option<&ModelRef>| state.models.model(alias).or(configured).cloned();
        let [trees_v2, trees_v1] = &configured.ladder;
        let mut tried = BTreeSet::new();
        for experiment in state.experiments.in_order() {
            let Some(exposure) = experiment.exposure() else { continue };
            let role = if matches!(exposure, Exposure::Shadow) { Role::Shadow } else { Role::First };
            let models = experiment.spec.arms.iter().filter_map(|arm| arm.model.clone());
            tried.extend(models.map(|model| (model, role)));
        }
        Wanted {
            champion: state.models.model(Alias::Champion).unwrap_or(&configured.champion).clone(),
            ladder: [named(Alias::TreesV2, trees_v2.as_ref()), named(Alias::TreesV1, trees_v1.as_ref())],
            tried,
        }
    }
}

impl Serving {
    /// A version, ready to be asked first: read, checked, opened, held to its golden vectors. One that is loaded is not read again.
    ///
    /// # Errors
    /// Why it may not serve.
    pub async fn load(&self, model: &ModelRef) -> Result<Arc<LoadedModel>, String> {
        let (serving, model) = (self.clone(), model.clone());
        let loading = tokio::task::spawn_blocking(move || {
            let mut swap = serving.inner.swap();
            let loaded = serving.inner.loaded(&mut swap, &model, Role::First);
            if loaded.is_ok() {
                swap.failed.remove(&model);
            }
            loaded
        });
        loading.await.map_err(|error| format!("the version could not be loaded: {error}"))?
    }

    /// What applies changes, for those who hear of them. It holds nothing up that ends.
    pub(crate) fn listener(&self) -> Listener {
        let inner = Arc::downgrade(&self.inner);
        Box::new(move |state| {
            if let Some(inner) = inner.upgrade() {
                Serving { inner }.apply(state);
            }
        })
    }

    /// Has what the state says serve. A version that cannot be loaded does not: what served in its place goes on.
    pub fn apply(&self, state: &Arc<ControlState>) {
        let wanted = Wanted::of(state, &self.inner.configured);
        let inner = &*self.inner;
        let mut swap = inner.swap();
        let before = self.roster();
        if swap.wanted.as_ref() != Some(&wanted) {
            swap.failed.clear();
        }
        let mut refused = Vec::new();
        let mut place = |model: &ModelRef, role: Role| {
            if swap.failed.contains_key(model) {
                return None;
            }
            match inner.loaded(&mut swap, model, role) {
                Ok(loaded) => Some(loaded),
                Err(reason) => {
                    tracing::error!(%model, reason, "the version cannot be loaded; what served before goes on");
                    counter!("fraudnet_model_load_failures_total", "model" => model.to_string()).increment(1);
                    swap.failed.insert(model.clone(), reason.clone());
                    refused.push((model.clone(), reason));
                    None
                }
            }
        };
        let champion = place(&wanted.champion, Role::First).unwrap_or_else(|| Arc::clone(&before.champion));
        let mut ladder = before.ladder.clone();
        for (rung, wanted) in ladder.iter_mut().zip(&wanted.ladder) {
            match wanted {
                None => *rung = None,
                Some(wanted) => {
                    if let Some(loaded) = place(wanted, Role::Fallback) {
                        *rung = Some(loaded);
                    }
                }
            }
        }
        let models = wanted.tried.iter().filter_map(|(model, role)| {
            let loaded = place(model, *role)?;
            let rungs = below(&loaded, &ladder);
            Some((model.clone(), (loaded, rungs)))
        });
        let models = models.collect();
        swap.unread.clear();
        let policy = inner.policy(&mut swap, state, &before);
        let policies = inner.policies(&mut swap, state, &before);
        let tried = Tried { assigner: Assigner::new(&state.experiments), models, policies };
        let roster = Roster::new(champion, ladder, policy, Arc::clone(&state.lists), tried);
        if roster.champion.model != before.champion.model {
            tracing::info!(champion = %roster.champion.model, before = %before.champion.model, "another model serves from now on");
        }
        inner.tell(&mut swap, &roster);
        inner.roster.store(Arc::new(roster));
        counter!("fraudnet_model_swaps_total").increment(1);
        swap.wanted = Some(wanted);
        swap.loaded.retain(|_, loaded| loaded.strong_count() > 0);
        inner.report(&swap, refused);
    }
}

impl Inner {
    fn swap(&self) -> MutexGuard<'_, Swap> {
        self.swap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A version, ready for that role.
    fn loaded(&self, swap: &mut Swap, model: &ModelRef, role: Role) -> Result<Arc<LoadedModel>, String> {
        let current = self.roster.load();
        let known = swap.loaded.get(model).and_then(Weak::upgrade);
        let known = known.or_else(|| (current.champion.model == *model).then(|| Arc::clone(&current.champion)));
        let loaded = match known {
            Some(known) => known,
            None => {
                let folder = self.registry.folder(model);
                if !self.registry.holds(model) {
                    let registry = self.registry.root().display();
                    return Err(format!("there is no {model} in the registry {registry}; publish it first"));
                }
                Arc::new(LoadedModel::open(&folder, Some(model), &self.config.trust, &self.running)?)
            }
        };
        loaded.prepare(role)?;
        swap.loaded.insert(model.clone(), Arc::downgrade(&loaded));
        Ok(loaded)
    }

    /// The policy in force; the one before where this build cannot read it.
    fn policy(&self, swap: &mut Swap, state: &ControlState, before: &Roster) -> Arc<CompiledPolicy> {
        let Some(document) = state.policies.active() else {
            let is_none = before.policy.version() == NO_POLICY;
            return if is_none { Arc::clone(&before.policy) } else { Arc::new(CompiledPolicy::none()) };
        };
        self.compiled(swap, document, &before.policy).unwrap_or_else(|| Arc::clone(&before.policy))
    }

    /// The policies that experiments try.
    fn policies(
        &self,
        swap: &mut Swap,
        state: &ControlState,
        before: &Roster,
    ) -> BTreeMap<String, Arc<CompiledPolicy>> {
        let running = state.experiments.in_order().into_iter().filter(|experiment| experiment.exposure().is_some());
        let named: BTreeSet<&String> =
            running.flat_map(|experiment| experiment.spec.arms.iter().filter_map(|arm| arm.policy.as_ref())).collect();
        let compiled = named.into_iter().filter_map(|version| {
            let like = before.policy_of(version).unwrap_or(&before.policy);
            let compiled = match state.policies.document(version) {
                Some(document) => self.compiled(swap, document, like)?,
                None if version == NO_POLICY => Arc::new(CompiledPolicy::none()),
                None => {
                    swap.unread.push(format!("policy {version} of an experiment was never published"));
                    return None;
                }
            };
            Some((version.clone(), compiled))
        });
        compiled.collect()
    }

    /// A policy ready to be asked; `like` where that is the same.
    fn compiled(
        &self,
        swap: &mut Swap,
        document: &PolicyDocument,
        like: &Arc<CompiledPolicy>,
    ) -> Option<Arc<CompiledPolicy>> {
        if like.document() == document {
            return Some(Arc::clone(like));
        }
        match CompiledPolicy::compile(document) {
            Ok(compiled) => Some(Arc::new(compiled)),
            Err(error) => {
                let reason = format!("policy {} cannot be read here: {error}", document.version);
                tracing::error!(reason, "what ruled before goes on");
                swap.unread.push(reason);
                None
            }
        }
    }

    /// Says what serves: which version in which role.
    fn tell(&self, swap: &mut Swap, roster: &Roster) {
        let now: BTreeSet<(&'static str, ModelRef)> =
            roster.models().map(|(role, loaded)| (role, loaded.model.clone())).collect();
        let info = |(role, model): &(&'static str, ModelRef)| gauge!("fraudnet_model_info", "role" => *role, "model" => model.name.clone(), "version" => model.version.clone());
        swap.told.difference(&now).for_each(|gone| info(gone).set(0.0));
        now.iter().for_each(|told| info(told).set(1.0));
        swap.told = now;
    }

    /// Reports what could not be loaded.
    fn report(&self, swap: &Swap, refused: Vec<(ModelRef, String)>) {
        let Some(links) = self.links.get() else { return };
        links.health.degrade("policy", (!swap.unread.is_empty()).then(|| swap.unread.join("; ")));
        let all: Vec<String> = swap.failed.iter().map(|(model, reason)| format!("{model}: {reason}")).collect();
        links.health.degrade("model", (!all.is_empty()).then(|| all.join("; ")));
        if refused.is_empty() {
            return;
        }
        let control = links.control.clone();
        // On a thread of its own: this one applies changes, and a change waits until it was applied.
        let spawned = std::thread::Builder::new().name("model-refused".to_owned()).spawn(move || {
            for (model, reason) in refused {
                if let Err(error) =
                    control.submit_blocking(ACTOR, Change::Model(ModelChange::Refused { model, reason }))
                {
                    tracing::warn!(%error, "that a version was refused could not be noted");
                }
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "that a version was refused could not be noted");
        }
    }
}
