use super::*;
use crate::experiments::spec::{ArmSpec, ExperimentSpec, Metric, Stage};
use crate::experiments::testing::{arm, meta, percent, shadow, spec};
use fraudnet_graph::{Channel, Label};
use fraudnet_models::OperatingPoints;

const DAY_MS: i64 = 86_400_000;

fn ledger() -> Ledger {
    let costs = Costs { false_decline_share: 0.1, review: 500.0 };
    Ledger::new(Terms { maturity_ms: 30 * DAY_MS, costs })
}

fn create(ledger: &mut Ledger, position: u64, spec: ExperimentSpec) {
    ledger.change(&meta(position), &ExperimentChange::Created { spec });
}

fn payment(id: &str, account: &str, device: &str) -> Payment {
    Payment {
        transaction_id: id.to_owned(),
        account: account.to_owned(),
        device: Some(device.to_owned()),
        ip: None,
        merchant: None,
        counterparty: None,
        amount_minor: 10_000,
        currency: *b"EUR",
        channel: Channel::Ecommerce,
        merchant_category: None,
        account_country: None,
        ip_country: None,
        merchant_country: None,
    }
}

/// A payment and its verdict: arms as `experiment:arm`.
fn pay(ledger: &mut Ledger, position: u64, at_ms: i64, who: (&str, &str), decision: &str, arms: &[&str]) {
    let (account, device) = who;
    ledger.payment(position, "bank", at_ms, payment(&format!("p{position}"), account, device));
    let arms: Vec<serde_json::Value> = arms
        .iter()
        .map(|told| told.split_once(':').unwrap())
        .map(|(experiment, arm)| serde_json::json!({"experiment": experiment, "arm": arm}))
        .collect();
    let verdict = serde_json::json!({
        "decision": decision, "fraud_probability": 0.25, "tier": "hybrid", "tier_cause": null, "experiments": arms,
        "stage_us": {"engine_queue": 1, "observe": 2, "inference_queue": 3, "inference": 4, "policy": 5},
        "whatever": "else"
    });
    let json = verdict.to_string();
    ledger.verdict(position, &serde_json::from_str(&json).unwrap());
}

fn label(ledger: &mut Ledger, position: u64, at_ms: i64, fraud: bool, source: LabelSource) {
    ledger.label("bank", &Label { transaction_id: format!("p{position}"), fraud, source }, at_ms);
}

fn note(payment: u64, experiment: &str, decision: Option<Decision>) -> ShadowNote {
    ShadowNote {
        note: "shadow".into(),
        payment,
        experiment: experiment.into(),
        arm: "new".into(),
        model: "hybrid/2.0.0".into(),
        fraud_probability: decision.map(|_| 0.5),
        decision,
    }
}

#[test]
fn payments_are_counted_in_their_arm_and_settled_when_mature() {
    let mut ledger = ledger();
    create(&mut ledger, 0, spec("trial", vec![arm("new")], vec![percent(50.0)]));
    pay(&mut ledger, 1, 0, ("a", "d1"), "approve", &["trial:control"]);
    pay(&mut ledger, 2, 0, ("b", "d1"), "decline", &["trial:new"]);
    pay(&mut ledger, 3, DAY_MS, ("b", "d2"), "approve", &["trial:new"]);
    pay(&mut ledger, 4, DAY_MS, ("c", "d3"), "approve", &["trial:excluded"]);
    pay(&mut ledger, 5, DAY_MS, ("d", "d4"), "approve", &[]);
    let stage = |ledger: &Ledger| ledger.figures("trial").unwrap().current().unwrap().clone();
    let now = stage(&ledger);
    assert_eq!((now.control.operation.payments, now.arms[0].operation.payments, now.excluded), (1, 2, 1));
    assert_eq!((now.control.spilled, now.arms[0].spilled), (0, 1), "the control used that device last");
    assert_eq!(now.arms[0].operation.latency.mean_us(), 15.0);
    assert_eq!(ledger.waiting(), 3);

    // A customer's word is not confirmed; an analyst's is, and a stronger one replaces it.
    label(&mut ledger, 2, 2 * DAY_MS, true, LabelSource::CustomerReport);
    assert_eq!(stage(&ledger).confirmed_frauds(), 0);
    label(&mut ledger, 2, 3 * DAY_MS, true, LabelSource::Analyst);
    label(&mut ledger, 2, 3 * DAY_MS, true, LabelSource::Analyst);
    assert_eq!(stage(&ledger).arms[0].confirmed.frauds, 1, "told twice, it counts once");
    label(&mut ledger, 2, 4 * DAY_MS, false, LabelSource::Chargeback);
    label(&mut ledger, 2, 4 * DAY_MS, true, LabelSource::Analyst);
    assert_eq!((stage(&ledger).confirmed_frauds(), stage(&ledger).arms[0].confirmed.legitimate), (0, 1));
    label(&mut ledger, 1, 4 * DAY_MS, true, LabelSource::CustomerReport);
    assert_eq!(stage(&ledger).control.mature.classes.payments(), 0);

    // Thirty days after the payments, by the events' own clock.
    ledger.payment(6, "bank", 30 * DAY_MS, payment("p6", "e", "d5"));
    let now = stage(&ledger);
    assert_eq!((now.control.mature.classes.payments(), now.arms[0].mature.classes.payments()), (1, 1));
    assert_eq!((now.control.mature.recall.mean(), now.control.mature.recall.count), (0.0, 1.0));
    assert_eq!(now.confirmed_frauds(), 1, "what was reported and never contradicted counts once it is mature");
    assert_eq!(now.arms[0].mature.saved.sum, -1_000.0, "a good payment of 100.00 was declined");
    ledger.payment(7, "bank", 31 * DAY_MS, payment("p7", "e", "d5"));
    assert_eq!((stage(&ledger).arms[0].mature.classes.payments(), ledger.waiting()), (2, 0));
    label(&mut ledger, 3, 32 * DAY_MS, true, LabelSource::Chargeback);
    assert_eq!(stage(&ledger).confirmed_frauds(), 1, "too late to count");
}

#[test]
fn the_same_log_has_the_same_figures_again() {
    let run = || {
        let mut ledger = ledger();
        create(&mut ledger, 0, spec("trial", vec![arm("new")], vec![percent(50.0)]));
        for position in 1..200 {
            let at_ms = position as i64 * DAY_MS / 4;
            let arm = if position % 3 == 0 { "trial:new" } else { "trial:control" };
            let decision = if position % 7 == 0 { "review" } else { "approve" };
            pay(
                &mut ledger,
                position,
                at_ms,
                (&format!("a{}", position % 11), &format!("d{}", position % 5)),
                decision,
                &[arm],
            );
            if position % 10 == 0 {
                label(&mut ledger, position - 5, at_ms, true, LabelSource::Analyst);
            }
        }
        let figures = ledger.figures("trial").unwrap().clone();
        (figures.total(None), figures.total(Some(0)), figures.difference(0, Metric::Recall))
    };
    let (control, new, difference) = run();
    assert_eq!((control.operation.payments, new.operation.payments), (133, 66));
    assert!(control.mature.classes.frauds() > 3 && difference.is_some());
    assert_eq!(run(), (control, new, difference));
}

#[test]
fn stages_are_counted_apart() {
    let mut ledger = ledger();
    create(&mut ledger, 0, spec("trial", vec![arm("new")], vec![shadow(), percent(5.0), percent(50.0)]));
    pay(&mut ledger, 1, 0, ("a", "d1"), "approve", &[]);
    ledger.note(&note(1, "trial", Some(Decision::Review)));
    for (position, to) in [(2, 1), (4, 2)] {
        ledger.change(&meta(position), &ExperimentChange::Advanced { experiment: "trial".into(), to });
        pay(&mut ledger, position + 1, 0, ("b", "d2"), "review", &["trial:new"]);
    }
    let figures = ledger.figures("trial").unwrap();
    let kinds: Vec<StageKind> = figures.stages.iter().map(|stage| stage.kind).collect();
    assert_eq!(kinds, [StageKind::Shadow, StageKind::Percent, StageKind::Percent]);
    assert!(figures.stages.iter().all(|stage| stage.arms[0].operation.payments == 1));
    assert_eq!(figures.total(Some(0)).operation.payments, 2, "shadow and service are not added up");
    // The label goes to the stages that the payments were in.
    label(&mut ledger, 1, 1, true, LabelSource::Analyst);
    label(&mut ledger, 3, 1, true, LabelSource::Analyst);
    let frauds: Vec<u64> = ledger.figures("trial").unwrap().stages.iter().map(StageFigures::confirmed_frauds).collect();
    assert_eq!(frauds, [1, 1, 0]);
}

#[test]
fn a_shadow_is_compared_with_the_verdict_on_the_same_payment() {
    let mut ledger = ledger();
    create(&mut ledger, 0, spec("trial", vec![arm("new"), arm("other")], vec![shadow()]));
    // The note may stand before the verdict or after it; a second one counts nothing.
    ledger.payment(1, "bank", 0, payment("p1", "a", "d1"));
    ledger.note(&note(1, "trial", Some(Decision::Decline)));
    pay(&mut ledger, 1, 0, ("a", "d1"), "approve", &[]);
    ledger.note(&note(1, "trial", Some(Decision::Decline)));
    pay(&mut ledger, 2, 0, ("b", "d1"), "approve", &[]);
    ledger.note(&ShadowNote { arm: "other".into(), ..note(2, "trial", Some(Decision::Approve)) });
    ledger.note(&note(2, "trial", None));
    ledger.note(&note(99, "trial", Some(Decision::Decline)));
    ledger.note(&note(2, "unknown", Some(Decision::Decline)));
    pay(&mut ledger, 3, 0, ("c", "d1"), "approve", &[]);
    let stage = ledger.figures("trial").unwrap().current().unwrap().clone();
    assert_eq!(stage.control.operation.payments, 2, "payments that an arm scored");
    assert_eq!(stage.arms[0].decisions, [0, 0, 0, 1]);
    assert_eq!((stage.arms[0].operation.payments, stage.arms[0].causes["shadow_failed"]), (2, 1));
    assert_eq!(stage.arms[1].decisions, [1, 0, 0, 0]);
    assert_eq!(stage.pairs[0].alerts.sum, 1.0);
    assert_eq!(stage.exposed(), 2);

    label(&mut ledger, 1, 1, true, LabelSource::Analyst);
    ledger.payment(9, "bank", 40 * DAY_MS, payment("p9", "z", "d9"));
    let stage = ledger.figures("trial").unwrap().current().unwrap();
    assert_eq!((stage.arms[0].mature.recall.mean(), stage.control.mature.recall.mean()), (1.0, 0.0));
    assert_eq!((stage.pairs[0].recall.sum, stage.pairs[0].saved.sum), (1.0, 10_000.0));
    assert_eq!(stage.confirmed_frauds(), 1);
}

#[test]
fn a_control_that_another_arm_serves_is_no_control() {
    let mut ledger = ledger();
    create(&mut ledger, 0, spec("older", vec![arm("a")], vec![percent(10.0)]));
    create(&mut ledger, 1, spec("younger", vec![arm("b")], vec![percent(10.0)]));
    let points = OperatingPoints { challenge: 0.1, review: 0.2, decline: 0.3 };
    let strict = ArmSpec { model: None, operating_points: Some(points), ..arm("strict") };
    create(&mut ledger, 2, spec("points", vec![strict], vec![percent(10.0)]));
    pay(&mut ledger, 3, 0, ("a", "d"), "approve", &["older:control", "younger:b", "points:control"]);
    pay(&mut ledger, 4, 0, ("b", "d"), "approve", &["older:control", "younger:control", "points:strict"]);
    let control = |name: &str| {
        let stage = ledger.figures(name).unwrap().current().unwrap();
        (stage.control.operation.payments, stage.mixed)
    };
    assert_eq!(control("older"), (1, 1));
    assert_eq!(control("younger"), (1, 0));
    assert_eq!(control("points"), (1, 0), "a model is another kind of thing than thresholds");
}

#[test]
fn tenants_are_remembered_from_before_their_wave() {
    let mut ledger = ledger();
    for position in 0..30 {
        pay(&mut ledger, position, 0, ("a", "d"), if position % 2 == 0 { "review" } else { "approve" }, &[]);
    }
    let wave = |tenants: &[&str]| Stage {
        exposure: Exposure::Tenants { tenants: tenants.iter().map(|name| (*name).to_owned()).collect() },
        ..shadow()
    };
    create(&mut ledger, 100, spec("waves", vec![arm("new")], vec![wave(&["north"]), wave(&["north", "bank"])]));
    assert_eq!(ledger.figures("waves").unwrap().current().unwrap().before.payments, 0);
    ledger.change(&meta(101), &ExperimentChange::Advanced { experiment: "waves".into(), to: 1 });
    let before = ledger.figures("waves").unwrap().current().unwrap().before.clone();
    assert_eq!((before.payments, before.alerts.mean()), (30, 0.5));
}

#[test]
fn memory_is_bounded_and_let_go() {
    let mut ledger = ledger();
    create(&mut ledger, 0, spec("trial", vec![arm("new")], vec![percent(50.0)]));
    for position in 1..50 {
        pay(&mut ledger, position, 0, (&format!("a{position}"), "d"), "approve", &["trial:new"]);
    }
    assert_eq!(ledger.accounts, 49);
    // A verdict whose payment nobody saw, and a change that the state refuses, change nothing.
    let json = r#"{"decision":"approve","fraud_probability":0.1,"tier":"rules","stage_us":{"engine_queue":0,"observe":0,"inference_queue":0,"inference":0,"policy":0}}"#;
    ledger.verdict(1_000, &serde_json::from_str(json).unwrap());
    ledger.change(&meta(60), &ExperimentChange::Advanced { experiment: "trial".into(), to: 1 });
    assert_eq!(ledger.figures("trial").unwrap().stages.len(), 1);
    let stop = ExperimentChange::Stopped { experiment: "trial".into(), reason: "x".into(), outcome: String::new() };
    ledger.change(&meta(61), &stop);
    assert_eq!(ledger.accounts, 49, "its payments still wait for their labels");
    ledger.payment(70, "bank", 31 * DAY_MS, payment("p70", "z", "d"));
    assert_eq!((ledger.waiting(), ledger.figures("trial").unwrap().total(Some(0)).mature.classes.payments()), (0, 49));
    create(&mut ledger, 80, spec("next", vec![arm("new")], vec![percent(50.0)]));
    assert_eq!(ledger.accounts, 0);
    assert_eq!(ledger.dropped(), 0);
}
