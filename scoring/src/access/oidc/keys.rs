//! A provider's public keys (RFC 7517), and signatures checked with them.
//!
//! A key says what algorithm it is for, never the token: one that names another algorithm than its key's is refused.

use super::MAX_DOCUMENT_BYTES;
use data_encoding::BASE64URL_NOPAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// Most keys of a provider that are looked at.
const MAX_KEYS: usize = 64;

/// The keys that a provider signs with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    public: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256 { point: Vec<u8> },
    Ed25519 { point: Vec<u8> },
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// No key of that id and algorithm.
    Unknown,
    /// It is not by that key.
    Wrong,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    alg: Option<String>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
}

impl Algorithm {
    /// By its name in a token's header or a key; none for what is not taken, `none` and shared secrets among it.
    pub(super) fn named(name: &str) -> Option<Algorithm> {
        match name {
            "RS256" => Some(Algorithm::Rs256),
            "ES256" => Some(Algorithm::Es256),
            // RFC 9864 calls it by its curve.
            "EdDSA" | "Ed25519" => Some(Algorithm::EdDsa),
            _ => None,
        }
    }
}

impl Keys {
    /// Reads a key set. Keys that are for something else, or of a kind that is not known, are left out.
    ///
    /// # Errors
    /// Where it is none, or holds no key that is of use; for the operator.
    pub fn read(json: &[u8]) -> Result<Keys, String> {
        if json.len() > MAX_DOCUMENT_BYTES {
            return Err(format!("the provider's key set is larger than {MAX_DOCUMENT_BYTES} bytes"));
        }
        let document: Document =
            serde_json::from_slice(json).map_err(|error| format!("the provider's key set cannot be read: {error}"))?;
        let keys: Vec<Key> = document.keys.iter().filter_map(Jwk::key).take(MAX_KEYS).collect();
        if keys.is_empty() {
            return Err("the provider's key set has no key for RS256, ES256 or EdDSA".to_owned());
        }
        Ok(Keys(keys))
    }

    /// Whether `signature` over `message` is by the key of that id. A token that names no key is taken if only one key fits.
    pub(super) fn verify(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyFault> {
        let fits = |key: &&Key| key.public.algorithm() == algorithm && (kid.is_none() || key.id.as_deref() == kid);
        let mut fitting = self.0.iter().filter(fits);
        let key = fitting.next().ok_or(KeyFault::Unknown)?;
        if fitting.next().is_some() {
            return Err(KeyFault::Unknown);
        }
        let verified = match &key.public {
            Public::Rsa { modulus, exponent } => {
                let parts = RsaPublicKeyComponents { n: modulus, e: exponent };
                parts.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Public::P256 { point } => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Public::Ed25519 { point } => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        };
        verified.map_err(|_| KeyFault::Wrong)
    }
}

impl Public {
    fn algorithm(&self) -> Algorithm {
        match self {
            Public::Rsa { .. } => Algorithm::Rs256,
            Public::P256 { .. } => Algorithm::Es256,
            Public::Ed25519 { .. } => Algorithm::EdDsa,
        }
    }
}

impl Jwk {
    fn key(&self) -> Option<Key> {
        if self.r#use.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| !bytes.is_empty());
        let coordinate = |text: &str| bytes(text).filter(|bytes| bytes.len() == 32);
        let public = match (self.kty.as_str(), self.crv.as_str()) {
            ("RSA", _) => {
                // The library takes whole numbers without zeros before them.
                let number = |text: &str| {
                    let bytes = bytes(text)?;
                    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                    Some(bytes[zeros..].to_vec())
                };
                Public::Rsa { modulus: number(&self.n)?, exponent: number(&self.e)? }
            }
            ("EC", "P-256") => Public::P256 { point: [vec![4], coordinate(&self.x)?, coordinate(&self.y)?].concat() },
            ("OKP", "Ed25519") => Public::Ed25519 { point: coordinate(&self.x)? },
            _ => return None,
        };
        let is_for = |name: &str| Algorithm::named(name) == Some(public.algorithm());
        let is_for = self.alg.as_deref().is_none_or(is_for);
        is_for.then(|| Key { id: self.kid.clone(), public })
    }
}
