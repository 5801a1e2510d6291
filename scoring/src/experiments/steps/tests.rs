use super::*;
use crate::experiments::arm::{Account, Costs, Said, Seen};
use crate::experiments::figures::StageKind;
use crate::experiments::spec::{Enough, ExperimentSpec, Exposure, GuardRails, Stage};
use crate::experiments::state::ExperimentsState;
use crate::experiments::testing::{arm, created, meta, percent, spec};
use crate::verdict::Decision;

fn after(enough: Enough) -> Stage {
    Stage { exposure: Exposure::Percent { percent: 10.0 }, advance: Advance::After(enough) }
}

fn payments(payments: u64) -> Enough {
    Enough { payments, ..Enough::default() }
}

fn state(change: impl FnOnce(&mut ExperimentSpec)) -> ExperimentsState {
    let mut spec = spec("trial", vec![arm("new")], vec![after(payments(300))]);
    change(&mut spec);
    created(&[spec])
}

fn experiment(state: &ExperimentsState) -> &Experiment {
    state.get("trial").unwrap()
}

/// One stage of so many payments on either side, with a share of alerts each; every tenth is a mature fraud and caught with those chances.
fn figures(count: usize, alerts: [f64; 2], caught: [f64; 2]) -> ExperimentFigures {
    let mut stage = StageFigures::new(StageKind::Percent, 1);
    for side in 0..2 {
        let figures = if side == 0 { &mut stage.control } else { &mut stage.arms[0] };
        for number in 0..count {
            let is = |share: f64, of: usize| (of as f64 * 0.618_034).fract() < share;
            let decision = |alert| if alert { Decision::Review } else { Decision::Approve };
            let said = Said { probability: 0.1, decision: decision(is(alerts[side], number)) };
            let seen = Seen { said, tier: Some("hybrid"), cause: None, latency_us: Some(4_000), spilled: false };
            figures.add(seen, &mut Account::default());
            let fraud = number % 10 == 0;
            let said = Said { decision: decision(fraud && is(caught[side], number / 10)), ..said };
            let costs = Costs { false_decline_share: 0.1, review: 0.0 };
            figures.mature(said, fraud, 10_000.0, costs, &mut Account::default());
            if fraud {
                figures.confirm(said, true, 1);
            }
        }
    }
    ExperimentFigures { stages: vec![stage] }
}

fn alike(count: usize) -> ExperimentFigures {
    figures(count, [0.02, 0.02], [0.5, 0.5])
}

fn asked(metric: Metric, must_be: MustBe, margin: f64) -> Option<DecisionSpec> {
    Some(DecisionSpec { metric, must_be, margin, alpha: 0.05, give_up_after: Some(50_000) })
}

#[test]
fn a_stage_waits_for_all_it_asks() {
    let enough = Enough { payments: 300, hours: 2.0, matured_frauds: 50 };
    let state = state(|spec| spec.stages = vec![after(enough), percent(20.0)]);
    let trial = experiment(&state);
    let hour = 3_600_000;
    assert_eq!(due(trial, &alike(200), 3 * hour, false), None);
    assert_eq!(
        waits_for(trial, &alike(200), hour).unwrap(),
        "200 of 300 payments, 1.00 of 2 hours, 40 of 50 mature frauds"
    );
    assert_eq!(due(trial, &alike(300), hour, false), None);
    let asks = |spec: &mut ExperimentSpec| {
        spec.stages = vec![after(payments(50)), percent(20.0)];
    };
    let early = created(&[{
        let mut spec = spec("trial", vec![arm("new")], vec![]);
        asks(&mut spec);
        spec
    }]);
    assert_eq!(due(experiment(&early), &alike(60), 0, false), None, "no stage is passed before its rails can be read");
    assert_eq!(
        waits_for(experiment(&early), &alike(60), 0).unwrap(),
        "60 of 200 payments of control, which the guard rails ask for, 60 of 200 payments of new, which the guard rails ask for"
    );
    assert!(due(experiment(&early), &alike(200), 0, false).is_some());
    let advanced = ExperimentChange::Advanced { experiment: "trial".into(), to: 1 };
    assert_eq!(due(trial, &alike(300), 2 * hour, false), Some(advanced.clone()));
    assert_eq!(waits_for(trial, &alike(300), 2 * hour), None);

    let mut state = state.clone();
    state.apply(&meta(5), &advanced).unwrap();
    assert_eq!(
        due(experiment(&state), &alike(300), 9 * hour, false),
        None,
        "figures of the stage before are not of this one"
    );
    let mut figures = alike(300);
    figures.stages.push(figures.stages[0].clone());
    assert_eq!(due(experiment(&state), &figures, 9 * hour, false), None, "it waits for a person");
}

#[test]
fn a_breach_rolls_back_whatever_it_waits_for() {
    let mut state = state(|_| {});
    let bad = figures(300, [0.02, 0.9], [0.5, 0.5]);
    let rolled_back = |state: &ExperimentsState| match due(experiment(state), &bad, 0, false) {
        Some(ExperimentChange::RolledBack { rail, reason, .. }) => (rail.unwrap(), reason),
        other => panic!("{other:?}"),
    };
    assert_eq!(rolled_back(&state).0, "alert_rate");
    assert!(rolled_back(&state).1.contains("new does not approve 90"), "{}", rolled_back(&state).1);
    state.apply(&meta(5), &ExperimentChange::Held { experiment: "trial".into(), reason: "x".into() }).unwrap();
    assert_eq!(rolled_back(&state).0, "alert_rate", "held, it still exposes somebody");
    let change = due(experiment(&state), &bad, 0, false).unwrap();
    state.apply(&meta(6), &change).unwrap();
    assert_eq!(due(experiment(&state), &bad, 0, false), None, "once");
}

#[test]
fn the_last_stage_is_followed_by_what_was_asked() {
    let decided = |state: &ExperimentsState, figures: &ExperimentFigures, four_eyes| match due(
        experiment(state),
        figures,
        0,
        four_eyes,
    ) {
        Some(ExperimentChange::Decided { promote, proposed, conclusion, .. }) => (promote, proposed, conclusion),
        other => panic!("{other:?}"),
    };
    let (promote, ..) = decided(&state(|_| {}), &alike(300), false);
    assert_eq!(promote, None);
    let promoting = state(|spec| spec.then = Then::Promote);
    assert_eq!(
        decided(&promoting, &alike(300), false),
        (Some("new".into()), false, "the last stage has seen enough and no guard rail was breached".into())
    );
    assert!(decided(&promoting, &alike(300), true).1, "with four eyes it is proposed");

    let judged = state(|spec| {
        spec.then = Then::Promote;
        spec.decision = asked(Metric::Recall, MustBe::NotWorse, 0.1);
    });
    assert_eq!(due(experiment(&judged), &alike(400), 0, false), None, "nothing is shown yet");
    let (promote, _, text) = decided(&judged, &alike(20_000), false);
    assert_eq!(promote.as_deref(), Some("new"));
    assert!(text.starts_with("as asked: recall of new differs"), "{text}");
    let worse = figures(20_000, [0.02, 0.02], [0.5, 0.2]);
    match due(experiment(&judged), &worse, 0, false) {
        Some(ExperimentChange::RolledBack { rail, reason, .. }) => {
            assert_eq!(rail.as_deref(), Some(DECISION_RAIL));
            assert!(reason.starts_with("it is worse: recall of new"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_shown_is_held_and_what_is_not_asked_is_not_promoted() {
    let better = state(|spec| {
        spec.then = Then::Promote;
        spec.decision = asked(Metric::Recall, MustBe::Better, 0.0);
        spec.guard_rails = GuardRails { auc_drop: None, ..GuardRails::default() };
    });
    assert_eq!(due(experiment(&better), &alike(20_000), 0, false), None);
    match due(experiment(&better), &alike(50_000), 0, false) {
        Some(ExperimentChange::Held { reason, .. }) => assert!(reason.contains("nothing could be shown"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let much_better = state(|spec| {
        spec.then = Then::Promote;
        spec.decision = asked(Metric::Recall, MustBe::Better, 0.3);
    });
    match due(experiment(&much_better), &figures(20_000, [0.02, 0.02], [0.5, 0.55]), 0, false) {
        Some(ExperimentChange::Decided { promote: None, conclusion, .. }) => {
            assert!(conclusion.starts_with("not as asked"), "{conclusion}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn findings_follow_the_interval() {
    let recall = |must_be, margin| asked(Metric::Recall, must_be, margin).unwrap();
    let of = |decision: &DecisionSpec, low, high| found(decision, Interval { low, high });
    let not_worse = recall(MustBe::NotWorse, 0.1);
    assert_eq!(of(&not_worse, -0.05, 0.2), Finding::Favourable);
    assert_eq!(of(&not_worse, -0.15, 0.2), Finding::Open);
    assert_eq!(of(&not_worse, -0.3, -0.11), Finding::Worse);
    let better = recall(MustBe::Better, 0.1);
    assert_eq!(of(&better, 0.11, 0.2), Finding::Favourable);
    assert_eq!(of(&better, 0.05, 0.2), Finding::Open);
    assert_eq!(of(&better, -0.05, 0.05), Finding::NotBetter);
    assert_eq!(of(&better, -0.2, -0.05), Finding::Worse);
    // Fewer alerts are better.
    let alerts = asked(Metric::AlertRate, MustBe::Better, 0.0).unwrap();
    assert_eq!(of(&alerts, -0.2, -0.05), Finding::Favourable);
    assert_eq!(of(&alerts, 0.05, 0.2), Finding::Worse);
}

#[test]
fn every_metric_is_compared() {
    let state = state(|spec| spec.decision = asked(Metric::MoneySaved, MustBe::Better, 0.0));
    let figures = figures(20_000, [0.02, 0.02], [0.2, 0.8]);
    let told = comparisons(experiment(&state), &figures);
    assert_eq!(told.iter().map(|told| told.metric).collect::<Vec<_>>(), Metric::ALL);
    let of = |metric| told.iter().find(|told| told.metric == metric).unwrap();
    assert!((of(Metric::Recall).difference - 0.6).abs() < 0.02);
    // A tenth of the payments is fraud of 100.00, and six tenths more of it are stopped.
    let money = of(Metric::MoneySaved);
    assert!((money.difference - 6.0).abs() < 0.2, "{money:?}");
    assert_eq!(money.finding, Some(Finding::Favourable));
    assert_eq!(of(Metric::Recall).finding, None);
}
