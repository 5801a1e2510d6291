use super::*;
use crate::experiments::spec::Exposure;
use crate::experiments::testing::{arm, created, meta, percent, spec};

fn two_stages() -> ExperimentsState {
    created(&[spec("trial", vec![arm("new")], vec![percent(1.0), percent(5.0)])])
}

fn apply(state: &mut ExperimentsState, position: u64, change: ExperimentChange) -> Result<(), String> {
    let before = serde_json::to_value(&*state).unwrap();
    let applied = state.apply(&meta(position), &change);
    if applied.is_err() {
        assert_eq!(serde_json::to_value(&*state).unwrap(), before, "what is refused changes nothing");
    }
    applied
}

fn name() -> String {
    "trial".to_owned()
}

fn advanced(to: usize) -> ExperimentChange {
    ExperimentChange::Advanced { experiment: name(), to }
}

fn decided(promote: Option<&str>) -> ExperimentChange {
    let promote = promote.map(str::to_owned);
    ExperimentChange::Decided { experiment: name(), conclusion: "good".into(), promote, proposed: false }
}

#[test]
fn it_goes_from_stage_to_stage_and_no_step_is_made_twice() {
    let mut state = two_stages();
    assert!(apply(&mut state, 1, decided(None)).unwrap_err().contains("stage 1 of 2"));
    apply(&mut state, 2, advanced(1)).unwrap();
    let trial = state.get("trial").unwrap();
    assert_eq!((trial.stage, trial.stage_since_ms, trial.stage_since_position), (1, 2_000, 2));
    assert_eq!(trial.exposure(), Some(&Exposure::Percent { percent: 5.0 }));
    assert!(apply(&mut state, 3, advanced(1)).unwrap_err().contains("last stage"));
    assert!(apply(&mut state, 4, decided(Some("other"))).unwrap_err().contains("no arm other"));
    apply(&mut state, 5, decided(Some("new"))).unwrap();
    assert!(apply(&mut state, 6, decided(Some("new"))).unwrap_err().contains("is decided"));
    assert!(state.get("trial").unwrap().exposure().is_some(), "whoever is exposed stays so until it is done");
    let completed = || ExperimentChange::Completed { experiment: name(), outcome: "promoted".into() };
    apply(&mut state, 7, completed()).unwrap();
    assert_eq!(state.get("trial").unwrap().exposure(), None);
    assert!(apply(&mut state, 8, completed()).unwrap_err().contains("is completed, which is final"));
    let told: Vec<&str> = state.get("trial").unwrap().history.iter().map(|step| step.what.as_str()).collect();
    assert_eq!(
        told,
        ["created; stage 1 of 2 begins", "stage 2 of 2 begins", "decided to promote new: good", "completed: promoted"]
    );
}

#[test]
fn a_stage_is_not_left_out() {
    let mut state = created(&[spec("trial", vec![arm("new")], vec![percent(1.0), percent(5.0), percent(20.0)])]);
    assert!(apply(&mut state, 1, advanced(2)).unwrap_err().contains("which stage 2 follows and not 3"));
    assert!(apply(&mut state, 1, advanced(usize::MAX)).is_err());
    assert!(apply(&mut state, 1, advanced(0)).is_err());
}

#[test]
fn held_it_waits_and_ended_it_stays_ended() {
    let mut state = two_stages();
    let held = || ExperimentChange::Held { experiment: name(), reason: "a look".into() };
    let resumed = || ExperimentChange::Resumed { experiment: name() };
    assert!(apply(&mut state, 1, resumed()).unwrap_err().contains("not held"));
    apply(&mut state, 2, held()).unwrap();
    assert!(apply(&mut state, 3, held()).unwrap_err().contains("is held already"));
    assert!(apply(&mut state, 4, advanced(1)).unwrap_err().contains("resume it first"));
    assert!(state.get("trial").unwrap().exposure().is_some());
    apply(&mut state, 5, resumed()).unwrap();
    let rolled_back = ExperimentChange::RolledBack {
        experiment: name(),
        reason: "too many alerts".into(),
        rail: Some("alert_rate".into()),
    };
    apply(&mut state, 6, rolled_back.clone()).unwrap();
    let trial = state.get("trial").unwrap();
    assert_eq!((trial.status, trial.rail.as_deref()), (Status::RolledBack, Some("alert_rate")));
    for change in [rolled_back, held(), resumed(), advanced(1)] {
        assert_eq!(apply(&mut state, 7, change).unwrap_err(), "experiment trial is rolled back, which is final");
    }
    assert_eq!(
        apply(&mut state, 8, ExperimentChange::Resumed { experiment: "other".into() }).unwrap_err(),
        "there is no experiment other"
    );
}

#[test]
fn a_name_is_used_once_and_too_many_are_refused() {
    let mut state = two_stages();
    let of = |name: &str| spec(name, vec![arm("new")], vec![percent(1.0)]);
    let create = |name: &str| ExperimentChange::Created { spec: of(name) };
    assert!(apply(&mut state, 1, create("trial")).unwrap_err().contains("so take a new one"));
    let bad = ExperimentChange::Created { spec: spec("bad", vec![], vec![]) };
    let refused = apply(&mut state, 1, bad).unwrap_err();
    assert!(refused.contains("arms must be 1 to 8") && refused.contains("stages must be 1 to 16"), "{refused}");
    for number in 1..MOST_ACTIVE {
        apply(&mut state, 1 + number as u64, create(&format!("trial-{number}"))).unwrap();
    }
    assert!(apply(&mut state, 100, create("one-more")).unwrap_err().contains("the most there may be"));
    // Ended ones make room, and are forgotten one day.
    for number in 0..MOST_ENDED + 20 {
        let position = 200 + 2 * number as u64;
        let last = if number == 0 { "trial".to_owned() } else { format!("many-{}", number - 1) };
        let stop = ExperimentChange::Stopped { experiment: last, reason: "room".into(), outcome: String::new() };
        apply(&mut state, position, stop).unwrap();
        apply(&mut state, position + 1, create(&format!("many-{number}"))).unwrap();
    }
    assert!(state.get("trial").is_none(), "the one that ended first is forgotten");
    assert!(state.get("trial-1").is_some(), "what runs is not");
    assert!(state.in_order().len() <= MOST_ACTIVE + MOST_ENDED);
    let positions: Vec<u64> = state.in_order().iter().map(|experiment| experiment.created_position).collect();
    assert!(positions.is_sorted());
}

#[test]
fn changes_are_written_and_read() {
    let change = ExperimentChange::RolledBack { experiment: name(), reason: "x".into(), rail: None };
    let json = serde_json::to_value(&change).unwrap();
    assert_eq!(json["change"], "rolled_back");
    assert_eq!(serde_json::from_value::<ExperimentChange>(json).unwrap(), change);
}
