use super::*;
use crate::experiments::arm::Costs;
use crate::experiments::figures::{StageFigures, StageKind};
use crate::experiments::spec::{ArmSpec, ExperimentSpec, Exposure, Metric, Stage};
use crate::experiments::testing::{arm, meta, percent, shadow, spec};
use crate::verdict::Decision;
use fraudnet_graph::Channel;
use fraudnet_models::OperatingPoints;

/// Books, and the log that both of their folds read.
struct Story {
    books: Books,
    log: Vec<(u64, Item<'static>)>,
    tail: usize,
}

impl Story {
    fn new() -> Story {
        let costs = Costs { false_decline_share: 0.1, review: 500.0 };
        Story { books: Books::new(Terms { maturity_ms: 30 * DAY_MS, costs }), log: Vec::new(), tail: 0 }
    }

    fn tell(&mut self, item: Item<'static>) {
        let position = self.log.len() as u64;
        self.books.head(position, &item);
        self.log.push((position, item));
        while let Some((position, item)) = self.log.get(self.tail) {
            if !self.books.tail(*position, item) {
                break;
            }
            self.tail += 1;
        }
        self.books.settle(self.tail as u64, self.tail == self.log.len());
    }

    fn change(&mut self, change: ExperimentChange) {
        self.tell(Item::Change(meta(self.log.len() as u64), change));
    }

    fn create(&mut self, spec: ExperimentSpec) {
        self.change(ExperimentChange::Created { spec });
    }

    /// A payment that waits for its verdict: its position.
    fn ask(&mut self, at_ms: i64, account: &str, device: &str) -> u64 {
        let position = self.log.len() as u64;
        let payment = payment(&format!("p{position}"), account, device);
        self.tell(Item::Payment { tenant: "bank".to_owned(), occurred_at_ms: at_ms, payment });
        position
    }

    fn decide(&mut self, payment: u64, decision: &str, arms: &[&str]) {
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
        let json: &'static str = Box::leak(verdict.to_string().into_boxed_str());
        self.tell(Item::Verdict { payment, verdict: serde_json::from_str(json).unwrap() });
    }

    /// A payment and its verdict, with arms as `experiment:arm`: its position.
    fn pay(&mut self, at_ms: i64, who: (&str, &str), decision: &str, arms: &[&str]) -> u64 {
        let position = self.ask(at_ms, who.0, who.1);
        self.decide(position, decision, arms);
        position
    }

    fn label(&mut self, payment: u64, known_at_ms: i64, fraud: bool, source: LabelSource) {
        let label = Label { transaction_id: format!("p{payment}"), fraud, source };
        self.tell(Item::Label { tenant: "bank".to_owned(), label, known_at_ms });
    }

    fn stage(&self, name: &str) -> StageFigures {
        self.books.figures(name).unwrap().current().unwrap().clone()
    }
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

fn note(payment: u64, experiment: &str, decision: Option<Decision>) -> Item<'static> {
    Item::Note(ShadowNote {
        note: ShadowNote::KIND.into(),
        payment,
        experiment: experiment.into(),
        arm: "new".into(),
        model: "hybrid/2.0.0".into(),
        fraud_probability: decision.map(|_| 0.5),
        decision,
    })
}

#[test]
fn payments_are_counted_in_their_arm_and_settled_when_mature() {
    let mut story = Story::new();
    story.create(spec("trial", vec![arm("new")], vec![percent(50.0)]));
    let first = story.pay(0, ("a", "d1"), "approve", &["trial:control"]);
    let second = story.pay(0, ("b", "d1"), "decline", &["trial:new"]);
    let third = story.pay(DAY_MS, ("b", "d2"), "approve", &["trial:new"]);
    story.pay(DAY_MS, ("c", "d3"), "approve", &["trial:excluded"]);
    story.pay(DAY_MS, ("d", "d4"), "approve", &[]);
    let now = story.stage("trial");
    assert_eq!((now.control.operation.payments, now.arms[0].operation.payments, now.excluded), (1, 2, 1));
    assert_eq!((now.control.spilled, now.arms[0].spilled), (0, 1), "the control used that device last");
    assert_eq!(now.arms[0].operation.latency.mean_us(), 15.0);

    // A customer's word is not confirmed; an analyst's is, and a stronger one replaces it.
    story.label(second, 2 * DAY_MS, true, LabelSource::CustomerReport);
    assert_eq!(story.stage("trial").confirmed_frauds(), 0);
    story.label(second, 3 * DAY_MS, true, LabelSource::Analyst);
    story.label(second, 3 * DAY_MS, true, LabelSource::Analyst);
    assert_eq!(story.stage("trial").arms[0].confirmed.frauds, 1, "told twice, it counts once");
    story.label(second, 4 * DAY_MS, false, LabelSource::Chargeback);
    story.label(second, 4 * DAY_MS, true, LabelSource::Analyst);
    let now = story.stage("trial");
    assert_eq!((now.confirmed_frauds(), now.arms[0].confirmed.legitimate), (0, 1));
    story.label(first, 4 * DAY_MS, true, LabelSource::CustomerReport);
    assert_eq!(story.stage("trial").control.mature.classes.payments(), 0);
    assert_eq!(story.books.waiting(), 2);

    // Thirty days after the payments, and a little for what shadows may still say, by the events' own clock. The payments that only tell
    // the time wait for their own maturity, so the log is not at its end: the tail settles once it has read far enough.
    story.label(first, 30 * DAY_MS + 70_000, true, LabelSource::CustomerReport);
    let now = story.stage("trial");
    assert_eq!(now.control.mature.classes.payments(), 0, "the payments of the second day stop the tail");
    story.label(third, 31 * DAY_MS + 70_000, false, LabelSource::CustomerReport);
    let now = story.stage("trial");
    assert_eq!((now.control.mature.classes.payments(), now.arms[0].mature.classes.payments()), (1, 2));
    assert_eq!((now.control.mature.recall.mean(), now.control.mature.recall.count), (0.0, 1.0));
    assert_eq!(now.confirmed_frauds(), 1, "what was reported and never contradicted counts once it is mature");
    assert_eq!(now.arms[0].mature.saved.sum, -1_000.0, "a good payment of 100.00 was declined");
    story.label(third, 32 * DAY_MS, true, LabelSource::Chargeback);
    assert_eq!(story.stage("trial").arms[0].mature.classes.frauds(), 0, "too late to count");
}

#[test]
fn the_same_log_has_the_same_figures_again() {
    let run = || {
        let mut story = Story::new();
        story.create(spec("trial", vec![arm("new")], vec![percent(50.0)]));
        for number in 1..1_000_u64 {
            let at_ms = number as i64 * DAY_MS / 4;
            let arm = if number % 3 == 0 { "trial:new" } else { "trial:control" };
            let decision = if number % 7 == 0 { "review" } else { "approve" };
            let who = (&*format!("a{}", number % 11), &*format!("d{}", number % 5));
            let payment = story.pay(at_ms, who, decision, &[arm]);
            if number % 10 == 0 {
                story.label(payment, at_ms, true, LabelSource::Analyst);
            }
        }
        let figures = story.books.figures("trial").unwrap();
        (figures.total(None), figures.total(Some(0)), figures.difference(0, Metric::Recall))
    };
    let (control, new, difference) = run();
    assert_eq!((control.operation.payments, new.operation.payments), (666, 333));
    assert!(control.mature.classes.frauds() > 3 && difference.is_some());
    assert_eq!(control.mature.classes.payments(), 583, "those of all but the last 31 days");
    assert_eq!(run(), (control, new, difference));
}

#[test]
fn stages_are_counted_apart() {
    let mut story = Story::new();
    story.create(spec("trial", vec![arm("new")], vec![shadow(), percent(5.0), percent(50.0)]));
    let first = story.pay(0, ("a", "d1"), "approve", &[]);
    story.tell(note(first, "trial", Some(Decision::Review)));
    let mut second = 0;
    for to in [1, 2] {
        story.change(ExperimentChange::Advanced { experiment: "trial".into(), to });
        let payment = story.pay(0, ("b", "d2"), "review", &["trial:new"]);
        second = if to == 1 { payment } else { second };
    }
    let figures = story.books.figures("trial").unwrap();
    let kinds: Vec<StageKind> = figures.stages.iter().map(|stage| stage.kind).collect();
    assert_eq!(kinds, [StageKind::Shadow, StageKind::Percent, StageKind::Percent]);
    assert!(figures.stages.iter().all(|stage| stage.arms[0].operation.payments == 1));
    assert_eq!(figures.total(Some(0)).operation.payments, 2, "shadow and service are not added up");
    // The label goes to the stages that the payments were in.
    story.label(first, 1, true, LabelSource::Analyst);
    story.label(second, 1, true, LabelSource::Analyst);
    let frauds: Vec<u64> =
        story.books.figures("trial").unwrap().stages.iter().map(StageFigures::confirmed_frauds).collect();
    assert_eq!(frauds, [1, 1, 0]);
}

#[test]
fn a_shadow_is_compared_with_the_verdict_on_the_same_payment() {
    let mut story = Story::new();
    story.create(spec("trial", vec![arm("new"), arm("other")], vec![shadow()]));
    // The note may stand before the verdict or after it; a second one counts nothing.
    let first = story.ask(0, "a", "d1");
    story.tell(note(first, "trial", Some(Decision::Decline)));
    story.decide(first, "approve", &[]);
    story.tell(note(first, "trial", Some(Decision::Decline)));
    let second = story.pay(0, ("b", "d1"), "approve", &[]);
    let Item::Note(other) = note(second, "trial", Some(Decision::Approve)) else { panic!("a note is a note") };
    story.tell(Item::Note(ShadowNote { arm: "other".into(), ..other }));
    story.tell(note(second, "trial", None));
    story.tell(note(99, "trial", Some(Decision::Decline)));
    story.tell(note(second, "unknown", Some(Decision::Decline)));
    story.pay(0, ("c", "d1"), "approve", &[]);
    let stage = story.stage("trial");
    assert_eq!(stage.control.operation.payments, 2, "payments that an arm scored");
    assert_eq!(stage.arms[0].decisions, [0, 0, 0, 1]);
    assert_eq!((stage.arms[0].operation.payments, stage.arms[0].causes["shadow_failed"]), (2, 1));
    assert_eq!(stage.arms[1].decisions, [1, 0, 0, 0]);
    assert_eq!(stage.pairs[0].alerts.sum, 1.0);
    assert_eq!(stage.exposed(), 2);

    story.label(first, 1, true, LabelSource::Analyst);
    story.label(second, 31 * DAY_MS, false, LabelSource::CustomerReport);
    let stage = story.stage("trial");
    assert_eq!((stage.arms[0].mature.recall.mean(), stage.control.mature.recall.mean()), (1.0, 0.0));
    assert_eq!((stage.pairs[0].recall.sum, stage.pairs[0].saved.sum), (1.0, 10_000.0));
    assert_eq!(stage.pairs[0].alerts.sum, 1.0, "settled once more, it is not counted once more");
    assert_eq!(stage.confirmed_frauds(), 1);
}

#[test]
fn a_control_that_another_arm_serves_is_no_control() {
    let mut story = Story::new();
    story.create(spec("older", vec![arm("a")], vec![percent(10.0)]));
    story.create(spec("younger", vec![arm("b")], vec![percent(10.0)]));
    let points = OperatingPoints { challenge: 0.1, review: 0.2, decline: 0.3 };
    let strict = ArmSpec { model: None, operating_points: Some(points), ..arm("strict") };
    story.create(spec("points", vec![strict], vec![percent(10.0)]));
    story.pay(0, ("a", "d"), "approve", &["older:control", "younger:b", "points:control"]);
    story.pay(0, ("b", "d"), "approve", &["older:control", "younger:control", "points:strict"]);
    let control = |name: &str| {
        let stage = story.stage(name);
        (stage.control.operation.payments, stage.mixed)
    };
    assert_eq!(control("older"), (1, 1));
    assert_eq!(control("younger"), (1, 0));
    assert_eq!(control("points"), (1, 0), "a model is another kind of thing than thresholds");
}

#[test]
fn tenants_are_remembered_from_before_their_wave() {
    let mut story = Story::new();
    for number in 0..30 {
        story.pay(0, ("a", "d"), if number % 2 == 0 { "review" } else { "approve" }, &[]);
    }
    let wave = |tenants: &[&str]| Stage {
        exposure: Exposure::Tenants { tenants: tenants.iter().map(|name| (*name).to_owned()).collect() },
        ..shadow()
    };
    story.create(spec("waves", vec![arm("new")], vec![wave(&["north"]), wave(&["north", "bank"])]));
    assert_eq!(story.stage("waves").before.payments, 0);
    story.change(ExperimentChange::Advanced { experiment: "waves".into(), to: 1 });
    let before = story.stage("waves").before;
    assert_eq!((before.payments, before.alerts.mean()), (30, 0.5));
}

#[test]
fn what_is_not_needed_any_more_is_let_go() {
    let mut story = Story::new();
    let unknown = Label { transaction_id: "p0".into(), fraud: true, source: LabelSource::Analyst };
    story.tell(Item::Label { tenant: "bank".into(), label: unknown, known_at_ms: 0 });
    assert_eq!(story.books.waiting(), 0, "without an experiment no label is kept");
    story.create(spec("trial", vec![arm("new")], vec![percent(50.0)]));
    for number in 1..50 {
        story.pay(0, (&format!("a{number}"), "d"), "approve", &["trial:new"]);
    }
    let outside = story.pay(0, ("z", "d"), "approve", &[]);
    story.label(outside, 0, true, LabelSource::Analyst);
    assert_eq!((story.books.waiting(), story.books.head.accounts(), story.books.tail.accounts()), (1, 49, 0));
    // A verdict whose payment nobody saw, and a change that the state refuses, change nothing.
    story.decide(999, "approve", &["trial:new"]);
    story.change(ExperimentChange::Advanced { experiment: "trial".into(), to: 1 });
    assert_eq!(story.books.figures("trial").unwrap().stages.len(), 1);
    let stop = ExperimentChange::Stopped { experiment: "trial".into(), reason: "x".into(), outcome: String::new() };
    story.change(stop);
    assert_eq!((story.books.head.accounts(), story.books.tail.accounts()), (0, 0));
    // What was exposed is still settled.
    story.label(outside, 31 * DAY_MS, true, LabelSource::Analyst);
    assert_eq!(story.books.figures("trial").unwrap().total(Some(0)).mature.classes.payments(), 49);
    assert_eq!((story.books.waiting(), story.books.dropped()), (0, 0), "the label of a payment in no experiment too");
    // Accounts are told apart until nothing can follow any more.
    assert_eq!(story.books.tail.accounts(), 49);
    for _ in 0..NOTES_WITHIN + 1 {
        story.label(outside, 31 * DAY_MS, true, LabelSource::Analyst);
    }
    assert_eq!(story.books.tail.accounts(), 0);
    // Labels that come when the payment is settled wait for nothing, and go one day.
    assert_eq!(story.books.waiting(), 1);
    story.label(outside + 1, 100 * DAY_MS, false, LabelSource::Analyst);
    assert_eq!(story.books.waiting(), 1, "the one that was just told");
}
