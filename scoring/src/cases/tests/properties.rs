//! What holds whatever people do, in whatever order.

use crate::cases::testing::{Story, case_id, payment, settings};
use crate::cases::*;
use proptest::prelude::*;
use std::collections::HashMap;

const PEOPLE: [&str; 4] = ["ann", "bob", "cid", "lead-1"];
const TENANTS: [&str; 2] = ["bank", "shop"];

/// A few numbers from which follows what somebody does, given what stands.
#[derive(Debug, Clone)]
struct Draw {
    later_ms: i64,
    person: usize,
    tenant: usize,
    what: u8,
    which: usize,
    /// How many versions behind.
    behind: u64,
    number: u64,
}

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    let later_ms = prop_oneof![4 => 0..4_000_i64, 2 => 0..20_000_i64, 1 => 50_000..4_000_000_i64, 1 => -500..0_i64];
    let behind = prop_oneof![8 => Just(0_u64), 1 => 1..3_u64];
    let draw = (later_ms, 0..PEOPLE.len(), 0..TENANTS.len(), 0..24_u8, 0..16_usize, behind, 0..60_u64);
    let draw = draw.prop_map(|(later_ms, person, tenant, what, which, behind, number)| Draw {
        later_ms,
        person,
        tenant,
        what,
        which,
        behind,
        number,
    });
    prop::collection::vec(draw, 1..120)
}

fn change(story: &Story, draw: &Draw, at_ms: i64) -> CaseChange {
    let known: Vec<_> = story.cases.iter().filter(|case| case.tenant == story.tenant).collect();
    let target = |offset: usize| {
        // Half of all attempts to undo go to what can be undone.
        let undone: Vec<_> = known.iter().filter(|case| case.undo.is_some()).collect();
        let case = match draw.what {
            22 => undone.get((draw.which + offset) % undone.len().max(1)).copied(),
            _ => known.get((draw.which + offset) % known.len().max(1)),
        };
        let (case_id, version) = case.map_or((case_id("none"), 1), |case| (case.case_id.clone(), case.version));
        CaseTarget { case_id, version: version.saturating_sub(draw.behind) }
    };
    let reason = || "looked at it".to_owned();
    let decide = |outcome| CaseAction::Decide { outcome, reason: reason(), note: None };
    let action = match draw.what {
        0..=5 => {
            let account = format!("acc-{}", draw.number % 5);
            let told = payment(&account, &format!("tx-{}", draw.number), 4_000 * draw.number, draw.which as f32 / 16.0);
            return CaseChange::Review { payment: told };
        }
        6 => return CaseChange::TakeNext { filter: CaseFilter::default() },
        7 => {
            let filter = CaseFilter { status: Some(Status::AwaitingApproval), ..CaseFilter::default() };
            return CaseChange::TakeNext { filter };
        }
        8 => CaseAction::Take,
        9 => CaseAction::Release,
        10 => CaseAction::Assign { to: PEOPLE.get(draw.number as usize % 5).map(|who| (*who).to_owned()) },
        11 => CaseAction::Snooze { until_ms: at_ms + draw.number as i64 * 1_000 },
        12 => CaseAction::Note { text: reason() },
        13 => CaseAction::Escalate { reason: reason() },
        14..=15 => decide(Outcome::ConfirmedFraud),
        16 => decide(Outcome::FalsePositive),
        17 => decide(Outcome::Inconclusive),
        18..=19 => CaseAction::Approve,
        20 => CaseAction::Reject { reason: reason() },
        21..=22 => CaseAction::Undo,
        _ => CaseAction::Reopen { reason: reason() },
    };
    if draw.number.is_multiple_of(4) {
        let most = 1 + draw.number as usize % 6;
        return CaseChange::Bulk { targets: (0..most).map(target).collect(), action };
    }
    CaseChange::Acted { target: target(0), action }
}

/// Mostly whoever may undo what is to be undone: others seldom are that person.
fn undoer(story: &Story, change: &CaseChange, draw: &Draw) -> Option<&'static str> {
    let CaseChange::Acted { target, action: CaseAction::Undo } = change else { return None };
    let by = &story.cases.get(&story.tenant, &target.case_id)?.undo.as_ref()?.by;
    PEOPLE.into_iter().find(|who| who == by && !draw.number.is_multiple_of(3))
}

/// What every event is held against.
#[derive(Default)]
struct Watch {
    /// Who did last what can be undone, and when, by case.
    last: HashMap<(String, String), (String, i64)>,
    /// What became known of payments.
    labels: HashMap<(String, String), Option<bool>>,
}

impl Watch {
    /// Compares what was with what is.
    fn accepted(&mut self, before: &Cases, after: &Cases, event: &CaseEvent, effects: &Effects) {
        if let CaseChange::Review { payment } = &event.change {
            // One that no case lists any more may come again; nobody knows then what was told of it.
            self.labels.remove(&(event.tenant.clone(), payment.transaction_id.clone()));
        }
        for effect in &effects.labels {
            let says = match effect.says {
                Says::Fraud => Some(true),
                Says::Legitimate => Some(false),
                Says::Withdrawn { .. } => None,
            };
            let key = (effect.tenant.clone(), effect.transaction_id.clone());
            assert_ne!(self.labels.insert(key, says).flatten(), says, "what is known is not told again");
        }
        for case in &effects.changed {
            assert_eq!(case.tenant, event.tenant);
            let old = before.get(&case.tenant, &case.case_id);
            assert!(old.is_none_or(|old| case.version > old.version), "a change makes a new version");
            if let Some((old, new)) = old.and_then(|old| old.holder(event.at_ms).zip(case.holder(event.at_ms))) {
                assert_eq!(old, new, "nobody takes what another holds");
            }
            self.undo(event, case, old);
        }
        for case in after.iter() {
            if let Some(decision) = &case.standing.decision {
                assert_ne!(decision.approved_by.as_ref(), Some(&decision.by), "two pairs of eyes");
                let is_large = after.settings().needs_four_eyes(case.amount_hundredths);
                assert!(!case.is_closed() || decision.approved_by.is_some() == is_large, "somebody agreed");
            }
            for payment in &case.payments {
                let known = self.labels.get(&(case.tenant.clone(), payment.transaction_id.clone()));
                assert_eq!(payment.label, known.copied().flatten(), "a case knows what it told");
            }
        }
    }

    fn undo(&mut self, event: &CaseEvent, case: &Case, old: Option<&std::sync::Arc<Case>>) {
        let (CaseChange::Acted { action, .. } | CaseChange::Bulk { action, .. }) = &event.change else { return };
        let key = (case.tenant.clone(), case.case_id.clone());
        if action.can_be_undone() {
            self.last.insert(key, (event.actor.clone(), event.at_ms));
        } else if *action == CaseAction::Undo && old.is_some_and(|old| old.undo.is_some()) && case.undo.is_none() {
            // Of two cases that became one, the other was not undone.
            let absorbed = matches!(case.history.back().map(|step| &step.deed), Some(Deed::TookIn { .. }));
            if let (Some((who, at_ms)), false) = (self.last.remove(&key), absorbed) {
                assert_eq!(who, event.actor, "only who did it undoes it");
                assert!(event.at_ms <= at_ms + 10_000, "and only within ten seconds");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(draws in draws()) {
        let mut story = Story::new(settings());
        let (mut watch, mut now_ms) = (Watch::default(), 0);
        for draw in &draws {
            now_ms += draw.later_ms;
            story.tenant = TENANTS[draw.tenant].to_owned();
            let change = change(&story, draw, now_ms);
            let actor = undoer(&story, &change, draw).unwrap_or(PEOPLE[draw.person]);
            let before = story.cases.clone();
            // Refusals that change anything, two open cases of an account and indexes that say otherwise fail in here.
            let result = story.happens(now_ms, actor, change);
            let event = story.events.last().unwrap();
            if let Ok(effects) = &result {
                watch.accepted(&before, &story.cases, event, effects);
            }
            if let CaseChange::Bulk { .. } = &event.change {
                let preview = before.preview(event);
                let done = result.clone().map(|effects| {
                    let is_done = |one: &&BulkResult| one.result.is_ok();
                    (effects.bulk.iter().filter(is_done).count(), effects.bulk.len(), effects.labels.len())
                });
                let told = preview.map(|told| {
                    (told.accepted, told.accepted + told.refused.values().sum::<usize>(), told.labels)
                });
                prop_assert_eq!(told, done, "a preview tells what the action does");
            }
            if let CaseChange::Acted { target, .. } = &event.change {
                let version = before.get(&event.tenant, &target.case_id).map(|case| case.version);
                match result {
                    Err(Refusal::NoSuchCase) => prop_assert_eq!(version, None),
                    Err(Refusal::Stale { newer }) => prop_assert_eq!(version, Some(newer.version)),
                    _ => prop_assert_eq!(version, Some(target.version), "what is stale has no effect"),
                }
            }
        }

        // The same events, as they are written, come to the same.
        let mut again = Cases::default();
        for (position, event) in story.events.iter().enumerate() {
            let json = serde_json::to_string(event).unwrap();
            let _ = again.apply(position as u64, &serde_json::from_str(&json).unwrap());
        }
        prop_assert_eq!(&again, &story.cases);

        // So does a snapshot.
        let kept: Vec<Case> = story.cases.iter().map(|case| Case::clone(case)).collect();
        let kept: Vec<Case> = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        let mut restored = Cases::restored(story.cases.settings().clone(), kept);
        restored.check();
        for at_ms in [now_ms, now_ms + 30_000, now_ms + 9_000_000] {
            for who in PEOPLE {
                let next = CaseEvent {
                    event_id: String::new(),
                    at_ms,
                    tenant: TENANTS[0].to_owned(),
                    actor: who.to_owned(),
                    is_lead: who.starts_with("lead"),
                    change: CaseChange::TakeNext { filter: CaseFilter::default() },
                };
                prop_assert_eq!(restored.apply(1_000, &next), story.cases.apply(1_000, &next));
            }
        }
    }
}
