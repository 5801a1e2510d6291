//! Who vouches for a model: ed25519 signatures over manifests, and the keys to make and check them.
//!
//! ```text
//! <folder>/manifest.json   lists the sha256 of every other file, so a signature over its bytes covers all of them
//!          manifest.sig    {"key": "alice", "signature": "<128 hex digits>"}
//!
//! <keys>/alice             a secret key: 64 hex digits, readable by its owner alone
//!        alice.pub         the public key that belongs to it: 64 hex digits; the name before `.pub` is the signer's name
//! ```
//!
//! The same keys sign control requests of people (see the scoring service); a manifest begins with `{` and such a request with a method,
//! so that one can never pass for the other.

use crate::model_ref::is_plain;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

/// File beside the manifest that holds its signature; the one file that a manifest does not list.
pub const SIGNATURE_FILE: &str = "manifest.sig";
/// How the files of public keys end.
pub const PUBLIC_KEY_ENDING: &str = "pub";
/// Most bytes of a key or signature file.
const SMALL_FILE_BYTES: u64 = 4096;

/// Why a key could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read or written.
    #[error("cannot access the key file `{path}`: {source}; check the path and its permissions", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds no key.
    #[error("`{path}` holds no ed25519 key of 64 hex digits; make one with `fraudnet models keygen --out FILE`", path = .0.display())]
    NoKey(PathBuf),
    /// A key file's name cannot name a signer.
    #[error("`{0}` cannot name a signer; name the key file with 1 to 64 letters, digits, `.`, `_` or `-`")]
    Name(String),
    /// A key would be written over another.
    #[error("`{path}` exists and a key is never written over; choose another name or remove it yourself", path = .0.display())]
    Exists(PathBuf),
    /// One key under two names would let one person count as two.
    #[error("`{0}` and `{1}` are the same key; whoever holds it would count as two people, so remove one of them")]
    Twice(String, String),
    /// Nobody of that name is trusted.
    #[error("`{name}` is not among the trusted keys ({trusted}); add its file {name}.pub to them")]
    Unknown {
        /// Name of the key.
        name: String,
        /// Names that are trusted.
        trusted: String,
    },
    /// A signature is not one of this message by this key.
    #[error("the signature does not hold: it was not made with the key of `{0}` over exactly this; sign it again")]
    DoesNotHold(String),
}

/// Why the signature of an artifact was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Only signed models are taken, and this one is not.
    #[error("the model is not signed and only signed ones are taken here; sign it with `fraudnet models sign`")]
    Unsigned,
    /// Signed with a key that nobody vouches for.
    #[error(
        "the model is signed by `{key}`, which is not among the trusted keys ({trusted}); add {key}.pub to them or have the model signed by one of them"
    )]
    UnknownKey {
        /// Name of the key.
        key: String,
        /// Names that are trusted.
        trusted: String,
    },
    /// The manifest is not what was signed.
    #[error(
        "the signature of `{key}` does not hold for `manifest.json`: the model was changed after it was signed, or another key of that name signed it; publish the signed folder again"
    )]
    DoesNotHold {
        /// Name of the key.
        key: String,
    },
    /// The signature file is no signature.
    #[error("`manifest.sig` cannot be read: {0}; sign the model again")]
    Damaged(String),
}

/// What `manifest.sig` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestSignature {
    /// Name of the key that signed: the author of the version.
    pub key: String,
    /// Ed25519 signature over the bytes of `manifest.json`, 128 hex digits.
    pub signature: String,
}

impl ManifestSignature {
    /// Signs a manifest, given as the bytes of its file.
    pub fn of(manifest: &[u8], key: &SecretKey) -> ManifestSignature {
        ManifestSignature { key: key.name().to_owned(), signature: key.sign(manifest) }
    }

    /// As it stands in its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("two texts have a JSON form");
        bytes.push(b'\n');
        bytes
    }

    /// Reads what [`ManifestSignature::to_bytes`] wrote. It says nothing about whether the signature holds.
    ///
    /// # Errors
    /// [`SignatureError::Damaged`].
    pub fn parse(bytes: &[u8]) -> Result<ManifestSignature, SignatureError> {
        let parsed: ManifestSignature =
            serde_json::from_slice(bytes).map_err(|error| SignatureError::Damaged(error.to_string()))?;
        if !is_plain(&parsed.key) {
            return Err(SignatureError::Damaged("the name of its key is no plain name".to_owned()));
        }
        match unhex::<64>(&parsed.signature) {
            Some(_) => Ok(parsed),
            None => Err(SignatureError::Damaged("its signature is not 128 hex digits".to_owned())),
        }
    }
}

/// Who signed an artifact, as far as it can be told here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "key", rename_all = "snake_case")]
pub enum Signer {
    /// Nobody; allowed where signatures are not required.
    Nobody,
    /// A key that is not trusted here; allowed where signatures are not required, and worth no more than none.
    Unknown(String),
    /// A trusted key, whose signature holds.
    Trusted(String),
}

impl Signer {
    /// The author: who signed with a trusted key.
    pub fn author(&self) -> Option<&str> {
        match self {
            Signer::Trusted(name) => Some(name),
            Signer::Nobody | Signer::Unknown(_) => None,
        }
    }
}

/// The keys that are trusted, and whether a signature by one of them is required.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Public keys by the name of their owner.
    pub keys: BTreeMap<String, VerifyingKey>,
    /// Refuse what none of them signed.
    pub required: bool,
}

impl Trust {
    /// Trusts nobody and requires nothing.
    pub fn none() -> Trust {
        Trust::default()
    }

    /// Every `<name>.pub` of a folder.
    ///
    /// # Errors
    /// A folder or file that cannot be read, a file that holds no key, or one key under two names.
    pub fn read(folder: &Path, required: bool) -> Result<Trust, KeyError> {
        let io = |source| KeyError::Io { path: folder.to_path_buf(), source };
        let mut keys = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.extension().is_some_and(|ending| ending == PUBLIC_KEY_ENDING) {
                let name = signer_name(path.file_stem())?;
                keys.insert(name, read_public(&path)?);
            }
        }
        let mut names: BTreeMap<[u8; 32], &String> = BTreeMap::new();
        for (name, key) in &keys {
            if let Some(other) = names.insert(key.to_bytes(), name) {
                return Err(KeyError::Twice(other.clone(), name.clone()));
            }
        }
        Ok(Trust { keys, required })
    }

    /// Checks a signature of 128 hex digits over a message by the key of that name.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] or [`KeyError::DoesNotHold`].
    pub fn verify(&self, name: &str, message: &[u8], signature: &str) -> Result<(), KeyError> {
        let key =
            self.keys.get(name).ok_or_else(|| KeyError::Unknown { name: name.to_owned(), trusted: self.names() })?;
        let holds = unhex::<64>(signature)
            .is_some_and(|signature| key.verify_strict(message, &Signature::from_bytes(&signature)).is_ok());
        if holds { Ok(()) } else { Err(KeyError::DoesNotHold(name.to_owned())) }
    }

    /// Who signed this manifest, given as the bytes of its file and of the signature's file, where there is one.
    ///
    /// # Errors
    /// [`SignatureError`]. A signature that is there must be whole and, by a trusted key, hold, whether one is required or not.
    pub fn signer(&self, manifest: &[u8], signature: Option<&[u8]>) -> Result<Signer, SignatureError> {
        let Some(signature) = signature else {
            return if self.required { Err(SignatureError::Unsigned) } else { Ok(Signer::Nobody) };
        };
        let ManifestSignature { key, signature } = ManifestSignature::parse(signature)?;
        match self.verify(&key, manifest, &signature) {
            Ok(()) => Ok(Signer::Trusted(key)),
            Err(KeyError::Unknown { .. }) if !self.required => Ok(Signer::Unknown(key)),
            Err(KeyError::Unknown { .. }) => Err(SignatureError::UnknownKey { key, trusted: self.names() }),
            Err(_) => Err(SignatureError::DoesNotHold { key }),
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.keys.keys().map(String::as_str).collect();
        if names.is_empty() { "there is none".to_owned() } else { names.join(", ") }
    }
}

/// A secret key with the name of its owner. It shows itself nowhere and is wiped from memory with its last copy.
#[derive(Clone)]
pub struct SecretKey {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SecretKey {
    /// The key that grows from 32 secret bytes.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<SecretKey, KeyError> {
        if !is_plain(name) {
            return Err(KeyError::Name(name.to_owned()));
        }
        Ok(SecretKey { name: name.to_owned(), key: SigningKey::from_bytes(&seed) })
    }

    /// A new key, from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Name`], or a system without `/dev/urandom`.
    pub fn generate(name: &str) -> Result<SecretKey, KeyError> {
        let source = Path::new("/dev/urandom");
        let mut seed = [0; 32];
        fs::File::open(source)
            .and_then(|mut file| file.read_exact(&mut seed))
            .map_err(|error| KeyError::Io { path: source.to_path_buf(), source: error })?;
        SecretKey::from_seed(name, seed)
    }

    /// Reads a secret key; the file's name is the owner's.
    ///
    /// # Errors
    /// A file that cannot be read, holds no key or is not named like a signer.
    pub fn read(path: &Path) -> Result<SecretKey, KeyError> {
        let seed = read_hex(path)?;
        SecretKey::from_seed(&signer_name(path.file_name())?, seed)
    }

    /// Writes the secret key to `path`, readable by its owner alone, and the public one beside it; that one's path is given back.
    /// The file's name must be the key's. Neither file is ever written over.
    ///
    /// # Errors
    /// [`KeyError::Exists`], or what the system says.
    pub fn write(&self, path: &Path) -> Result<PathBuf, KeyError> {
        let mut public = path.as_os_str().to_owned();
        public.push(format!(".{PUBLIC_KEY_ENDING}"));
        let public = PathBuf::from(public);
        if public.exists() {
            return Err(KeyError::Exists(public));
        }
        create(path, &hex(self.key.as_bytes()), 0o600)?;
        create(&public, &self.public(), 0o644)?;
        Ok(public)
    }

    /// Name of its owner.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key that belongs to it, 64 hex digits.
    pub fn public(&self) -> String {
        hex(self.key.verifying_key().as_bytes())
    }

    /// The key to check its signatures with.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// Signs a message; 128 hex digits. The same message gives the same signature.
    pub fn sign(&self, message: &[u8]) -> String {
        hex(&self.key.sign(message).to_bytes())
    }
}

/// The signer that a key file's name names.
fn signer_name(file: Option<&std::ffi::OsStr>) -> Result<String, KeyError> {
    let name = file.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if is_plain(&name) { Ok(name) } else { Err(KeyError::Name(name)) }
}

fn read_public(path: &Path) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_bytes(&read_hex(path)?)
        .ok()
        // A weak key has signatures that hold for many messages.
        .filter(|key| !key.is_weak())
        .ok_or_else(|| KeyError::NoKey(path.to_path_buf()))
}

fn read_hex(path: &Path) -> Result<[u8; 32], KeyError> {
    let io = |source| KeyError::Io { path: path.to_path_buf(), source };
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(KeyError::NoKey(path.to_path_buf()));
    }
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(io)?.take(SMALL_FILE_BYTES).read_to_end(&mut bytes).map_err(io)?;
    let text = str::from_utf8(&bytes).ok().map(str::trim);
    text.and_then(unhex).ok_or_else(|| KeyError::NoKey(path.to_path_buf()))
}

/// Makes a file that was not there, with these rights from its first byte on.
fn create(path: &Path, text: &str, mode: u32) -> Result<(), KeyError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_path_buf()),
        _ => KeyError::Io { path: path.to_path_buf(), source },
    })?;
    writeln!(file, "{text}")
        .and_then(|()| file.sync_all())
        .map_err(|source| KeyError::Io { path: path.to_path_buf(), source })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(bytes)
}
