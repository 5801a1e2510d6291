//! Random lives of a vault against a map.

use crate::privacy::testing::{Place, TODAY};
use crate::privacy::{Identifier, PersonKind, Pseudonym};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;

/// Two tenants, three kinds, five ids: small, so that steps meet the same people.
type Who = (u8, u8, u8);

#[derive(Debug, Clone)]
enum Step {
    Name(Vec<Who>),
    Lookup(Who),
    Reveal(Who),
    Erase(Vec<Who>),
    ErasePseudonyms(Vec<Who>),
    Reopen,
    /// Opened again with that at the end of the file.
    Torn(Vec<u8>),
}

fn whos() -> impl Strategy<Value = Vec<Who>> {
    prop::collection::vec((0..2_u8, 0..3_u8, 0..5_u8), 0..6)
}

fn steps() -> impl Strategy<Value = Step> {
    let who = || (0..2_u8, 0..3_u8, 0..5_u8);
    prop_oneof![
        6 => whos().prop_map(Step::Name),
        3 => who().prop_map(Step::Lookup),
        3 => who().prop_map(Step::Reveal),
        2 => whos().prop_map(Step::Erase),
        1 => whos().prop_map(Step::ErasePseudonyms),
        1 => Just(Step::Reopen),
        1 => prop::collection::vec(any::<u8>(), 1..300).prop_map(Step::Torn),
    ]
}

const TENANTS: [&str; 2] = ["bank", "shop"];
const IDS: [&str; 5] = ["alice", "bob", "203.0.113.7", "é☃", "x"];

fn identifier((tenant, kind, id): Who) -> Identifier<'static> {
    Identifier {
        tenant: TENANTS[usize::from(tenant)],
        kind: PersonKind::ALL[usize::from(kind)],
        id: IDS[usize::from(id)],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_vault_is_a_map_that_forgets(steps in prop::collection::vec(steps(), 1..40)) {
        let place = Place::new("model");
        let mut vault = Some(place.open());
        let mut model: BTreeMap<Who, Pseudonym> = BTreeMap::new();
        let mut ever: BTreeSet<Pseudonym> = BTreeSet::new();
        for step in steps {
            let open = vault.as_ref().unwrap();
            match step {
                Step::Name(whos) => {
                    let identifiers: Vec<_> = whos.iter().copied().map(identifier).collect();
                    let named = open.pseudonyms(&identifiers, TODAY).unwrap();
                    for (who, pseudonym) in whos.iter().zip(named) {
                        let expected = *model.entry(*who).or_insert_with(|| {
                            assert!(ever.insert(pseudonym), "a stranger gets a pseudonym that nobody ever had");
                            pseudonym
                        });
                        prop_assert_eq!(pseudonym, expected);
                    }
                    prop_assert_eq!(open.known(&identifiers).unwrap().is_some(), true);
                }
                Step::Lookup(who) => {
                    let found = open.lookup(&identifier(who));
                    prop_assert_eq!(found, model.get(&who).copied());
                    prop_assert_eq!(open.resolve(&identifier(who)), found);
                }
                Step::Reveal(who) => {
                    for pseudonym in &ever {
                        let expected = model.iter().find(|(_, known)| *known == pseudonym).map(|(who, _)| identifier(*who));
                        let told = open.reveal(identifier(who).tenant, pseudonym).unwrap();
                        let expected = expected.filter(|expected| expected.tenant == identifier(who).tenant);
                        prop_assert_eq!(told.as_ref().map(|told| told.identifier()), expected);
                        prop_assert!(told.is_none_or(|told| told.first_seen_day() == TODAY));
                    }
                }
                Step::Erase(whos) => {
                    let identifiers: Vec<_> = whos.iter().copied().map(identifier).collect();
                    let expected: Vec<_> = whos.iter().map(|who| model.get(who).copied()).collect();
                    prop_assert_eq!(open.erase(&identifiers).unwrap(), expected);
                    model.retain(|who, _| !whos.contains(who));
                }
                Step::ErasePseudonyms(whos) => {
                    // Erased ones among them: `ever` has those too.
                    let mut pseudonyms: Vec<_> = whos.iter().filter_map(|who| model.get(who).copied()).collect();
                    pseudonyms.extend(ever.first().filter(|first| !model.values().any(|known| known == *first)));
                    let expected: Vec<_> =
                        pseudonyms.iter().map(|one| Some(*one).filter(|one| model.values().any(|known| known == one))).collect();
                    prop_assert_eq!(open.erase_pseudonyms(&pseudonyms).unwrap(), expected);
                    model.retain(|who, _| !whos.contains(who));
                }
                Step::Reopen => {
                    drop(vault.take());
                    vault = Some(place.open());
                    prop_assert_eq!(vault.as_ref().unwrap().opened().cut_bytes, 0);
                }
                Step::Torn(tail) => {
                    drop(vault.take());
                    OpenOptions::new().append(true).open(place.file()).unwrap().write_all(&tail).unwrap();
                    vault = Some(place.open());
                    prop_assert_eq!(vault.as_ref().unwrap().opened().cut_bytes, tail.len() as u64);
                }
            }
            prop_assert_eq!(vault.as_ref().unwrap().people(), model.len());
        }
    }
}
