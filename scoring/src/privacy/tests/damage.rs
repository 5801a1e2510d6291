//! What is not as it was written is refused, with what to do, and never read as something else.

use crate::privacy::testing::{Place, TODAY, account, quick};
use crate::privacy::{OpenError, Vault};
use proptest::prelude::*;
use std::fs;

/// A closed vault of three people in two writes, and its bytes.
fn closed(name: &str) -> (Place, Vec<u8>) {
    let place = Place::new(name);
    let vault = place.open();
    vault.pseudonyms(&[account("alice"), account("bob")], TODAY).unwrap();
    vault.pseudonyms(&[account("carol")], TODAY).unwrap();
    drop(vault);
    let bytes = fs::read(place.file()).unwrap();
    (place, bytes)
}

#[test]
fn no_flipped_bit_of_a_closed_vault_makes_a_stranger() {
    let (place, bytes) = closed("flips");
    let named = ["alice", "bob", "carol"].map(|id| place.open().lookup(&account(id)).unwrap());
    let bytes_with_closing = fs::read(place.file()).unwrap();
    // Opening and closing adds an empty frame of 20 bytes each time.
    assert_eq!(bytes_with_closing.len(), bytes.len() + 3 * 20);
    let (mut opened, mut refused) = (0, 0);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(place.file(), &flipped).unwrap();
        match Vault::open(&place.settings(), quick()) {
            Ok(vault) => {
                opened += 1;
                assert!(bit / 8 >= bytes.len() - 20, "bit {bit} is not in the frame that says it was closed");
                assert_eq!(["alice", "bob", "carol"].map(|id| vault.lookup(&account(id)).unwrap()), named);
            }
            Err(error) => {
                refused += 1;
                let text = error.to_string();
                assert!(text.contains("damaged") || text.contains("no vault"), "{text}");
            }
        }
    }
    assert_eq!((opened, refused), (160, (bytes.len() - 20) * 8));
}

#[test]
fn damage_far_from_the_end_is_no_torn_tail() {
    let place = Place::new("far");
    let vault = place.open();
    let ids: Vec<String> = (0..256).map(|number| format!("person-{number}")).collect();
    let identifiers: Vec<_> = ids.iter().map(|id| account(id)).collect();
    vault.pseudonyms(&identifiers, TODAY).unwrap();
    drop(vault);
    let mut bytes = fs::read(place.file()).unwrap();
    // Lengths and checks of every frame behind it are gone too.
    bytes.truncate(200);
    bytes.resize(700_000, 0xff);
    fs::write(place.file(), &bytes).unwrap();
    let error = Vault::open(&place.settings(), quick()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("backup"), "{error}");
}

#[test]
fn a_record_of_another_vault_or_place_is_refused() {
    let (place, bytes) = closed("moved");
    let (_other, others) = closed("moved-other");
    // The second frame of another vault under this one's frame check would need this file's id; so whole files are what can be mixed.
    let mut mixed = bytes[..92].to_vec();
    mixed.extend_from_slice(&others[92..]);
    fs::write(place.file(), &mixed).unwrap();
    // Nothing in it is this file's: it is a tail of that size, which holds nobody.
    let vault = Vault::open(&place.settings(), quick()).unwrap();
    assert_eq!((vault.people(), vault.opened().cut_bytes), (0, (mixed.len() - 92) as u64));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), keeps in 0..400_usize) {
        let (place, mut file) = closed("noise");
        file.truncate(keeps);
        file.extend(bytes);
        fs::write(place.file(), &file).unwrap();
        if let Ok(vault) = Vault::open(&place.settings(), quick()) {
            prop_assert!(vault.people() <= 3);
        }
    }
}
