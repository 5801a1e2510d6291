//! A crash at any moment costs nobody who was told anything.

use crate::privacy::testing::{Place, TODAY, account, quick};
use crate::privacy::{Vault, VaultError, World};
use std::fs::{self, OpenOptions};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The file without the frame that says it was closed.
fn crashed(place: &Place) -> Place {
    place.copy()
}

#[test]
fn at_every_byte_of_the_last_write() {
    let place = Place::new("every-byte");
    let vault = place.open();
    let first = vault.pseudonyms(&[account("alice"), account("bob")], TODAY).unwrap();
    let before = fs::metadata(place.file()).unwrap().len();
    let last = vault.pseudonyms(&[account("carol"), account("dave"), account("alice")], TODAY).unwrap();
    let crashed = crashed(&place);
    let bytes = fs::read(crashed.file()).unwrap();
    for end in before..=bytes.len() as u64 {
        fs::write(crashed.file(), &bytes[..end as usize]).unwrap();
        let open = crashed.open();
        let is_whole = end == bytes.len() as u64;
        assert_eq!(open.opened().cut_bytes, if is_whole { 0 } else { end - before }, "{end}");
        assert_eq!(open.lookup(&account("alice")), Some(first[0]));
        assert_eq!(open.lookup(&account("bob")), Some(first[1]));
        assert_eq!(open.lookup(&account("carol")), is_whole.then_some(last[0]));
        assert_eq!(open.lookup(&account("dave")), is_whole.then_some(last[1]));
        // It goes on, and what was cut off does not come back.
        let eve = open.pseudonyms(&[account("eve")], TODAY).unwrap()[0];
        drop(open);
        let open = crashed.open();
        assert_eq!((open.lookup(&account("eve")), open.opened().cut_bytes), (Some(eve), 0));
    }
}

#[test]
fn where_the_disk_wrote_other_parts_of_the_last_write_first() {
    let place = Place::new("holes");
    let vault = place.open();
    let alice = vault.pseudonyms(&[account("alice")], TODAY).unwrap()[0];
    let before = fs::metadata(place.file()).unwrap().len() as usize;
    let ids: Vec<String> = (0..40).map(|number| format!("new-{number}")).collect();
    let identifiers: Vec<_> = ids.iter().map(|id| account(id)).collect();
    vault.pseudonyms(&identifiers, TODAY).unwrap();
    let crashed = crashed(&place);
    let bytes = fs::read(crashed.file()).unwrap();
    for hole in (before..bytes.len()).step_by(64) {
        let mut torn = bytes.clone();
        let end = torn.len().min(hole + 512);
        torn[hole..end].fill(0);
        fs::write(crashed.file(), &torn).unwrap();
        let open = crashed.open();
        assert_eq!((open.people(), open.lookup(&account("alice"))), (1, Some(alice)), "hole at {hole}");
    }
}

#[test]
fn an_answer_is_in_the_file_before_it_is_given() {
    let place = Place::new("durable");
    let vault = place.open();
    for number in 0..20 {
        let id = format!("person-{number}");
        let told = vault.pseudonyms(&[account(&id)], TODAY).unwrap()[0];
        assert_eq!(crashed(&place).open().lookup(&account(&id)), Some(told));
    }
    // Nothing of a vault that was never closed is lost either.
    std::mem::forget(vault);
    assert_eq!(place.copy().open().people(), 20);
}

/// A world whose disk fails while told to, and which counts how often it was waited for.
fn failing() -> (World, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (fails, syncs) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (mut random, told, counted) = (quick(), Arc::clone(&fails), Arc::clone(&syncs));
    let world = World::new(
        move |bytes| random.fill(bytes),
        move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            if told.load(Ordering::SeqCst) { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
        },
    );
    (world, fails, syncs)
}

#[test]
fn nobody_new_is_told_without_the_disk() {
    let place = Place::new("no-disk");
    let (world, fails, syncs) = failing();
    let vault = Vault::open(&place.settings(), world).unwrap();
    let alice = vault.pseudonyms(&[account("alice")], TODAY).unwrap()[0];
    let before = syncs.load(Ordering::SeqCst);
    vault.pseudonyms(&[account("bob")], TODAY).unwrap();
    assert_eq!(syncs.load(Ordering::SeqCst), before + 1, "one sync before the answer");
    vault.pseudonyms(&[account("bob"), account("alice")], TODAY).unwrap();
    assert_eq!(syncs.load(Ordering::SeqCst), before + 1, "none for whom is known");

    fails.store(true, Ordering::SeqCst);
    let refused = vault.pseudonyms(&[account("carol")], TODAY).unwrap_err();
    assert!(matches!(refused, VaultError::Stopped(_)) && refused.to_string().contains("the disk is gone"), "{refused}");
    assert_eq!((vault.lookup(&account("carol")), vault.people()), (None, 2));
    fails.store(false, Ordering::SeqCst);
    // What is on the disk is not known any more: nothing is written behind it.
    assert!(vault.pseudonyms(&[account("carol")], TODAY).is_err() && vault.erase(&[account("alice")]).is_err());
    assert_eq!(vault.pseudonyms(&[account("alice")], TODAY).unwrap(), [alice]);
    assert!(vault.stopped().is_some());
    drop(vault);
    assert_eq!(place.open().lookup(&account("alice")), Some(alice));
}

#[test]
fn an_erasure_that_the_disk_refuses_changes_nothing() {
    let place = Place::new("no-erasure");
    let (world, fails, _) = failing();
    let vault = Vault::open(&place.settings(), world).unwrap();
    let alice = vault.pseudonyms(&[account("alice")], TODAY).unwrap()[0];
    fails.store(true, Ordering::SeqCst);
    assert!(matches!(vault.erase(&[account("alice")]), Err(VaultError::NotChanged(_))));
    assert_eq!(vault.lookup(&account("alice")), Some(alice));
    fails.store(false, Ordering::SeqCst);
    assert_eq!(vault.erase(&[account("alice")]).unwrap(), [Some(alice)]);
    assert_eq!(vault.lookup(&account("alice")), None);
}

#[test]
fn an_erasure_that_was_broken_off_leaves_the_old_vault() {
    let place = Place::new("broken-off");
    let alice = place.open().pseudonyms(&[account("alice")], TODAY).unwrap()[0];
    let new = place.file().with_file_name("vault.new");
    fs::write(&new, fs::read(place.file()).unwrap()).unwrap();
    assert_eq!(place.open().lookup(&account("alice")), Some(alice));
    assert!(!new.exists());
    // Cut anywhere, even where nobody was told yet, a file is opened or refused, never read wrongly.
    let bytes = fs::read(place.file()).unwrap();
    for end in 0..bytes.len() {
        OpenOptions::new().write(true).open(place.file()).unwrap().set_len(end as u64).unwrap();
        if let Ok(vault) = Vault::open(&place.settings(), quick()) {
            assert!(vault.lookup(&account("alice")).is_none_or(|found| found == alice));
        }
        fs::write(place.file(), &bytes).unwrap();
    }
}
