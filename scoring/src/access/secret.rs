//! Secrets that never show, and digests that are compared in constant time.

use data_encoding::{BASE32_DNSSEC, HEXLOWER};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Random bytes behind every secret: 256 bits.
pub const SECRET_BYTES: usize = 32;

/// Text that only who it is for may see. It is wiped when dropped, has no serialised form, and its debug output is a stand-in.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// That text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(text.into()))
    }

    /// Random bytes as lower-case letters and digits, 52 characters.
    pub fn of_random(random: &[u8; SECRET_BYTES]) -> Secret {
        Secret::new(BASE32_DNSSEC.encode(random))
    }

    /// The text itself. For the one place that hands it to whom it is for.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether that is the text; takes equally long wherever they differ.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What a service keeps of a secret. 256 random bits need no slow hash: nobody tries them all.
#[derive(Clone, Copy, utoipa::ToSchema)]
#[schema(value_type = String)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of a secret's bytes. `context` says what kind of secret, so that a digest of one kind is never one of another; `id` whose.
    pub fn of(context: &str, id: &str, secret: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        // The length keeps apart what else could be moved from id to secret.
        hasher.update(&(id.len() as u64).to_le_bytes()).update(id.as_bytes()).update(secret);
        Digest(*hasher.finalize().as_bytes())
    }

    /// Of a text under a key.
    pub fn keyed(key: &[u8; SECRET_BYTES], context: &str, text: &str) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(&(context.len() as u64).to_le_bytes()).update(context.as_bytes()).update(text.as_bytes());
        Digest(*hasher.finalize().as_bytes())
    }

    /// One that no secret has, to compare with where nothing is known.
    pub const NONE: Digest = Digest([0; 32]);

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As lower-case letters and digits, 52 characters.
    pub fn text(&self) -> String {
        BASE32_DNSSEC.encode(&self.0)
    }
}

/// The only way to compare two: in constant time.
impl PartialEq for Digest {
    fn eq(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Digest(…)")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Digest).ok_or_else(|| serde::de::Error::custom("a digest is 64 lower-case hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows() {
        let secret = Secret::of_random(&[7; 32]);
        assert_eq!(secret.reveal().len(), 52);
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "Secret(…) Some(\n    Secret(…),\n)");
        let text = secret.reveal().to_owned();
        assert!(secret.is(&text) && !secret.is(&text[1..]) && !secret.is("") && !secret.is(&text.replace('0', "1")));
    }

    #[test]
    fn digests_are_told_apart_by_kind_owner_and_secret() {
        let digest = Digest::of("kind", "id", b"secret");
        for other in [
            Digest::of("king", "id", b"secret"),
            Digest::of("kind", "i", b"dsecret"),
            Digest::of("kind", "id", b"secres"),
            Digest::keyed(&[0; 32], "kind", "secret"),
            Digest::NONE,
        ] {
            assert!(digest != other);
        }
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!((json.len(), serde_json::from_str::<Digest>(&json).unwrap()), (66, digest));
        for bad in ["\"\"", "\"ab\"", "7", &json.to_uppercase()] {
            assert!(serde_json::from_str::<Digest>(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{digest:?}"), "Digest(…)");
    }
}
