//! Many people who ask for work at once.

use crate::cases::testing::{Story, payment, person};
use crate::cases::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const PEOPLE: usize = 50;
const LEASE_MS: i64 = 60_000;

fn story(cases: usize) -> Story {
    let settings = CaseSettings { lease_minutes: 1, ..CaseSettings::default() };
    let mut story = Story::new(settings);
    for number in 0..cases {
        let told = payment(&format!("acc-{number}"), &number.to_string(), 1_000 * number as u64, 0.5);
        story.happens(0, "fraudnet", CaseChange::Review { payment: told }).unwrap();
    }
    story
}

fn name(number: usize) -> String {
    format!("person-{number}")
}

#[test]
fn fifty_people_get_fifty_cases_at_the_first_try() {
    let mut story = story(PEOPLE);
    let mut given = HashSet::new();
    for number in 0..PEOPLE {
        let change = CaseChange::TakeNext { filter: CaseFilter::default() };
        let effects = story.happens(1_000, &name(number), change).unwrap();
        assert!(given.insert(effects.changed[0].case_id.clone()), "handed out twice");
    }
    let late = story.happens(1_000, "late", CaseChange::TakeNext { filter: CaseFilter::default() });
    assert_eq!(late, Err(Refusal::NothingToTake));
}

#[test]
fn who_gives_no_name_of_their_own_gets_another_case_each_time() {
    let mut story = story(3);
    story.goes_on(
        "1 anonymous next => 2
         1 anonymous next => 1
         1 anonymous next => 0
         1 anonymous next => nothing_to_take",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Each looks at what is next and takes it some time later, when others may have; or lets the fold choose.
    #[test]
    fn whatever_the_order_nobody_is_handed_what_another_holds(
        turns in prop::collection::vec((0..PEOPLE, 0..4_i64, any::<bool>()), 1..200),
    ) {
        let mut story = story(12);
        let mut seen: HashMap<usize, CaseTarget> = HashMap::new();
        let mut held: HashMap<String, (usize, i64)> = HashMap::new();
        let mut now_ms = 0;
        for (number, seconds, chosen_by_fold) in turns {
            now_ms += seconds * 1_000;
            let who = name(number);
            let all = CaseFilter::default();
            let change = match seen.remove(&number) {
                Some(target) => CaseChange::Acted { target, action: CaseAction::Take },
                None if chosen_by_fold => CaseChange::TakeNext { filter: all },
                None => {
                    if let Some(case) = story.cases.next("bank", person(&who), now_ms, &all) {
                        seen.insert(number, CaseTarget { case_id: case.case_id.clone(), version: case.version });
                    }
                    continue;
                }
            };
            match story.happens(now_ms, &who, change) {
                Ok(effects) => {
                    let case_id = effects.changed[0].case_id.clone();
                    let before = held.insert(case_id, (number, now_ms + LEASE_MS));
                    prop_assert!(before.is_none_or(|(_, until_ms)| until_ms <= now_ms), "handed out twice");
                }
                Err(Refusal::Stale { newer }) => {
                    let (holder, until_ms) = held[&newer.case_id];
                    let holder = (now_ms < until_ms).then(|| name(holder));
                    prop_assert_eq!(newer.holder(now_ms), holder.as_deref());
                }
                Err(refusal) => {
                    prop_assert_eq!(refusal, Refusal::NothingToTake);
                    prop_assert_eq!(held.values().filter(|(_, until_ms)| now_ms < *until_ms).count(), 12);
                }
            }
        }
    }
}
