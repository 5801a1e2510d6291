//! Provenance: proof of what was decided, on what and by whom, and that nobody changed it afterwards.
//!
//! Every entry of the log — payments, labels, verdicts, changes, whatever an edge points back to by its source — is a leaf of an RFC 6962
//! Merkle tree. Now and then the root over all of them is signed, and the signed head is written to the log, to a file beside it and to
//! whoever else is told to keep it (the witness). Whoever holds one head can tell whether the entries it covers are still those that were
//! there when it was signed, and that a single entry was among them, without trusting the service.
//!
//! Reading order: `tree` (how leaves become a root) → `proof` (that a leaf is in a tree, that a tree grew out of another) → `store` (the
//! hashes on disk, which roots and proofs of any size are made from) → `head` (what is signed) → `entry` (a log entry as a leaf, and its
//! proof as handed out) → `keeper` (the thread that grows the tree and signs heads) → `witness` (where heads go) → `verify` (a whole log
//! against its heads, offline) → [`Audit`] below (what the API asks).
//!
//! Nobody who decides a payment waits for anything here. Cost: two blocks of SHA-256 and an entry's own bytes, on its own thread, and 64
//! bytes of disk an entry.

pub mod entry;
pub mod head;
mod keeper;
pub mod proof;
pub mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod verify;
pub mod witness;

use crate::log::{Entry, EventLog, LogError, Record, TransactionKey, VerdictPlace};
use crate::service::ServiceError;
use crate::wire;
use arc_swap::ArcSwapOption;
use entry::EntryProof;
use head::SignedHead;
use proof::ConsistencyProof;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::TreeReader;

pub use keeper::HEADS_FILE;
pub(crate) use keeper::{Links, open};

/// Folder of the tree, its heads and the service's own key, in the data folder.
pub const FOLDER: &str = "audit";

/// Checked settings of the audit tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditConfig {
    /// Secret key that signs heads; none: one of its own, made at the first start.
    pub key: Option<PathBuf>,
    /// Entries after which a head is signed.
    pub head_entries: u64,
    /// Time after which a head is signed where anything was appended.
    pub head_every: Duration,
    /// File that heads are appended to besides the log.
    pub witness_file: Option<PathBuf>,
    /// Address that heads are sent to, `http://host:port/path`.
    pub witness_url: Option<hyper::Uri>,
}

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// `audit.enabled` is false.
    #[error("this service keeps no audit tree: audit.enabled is false")]
    Off,
    /// There is no such entry, or it is another tenant's.
    #[error("the log holds no such entry")]
    NoEntry,
    /// It is newer than the newest head.
    #[error(
        "the newest signed head covers {covered} entries and this is number {position}; ask again in {retry_after_s} s"
    )]
    NotCovered {
        /// The entry.
        position: u64,
        /// Entries that the newest head covers.
        covered: u64,
        /// When to ask again.
        retry_after_s: u32,
    },
    /// The sizes asked for make no sense.
    #[error("{0}")]
    Sizes(String),
    /// The tree does not give what was signed.
    #[error(
        "the entries or the tree were changed since head {tree_size} was signed; run `fraudnet audit verify` on a copy of the data folder"
    )]
    Broken {
        /// Entries the head covers.
        tree_size: u64,
    },
    /// It cannot be read.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// Handle to the audit tree; cheap to clone.
#[derive(Clone)]
pub struct Audit {
    inner: Option<Arc<Inner>>,
}

/// The key that heads are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadKey {
    /// Its name: the `signer` of heads.
    pub signer: String,
    /// The public key, 64 hex digits (ed25519).
    pub public_key: String,
}

struct Inner {
    log: EventLog,
    key: HeadKey,
    reader: TreeReader,
    head: ArcSwapOption<SignedHead>,
    head_every: Duration,
}

impl Audit {
    /// None is kept.
    pub(crate) fn off() -> Audit {
        Audit { inner: None }
    }

    /// The newest signed head; none before the first.
    ///
    /// # Errors
    /// [`AuditError::Off`].
    pub fn head(&self) -> Result<Option<Arc<SignedHead>>, AuditError> {
        Ok(self.inner()?.head.load_full())
    }

    /// The key that heads are signed with now; earlier heads may have another signer's.
    ///
    /// # Errors
    /// [`AuditError::Off`].
    pub fn key(&self) -> Result<&HeadKey, AuditError> {
        Ok(&self.inner()?.key)
    }

    /// Proofs that a payment and, where it has one, its verdict are in the log, in this order.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn prove_transaction(&self, tenant: &str, transaction_id: &str) -> Result<Vec<EntryProof>, AuditError> {
        let inner = self.inner()?;
        let row = inner.log.transaction(&TransactionKey::new(tenant, transaction_id)).map_err(unreadable)?;
        let row = row.ok_or(AuditError::NoEntry)?;
        let verdict = match row.verdict {
            VerdictPlace::At(position) => Some(position),
            VerdictPlace::Undecided | VerdictPlace::Never => None,
        };
        std::iter::once(row.payment).chain(verdict).map(|position| inner.prove(position)).collect()
    }

    /// Proof that the entry at that position is in the log; an edge tells the position of the payment it comes from as its source.
    /// Entries of other tenants are not there for this one; those of none, such as changes of models, are there for all.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn prove_position(&self, tenant: &str, position: u64) -> Result<EntryProof, AuditError> {
        let inner = self.inner()?;
        match inner.tenant_of(position)? {
            Some(owner) if owner != tenant => Err(AuditError::NoEntry),
            _ => inner.prove(position),
        }
    }

    /// Proof that the log of `second` entries grew out of the one of `first`.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn consistency(&self, first: u64, second: u64) -> Result<ConsistencyProof, AuditError> {
        self.inner()?.reader.consistency(first, second).map_err(|error| AuditError::Sizes(error.to_string()))
    }

    fn inner(&self) -> Result<&Inner, AuditError> {
        self.inner.as_deref().ok_or(AuditError::Off)
    }
}

impl Inner {
    fn prove(&self, position: u64) -> Result<EntryProof, AuditError> {
        let entry = self.entry(position)?;
        let head = self.head.load_full().filter(|head| head.head.tree_size > position);
        let Some(signed) = head else {
            let covered = self.head.load().as_ref().map_or(0, |head| head.head.tree_size);
            let retry_after_s = u32::try_from(self.head_every.as_secs()).unwrap_or(u32::MAX).max(1);
            return Err(AuditError::NotCovered { position, covered, retry_after_s });
        };
        let tree_size = signed.head.tree_size;
        let broken = |reason: String| {
            tracing::error!(position, tree_size, reason, "the log or its tree is not what was signed");
            AuditError::Broken { tree_size }
        };
        let inclusion = self.reader.inclusion(position, tree_size).map_err(|error| broken(error.to_string()))?;
        let proof = EntryProof::new(&entry, inclusion, SignedHead::clone(&signed));
        // What is handed out holds, also where the tree's files or the log were damaged.
        proof.verify_inclusion().map_err(|error| broken(error.to_string()))?;
        Ok(proof)
    }

    fn entry(&self, position: u64) -> Result<Entry, AuditError> {
        let entries = self.log.read_from(position, 1).map_err(unreadable)?;
        entries.into_iter().next().filter(|entry| entry.position == position).ok_or(AuditError::NoEntry)
    }

    /// Whose entry it is; none where it is nobody's.
    fn tenant_of(&self, position: u64) -> Result<Option<String>, AuditError> {
        let entry = self.entry(position)?;
        let record = entry.record().map_err(unreadable)?;
        if let Record::Verdict { payment, .. } | Record::Example { payment, .. } = record {
            return if payment < position { self.tenant_of(payment) } else { Err(AuditError::NoEntry) };
        }
        let Some(event) = record.event() else { return Ok(None) };
        let event = wire::decode_event(event)
            .map_err(|error| ServiceError::Log(format!("the event at position {position}: {error}")))?;
        Ok(Some(event.tenant))
    }
}

fn unreadable(error: LogError) -> AuditError {
    AuditError::Service(ServiceError::Log(error.to_string()))
}
