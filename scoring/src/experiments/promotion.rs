//! Doing what an experiment decided: the arm's model becomes champion, its policy active, and then the experiment is complete. Pure but for
//! the proof that the model can serve. Each look tells the one change that is still missing, so whoever dies in between goes on where it
//! stopped.

use super::spec::ArmSpec;
use super::state::{Experiment, ExperimentChange, ExperimentsState, Status};
use crate::control::models::{Alias, ModelChange, REASON_LIMIT};
use crate::control::{Change, ControlState};
use crate::policy::PolicyChange;
use fraudnet_models::ModelRef;

/// The change that is still missing; none where a person must make it, or nothing is to be promoted. A model that cannot serve any more
/// ends the experiment.
pub fn promotion(
    experiment: &Experiment,
    state: &ControlState,
    load: impl Fn(&ModelRef) -> Result<(), String>,
) -> Option<Change> {
    let conclusion = experiment.conclusion.as_ref()?;
    let name = &experiment.spec.name;
    let arm = experiment.spec.arms.iter().find(|arm| Some(&arm.name) == conclusion.promote.as_ref())?;
    let reason = || shortened(format!("experiment {name} decided it: {}", conclusion.text));
    if let Some(model) = &arm.model
        && state.models.model(Alias::Champion) != Some(model)
    {
        if conclusion.proposed {
            return None;
        }
        if let Err(refused) = load(model) {
            return Some(stopped(name, format!("{model} was to be promoted and cannot serve: {refused}")));
        }
        let change = ModelChange::Alias { alias: Alias::Champion, model: Some(model.clone()), reason: reason() };
        return Some(Change::Model(change));
    }
    if let Some(policy) = &arm.policy
        && state.policies.active_version() != policy
    {
        let change = PolicyChange::Activated { version: policy.clone(), reason: reason() };
        return (!conclusion.proposed).then_some(Change::Policy(change));
    }
    let decides = match (&arm.model, &arm.policy) {
        (Some(model), Some(policy)) => format!("{model} with policy {policy}"),
        (Some(model), None) => model.to_string(),
        (None, policy) => format!("policy {}", policy.as_deref().unwrap_or_default()),
    };
    let outcome = format!("{decides} decides every payment");
    Some(Change::Experiment(ExperimentChange::Completed { experiment: name.clone(), outcome }))
}

/// What ends the experiment whose promotion was refused; none where the refused change is no promotion.
pub fn given_up(state: &ExperimentsState, refused: &Change, reason: &str) -> Option<Change> {
    let names = |arm: &ArmSpec| match refused {
        Change::Model(ModelChange::Alias { model: Some(model), .. }) => arm.model.as_ref() == Some(model),
        Change::Policy(PolicyChange::Activated { version, .. }) => arm.policy.as_ref() == Some(version),
        _ => false,
    };
    let waiting = state
        .in_order()
        .into_iter()
        .find(|experiment| experiment.status == Status::Decided && experiment.spec.arms.iter().any(names))?;
    Some(stopped(&waiting.spec.name, format!("its promotion was refused: {reason}")))
}

fn stopped(name: &str, reason: String) -> Change {
    let reason = shortened(reason);
    Change::Experiment(ExperimentChange::Stopped { experiment: name.to_owned(), reason, outcome: String::new() })
}

/// Reasons of changes are bounded.
fn shortened(mut reason: String) -> String {
    if reason.len() > REASON_LIMIT {
        let cut = (0..=REASON_LIMIT).rev().find(|cut| reason.is_char_boundary(*cut)).unwrap_or(0);
        reason.truncate(cut);
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ControlEvent;
    use crate::experiments::spec::{ExperimentSpec, Then};
    use crate::experiments::testing::{arm, percent, spec};

    fn applied(state: &mut ControlState, position: u64, change: Change) {
        let event = ControlEvent { control_id: position.to_string(), at_ms: 0, actor: "fraudnet".into(), change };
        state.apply(position, &event).unwrap();
    }

    fn decided(proposed: bool, model: bool) -> ControlState {
        let arm = ArmSpec { policy: Some("none".into()), ..arm("new") };
        let arm = if model { arm } else { ArmSpec { model: None, ..arm } };
        let spec = ExperimentSpec { then: Then::Promote, ..spec("trial", vec![arm], vec![percent(5.0)]) };
        let mut state = ControlState::default();
        applied(&mut state, 0, Change::Experiment(ExperimentChange::Created { spec }));
        let change = ExperimentChange::Decided {
            experiment: "trial".into(),
            conclusion: "good".repeat(400),
            promote: Some("new".into()),
            proposed,
        };
        applied(&mut state, 1, Change::Experiment(change));
        state
    }

    fn next(state: &ControlState) -> Option<Change> {
        promotion(state.experiments.get("trial").unwrap(), state, |_| Ok(()))
    }

    #[test]
    fn it_is_done_step_by_step_and_each_once() {
        let mut state = decided(false, true);
        let alias = next(&state).unwrap();
        assert!(
            matches!(&alias, Change::Model(ModelChange::Alias { alias: Alias::Champion, reason, .. }) if reason.len() <= REASON_LIMIT)
        );
        assert_eq!(next(&state).unwrap(), alias, "asked again, it is the same");
        applied(&mut state, 2, alias);
        // The policy of the arm is in force already.
        let completed = next(&state).unwrap();
        assert!(
            matches!(&completed, Change::Experiment(ExperimentChange::Completed { outcome, .. }) if outcome.starts_with("hybrid/2.0.0 with policy none"))
        );
        applied(&mut state, 3, completed);
        assert_eq!(state.experiments.get("trial").unwrap().status, Status::Completed);
    }

    #[test]
    fn with_four_eyes_a_person_does_it() {
        let mut state = decided(true, true);
        assert_eq!(next(&state), None);
        let model = Some("hybrid/2.0.0".parse().unwrap());
        let change = ModelChange::Alias { alias: Alias::Champion, model, reason: "agreed".into() };
        applied(&mut state, 2, Change::Model(change));
        assert!(matches!(next(&state), Some(Change::Experiment(ExperimentChange::Completed { .. }))));
    }

    #[test]
    fn what_cannot_be_promoted_ends_the_experiment() {
        let state = decided(false, true);
        let broken = promotion(state.experiments.get("trial").unwrap(), &state, |_| Err("its file is gone".into()));
        assert!(
            matches!(broken, Some(Change::Experiment(ExperimentChange::Stopped { reason, .. })) if reason.contains("its file is gone"))
        );
        let alias = next(&state).unwrap();
        let ended = given_up(&state.experiments, &alias, "not signed").unwrap();
        assert!(
            matches!(ended, Change::Experiment(ExperimentChange::Stopped { reason, .. }) if reason.contains("not signed"))
        );
        let other = Change::Experiment(ExperimentChange::Resumed { experiment: "trial".into() });
        assert_eq!(given_up(&state.experiments, &other, "x"), None);
        assert!(matches!(next(&decided(false, false)), Some(Change::Experiment(ExperimentChange::Completed { .. }))));
    }
}
