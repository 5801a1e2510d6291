//! Who was erased is nowhere any more.

use crate::privacy::file::{VaultFile, record_at};
use crate::privacy::key_file;
use crate::privacy::keys::Keyring;
use crate::privacy::testing::{Place, TODAY, account, holds};
use crate::privacy::{Identifier, PersonKind, Vault, VaultSettings};
use std::collections::BTreeSet;
use std::fs::File;

/// What the file holds of a person, as whoever holds the master key reads it.
struct Secret {
    id: String,
    own_key: Vec<u8>,
    index: Vec<u8>,
    sealed: Vec<u8>,
    place: u64,
}

fn secrets(place: &Place) -> Vec<Secret> {
    let key = key_file::read(&place.settings().master_key).unwrap();
    let mut file = VaultFile::open(&place.file()).unwrap();
    let keyring = Keyring::new(&key, file.header.vault_id);
    let mut found = Vec::new();
    file.records(|record, place| {
        let person = record.person(&keyring).unwrap();
        found.push(Secret {
            id: person.identifier.id.to_string(),
            own_key: person.own_key.bytes().to_vec(),
            index: record.index.to_vec(),
            sealed: record.bytes[18..].to_vec(),
            place,
        });
        Ok(())
    })
    .unwrap();
    found
}

#[test]
fn nothing_of_the_erased_is_left_in_any_file() {
    let place = Place::new("erased");
    let mut vault = Some(place.open());
    let ids = ["alice-of-the-wonders", "bob-the-builder", "carol-who-sings"];
    let named = vault.as_ref().unwrap().pseudonyms(&ids.map(account), TODAY).unwrap();
    let secrets = secrets(&place);
    let before = place.bytes();
    for Secret { id, own_key, index, sealed, .. } in &secrets {
        assert!(!holds(&before, id.as_bytes()) && !holds(&before, own_key), "never in clear");
        assert!(holds(&before, index) && holds(&before, sealed));
    }
    let old = File::open(place.file()).unwrap();

    assert_eq!(vault.as_ref().unwrap().erase(&[account(ids[1])]).unwrap(), [Some(named[1])]);
    for moment in ["open", "closed"] {
        let after = place.bytes();
        for Secret { id, own_key, index, sealed, .. } in &secrets {
            let is_there = id != ids[1];
            assert!(!holds(&after, own_key) && !holds(&after, id.as_bytes()));
            assert_eq!((holds(&after, index), holds(&after, sealed)), (is_there, is_there), "{moment}");
        }
        // Who still has the old file open finds zeros where the record was.
        assert!(record_at(&old, secrets[0].place, &mut Vec::new()).is_ok());
        assert!(record_at(&old, secrets[1].place, &mut Vec::new()).is_err());
        if moment == "open" {
            drop(vault.take());
        }
    }
    let vault = place.open();
    assert_eq!(vault.lookup(&account(ids[1])), None);
    assert_eq!(vault.reveal("bank", &named[1]).unwrap(), None);
    assert_eq!(vault.lookup(&account(ids[0])), Some(named[0]));
    assert_eq!(vault.reveal("bank", &named[2]).unwrap().unwrap().identifier(), account(ids[2]));
}

#[test]
fn who_comes_back_is_a_stranger() {
    let place = Place::new("stranger");
    let vault = place.open();
    let mut ever = BTreeSet::new();
    for _ in 0..5 {
        let named = vault.pseudonyms(&[account("alice")], TODAY).unwrap()[0];
        assert!(ever.insert(named));
        assert_eq!(vault.erase(&[account("alice"), account("nobody")]).unwrap(), [Some(named), None]);
        assert_eq!(vault.erase(&[account("alice")]).unwrap(), [None], "once is enough");
        assert_eq!(vault.erase_pseudonyms(&[named]).unwrap(), [None]);
        // A read still finds what the log holds of the pseudonym.
        let id = named.text();
        assert_eq!(vault.resolve(&account(&id)), Some(named));
    }
    assert_eq!(vault.people(), 0);
}

#[test]
fn a_backup_that_was_put_back_is_emptied_of_whom_the_log_says() {
    let place = Place::new("backup");
    let vault = place.open();
    let named = vault.pseudonyms(&[account("alice"), account("bob")], TODAY).unwrap();
    let backup = place.copy();
    vault.erase(&[account("alice")]).unwrap();
    drop(vault);
    let restored = backup.open();
    assert_eq!(restored.lookup(&account("alice")), Some(named[0]), "the old copy still knows");
    assert_eq!(restored.erase_pseudonyms(&[named[0]]).unwrap(), [Some(named[0])]);
    assert_eq!((restored.lookup(&account("alice")), restored.lookup(&account("bob"))), (None, Some(named[1])));
}

#[test]
fn tenants_and_kinds_cannot_be_linked() {
    let place = Place::new("unlinked");
    let vault = place.open();
    let mut all = Vec::new();
    for tenant in ["bank", "shop"] {
        all.extend(PersonKind::ALL.map(|kind| Identifier { tenant, kind, id: "203.0.113.7" }));
    }
    let named = vault.pseudonyms(&all, TODAY).unwrap();
    assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), 6);
    for (identifier, pseudonym) in all.iter().zip(&named) {
        assert_eq!(vault.reveal(identifier.tenant, pseudonym).unwrap().unwrap().identifier(), *identifier);
        let other = if identifier.tenant == "bank" { "shop" } else { "bank" };
        assert_eq!(vault.reveal(other, pseudonym).unwrap(), None, "of no other tenant");
    }
    vault.erase(&all[..1]).unwrap();
    assert_eq!(vault.known(&all[1..]).unwrap().unwrap(), named[1..]);
    // Another vault has other pseudonyms for the same people.
    let elsewhere = Place::new("elsewhere");
    assert!(elsewhere.open().pseudonyms(&all, TODAY).unwrap().iter().all(|one| !named.contains(one)));
}

#[test]
fn the_log_can_say_which_vault_it_needs() {
    let place = Place::new("expected");
    let vault_id = place.open().opened().vault_id;
    let expecting = VaultSettings { expected: Some(vault_id), ..place.settings() };
    let vault = Vault::open(&expecting, crate::privacy::testing::quick()).unwrap();
    assert!(!vault.opened().is_new && vault.opened().vault_id == vault_id);
    let json = serde_json::to_string(&vault_id).unwrap();
    assert_eq!(serde_json::from_str::<crate::privacy::VaultId>(&json).unwrap(), vault_id);
}
