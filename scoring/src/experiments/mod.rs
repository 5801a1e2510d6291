//! Experiments: two or more ways to decide payments at once, compared while they run — models, policies and thresholds alike. Shadow (an arm
//! scores and nobody heeds it), canary (a share of the accounts), waves (named tenants), A/B (several arms at once), one after the other as
//! stages.
//!
//! In reading order: `spec` and `bounds` (what is asked for) → `state` (how it stands: a fold of control events) → `assign` (who is in which
//! arm, asked for every payment) → `arm`, `latency`, `ranking`, `figures`, `spill` (what is counted) → `ledger`, `books` (the folds of the log that count it) →
//! `sequential` (intervals that hold at every look) → `rails` (what rolls back by itself) → `steps`, `promotion` (what it does by itself) → `report`
//! (what people see) → `watch` (the thread that folds and acts).
//!
//! All but `watch` is pure. It never knows HTTP, how a model scores, or how a roster is swapped.

pub mod arm;
pub mod assign;
pub mod books;
pub mod bounds;
pub mod figures;
pub mod latency;
pub mod ledger;
pub mod promotion;
pub mod rails;
pub mod ranking;
mod recipes;
pub mod report;
pub mod sequential;
pub mod spec;
mod spill;
pub mod state;
pub mod steps;
#[cfg(test)]
mod testing;
pub mod watch;

pub use assign::{Assigner, Assignment};
pub use spec::{
    Advance, ArmSpec, CONTROL, DecisionSpec, EXCLUDED, Enough, ExperimentSpec, Exposure, GuardRails, Metric, MustBe,
    Stage, Then,
};
pub use state::{Experiment, ExperimentChange, ExperimentsState, Status};
