//! Everybody the vault knows, in memory: what payments ask.
//!
//! Cost: a look-up is a short lock on one of 64 parts and a hash, below 0.1 µs. A person takes 70 to 140 bytes of memory, depending on how
//! long ago the tables doubled. No key and no identifier is in it: these stay in the file, sealed.

use super::keys::Index;
use super::pseudonym::Pseudonym;
use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

const SHARDS: usize = 64;

/// From index to pseudonym. Whoever is in it is on the disk.
pub(super) struct Known {
    shards: Vec<RwLock<HashMap<Index, Pseudonym>>>,
    count: AtomicUsize,
}

impl Known {
    pub(super) fn new() -> Known {
        Known { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), count: AtomicUsize::new(0) }
    }

    /// An index is a keyed hash: any of its bytes spreads evenly.
    fn shard(&self, index: &Index) -> &RwLock<HashMap<Index, Pseudonym>> {
        &self.shards[usize::from(index[0]) % SHARDS]
    }

    pub(super) fn get(&self, index: &Index) -> Option<Pseudonym> {
        self.shard(index).read().unwrap_or_else(PoisonError::into_inner).get(index).copied()
    }

    /// Whether it was not there.
    pub(super) fn insert(&self, index: Index, pseudonym: Pseudonym) -> bool {
        let before = self.shard(&index).write().unwrap_or_else(PoisonError::into_inner).insert(index, pseudonym);
        self.count.fetch_add(usize::from(before.is_none()), Ordering::Relaxed);
        before.is_none()
    }

    pub(super) fn remove(&self, index: &Index) {
        let before = self.shard(index).write().unwrap_or_else(PoisonError::into_inner).remove(index);
        self.count.fetch_sub(usize::from(before.is_some()), Ordering::Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

/// Where in the file everybody stands: what people ask who must know whom a pseudonym means.
pub(super) struct Places {
    /// The file that the places are in.
    pub(super) file: Arc<File>,
    /// Place of everybody's record.
    pub(super) of: HashMap<Pseudonym, u64>,
}
