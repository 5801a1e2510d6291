//! Many callers at once.

use crate::privacy::testing::{Place, TODAY, account, quick};
use crate::privacy::{MAX_NAMED, Pseudonym, Vault, VaultError, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

#[test]
fn all_get_the_same_pseudonym_of_the_same_person() {
    let place = Place::new("same");
    let vault = place.open();
    let barrier = Barrier::new(8);
    let told: Vec<Vec<Pseudonym>> = thread::scope(|scope| {
        let callers: Vec<_> = (0..8_usize)
            .map(|caller| {
                let (vault, barrier) = (&vault, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let named = (0..300).map(|step| {
                        // Every caller meets everybody, each in another order.
                        let id = format!("person-{}", (step * 7 + caller * 37) % 300);
                        (id.clone(), vault.pseudonyms(&[account(&id), account("everybody")], TODAY).unwrap())
                    });
                    let named: BTreeMap<String, Vec<Pseudonym>> = named.collect();
                    named.into_values().map(|pair| pair[0]).collect::<Vec<_>>()
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert!(told.iter().all(|one| *one == told[0]));
    assert_eq!(told[0].iter().collect::<BTreeSet<_>>().len(), 300);
    assert_eq!(vault.people(), 301);
    // Without a clean end everybody is there as told.
    let copy = place.copy();
    let crashed = copy.open();
    let again = (0..300).map(|number| format!("person-{number}")).collect::<BTreeSet<_>>();
    let again: Vec<_> = again.iter().map(|id| crashed.lookup(&account(id)).unwrap()).collect();
    assert_eq!(again, told[0]);
}

#[test]
fn callers_share_a_sync_and_a_full_queue_is_told() {
    let place = Place::new("shared-sync");
    let syncs = Arc::new(AtomicUsize::new(0));
    let (gate, opens) = mpsc::channel::<()>();
    let (mut random, counted) = (quick(), Arc::clone(&syncs));
    let world = World::new(
        move |bytes| random.fill(bytes),
        move |_| {
            // The first sync is that of the file being made; the second is held until the gate opens.
            if counted.fetch_add(1, Ordering::SeqCst) == 1 {
                let _ = opens.recv_timeout(Duration::from_secs(30));
            }
            Ok(())
        },
    );
    let vault = Vault::open(&place.settings(), world).unwrap();
    let (answers, told) = mpsc::channel();
    let ask = |number: usize| {
        let answers = answers.clone();
        vault.pseudonyms_then(&[account(&format!("person-{number}"))], TODAY, move |named| {
            answers.send(named.map(|_| ())).unwrap();
        });
    };
    ask(0);
    while syncs.load(Ordering::SeqCst) < 2 {
        thread::yield_now();
    }
    (1..=1_024).for_each(ask);
    assert!(told.try_recv().is_err(), "nobody is told before the disk has them");
    ask(1_025);
    assert!(matches!(told.recv().unwrap(), Err(VaultError::Busy)));
    gate.send(()).unwrap();
    for _ in 0..=1_024 {
        told.recv_timeout(Duration::from_secs(30)).unwrap().unwrap();
    }
    // Made, held, and one for all who waited meanwhile.
    assert_eq!(syncs.load(Ordering::SeqCst), 3);
    assert_eq!(vault.people(), 1_025);
}

#[test]
fn people_come_while_others_leave() {
    let place = Place::new("come-and-go");
    let vault = place.open();
    let stay: Vec<String> = (0..50).map(|number| format!("stay-{number}")).collect();
    let named: Vec<_> = stay.iter().map(|id| vault.pseudonyms(&[account(id)], TODAY).unwrap()[0]).collect();
    thread::scope(|scope| {
        for caller in 0..3 {
            let vault = &vault;
            scope.spawn(move || {
                for number in 0..60 {
                    let id = format!("goes-{caller}-{number}");
                    let told = vault.pseudonyms(&[account(&id)], TODAY).unwrap()[0];
                    assert_eq!(vault.reveal("bank", &told).unwrap().unwrap().identifier(), account(&id));
                    assert_eq!(vault.erase(&[account(&id)]).unwrap(), [Some(told)]);
                    assert_eq!(vault.reveal("bank", &told).unwrap(), None);
                }
            });
        }
        let (vault, stay, named) = (&vault, &stay, &named);
        scope.spawn(move || {
            for step in 0..2_000 {
                let at = step % stay.len();
                assert_eq!(vault.pseudonyms(&[account(&stay[at])], TODAY).unwrap()[0], named[at]);
                assert_eq!(vault.reveal("bank", &named[at]).unwrap().unwrap().identifier(), account(&stay[at]));
            }
        });
    });
    assert_eq!(vault.people(), 50);
    drop(vault);
    assert_eq!(place.open().people(), 50);
}

#[test]
fn new_people_need_not_wait_for_an_erasure() {
    let place = Place::new("meanwhile");
    let vault = place.open();
    let ids: Vec<String> = (0..20_000).map(|number| format!("person-{number}")).collect();
    for ids in ids.chunks(MAX_NAMED) {
        vault.pseudonyms(&ids.iter().map(|id| account(id)).collect::<Vec<_>>(), TODAY).unwrap();
    }
    let (erased, told) = mpsc::channel();
    let meanwhile = thread::scope(|scope| {
        let vault = &vault;
        scope.spawn(move || {
            for id in ["person-0", "person-1", "person-1"] {
                erased.send(vault.erase(&[account(id)]).unwrap()[0]).unwrap();
            }
        });
        let mut meanwhile = BTreeMap::new();
        let mut answers = Vec::new();
        for number in 0.. {
            let id = format!("meanwhile-{number}");
            meanwhile.insert(id.clone(), vault.pseudonyms(&[account(&id)], TODAY).unwrap()[0]);
            answers.extend(told.try_recv());
            if answers.len() == 3 {
                break;
            }
        }
        assert!(answers[0].is_some() && answers[1].is_some() && answers[2].is_none());
        meanwhile
    });
    assert!(!meanwhile.is_empty());
    let copy = place.copy();
    for vault in [&vault, &copy.open()] {
        assert_eq!(vault.people(), 20_000 - 2 + meanwhile.len());
        for (id, pseudonym) in &meanwhile {
            assert_eq!(vault.lookup(&account(id)), Some(*pseudonym));
            assert_eq!(vault.reveal("bank", pseudonym).unwrap().unwrap().identifier(), account(id));
        }
    }
}

#[test]
fn every_erasure_is_answered_also_where_it_concerns_nobody() {
    let place = Place::new("nobody");
    let vault = place.open();
    thread::scope(|scope| {
        for caller in 0..8 {
            let vault = &vault;
            scope.spawn(move || {
                for number in 0..100 {
                    let id = format!("person-{}", number % 5);
                    if caller == 0 && number % 20 == 0 {
                        vault.pseudonyms(&[account(&id)], TODAY).unwrap();
                    }
                    vault.erase(&[account(&id), account("nobody")]).unwrap();
                }
            });
        }
    });
    assert_eq!(vault.people(), 0);
}
