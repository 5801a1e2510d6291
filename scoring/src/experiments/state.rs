//! What became of the experiments: the fold of their changes. Every step is refused where it was made before, so a service that dies
//! between deciding a step and hearing of it cannot make it twice.
//!
//! ```text
//! created ─► running ─► (advanced …) ─► decided ─► completed      exposed until completed, stopped or rolled back
//!              ▲ ▼                          │
//!              held                         ├─► stopped
//!                └──────────────────────────┴─► rolled back
//! ```

use super::spec::{ExperimentSpec, Exposure, Stage};
use crate::control::Meta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Experiments that expose somebody at most: each costs every payment two hashes, and a shadow one a model run.
pub const MOST_ACTIVE: usize = 16;
/// Ended ones that are remembered; beyond, the one that ended first is forgotten.
pub const MOST_ENDED: usize = 100;
/// Steps of an experiment that are remembered; beyond, the oldest after its creation is forgotten.
const MOST_STEPS: usize = 200;

/// A change of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ExperimentChange {
    /// It begins, in its first stage.
    Created {
        /// What it is.
        spec: ExperimentSpec,
    },
    /// The next stage begins.
    Advanced {
        /// Its name.
        experiment: String,
        /// Index of the stage that begins, from 0.
        to: usize,
    },
    /// It stays in its stage; whoever is exposed stays so.
    Held {
        /// Its name.
        experiment: String,
        /// Why.
        reason: String,
    },
    /// It goes on.
    Resumed {
        /// Its name.
        experiment: String,
    },
    /// Its last stage has seen enough.
    Decided {
        /// Its name.
        experiment: String,
        /// What was found.
        conclusion: String,
        /// The arm that is to be promoted; none where nothing is.
        promote: Option<String>,
        /// Somebody must agree first: the promotion is proposed only.
        proposed: bool,
    },
    /// What was decided is done. Nobody is exposed any more.
    Completed {
        /// Its name.
        experiment: String,
        /// What was done.
        outcome: String,
    },
    /// Somebody ended it. Nobody is exposed any more.
    Stopped {
        /// Its name.
        experiment: String,
        /// Why.
        reason: String,
        /// What was learnt, in words.
        #[serde(default)]
        outcome: String,
    },
    /// It went wrong. Nobody is exposed any more.
    RolledBack {
        /// Its name.
        experiment: String,
        /// Why.
        reason: String,
        /// The guard rail that was breached; none where a person did it.
        rail: Option<String>,
    },
}

/// How an experiment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExperimentStatus)]
pub enum Status {
    /// It goes through its stages.
    Running,
    /// It stays in its stage until it is resumed.
    Held,
    /// Its last stage has seen enough; what was decided is not done yet, or waits for a person.
    Decided,
    /// What was decided is done.
    Completed,
    /// Ended by a person.
    Stopped,
    /// Ended because it went wrong.
    RolledBack,
}

impl Status {
    /// Whether somebody is exposed.
    pub const fn is_active(self) -> bool {
        matches!(self, Status::Running | Status::Held | Status::Decided)
    }

    /// As reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Held => "held",
            Status::Decided => "decided",
            Status::Completed => "completed",
            Status::Stopped => "stopped",
            Status::RolledBack => "rolled back",
        }
    }
}

/// What was found once the last stage had seen enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ExperimentConclusion)]
pub struct Conclusion {
    /// In words.
    pub text: String,
    /// The arm that is to be promoted.
    pub promote: Option<String>,
    /// Waits for a person.
    pub proposed: bool,
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ExperimentStep)]
pub struct Step {
    /// Log position of its event.
    pub position: u64,
    /// When, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// By whom.
    pub actor: String,
    /// What was done, in words.
    pub what: String,
}

/// An experiment and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// What it is.
    #[serde(serialize_with = "through")]
    pub spec: Arc<ExperimentSpec>,
    /// How it stands.
    pub status: Status,
    /// Index of its stage, from 0.
    pub stage: usize,
    /// When the stage began, UTC milliseconds since the epoch.
    pub stage_since_ms: i64,
    /// Log position where the stage began: payments after it may be exposed by it.
    pub stage_since_position: u64,
    /// Log position where it was created: its age among the experiments.
    pub created_position: u64,
    /// What was found.
    pub conclusion: Option<Conclusion>,
    /// The guard rail that ended it.
    pub rail: Option<String>,
    /// What was done to it, oldest first.
    pub history: Vec<Step>,
}

fn through<S: serde::Serializer>(spec: &Arc<ExperimentSpec>, serializer: S) -> Result<S::Ok, S::Error> {
    spec.as_ref().serialize(serializer)
}

impl Experiment {
    /// Who is exposed now; none where nobody is.
    pub fn exposure(&self) -> Option<&Exposure> {
        if self.status.is_active() { Some(&self.stage().exposure) } else { None }
    }

    /// The stage it is in, or ended in.
    pub fn stage(&self) -> &Stage {
        &self.spec.stages[self.stage]
    }

    /// Whether no further stage follows.
    pub fn is_in_last_stage(&self) -> bool {
        self.stage + 1 == self.spec.stages.len()
    }

    fn note(&mut self, meta: &Meta, what: String) {
        if self.history.len() == MOST_STEPS {
            self.history.remove(1);
        }
        self.history.push(Step { position: meta.position, at_ms: meta.at_ms, actor: meta.actor.clone(), what });
    }

    fn end(&mut self, status: Status) {
        self.status = status;
    }
}

/// Every experiment that is remembered.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ExperimentsState {
    experiments: BTreeMap<String, Experiment>,
}

impl ExperimentsState {
    /// The experiment of that name.
    pub fn get(&self, name: &str) -> Option<&Experiment> {
        self.experiments.get(name)
    }

    /// All of them, oldest first.
    pub fn in_order(&self) -> Vec<&Experiment> {
        let mut all: Vec<&Experiment> = self.experiments.values().collect();
        all.sort_by_key(|experiment| experiment.created_position);
        all
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.experiments.is_empty()
    }

    /// Applies a change.
    ///
    /// # Errors
    /// Why it is refused; nothing was changed then.
    pub fn apply(&mut self, meta: &Meta, change: &ExperimentChange) -> Result<(), String> {
        match change {
            ExperimentChange::Created { spec } => self.create(meta, spec),
            ExperimentChange::Advanced { experiment, to } => self.active(experiment, |it| {
                if it.status != Status::Running {
                    return Err(format!("experiment {experiment} is {}; resume it first", it.status.name()));
                }
                if it.is_in_last_stage() {
                    return Err(format!(
                        "experiment {experiment} is in its last stage; stop it, or promote what it tried"
                    ));
                }
                if *to != it.stage + 1 {
                    return Err(format!(
                        "experiment {experiment} is in stage {}, which stage {} follows and not {}",
                        it.stage + 1,
                        it.stage + 2,
                        to.saturating_add(1)
                    ));
                }
                it.stage = *to;
                it.stage_since_ms = meta.at_ms;
                it.stage_since_position = meta.position;
                it.note(meta, format!("stage {} of {} begins", to + 1, it.spec.stages.len()));
                Ok(())
            }),
            ExperimentChange::Held { experiment, reason } => self.active(experiment, |it| {
                if it.status != Status::Running {
                    return Err(format!("experiment {experiment} is {} already", it.status.name()));
                }
                it.status = Status::Held;
                it.note(meta, format!("held: {reason}"));
                Ok(())
            }),
            ExperimentChange::Resumed { experiment } => self.active(experiment, |it| {
                if it.status != Status::Held {
                    return Err(format!("experiment {experiment} is {}, not held", it.status.name()));
                }
                it.status = Status::Running;
                it.note(meta, "resumed".to_owned());
                Ok(())
            }),
            ExperimentChange::Decided { experiment, conclusion, promote, proposed } => self.active(experiment, |it| {
                if it.status != Status::Running || !it.is_in_last_stage() {
                    return Err(format!(
                        "experiment {experiment} is {} in stage {} of {}; only one that runs in its last stage is decided",
                        it.status.name(),
                        it.stage + 1,
                        it.spec.stages.len()
                    ));
                }
                if let Some(arm) = promote
                    && it.spec.arms.iter().all(|known| known.name != *arm)
                {
                    return Err(format!("experiment {experiment} has no arm {arm}"));
                }
                it.status = Status::Decided;
                it.conclusion = Some(Conclusion {
                    text: conclusion.clone(),
                    promote: promote.clone(),
                    proposed: *proposed,
                });
                let what = match (promote, proposed) {
                    (None, _) => format!("decided: {conclusion}"),
                    (Some(arm), false) => format!("decided to promote {arm}: {conclusion}"),
                    (Some(arm), true) => format!("proposes to promote {arm}, awaiting approval: {conclusion}"),
                };
                it.note(meta, what);
                Ok(())
            }),
            ExperimentChange::Completed { experiment, outcome } => self.active(experiment, |it| {
                if it.status != Status::Decided {
                    return Err(format!("experiment {experiment} is {}, not decided", it.status.name()));
                }
                it.end(Status::Completed);
                it.note(meta, format!("completed: {outcome}"));
                Ok(())
            }),
            ExperimentChange::Stopped { experiment, reason, outcome } => self.active(experiment, |it| {
                it.end(Status::Stopped);
                let outcome = if outcome.is_empty() { String::new() } else { format!(" ({outcome})") };
                it.note(meta, format!("stopped: {reason}{outcome}"));
                Ok(())
            }),
            ExperimentChange::RolledBack { experiment, reason, rail } => self.active(experiment, |it| {
                it.end(Status::RolledBack);
                it.rail = rail.clone();
                it.note(meta, format!("rolled back: {reason}"));
                Ok(())
            }),
        }
    }

    fn create(&mut self, meta: &Meta, spec: &ExperimentSpec) -> Result<(), String> {
        let faults = spec.faults();
        if !faults.is_empty() {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return Err(format!("the experiment cannot be run: {}", faults.join("; ")));
        }
        if let Some(known) = self.experiments.get(&spec.name) {
            return Err(format!(
                "there is an experiment {} already ({}); who is in which arm follows from the name, so take a new one",
                spec.name,
                known.status.name()
            ));
        }
        let active = self.experiments.values().filter(|experiment| experiment.status.is_active()).count();
        if active >= MOST_ACTIVE {
            return Err(format!("{active} experiments run, which is the most there may be; stop one first"));
        }
        self.forget();
        let mut experiment = Experiment {
            spec: Arc::new(spec.clone()),
            status: Status::Running,
            stage: 0,
            stage_since_ms: meta.at_ms,
            stage_since_position: meta.position,
            created_position: meta.position,
            conclusion: None,
            rail: None,
            history: Vec::new(),
        };
        experiment.note(meta, format!("created; stage 1 of {} begins", spec.stages.len()));
        self.experiments.insert(spec.name.clone(), experiment);
        Ok(())
    }

    /// Makes room among the ended.
    fn forget(&mut self) {
        let ended = || self.experiments.values().filter(|experiment| !experiment.status.is_active());
        if ended().count() < MOST_ENDED {
            return;
        }
        let first = ended().min_by_key(|experiment| experiment.history.last().map(|step| step.position));
        if let Some(name) = first.map(|experiment| experiment.spec.name.clone()) {
            self.experiments.remove(&name);
        }
    }

    fn active(&mut self, name: &str, change: impl FnOnce(&mut Experiment) -> Result<(), String>) -> Result<(), String> {
        let Some(experiment) = self.experiments.get_mut(name) else {
            return Err(format!("there is no experiment {name}"));
        };
        if !experiment.status.is_active() {
            return Err(format!("experiment {name} is {}, which is final", experiment.status.name()));
        }
        change(experiment)
    }
}

#[cfg(test)]
mod tests;
