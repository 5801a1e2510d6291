use super::*;
use crate::control::Meta;
use crate::policy::document::{ControlGroupSettings, PolicyDocument, PolicyRule};
use crate::policy::lists::ListChange;
use crate::policy::sample;
use fraudnet_graph::Body;
use proptest::prelude::*;

fn rule(id: &str, when: &str, then: Decision, overrides: bool) -> PolicyRule {
    PolicyRule {
        id: id.to_owned(),
        code: id.to_uppercase().replace('-', "_"),
        text: format!("text of {id}"),
        when: when.to_owned(),
        then,
        overrides,
    }
}

fn compiled(rules: Vec<PolicyRule>, control_group: Option<ControlGroupSettings>) -> CompiledPolicy {
    CompiledPolicy::compile(&PolicyDocument { version: "v".into(), description: String::new(), rules, control_group })
        .unwrap()
}

fn lists(entries: &[(ListName, ListedKind, &str)]) -> ListsState {
    let mut lists = ListsState::default();
    for (list, entity, id) in entries {
        let change = ListChange::Put {
            list: *list,
            entity: *entity,
            id: (*id).to_owned(),
            tenant: "default".to_owned(),
            reason: "case 7".to_owned(),
            expires_at_ms: None,
        };
        lists.apply(&Meta { position: 1, at_ms: 1, actor: "anna".to_owned() }, &change).unwrap();
    }
    lists
}

fn input(decision: Decision) -> PolicyInput<'static> {
    let sample = &*sample::FULL;
    PolicyInput {
        event: &sample.event,
        features: &sample.features,
        probability: 0.25,
        risk_score: 25,
        decision,
        tier: Tier::Hybrid,
        model: &sample.model,
    }
}

fn codes(outcome: &PolicyOutcome) -> Vec<&str> {
    outcome.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

const LET_ALL_THROUGH: ControlGroupSettings = ControlGroupSettings { share: 0.5, max_amount: 1e9 };

#[test]
fn the_most_severe_wins_unless_something_overrules() {
    use Decision::{Approve, Challenge, Decline, Review};
    let all = [Approve, Challenge, Review, Decline];
    let allow = [(ListName::Allow, ListedKind::Merchant, "merchant")];
    let block = [(ListName::Block, ListedKind::Device, "device")];
    let watch = [(ListName::Watch, ListedKind::Ip, "192.0.2.1")];
    for score in all {
        for then in all {
            let rules = || vec![rule("one", "true", then, false)];
            let strict = compiled(rules(), None);
            let most = score.max(then);
            for (entries, expected, would_be) in [
                (vec![], most, None),
                (watch.to_vec(), most.max(Review), None),
                (block.to_vec(), Decline, None),
                (allow.to_vec(), Approve, (most > Approve).then_some(most)),
                ([allow, watch].concat(), Approve, Some(most.max(Review))),
                ([allow, block].concat(), Decline, None),
            ] {
                let outcome = strict.evaluate(&input(score), &lists(&entries));
                assert_eq!(
                    (outcome.decision, outcome.would_be),
                    (expected, would_be),
                    "{score:?} {then:?} {entries:?}"
                );
            }
            let overruled = compiled([rules(), vec![rule("two", "true", Approve, true)]].concat(), None);
            let outcome = overruled.evaluate(&input(score), &lists(&[]));
            assert_eq!((outcome.decision, outcome.would_be), (Approve, (most > Approve).then_some(most)));
            assert_eq!(codes(&outcome), ["TWO", "ONE"]);
            assert_eq!(outcome.reasons[0].text.contains(most.name()), most > Approve, "{:?}", outcome.reasons[0]);
            let outcome = overruled.evaluate(&input(score), &lists(&block));
            assert_eq!(
                (outcome.decision, codes(&outcome)[0]),
                (Decline, LIST_BLOCKED),
                "a block list entry is stronger"
            );
        }
    }
}

#[test]
fn reasons_come_most_severe_first_and_say_which_list() {
    let policy = compiled(
        vec![
            rule("mild", "amount > 100", Decision::Challenge, false),
            rule("told", "true", Decision::Approve, false),
            rule("severe", "channel == 'ecommerce'", Decision::Decline, false),
            rule("off", "amount > 1000", Decision::Decline, false),
        ],
        None,
    );
    let entries = lists(&[
        (ListName::Watch, ListedKind::Account, "counterparty"),
        (ListName::Block, ListedKind::Account, "account"),
    ]);
    let outcome = policy.evaluate(&input(Decision::Approve), &entries);
    assert_eq!(codes(&outcome), ["LIST_BLOCKED", "SEVERE", "LIST_WATCHED", "MILD", "TOLD"]);
    assert_eq!(outcome.reasons[0].text, "the account is on the block list: case 7");
    assert_eq!(outcome.reasons[2].text, "the receiving account is on the watch list: case 7");
    let allowed = lists(&[(ListName::Allow, ListedKind::Account, "counterparty")]);
    let outcome = policy.evaluate(&input(Decision::Approve), &allowed);
    assert_eq!(outcome.decision, Decision::Decline, "who receives cannot allow");
}

#[test]
fn the_control_group_lets_through_what_score_and_rules_decline_and_nothing_else() {
    let policy = compiled(vec![rule("no", "amount > 500", Decision::Decline, false)], Some(LET_ALL_THROUGH));
    let none = ListsState::default();
    // Half of all draws: find one that is let through and one that is not.
    let numbered = |number: u32| {
        let mut event = sample::FULL.event.clone();
        let Body::Payment(payment) = &mut event.body else { panic!("no payment") };
        payment.transaction_id = format!("txn-{number}");
        event
    };
    let events: Vec<_> = (0..64).map(numbered).collect();
    let outcome = |index: usize, decision, lists: &ListsState| {
        policy.evaluate(&PolicyInput { event: &events[index], ..input(decision) }, lists)
    };
    let through: Vec<usize> =
        (0..64).filter(|index| outcome(*index, Decision::Decline, &none).control_group.is_some()).collect();
    assert!((16..=48).contains(&through.len()), "{through:?}");
    let first = through[0];
    let drawn = outcome(first, Decision::Decline, &none);
    assert_eq!((drawn.decision, drawn.would_be), (Decision::Approve, Some(Decision::Decline)));
    assert_eq!(drawn.control_group, Some(ControlGroup { propensity: 0.5, would_be: Decision::Decline }));
    assert_eq!(codes(&drawn), [CONTROL_GROUP]);
    for decision in [Decision::Approve, Decision::Challenge, Decision::Review] {
        assert_eq!(outcome(first, decision, &none).control_group, None);
    }
    let blocked = outcome(first, Decision::Decline, &lists(&[(ListName::Block, ListedKind::Device, "device")]));
    assert_eq!((blocked.decision, blocked.control_group), (Decision::Decline, None));
}

#[test]
fn what_cannot_be_said_does_not_hold() {
    let mut event = sample::FULL.event.clone();
    let Body::Payment(payment) = &mut event.body else { panic!("no payment") };
    (payment.device, payment.ip_country, payment.merchant_category) = (None, None, None);
    let policy = compiled(
        vec![
            rule("prefix", "device.startsWith('emu')", Decision::Decline, false),
            rule("or", "device.startsWith('emu') || amount > 100", Decision::Review, false),
            rule("abroad", "ip_country != null && ip_country != account_country", Decision::Decline, false),
            rule("category", "merchant_category in ['7995']", Decision::Decline, false),
            rule("absent", "device == null", Decision::Challenge, false),
            rule("feature", "feature.device_new > 0.5", Decision::Decline, false),
        ],
        None,
    );
    let bare = PolicyInput { event: &event, features: &[], ..input(Decision::Approve) };
    let outcome = policy.evaluate(&bare, &ListsState::default());
    assert_eq!((outcome.decision, codes(&outcome)), (Decision::Review, vec!["OR", "ABSENT"]));
}

#[test]
fn an_empty_policy_changes_nothing() {
    let outcome = CompiledPolicy::none().evaluate(&input(Decision::Review), &ListsState::default());
    let expected = PolicyOutcome { decision: Decision::Review, reasons: vec![], would_be: None, control_group: None };
    assert_eq!(outcome, expected);
}

/// Expressions of the language, some of which cannot be.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(crate::policy::VARIABLES.map(|variable| variable.name.to_owned()).to_vec()),
        Just("feature.device_new".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        (-1e6..1e6).prop_map(|number: f64| format!("{number:?}")),
        Just("null".to_owned()),
        Just("true".to_owned()),
        "'[a-z]{0,4}'",
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec!["&&", "||", "==", "!=", "<", ">=", "+", "-", "*", "/", "%", "in"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.clone().prop_map(|a| format!("string({a}).startsWith('1')")),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| format!("[{}]", parts.join(", "))),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_compiles_can_be_asked_of_every_payment(
        parts in prop::collection::vec(expressions(), 1..4),
        amount_minor in 0_u64..=1 << 53,
        bare in any::<bool>(),
        feature in any::<f32>(),
    ) {
        let rules: Vec<PolicyRule> = parts
            .iter()
            .enumerate()
            .flat_map(|(index, part)| {
                [part.clone(), format!("{part} == {part}"), format!("{part} != null")]
                    .into_iter()
                    .enumerate()
                    .map(move |(form, when)| rule(&format!("r-{index}-{form}"), &when, Decision::Review, false))
            })
            .filter(|rule| {
                let document = PolicyDocument { version: "v".into(), rules: vec![rule.clone()], ..PolicyDocument::none() };
                CompiledPolicy::compile(&document).is_ok()
            })
            .collect();
        let policy = compiled(rules, Some(LET_ALL_THROUGH));
        let mut event = sample::FULL.event.clone();
        if let Body::Payment(payment) = &mut event.body {
            payment.amount_minor = amount_minor;
            if bare {
                (payment.device, payment.ip, payment.merchant, payment.counterparty) = (None, None, None, None);
                (payment.merchant_category, payment.account_country) = (None, None);
            }
        }
        let features = vec![feature; fraudnet_features::schema::payment_features().len()];
        for decision in Decision::ALL {
            let outcome = policy.evaluate(&PolicyInput { event: &event, features: &features, ..input(decision) }, &ListsState::default());
            prop_assert!(outcome.decision >= decision || outcome.control_group.is_some());
            prop_assert!(outcome.reasons.len() <= MAX_ADDED);
        }
    }
}
