//! What the tests of this module share.

use super::spec::{Advance, ArmSpec, ExperimentSpec, Exposure, GuardRails, Stage, Then};
use super::state::{ExperimentChange, ExperimentsState};
use crate::control::Meta;

/// An arm that names a model.
pub fn arm(name: &str) -> ArmSpec {
    ArmSpec {
        name: name.to_owned(),
        weight: 1.0,
        model: Some("hybrid/2.0.0".parse().unwrap()),
        policy: None,
        operating_points: None,
    }
}

/// A stage that takes a share of the accounts and waits for somebody.
pub fn percent(percent: f64) -> Stage {
    Stage { exposure: Exposure::Percent { percent }, advance: Advance::Manual }
}

/// An experiment with the usual guard rails.
pub fn spec(name: &str, arms: Vec<ArmSpec>, stages: Vec<Stage>) -> ExperimentSpec {
    ExperimentSpec {
        name: name.to_owned(),
        description: String::new(),
        arms,
        stages,
        guard_rails: GuardRails::default(),
        decision: None,
        then: Then::Hold,
    }
}

/// When and by whom, at that position.
pub fn meta(position: u64) -> Meta {
    Meta { position, at_ms: position as i64 * 1000, actor: "alice".to_owned() }
}

/// The fold of experiments created one after the other.
pub fn created(specs: &[ExperimentSpec]) -> ExperimentsState {
    let mut state = ExperimentsState::default();
    for (position, spec) in specs.iter().enumerate() {
        state.apply(&meta(position as u64), &ExperimentChange::Created { spec: spec.clone() }).unwrap();
    }
    state
}

/// A stage in which arms score beside the verdict.
pub fn shadow() -> Stage {
    Stage { exposure: Exposure::Shadow, advance: Advance::Manual }
}
