use super::*;
use crate::experiments::arm::{Account, ArmFigures, Costs, Said, Seen};
use crate::experiments::sequential::Cluster;
use crate::verdict::Decision;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const COSTS: Costs = Costs { false_decline_share: 0.1, review: 0.0 };

/// How an arm behaves: share of alerts, of errors, and median latency in microseconds.
#[derive(Clone, Copy)]
struct Behaviour(f64, f64, f64);

const USUAL: Behaviour = Behaviour(0.02, 0.001, 4_000.0);

fn pay(figures: &mut ArmFigures, chance: &mut ChaCha8Rng, Behaviour(alerts, errors, latency): Behaviour) {
    let decision = if chance.random_bool(alerts) { Decision::Review } else { Decision::Approve };
    let cause = chance.random_bool(errors).then_some("deadline");
    // From a third to three times, and now and then a straggler.
    let spread = chance.random_range(-1.0..1.0_f64).exp() * if chance.random_bool(0.01) { 10.0 } else { 1.0 };
    let said = Said { probability: 0.1, decision };
    let latency_us = Some((latency * spread) as u64);
    figures.add(Seen { said, tier: Some("hybrid"), cause, latency_us, spilled: false }, &mut Account::default());
}

/// Rails breached after so many payments, looked at after every tenth; the arm gets a tenth of them.
fn breached(seed: u64, kind: StageKind, payments: usize, arm: Behaviour) -> Vec<String> {
    let mut figures = ExperimentFigures { stages: vec![StageFigures::new(kind, 1)] };
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    for number in 0..payments {
        let stage = figures.stages.last_mut().unwrap();
        if chance.random_bool(0.1) {
            pay(&mut stage.arms[0], &mut chance, arm);
        } else {
            pay(&mut stage.control, &mut chance, USUAL);
        }
        if number % 10 == 0 {
            let read = readings(&GuardRails::default(), &figures, 0, "new");
            let breached: Vec<String> = read.into_iter().filter(|read| read.breached).map(|read| read.rail).collect();
            if !breached.is_empty() {
                return breached;
            }
        }
    }
    Vec::new()
}

#[test]
fn an_arm_that_is_as_usual_is_left_alone() {
    let alarms: Vec<Vec<String>> =
        (0..40).map(|seed| breached(seed, StageKind::Percent, 10_000, USUAL)).filter(|told| !told.is_empty()).collect();
    assert!(alarms.is_empty(), "{alarms:?}");
    // Somewhat more of everything than usual is allowed.
    let more = Behaviour(0.03, 0.005, 6_000.0);
    assert_eq!(breached(50, StageKind::Percent, 10_000, more), Vec::<String>::new());
}

#[test]
fn each_fault_breaches_its_rail() {
    for (seed, behaviour, rail) in [
        (1, Behaviour(0.02, 0.001, 20_000.0), "latency"),
        (2, Behaviour(1.0, 0.001, 4_000.0), "alert_rate"),
        (3, Behaviour(0.02, 0.3, 4_000.0), "error_rate"),
        (4, Behaviour(0.10, 0.001, 4_000.0), "alert_rate"),
    ] {
        let told = breached(seed, StageKind::Percent, 20_000, behaviour);
        assert!(told.iter().any(|told| told == rail), "{rail}: {told:?}");
    }
}

#[test]
fn too_few_payments_breach_nothing() {
    assert_eq!(breached(1, StageKind::Percent, 1_500, Behaviour(1.0, 1.0, 1e6)), Vec::<String>::new());
}

#[test]
fn stragglers_breach_the_tail() {
    let mut figures = ExperimentFigures { stages: vec![StageFigures::new(StageKind::Percent, 1)] };
    let stage = &mut figures.stages[0];
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..3_000 {
        pay(&mut stage.control, &mut chance, USUAL);
        // A tenth of the arm's verdicts takes a hundred times as long: the mean hardly moves.
        let latency = if chance.random_bool(0.1) { 400_000.0 } else { 4_000.0 };
        pay(&mut stage.arms[0], &mut chance, Behaviour(0.02, 0.001, latency));
    }
    let read = readings(&GuardRails::default(), &figures, 0, "new");
    let breached: Vec<&str> = read.iter().filter(|read| read.breached).map(|read| read.rail.as_str()).collect();
    assert_eq!(breached, ["latency_p99"]);
}

#[test]
fn tenants_are_measured_against_their_own_past() {
    let mut figures = ExperimentFigures { stages: vec![StageFigures::new(StageKind::Tenants, 1)] };
    let stage = &mut figures.stages[0];
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    // This tenant always had ten times the alerts of others.
    let tenant = Behaviour(0.2, 0.001, 4_000.0);
    for _ in 0..2_000 {
        pay(&mut stage.control, &mut chance, USUAL);
        pay(&mut stage.arms[0], &mut chance, tenant);
        let alert = if chance.random_bool(tenant.0) { Decision::Review } else { Decision::Approve };
        stage.before.add(Said { probability: 0.1, decision: alert }, false, Some(4_000), &mut Cluster::default());
    }
    let alert_rate = |figures: &ExperimentFigures| {
        let read = readings(&GuardRails::default(), figures, 0, "new");
        read.into_iter().find(|read| read.rail == "alert_rate").unwrap()
    };
    assert!(!alert_rate(&figures).breached);
    figures.stages[0].kind = StageKind::Percent;
    let told = alert_rate(&figures);
    assert!(told.breached && told.text.contains("does not approve"), "{told:?}");
}

#[test]
fn a_model_that_ranks_worse_breaches_the_area() {
    let mut figures = ExperimentFigures { stages: vec![StageFigures::new(StageKind::Percent, 1)] };
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let mut grow = |stage: &mut StageFigures, payments: usize, blind: bool| {
        for number in 0..payments {
            let fraud = number % 20 == 0;
            let clever = |chance: &mut ChaCha8Rng, blind: bool| {
                let base = if fraud && !blind { 0.5 } else { 0.0 };
                Said { probability: base + chance.random_range(0.01..0.49_f32), decision: Decision::Approve }
            };
            let said = [clever(&mut chance, false), clever(&mut chance, blind)];
            stage.control.mature(said[0], fraud, 100.0, COSTS, &mut Account::default());
            stage.arms[0].mature(said[1], fraud, 100.0, COSTS, &mut Account::default());
        }
    };
    let area = |figures: &ExperimentFigures| {
        let read = readings(&GuardRails::default(), figures, 0, "new");
        read.into_iter().find(|read| read.rail == "matured_auc").unwrap()
    };
    grow(&mut figures.stages[0], 400, true);
    assert!(area(&figures).excess.is_none(), "20 frauds a side are too few");
    grow(&mut figures.stages[0], 2_000, true);
    let told = area(&figures);
    assert!(told.breached && told.value < 0.6 && told.bound > 0.9, "{told:?}");
    let mut alike = ExperimentFigures { stages: vec![StageFigures::new(StageKind::Percent, 1)] };
    grow(&mut alike.stages[0], 5_000, false);
    assert!(!area(&alike).breached);
    let off = GuardRails {
        auc_drop: None,
        latency_ratio: None,
        p99_ratio: None,
        error_rate: None,
        alert_rate_ratio: None,
        ..GuardRails::default()
    };
    assert_eq!(readings(&off, &figures, 0, "new"), []);
}
