//! What a vault refuses, and in which words.

use crate::privacy::testing::{Place, TODAY, account, quick};
use crate::privacy::{MAX_NAMED, OpenError, Vault, VaultError, VaultSettings};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn refusal(settings: &VaultSettings) -> OpenError {
    Vault::open(settings, quick()).unwrap_err()
}

#[test]
fn another_key_or_none() {
    let (place, other) = (Place::new("key"), Place::new("other-key"));
    let alice = place.open().pseudonyms(&[account("alice")], TODAY).unwrap()[0];
    drop(other.open());
    let wrong = VaultSettings { master_key: other.settings().master_key, ..place.settings() };
    let error = refusal(&wrong);
    assert!(matches!(error, OpenError::WrongKey { .. }) && error.to_string().contains("stranger"), "{error}");
    let kept = fs::read(place.settings().master_key).unwrap();
    fs::remove_file(place.settings().master_key).unwrap();
    assert!(matches!(refusal(&place.settings()), OpenError::KeyMissing(_)), "no key is made where there is a vault");
    assert!(!place.settings().master_key.exists());
    fs::write(place.settings().master_key, kept).unwrap();
    fs::set_permissions(place.settings().master_key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(place.open().lookup(&account("alice")), Some(alice));
}

#[test]
fn another_vault_or_none() {
    let (place, other) = (Place::new("vault"), Place::new("other-vault"));
    drop(place.open());
    let expected = Some(other.open().opened().vault_id);
    assert!(matches!(refusal(&VaultSettings { expected, ..place.settings() }), OpenError::OtherVault(_)));
    fs::remove_file(place.file()).unwrap();
    let error = refusal(&VaultSettings { expected, ..place.settings() });
    assert!(matches!(error, OpenError::Missing(_)) && error.to_string().contains("backup"), "{error}");
    assert!(!place.file().exists(), "none is made in its place");
}

#[test]
fn another_process() {
    let place = Place::new("in-use");
    let vault = place.open();
    assert!(matches!(refusal(&place.settings()), OpenError::InUse(_)));
    assert!(matches!(crate::privacy::rotate(&place.settings(), quick()), Err(OpenError::InUse(_))));
    drop(vault);
    drop(place.open());
}

#[test]
fn what_is_no_vault_or_a_newer_one() {
    let place = Place::new("no-vault");
    drop(place.open());
    let bytes = fs::read(place.file()).unwrap();
    for bad in [&b""[..], b"FNVAULT", &[7; 500], &bytes[..50]] {
        fs::write(place.file(), bad).unwrap();
        assert!(matches!(refusal(&place.settings()), OpenError::NoVault(_)));
    }
    let mut newer = bytes[..76].to_vec();
    newer[8] = 2;
    let mut hasher = blake3::Hasher::new_derive_key("fraudnet vault header");
    let check: [u8; 32] = hasher.update(&newer).finalize().into();
    newer.extend_from_slice(&check[..16]);
    fs::write(place.file(), newer).unwrap();
    let error = refusal(&place.settings());
    assert!(matches!(error, OpenError::TooNew { version: 2, .. }), "{error}");
}

#[test]
fn identifiers_that_are_none() {
    let place = Place::new("identifiers");
    let vault = place.open();
    let alice = vault.pseudonyms(&[account("alice")], TODAY).unwrap()[0].text();
    let error = vault.pseudonyms(&[account("bob"), account(&alice)], TODAY).unwrap_err();
    assert!(matches!(error, VaultError::LooksLikePseudonym { kind: "account" }), "{error}");
    assert!(!error.to_string().contains(&alice[2..]));
    assert!(matches!(vault.pseudonyms(&[account("")], TODAY), Err(VaultError::Invalid { .. })));
    assert_eq!(vault.lookup(&account("bob")), None, "nobody of a call that was refused is made");
    assert_eq!((vault.lookup(&account("")), vault.lookup(&account(&alice))), (None, None));
    let many = vec![account("x"); MAX_NAMED + 1];
    assert!(matches!(vault.pseudonyms(&many, TODAY), Err(VaultError::TooMany { .. })));
    assert_eq!(vault.pseudonyms(&many[1..], TODAY).unwrap().len(), MAX_NAMED);
    assert_eq!(vault.pseudonyms(&[], TODAY).unwrap(), []);
}

#[test]
fn more_people_than_it_may_hold() {
    let place = Place::new("full");
    let vault = Vault::open(&VaultSettings { max_people: 2, ..place.settings() }, quick()).unwrap();
    vault.pseudonyms(&[account("a"), account("b"), account("a")], TODAY).unwrap();
    let error = vault.pseudonyms(&[account("a"), account("c")], TODAY).unwrap_err();
    assert!(matches!(error, VaultError::Full { most: 2 }) && error.to_string().contains("max_people"), "{error}");
    vault.pseudonyms(&[account("b")], TODAY).unwrap();
    vault.erase(&[account("a")]).unwrap();
    vault.pseudonyms(&[account("c")], TODAY).unwrap();
}

#[test]
fn a_generator_that_fails_names_nobody() {
    let place = Place::new("no-random");
    drop(place.open());
    let world = crate::privacy::World::new(|_| Err(std::io::Error::other("no randomness")), |_| Ok(()));
    let vault = Vault::open(&place.settings(), world).unwrap();
    assert!(matches!(vault.pseudonyms(&[account("a")], TODAY), Err(VaultError::NotChanged(_))));
    assert_eq!(vault.people(), 0);
}
