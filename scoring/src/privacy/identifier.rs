//! What points to a person, as callers send it.

use super::error::VaultError;
use super::pseudonym::Pseudonym;
use crate::wire::bounds;
use std::fmt;
use zeroize::Zeroizing;

/// Kinds of identifiers that point to people. Merchants are in none of them: they are businesses, and what they are called is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PersonKind {
    /// An account, paying or receiving. It is one kind: the graph has one node for an account, whichever side of a payment it is on.
    Account = 1,
    /// A device.
    Device = 2,
    /// An IP address.
    Ip = 3,
}

impl PersonKind {
    /// Every kind.
    pub const ALL: [PersonKind; 3] = [PersonKind::Account, PersonKind::Device, PersonKind::Ip];

    /// As it stands in paths.
    pub const fn name(self) -> &'static str {
        match self {
            PersonKind::Account => "account",
            PersonKind::Device => "device",
            PersonKind::Ip => "ip",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<PersonKind> {
        PersonKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn from_byte(byte: u8) -> Option<PersonKind> {
        PersonKind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// An identifier in clear. It counts byte for byte: two spellings are two people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier<'a> {
    /// Whose customer.
    pub tenant: &'a str,
    /// What it names.
    pub kind: PersonKind,
    /// What the tenant calls it.
    pub id: &'a str,
}

impl Identifier<'_> {
    /// Whether a pseudonym can be made for it.
    ///
    /// # Errors
    /// Where it is out of bounds, or is a pseudonym itself: that would be somebody's name for somebody else.
    pub fn check(&self) -> Result<(), VaultError> {
        let invalid = |reason| VaultError::Invalid { kind: self.kind.name(), reason };
        bounds::tenant(self.tenant).map_err(|reason| invalid(format!("the tenant {reason}").into()))?;
        bounds::identifier(self.id).map_err(invalid)?;
        match Pseudonym::parse(self.id) {
            Some(_) => Err(VaultError::LooksLikePseudonym { kind: self.kind.name() }),
            None => Ok(()),
        }
    }

    pub(super) fn owned(&self) -> OwnedIdentifier {
        let Identifier { tenant, kind, id } = *self;
        OwnedIdentifier { tenant: tenant.to_owned(), kind, id: Zeroizing::new(id.to_owned()) }
    }
}

impl fmt::Debug for Identifier<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identifier({} of {}, …)", self.kind.name(), self.tenant)
    }
}

/// An identifier in clear that is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct OwnedIdentifier {
    pub(super) tenant: String,
    pub(super) kind: PersonKind,
    pub(super) id: Zeroizing<String>,
}

impl OwnedIdentifier {
    pub(super) fn borrow(&self) -> Identifier<'_> {
        Identifier { tenant: &self.tenant, kind: self.kind, id: &self.id }
    }
}

/// Who a pseudonym is. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed {
    identifier: OwnedIdentifier,
    first_seen_day: u32,
}

impl Revealed {
    pub(super) fn new(identifier: OwnedIdentifier, first_seen_day: u32) -> Revealed {
        Revealed { identifier, first_seen_day }
    }

    /// The identifier in clear. For the one answer to whom may know it; never for a log line.
    pub fn identifier(&self) -> Identifier<'_> {
        self.identifier.borrow()
    }

    /// When the vault first saw it, days since 1970-01-01.
    pub fn first_seen_day(&self) -> u32 {
        self.first_seen_day
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Revealed({:?})", self.identifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_pseudonyms_are_refused() {
        let check = |tenant, id| Identifier { tenant, kind: PersonKind::Ip, id }.check();
        assert!(check("bank", "203.0.113.7").is_ok() && check("bank", "p_alice").is_ok());
        let long = "x".repeat(129);
        for (tenant, id, told) in [
            ("bank", "", "the ip must be 1 to 128 bytes"),
            ("bank", long.as_str(), "the ip must be 1 to 128 bytes"),
            ("a b", "x", "the tenant must be"),
            ("bank", "p_aaaaaaaaaaaaaaaaaaaaaaaaaa", "the ip has the form of a pseudonym"),
        ] {
            let error = check(tenant, id).unwrap_err().to_string();
            assert!(error.contains(told) && (id.len() < 2 || !error.contains(id)), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_identifier() {
        let identifier = Identifier { tenant: "bank", kind: PersonKind::Account, id: "alice" };
        let revealed = Revealed::new(identifier.owned(), 7);
        assert_eq!(format!("{identifier:?} {revealed:?}").matches("alice").count(), 0);
        assert_eq!(revealed.identifier(), identifier);
    }

    #[test]
    fn kinds_have_names() {
        for kind in PersonKind::ALL {
            assert_eq!(PersonKind::from_name(kind.name()), Some(kind));
            assert_eq!(PersonKind::from_byte(kind as u8), Some(kind));
        }
        assert!(PersonKind::from_name("merchant").is_none() && PersonKind::from_byte(0).is_none());
    }
}
