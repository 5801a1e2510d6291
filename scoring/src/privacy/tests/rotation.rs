//! Another master key.

use crate::privacy::testing::{Place, TODAY, account, quick};
use crate::privacy::{OpenError, Vault, rotate};
use std::fs;

#[test]
fn everybody_keeps_their_pseudonym_and_old_copies_are_dead() {
    let place = Place::new("rotation");
    let vault = place.open();
    let named = vault.pseudonyms(&[account("alice"), account("bob")], TODAY).unwrap();
    drop(vault);
    let backup = place.copy();
    let before = place.bytes();
    assert_eq!(rotate(&place.settings(), quick()).unwrap(), 2);
    let vault = place.open();
    assert_eq!(vault.known(&[account("alice"), account("bob")]).unwrap().unwrap(), named);
    assert_eq!(vault.reveal("bank", &named[0]).unwrap().unwrap().identifier(), account("alice"));
    assert_eq!(vault.reveal("bank", &named[0]).unwrap().unwrap().first_seen_day(), TODAY);
    // The old file with the new key.
    fs::copy(place.settings().master_key, backup.settings().master_key).unwrap();
    assert!(matches!(Vault::open(&backup.settings(), quick()), Err(OpenError::WrongKey { .. })));
    // No line of the old key's text is anywhere.
    let after = place.bytes();
    let old_key = &before[..64];
    assert!(old_key.iter().all(u8::is_ascii_hexdigit));
    assert!(!crate::privacy::testing::holds(&after, old_key));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "the key and the folder");
}

#[test]
fn a_change_that_was_broken_off_is_ended_or_taken_back() {
    let place = Place::new("broken-rotation");
    let vault = place.open();
    let named = vault.pseudonyms(&[account("alice")], TODAY).unwrap();
    drop(vault);
    let old_file = fs::read(place.file()).unwrap();
    let key = place.settings().master_key;
    let next = key.with_file_name("master.next");
    let old_key = place.path().join("old");
    fs::copy(&key, &old_key).unwrap();
    rotate(&place.settings(), quick()).unwrap();

    // Ended before the keys were exchanged: the file is the new one.
    fs::rename(&key, &next).unwrap();
    fs::copy(&old_key, &key).unwrap();
    assert_eq!(place.open().known(&[account("alice")]).unwrap().unwrap(), named);
    assert!(!next.exists());

    // Ended before the file was exchanged.
    fs::rename(&key, &next).unwrap();
    fs::copy(&old_key, &key).unwrap();
    fs::write(place.file(), &old_file).unwrap();
    assert_eq!(place.open().known(&[account("alice")]).unwrap().unwrap(), named);
    assert!(!next.exists());
    assert_eq!(fs::read(&key).unwrap(), fs::read(&old_key).unwrap());
}
