//! The hashes of every complete subtree, on disk, so that the root and the proofs of any size there ever was are a few reads away.
//!
//! ```text
//! <folder>/level-00   the leaves' hashes, 32 bytes each, one after the other
//!          level-01   the nodes over two of them each
//!          level-NN   the nodes over 2^NN leaves each
//! ```
//!
//! An incomplete subtree is in none of them: it is folded when it is asked for. All of it follows from the log, so nothing is synced.
//! After a kill, the files are made to agree at open. After a power failure, what the system had not written yet may be wrong in ways
//! that no short look finds; so whoever serves a proof checks it against the signed root first, and builds the store again from the log
//! (`rewind(0)`) where it does not hold.
//!
//! Cost: 64 bytes of disk a leaf. An append is one write a level that gets a new node, two on average for single leaves; a root or a
//! proof of n leaves is at most 2 log₂ n reads of 32 bytes, nearly always from the page cache.

mod levels;

use super::proof::{ConsistencyProof, InclusionProof};
use super::tree::{Hash, Tree, node_hash, root_of_range};
use levels::{LEVELS, Levels};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Nodes made at once where many are missing: bounds the memory of a rebuild to some hundred KiB.
const NODES_AT_ONCE: u64 = 4_096;

/// Why the store cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file system said no.
    #[error("{path} cannot be used: {reason}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// The tree is not that large.
    #[error("the tree has {size} leaves and not {asked}; ask for at most so many, or wait until it has grown")]
    NotGrown {
        /// Leaves that were asked for.
        asked: u64,
        /// Leaves there are.
        size: u64,
    },
    /// There is no such leaf.
    #[error("a tree of {tree_size} leaves has no leaf {leaf_index}; they are counted from zero")]
    NoSuchLeaf {
        /// The leaf.
        leaf_index: u64,
        /// Leaves of the tree.
        tree_size: u64,
    },
    /// The earlier tree is larger than the later one.
    #[error("a tree of {first} leaves is not earlier than one of {second}; interchange the two")]
    Backwards {
        /// Leaves of the earlier tree.
        first: u64,
        /// Leaves of the later one.
        second: u64,
    },
}

/// The store's one writer. The log's lock keeps a second process away; the store has none of its own.
#[derive(Debug)]
pub struct TreeStore {
    reader: TreeReader,
    /// The files may hold more than the size says, because a write failed half way.
    torn: bool,
}

/// Reads the store, also while it grows: what it was once told of stays as it is. Cheap to clone; every clone speaks of the same files.
#[derive(Debug, Clone)]
pub struct TreeReader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    levels: Levels,
    /// Leaves whose hashes, and those of all nodes over them, are written.
    size: AtomicU64,
}

impl TreeStore {
    /// Opens or makes the store of a folder. The leaves' hashes that are whole count; the levels above are cut or made to fit.
    ///
    /// # Errors
    /// Where the folder or its files cannot be used.
    pub fn open(folder: &Path) -> Result<TreeStore, StoreError> {
        let levels = Levels::new(folder)?;
        let mut size = levels.hashes(0)?;
        // A power failure can leave a file that has grown over zeros that were never written; no leaf has that hash.
        while size > 0 && *levels.read(0, size - 1)?.as_bytes() == [0; Hash::BYTES] {
            size -= 1;
        }
        levels.cut(0, size)?;
        for level in 1..LEVELS {
            let nodes = size >> level;
            if nodes == 0 {
                levels.remove(level)?;
                continue;
            }
            let mut kept = levels.hashes(level)?.min(nodes);
            while kept > 0 && !holds(&levels, level, kept - 1)? {
                kept -= 1;
            }
            levels.cut(level, kept)?;
            make_nodes(&levels, level, kept, nodes)?;
        }
        let reader = TreeReader { shared: Arc::new(Shared { levels, size: AtomicU64::new(size) }) };
        Ok(TreeStore { reader, torn: false })
    }

    /// Takes the hashes of the next leaves; readers see all of them or none.
    ///
    /// # Errors
    /// Where they cannot be written; the tree is then what it was, and the append can be tried again.
    pub fn append(&mut self, leaves: &[Hash]) -> Result<(), StoreError> {
        let before = self.size();
        let after = before + leaves.len() as u64;
        if self.torn {
            self.cut(before)?;
        }
        self.torn = true;
        let Shared { levels, size } = &*self.reader.shared;
        levels.write(0, before, leaves)?;
        for level in 1..LEVELS {
            let (kept, nodes) = (before >> level, after >> level);
            if kept == nodes {
                break;
            }
            make_nodes(levels, level, kept, nodes)?;
        }
        self.torn = false;
        size.store(after, Ordering::Release);
        Ok(())
    }

    /// Goes back to an earlier size, as if nothing had come after it. What a reader is asked meanwhile about more than that may fail or not
    /// hold, so this belongs before readers are handed out.
    ///
    /// # Errors
    /// Where the tree is smaller than that, or the files cannot be cut.
    pub fn rewind(&mut self, size: u64) -> Result<(), StoreError> {
        self.reader.grown_to(size)?;
        self.reader.shared.size.store(size, Ordering::Release);
        self.cut(size)
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.reader.size()
    }

    /// What roots and proofs are asked of; a clone of it serves another thread.
    pub fn reader(&self) -> &TreeReader {
        &self.reader
    }

    /// Takes away what is beyond that size.
    fn cut(&mut self, size: u64) -> Result<(), StoreError> {
        self.torn = true;
        let levels = &self.reader.shared.levels;
        for level in 0..LEVELS {
            match size >> level {
                0 if level > 0 => levels.cut_if_open(level)?,
                nodes => levels.cut(level, nodes)?,
            }
        }
        self.torn = false;
        Ok(())
    }
}

/// Whether a node is what the level below says.
fn holds(levels: &Levels, level: u32, index: u64) -> Result<bool, StoreError> {
    let (left, right) = (levels.read(level - 1, 2 * index)?, levels.read(level - 1, 2 * index + 1)?);
    Ok(levels.read(level, index)? == node_hash(&left, &right))
}

/// Makes the nodes `from..to` of a level out of the level below.
fn make_nodes(levels: &Levels, level: u32, mut from: u64, to: u64) -> Result<(), StoreError> {
    while from < to {
        let count = NODES_AT_ONCE.min(to - from);
        let below = levels.read_many(level - 1, 2 * from, 2 * count)?;
        let nodes: Vec<Hash> = below.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
        levels.write(level, from, &nodes)?;
        from += count;
    }
    Ok(())
}

impl TreeReader {
    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.shared.size.load(Ordering::Acquire)
    }

    /// The hash of a leaf.
    ///
    /// # Errors
    /// Where there is no such leaf, or the file cannot be read.
    pub fn leaf(&self, index: u64) -> Result<Hash, StoreError> {
        let tree_size = self.size();
        if index >= tree_size {
            return Err(StoreError::NoSuchLeaf { leaf_index: index, tree_size });
        }
        self.subtree(0, index)
    }

    /// Root of the tree when it had `size` leaves.
    ///
    /// # Errors
    /// Where it has not grown so far, or the files cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Hash, StoreError> {
        self.grown_to(size)?;
        root_of_range(0, size, &mut |level, index| self.subtree(level, index))
    }

    /// The tree when it had `size` leaves.
    ///
    /// # Errors
    /// As [`TreeReader::root_at`].
    pub fn tree_at(&self, size: u64) -> Result<Tree, StoreError> {
        Ok(Tree { size, root: self.root_at(size)? })
    }

    /// Proof that a leaf is in the tree of `tree_size` leaves.
    ///
    /// # Errors
    /// Where the tree has not grown so far, has no such leaf, or the files cannot be read.
    pub fn inclusion(&self, leaf_index: u64, tree_size: u64) -> Result<InclusionProof, StoreError> {
        self.grown_to(tree_size)?;
        if leaf_index >= tree_size {
            return Err(StoreError::NoSuchLeaf { leaf_index, tree_size });
        }
        InclusionProof::make(leaf_index, tree_size, |level, index| self.subtree(level, index))
    }

    /// Proof that the tree of `second` leaves grew out of the one of `first`.
    ///
    /// # Errors
    /// Where the tree has not grown so far, `first` is the larger, or the files cannot be read.
    pub fn consistency(&self, first: u64, second: u64) -> Result<ConsistencyProof, StoreError> {
        self.grown_to(second)?;
        if first > second {
            return Err(StoreError::Backwards { first, second });
        }
        ConsistencyProof::make(first, second, |level, index| self.subtree(level, index))
    }

    fn grown_to(&self, asked: u64) -> Result<(), StoreError> {
        let size = self.size();
        if asked <= size { Ok(()) } else { Err(StoreError::NotGrown { asked, size }) }
    }

    fn subtree(&self, level: u32, index: u64) -> Result<Hash, StoreError> {
        self.shared.levels.read(level, index)
    }
}

#[cfg(test)]
mod tests;
