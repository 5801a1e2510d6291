//! A log entry as a leaf, and the proof of one as it is handed out: whole, so that it can be checked years later without the service.
//!
//! A leaf holds the entry's position (8 bytes, big endian) and then its bytes as the log has them: a tag byte, a short head and JSON (see
//! [`crate::log`]). Positions have no gaps, so the leaf's number is the entry's position.

use super::head::SignedHead;
use super::proof::{InclusionProof, ProofError};
use super::tree::{Hash, leaf_hash};
use crate::log::{Entry, Record};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Shows that an entry is in the log that a head was signed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryProof {
    /// Position of the entry in the log.
    pub position: u64,
    /// The entry's bytes, as hex digits.
    pub entry: String,
    /// The way from the entry to the root.
    pub inclusion: InclusionProof,
    /// The signed root.
    pub head: SignedHead,
}

/// What an entry's proof fails to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryProofError {
    /// `entry` is not hex.
    #[error("`entry` must be an even number of hex digits, the entry's bytes")]
    Entry,
    /// The way begins at another leaf.
    #[error("the proof is about leaf {leaf} and the entry is at position {position}")]
    OtherLeaf {
        /// Leaf that it is about.
        leaf: u64,
        /// Position that it says.
        position: u64,
    },
    /// The way does not lead to the root.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Nobody vouches for the root.
    #[error("{0}")]
    Head(String),
}

/// The leaf of an entry.
pub fn leaf(position: u64, bytes: &[u8]) -> Hash {
    leaf_hash(&[&position.to_be_bytes(), bytes].concat())
}

impl EntryProof {
    /// The proof of an entry.
    pub(super) fn new(entry: &Entry, inclusion: InclusionProof, head: SignedHead) -> EntryProof {
        let hex = entry.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        EntryProof { position: entry.position, entry: hex, inclusion, head }
    }

    /// Checks the way from the entry to the root, and by `verify` (given the signer's name, the message and the signature) that somebody
    /// who is trusted signed the root.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify<E: Display>(
        &self,
        verify: impl FnOnce(&str, &[u8], &str) -> Result<(), E>,
    ) -> Result<(), EntryProofError> {
        self.verify_inclusion()?;
        self.head.verify(verify).map_err(|error| EntryProofError::Head(error.to_string()))?;
        Ok(())
    }

    /// Checks the way from the entry to the root alone.
    pub(super) fn verify_inclusion(&self) -> Result<(), EntryProofError> {
        if self.inclusion.leaf_index != self.position {
            return Err(EntryProofError::OtherLeaf { leaf: self.inclusion.leaf_index, position: self.position });
        }
        let leaf = leaf(self.position, &self.bytes()?);
        Ok(self.inclusion.verify(&leaf, &self.head.head.tree())?)
    }

    /// What the entry is, and the JSON it holds.
    ///
    /// # Errors
    /// Where it is no entry that this build knows.
    pub fn told(&self) -> Result<(&'static str, String), EntryProofError> {
        let entry = Entry::new(self.position, self.bytes()?);
        let record = entry.record().map_err(|_| EntryProofError::Entry)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(match record {
            Record::Payment { event, .. } | Record::Streamed { event, .. } => ("payment", text(event)),
            Record::History { event } => ("payment of a history", text(event)),
            Record::Event { event } => ("event", text(event)),
            Record::Rejected { message } => ("rejected message", text(message)),
            Record::Verdict { body, .. } => ("verdict", text(body)),
            Record::Control { event } => ("change", text(event)),
            Record::Example { bytes, .. } => ("training example", format!("{} bytes", bytes.len())),
            Record::Note { note } => ("note", text(note)),
            Record::Case { event } => ("case", text(event)),
        })
    }

    fn bytes(&self) -> Result<Vec<u8>, EntryProofError> {
        let (pairs, rest) = self.entry.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| {
            let text =
                std::str::from_utf8(pair).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()));
            text.and_then(|text| u8::from_str_radix(text, 16).ok()).ok_or(EntryProofError::Entry)
        };
        if rest.is_empty() { pairs.iter().map(byte).collect() } else { Err(EntryProofError::Entry) }
    }
}
