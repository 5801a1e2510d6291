//! What the vault's file begins with.
//!
//! ```text
//! header = "FNVAULT\0" │ layout (32 bits) │ vault id (16) │ file id (16) │ check of the master key (32) │ check of these (16)
//! ```

use super::error::{At, OpenError};
use super::keys::{ID_BYTES, KEY_BYTES, Key};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: [u8; 8] = *b"FNVAULT\0";
/// Layout this build writes, and the only one so far.
const LAYOUT: u32 = 1;
/// Bytes before the check.
const CHECKED_BYTES: usize = 8 + 4 + 2 * ID_BYTES + KEY_BYTES;
/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = CHECKED_BYTES + 16;

/// Which vault it is, for the log to say: a service whose log was written with one vault is never started with another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VaultId(pub(super) [u8; ID_BYTES]);

impl fmt::Display for VaultId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for VaultId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VaultId({self})")
    }
}

impl Serialize for VaultId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VaultId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VaultId, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(VaultId).ok_or_else(|| serde::de::Error::custom("a vault's id is 32 lower-case hexadecimal digits"))
    }
}

/// A header.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) vault_id: [u8; ID_BYTES],
    /// Of this file alone: a vault that is written anew has another.
    pub(super) file_id: [u8; ID_BYTES],
    pub(super) key_check: [u8; KEY_BYTES],
}

impl Header {
    pub(super) fn of(vault_id: [u8; ID_BYTES], file_id: [u8; ID_BYTES], master: &Key) -> Header {
        Header { vault_id, file_id, key_check: master.check(&vault_id) }
    }

    pub(super) fn is_of(&self, master: &Key) -> bool {
        master.has_check(&self.vault_id, &self.key_check)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&LAYOUT.to_le_bytes());
        bytes.extend_from_slice(&self.vault_id);
        bytes.extend_from_slice(&self.file_id);
        bytes.extend_from_slice(&self.key_check);
        bytes.extend_from_slice(&check(&bytes));
        bytes
    }

    /// Reads the header of a vault's file.
    pub(super) fn read(file: &File, path: &Path) -> Result<Header, OpenError> {
        let mut bytes = [0; HEADER_BYTES];
        let length = file.metadata().at("read", path)?.len();
        if length < HEADER_BYTES as u64 {
            return Err(OpenError::NoVault(path.to_path_buf()));
        }
        file.read_exact_at(&mut bytes, 0).at("read", path)?;
        let damaged =
            || OpenError::Damaged { path: path.to_path_buf(), at: 0, what: "its header is not what was written" };
        let (head, told) = bytes.split_at(CHECKED_BYTES);
        let (magic, rest) = head.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (layout, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (vault_id, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or_else(damaged)?;
        let (file_id, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or_else(damaged)?;
        let key_check = rest.first_chunk::<KEY_BYTES>().ok_or_else(damaged)?;
        let holds = check(head) == told;
        if *magic != MAGIC && !holds {
            return Err(OpenError::NoVault(path.to_path_buf()));
        }
        if !holds {
            return Err(damaged());
        }
        match u32::from_le_bytes(*layout) {
            LAYOUT => Ok(Header { vault_id: *vault_id, file_id: *file_id, key_check: *key_check }),
            version => Err(OpenError::TooNew { path: path.to_path_buf(), version }),
        }
    }
}

/// Later layouts keep magic, layout and check where they are, so that a newer vault is told from a damaged one.
fn check(head: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("fraudnet vault header");
    *hasher.update(head).finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
}
