use super::*;
use crate::policy::document::{ControlGroupSettings, PolicyDocument, PolicyRule};
use crate::policy::lists::{ListName, ListedKind};
use crate::policy::sample;
use crate::verdict::{AsOf, ControlGroup, StageTimes, SubgraphSize, Tier};

fn rule(when: &str, then: Decision, overrides: bool) -> PolicyRule {
    let (id, code, text) = ("tried".to_owned(), "TRIED".to_owned(), "a rule on trial".to_owned());
    PolicyRule { id, code, text, when: when.to_owned(), then, overrides }
}

fn trial(rules: Vec<PolicyRule>, rule_alone: bool, limit: usize) -> Trial {
    let document = PolicyDocument { version: "v".to_owned(), rules, ..PolicyDocument::none() };
    Trial::new(CompiledPolicy::unmetered(&document).unwrap(), rule_alone, (0, 10 * DAY_MS), limit, 3)
}

fn payment(number: u64, amount_minor: u64, day: i64) -> Event {
    let mut event = sample::FULL.event.clone();
    event.occurred_at_ms = day * DAY_MS + 7;
    if let Body::Payment(payment) = &mut event.body {
        payment.transaction_id = format!("txn-{number}");
        payment.amount_minor = amount_minor;
    }
    event
}

fn verdict(decision: Decision) -> Verdict {
    Verdict {
        decision_id: String::new(),
        transaction_id: String::new(),
        decision,
        fraud_probability: 0.5,
        risk_score: 50,
        reason_codes: Vec::new(),
        reasons: Vec::new(),
        tier: Tier::Hybrid,
        tier_cause: None,
        model: "hybrid".to_owned(),
        model_version: "1".to_owned(),
        policy_version: String::new(),
        as_of: AsOf { position: 0, time: String::new(), cut: None },
        subgraph_digest: String::new(),
        subgraph: SubgraphSize { hops: [1, 0, 0, 0], truncated: 0 },
        experiments: Vec::new(),
        score_decision: None,
        control_group: None,
        stage_us: StageTimes::default(),
    }
}

fn label(fraud: bool, source: LabelSource) -> Label {
    Label { transaction_id: String::new(), fraud, source }
}

fn decided(trial: &mut Trial, position: u64, event: Event, verdict: &Verdict) {
    assert!(trial.wants(&event));
    trial.payment(position, event, Vec::new(), true);
    trial.verdict(position, verdict);
}

#[test]
fn hits_changes_days_and_labels_are_counted() {
    let mut trial = trial(vec![rule("amount >= 100", Decision::Review, false)], true, 100);
    decided(&mut trial, 1, payment(1, 20_000, 0), &verdict(Decision::Approve));
    decided(&mut trial, 3, payment(2, 5_000, 0), &verdict(Decision::Approve));
    decided(&mut trial, 5, payment(3, 30_000, 1), &verdict(Decision::Decline));
    decided(&mut trial, 7, payment(4, 10_000, 1), &verdict(Decision::Challenge));
    assert!(!trial.wants(&payment(5, 1, 11)), "after the window");
    trial.label(1, &label(false, LabelSource::CustomerReport));
    trial.label(1, &label(true, LabelSource::Chargeback));
    trial.label(1, &label(false, LabelSource::Analyst));
    trial.label(3, &label(true, LabelSource::Analyst));
    trial.label(5, &label(false, LabelSource::Analyst));
    trial.label(999, &label(true, LabelSource::Analyst));
    let report = trial.finish(20, 0.5);
    assert_eq!((report.payments, report.known_frauds, report.without_verdict), (4, 2, 0));
    let tally = |payments, fraud, legitimate, unknown, amount_hundredths, fraud_hundredths| DryRunTally {
        payments,
        fraud,
        legitimate,
        unknown,
        amount_hundredths,
        fraud_hundredths,
    };
    assert_eq!(report.hits, tally(3, 1, 1, 1, 60_000, 20_000));
    assert_eq!(report.hits.precision(), Some(0.5));
    assert_eq!(report.changed, tally(2, 1, 0, 1, 30_000, 20_000));
    assert_eq!(report.rules[0].hits, report.hits);
    let moves: Vec<_> = report.decisions.iter().map(|row| (row.was, row.would_be, row.tally.payments)).collect();
    use Decision::{Approve, Challenge, Decline, Review};
    assert_eq!(
        moves,
        [
            (Some(Approve), Approve, 1),
            (Some(Approve), Review, 1),
            (Some(Challenge), Review, 1),
            (Some(Decline), Decline, 1)
        ]
    );
    let days: Vec<_> = report.days.iter().map(|day| (&day.day[..], day.payments, day.hits, day.changed)).collect();
    assert_eq!(days, [("1970-01-01", 2, 1, 1), ("1970-01-02", 2, 2, 1)]);
    // Decided otherwise first, then another hit.
    let told: Vec<_> = report.samples.iter().map(|payment| (&payment.transaction_id[..], payment.fraud)).collect();
    assert_eq!(told, [("txn-1", Some(true)), ("txn-3", Some(false)), ("txn-4", None)]);
    assert_eq!(report.samples[0].rules, ["tried"]);
}

#[test]
fn a_rule_changes_nothing_that_was_overruled_then_and_a_policy_starts_from_the_score() {
    use Decision::{Approve, Challenge, Decline, Review};
    let by_score = Verdict { score_decision: Some(Challenge), ..verdict(Decline) };
    let allowed =
        Verdict { score_decision: Some(Decline), reason_codes: vec!["LIST_ALLOWED".into()], ..verdict(Approve) };
    let group = Some(ControlGroup { propensity: 0.1, would_be: Decline });
    let let_through = Verdict { score_decision: Some(Decline), control_group: group, ..verdict(Approve) };
    let blocked =
        Verdict { score_decision: Some(Approve), reason_codes: vec!["LIST_BLOCKED".into()], ..verdict(Decline) };
    let would_be = |rules: Vec<PolicyRule>, rule_alone, verdict: &Verdict| {
        let mut trial = trial(rules, rule_alone, 10);
        decided(&mut trial, 1, payment(1, 1, 0), verdict);
        trial.finish(1, 0.0).decisions[0].would_be
    };
    let strict = || vec![rule("true", Review, false)];
    let lenient = || vec![rule("true", Approve, true)];
    for (verdict, with_strict, with_lenient, in_place) in [
        (&by_score, Decline, Approve, Review),
        (&allowed, Approve, Approve, Decline),
        (&let_through, Approve, Approve, Decline),
        (&blocked, Decline, Decline, Review),
    ] {
        assert_eq!(would_be(strict(), true, verdict), with_strict, "{verdict:?}");
        assert_eq!(would_be(lenient(), true, verdict), with_lenient, "{verdict:?}");
        assert_eq!(would_be(strict(), false, verdict), in_place, "{verdict:?}");
    }
    assert_eq!(would_be(vec![rule("decision == 'challenge'", Review, false)], false, &by_score), Review);
}

#[test]
fn a_policy_is_tried_with_the_lists_of_then_and_without_a_verdict_on_an_unscored_payment() {
    let mut trial = trial(vec![rule("probability > 0.1 || device == null", Decision::Review, false)], false, 10);
    let meta = Meta { position: 0, at_ms: 0, actor: "anna".to_owned() };
    decided(&mut trial, 1, payment(1, 1, 0), &verdict(Decision::Approve));
    let entry = ListChange::Put {
        list: ListName::Block,
        entity: ListedKind::Device,
        id: "device".to_owned(),
        tenant: "default".to_owned(),
        reason: "stolen".to_owned(),
        expires_at_ms: None,
    };
    trial.list(&meta, &entry);
    decided(&mut trial, 3, payment(2, 1, 0), &verdict(Decision::Approve));
    assert!(trial.wants(&payment(3, 1, 0)));
    trial.payment(5, payment(3, 1, 0), Vec::new(), false);
    trial.payment(6, payment(4, 1, 0), Vec::new(), true);
    let report = trial.finish(7, 0.0);
    assert_eq!((report.payments, report.without_verdict, report.rules[0].errors), (4, 2, 2));
    let moves: Vec<_> = report.decisions.iter().map(|row| (row.was, row.would_be, row.tally.payments)).collect();
    use Decision::{Approve, Decline, Review};
    assert_eq!(moves, [(None, Decline, 2), (Some(Approve), Review, 1), (Some(Approve), Decline, 1)]);
}

#[test]
fn it_is_bounded() {
    let mut trial = trial(vec![rule("true", Decision::Review, false)], true, 5);
    for number in 0..9 {
        let event = payment(number, 1, 0);
        if trial.wants(&event) {
            trial.payment(number, event, Vec::new(), false);
        }
    }
    let report = trial.finish(9, 0.0);
    assert_eq!((report.payments, report.samples.len(), report.cut_short), (5, 3, true));
}

#[test]
fn the_control_group_is_tried_as_well() {
    let control_group = Some(ControlGroupSettings { share: 0.5, max_amount: 1e6 });
    let document = PolicyDocument { version: "v".to_owned(), control_group, ..PolicyDocument::none() };
    let policy = CompiledPolicy::unmetered(&document).unwrap();
    let mut trial = Trial::new(policy, false, (0, DAY_MS), 1_000, 5);
    for number in 0..200 {
        decided(&mut trial, number, payment(number, 1, 0), &verdict(Decision::Decline));
    }
    let report = trial.finish(200, 0.0);
    assert!((60..=140).contains(&report.changed.payments), "{:?}", report.changed);
    assert_eq!((report.hits.payments, report.samples.len()), (0, 5));
}
