//! What stands in the log instead of a person's identifier.

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::LazyLock;

/// Bytes of a pseudonym: 128 bits, so that no two people of 10^12 share one (a chance of 10^-15).
pub(super) const PSEUDONYM_BYTES: usize = 16;
/// What its text begins with.
pub const PREFIX: &str = "p_";
/// Characters of its text: the prefix and 26 letters and digits.
pub const TEXT_CHARS: usize = PREFIX.len() + 26;

/// The base32 of RFC 4648 in lower case. Of its characters only six are digits, so that no pseudonym is taken for a card number.
static LETTERS: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().expect("32 different ASCII characters")
});

/// A pseudonym: `p_` and 26 of `a` to `z`, `2` to `7`. It says nothing of whose it is to whoever does not hold the vault and its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym([u8; PSEUDONYM_BYTES]);

impl Pseudonym {
    pub(super) fn of_bytes(bytes: [u8; PSEUDONYM_BYTES]) -> Pseudonym {
        Pseudonym(bytes)
    }

    /// As it stands in events, paths and lists: 28 characters.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(TEXT_CHARS);
        text.push_str(PREFIX);
        LETTERS.encode_append(&self.0, &mut text);
        text
    }

    /// The pseudonym of that text; none where it is no pseudonym's. Every pseudonym has one text.
    pub fn parse(text: &str) -> Option<Pseudonym> {
        let letters = text.strip_prefix(PREFIX).filter(|_| text.len() == TEXT_CHARS)?;
        LETTERS.decode(letters.as_bytes()).ok()?.try_into().ok().map(Pseudonym)
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl Serialize for Pseudonym {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Pseudonym {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pseudonym, D::Error> {
        let text = String::deserialize(deserializer)?;
        Pseudonym::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("a pseudonym is p_ and 26 of the letters a to z and digits 2 to 7"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_pseudonym_are_one(bytes: [u8; PSEUDONYM_BYTES]) {
            let pseudonym = Pseudonym::of_bytes(bytes);
            let text = pseudonym.text();
            prop_assert_eq!(text.len(), TEXT_CHARS);
            prop_assert!(crate::wire::bounds::identifier(&text).is_ok());
            prop_assert_eq!(Pseudonym::parse(&text), Some(pseudonym));
            let json = serde_json::to_string(&pseudonym).unwrap();
            prop_assert_eq!(serde_json::from_str::<Pseudonym>(&json).unwrap(), pseudonym);
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "p_[a-z2-7]{25,27}|.{0,30}") {
            if let Some(pseudonym) = Pseudonym::parse(&text) {
                prop_assert_eq!(pseudonym.text(), text);
            }
        }
    }

    #[test]
    fn other_texts_are_none() {
        let text = Pseudonym::of_bytes([0; 16]).text();
        assert_eq!(text, "p_aaaaaaaaaaaaaaaaaaaaaaaaaa");
        for bad in
            ["", "p_", &text[2..], &text.to_uppercase(), &text.replace("aa", "a1"), "p_aaaaaaaaaaaaaaaaaaaaaaaaab"]
        {
            assert_eq!(Pseudonym::parse(bad), None, "{bad}");
        }
        assert!(serde_json::from_str::<Pseudonym>("\"alice\"").is_err());
    }
}
