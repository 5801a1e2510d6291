//! What the vault's file holds of one person.
//!
//! ```text
//! record = length of the rest (16 bits) │ index (16) │ nonce (12) │ sealed: own key (32) │ day (32 bits) │ kind (8 bits)
//!          │ length of tenant, of id (8 bits each) │ tenant │ id │ zeros up to a multiple of 32 │ tag (16)
//! ```
//!
//! Numbers are little endian. Sealed contents are filled up so that lengths do not tell an account from an address. A usual record has 110
//! bytes.

use super::identifier::{Identifier, OwnedIdentifier, PersonKind, Revealed};
use super::keys::{INDEX_BYTES, Index, KEY_BYTES, Key, Keyring, SEAL_BYTES};
use super::world::World;
use std::io;
use zeroize::Zeroizing;

/// Bytes of the length.
const LENGTH_BYTES: usize = 2;
/// Sealed contents are filled up to a multiple of it.
const PADDING: usize = 32;
/// Key, day, kind, two lengths.
const FIXED_BYTES: usize = KEY_BYTES + 4 + 1 + 2;
/// Most bytes of a record: an own key with the longest tenant and id there can be.
pub(super) const MAX_RECORD_BYTES: usize =
    LENGTH_BYTES + INDEX_BYTES + SEAL_BYTES + (FIXED_BYTES + 64 + 128).next_multiple_of(PADDING);

/// A person as the vault knows them.
pub(super) struct Person {
    pub(super) own_key: Key,
    pub(super) identifier: OwnedIdentifier,
    pub(super) first_seen_day: u32,
}

impl Person {
    /// Somebody new, with a key of their own.
    pub(super) fn new(identifier: OwnedIdentifier, first_seen_day: u32, world: &mut World) -> io::Result<Person> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        world.fill(bytes.as_mut_slice())?;
        Ok(Person { own_key: Key::of_bytes(bytes), identifier, first_seen_day })
    }

    /// Appends the record.
    pub(super) fn write(&self, keyring: &Keyring, world: &mut World, out: &mut Vec<u8>) -> io::Result<()> {
        let Identifier { tenant, kind, id } = self.identifier.borrow();
        let length = (FIXED_BYTES + tenant.len() + id.len()).next_multiple_of(PADDING);
        let mut plain = Zeroizing::new(Vec::with_capacity(length));
        plain.extend_from_slice(self.own_key.bytes());
        plain.extend_from_slice(&self.first_seen_day.to_le_bytes());
        plain.extend_from_slice(&[kind as u8, tenant.len() as u8, id.len() as u8]);
        plain.extend_from_slice(tenant.as_bytes());
        plain.extend_from_slice(id.as_bytes());
        plain.resize(length, 0);
        let index = keyring.index(&self.identifier.borrow());
        let sealed = keyring.seal(&index, world.random()?, &plain);
        out.extend_from_slice(&((INDEX_BYTES + sealed.len()) as u16).to_le_bytes());
        out.extend_from_slice(&index);
        out.extend_from_slice(&sealed);
        Ok(())
    }

    fn read(plain: &[u8]) -> Option<Person> {
        let (key, rest) = plain.split_first_chunk::<KEY_BYTES>()?;
        let (day, rest) = rest.split_first_chunk::<4>()?;
        let (&[kind, tenant_bytes, id_bytes], rest) = rest.split_first_chunk::<3>()?;
        let (tenant, rest) = rest.split_at_checked(usize::from(tenant_bytes))?;
        let (id, _) = rest.split_at_checked(usize::from(id_bytes))?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let identifier = OwnedIdentifier {
            tenant: text(tenant)?,
            kind: PersonKind::from_byte(kind)?,
            id: Zeroizing::new(text(id)?),
        };
        let own_key = Key::of_bytes(Zeroizing::new(*key));
        Some(Person { own_key, identifier, first_seen_day: u32::from_le_bytes(*day) })
    }

    pub(super) fn revealed(self) -> Revealed {
        Revealed::new(self.identifier, self.first_seen_day)
    }
}

/// A record as it stands in the file.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    /// All of it.
    pub(super) bytes: &'a [u8],
    /// Where the person stands.
    pub(super) index: Index,
}

impl<'a> Record<'a> {
    /// The record that the bytes begin with, and the bytes after it.
    pub(super) fn first(bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::from(u16::from_le_bytes(*length));
        let index = *rest.get(..length)?.first_chunk()?;
        let (bytes, rest) = bytes.split_at(LENGTH_BYTES + length);
        Some((Record { bytes, index }, rest))
    }

    /// Who it is; none where it was changed since it was written, or was written for another place.
    pub(super) fn person(&self, keyring: &Keyring) -> Option<Person> {
        let person = Person::read(&keyring.open(&self.index, &self.bytes[LENGTH_BYTES + INDEX_BYTES..])?)?;
        Some(person).filter(|person| keyring.index(&person.identifier.borrow()) == self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keyring() -> Keyring {
        Keyring::new(&Key::of_bytes(Zeroizing::new([1; KEY_BYTES])), [2; 16])
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(tenant in "[a-z0-9._-]{1,64}", kind in proptest::sample::select(&PersonKind::ALL[..]), id in "[a-zé☃]{1,40}", day: u32) {
            let identifier = Identifier { tenant: &tenant, kind, id: &id };
            let mut world = World::system();
            let person = Person::new(identifier.owned(), day, &mut world).unwrap();
            let mut bytes = Vec::new();
            person.write(&keyring(), &mut world, &mut bytes).unwrap();
            prop_assert!(bytes.len() <= MAX_RECORD_BYTES);
            prop_assert!(!bytes.windows(KEY_BYTES).any(|window| window == person.own_key.bytes()));
            bytes.extend_from_slice(b"next");
            let (record, rest) = Record::first(&bytes).unwrap();
            prop_assert_eq!(rest, b"next");
            let read = record.person(&keyring()).unwrap();
            prop_assert_eq!((read.own_key.bytes(), read.first_seen_day), (person.own_key.bytes(), day));
            let revealed = read.revealed();
            prop_assert_eq!(revealed.identifier(), identifier);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            if let Some((record, _)) = Record::first(&bytes) {
                prop_assert!(record.person(&keyring()).is_none());
            }
            let _ = Person::read(&bytes);
        }
    }

    #[test]
    fn lengths_do_not_tell_kinds_apart_and_the_longest_fits() {
        let length = |tenant: &str, id: &str| {
            let identifier = Identifier { tenant, kind: PersonKind::Ip, id };
            let mut bytes = Vec::new();
            let person = Person::new(identifier.owned(), 1, &mut World::system()).unwrap();
            person.write(&keyring(), &mut World::system(), &mut bytes).unwrap();
            bytes.len()
        };
        assert_eq!((length("default", "203.0.113.7"), length("default", "acct-4711-0815")), (110, 110));
        assert_eq!(length(&"t".repeat(64), &"x".repeat(128)), MAX_RECORD_BYTES);
    }
}
