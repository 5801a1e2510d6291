//! That a leaf is in a tree (RFC 6962, 2.1.1) and that a tree grew out of another (2.1.2), shown with a few hashes.
//!
//! What is checked comes from strangers: every number is held against the tree that the verifier knows before it is used, and a path of
//! the wrong length is refused before anything is hashed. Cost of a check: a node a level, two for consistency; 30 levels hold a billion
//! leaves.
//!
//! On the way from a leaf to the root, the levels below the one where it parts from the last leaf hold complete siblings on either side
//! (`inner`); above it the way runs along the right edge, where a level counts only where it has a sibling, to the left (`border`).

use super::tree::{Hash, Tree, empty_root, node_hash, root_of_range};
use serde::{Deserialize, Serialize};

/// Shows that a leaf is in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// Which leaf, counted from zero.
    pub leaf_index: u64,
    /// Leaves of the tree.
    pub tree_size: u64,
    /// Siblings on the way from the leaf to the root, 64 hex digits each.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<Hash>,
}

/// Shows that a tree is the beginning of a later one: nothing in it was changed, taken away or moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// Leaves of the earlier tree.
    pub first: u64,
    /// Leaves of the later one.
    pub second: u64,
    /// Hashes both roots are made from, 64 hex digits each.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<Hash>,
}

/// What a proof fails to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It speaks of another tree.
    #[error("the proof is about a tree of {proof} leaves and the tree has {tree}; ask for the proof of this tree")]
    OtherSize {
        /// Leaves it says.
        proof: u64,
        /// Leaves of the tree it was held against.
        tree: u64,
    },
    /// There is no such leaf.
    #[error("a tree of {tree_size} leaves has no leaf {leaf_index}; they are counted from zero")]
    NoSuchLeaf {
        /// The leaf.
        leaf_index: u64,
        /// Leaves of the tree.
        tree_size: u64,
    },
    /// A tree never shrinks.
    #[error(
        "a tree of {second} leaves cannot have grown out of one of {first}; leaves are missing, or the two are interchanged"
    )]
    Shrunk {
        /// Leaves of the earlier tree.
        first: u64,
        /// Leaves of the later one.
        second: u64,
    },
    /// Too few hashes or too many.
    #[error("the path has {found} hashes where {expected} are needed; the proof is cut off or belongs to another tree")]
    PathLength {
        /// Hashes there are.
        found: usize,
        /// Hashes there must be.
        expected: usize,
    },
    /// The leaf is not there.
    #[error("the leaf is not at its place in this tree: the path leads to {found} and the root is {root}")]
    LeafNotIncluded {
        /// Where the path leads.
        found: Hash,
        /// The tree's root.
        root: Hash,
    },
    /// The path does not make the earlier root.
    #[error("the proof does not hold for the earlier tree: the path leads to {found} and its root is {root}")]
    EarlierRoot {
        /// Where the path leads.
        found: Hash,
        /// The earlier tree's root.
        root: Hash,
    },
    /// The path does not make the later root.
    #[error("the later tree did not grow out of the earlier one: the path leads to {found} and its root is {root}")]
    LaterRoot {
        /// Where the path leads.
        found: Hash,
        /// The later tree's root.
        root: Hash,
    },
}

impl InclusionProof {
    /// Checks that the leaf of that hash is the one at `leaf_index` of the tree.
    ///
    /// # Errors
    /// Where it is not, or the proof is about a tree of another size.
    pub fn verify(&self, leaf: &Hash, tree: &Tree) -> Result<(), ProofError> {
        same_size(self.tree_size, tree)?;
        if self.leaf_index >= self.tree_size {
            return Err(ProofError::NoSuchLeaf { leaf_index: self.leaf_index, tree_size: self.tree_size });
        }
        let way = Way::new(self.leaf_index, 0, self.tree_size);
        let (inner, border) = way.split(&self.path)?;
        let found = way.join(*leaf, inner, border);
        if found == tree.root { Ok(()) } else { Err(ProofError::LeafNotIncluded { found, root: tree.root }) }
    }

    /// Makes the proof of a leaf below `tree_size`; `subtree` as for [`root_of_range`].
    pub(super) fn make<E>(
        leaf_index: u64,
        tree_size: u64,
        subtree: impl FnMut(u32, u64) -> Result<Hash, E>,
    ) -> Result<InclusionProof, E> {
        let path = siblings(leaf_index, 0, tree_size, subtree)?;
        Ok(InclusionProof { leaf_index, tree_size, path })
    }
}

impl ConsistencyProof {
    /// Checks that the first leaves of `second` are those of `first`. Every tree grew out of the one without leaves.
    ///
    /// # Errors
    /// Where they are not, or the proof is about trees of other sizes.
    pub fn verify(&self, first: &Tree, second: &Tree) -> Result<(), ProofError> {
        same_size(self.first, first)?;
        same_size(self.second, second)?;
        if self.first > self.second {
            return Err(ProofError::Shrunk { first: self.first, second: self.second });
        }
        if self.first == 0 || self.first == self.second {
            no_path(&self.path)?;
            let root = if self.first == 0 { empty_root() } else { second.root };
            earlier_root(root, first)?;
            return if self.second == 0 { later_root(root, second) } else { Ok(()) };
        }
        // The way starts at the last complete subtree of the earlier tree: what stands to its left makes the earlier root, and with what
        // stands to its right the later one. Where that subtree is the whole earlier tree, its root is known and is not in the path.
        let level = self.first.trailing_zeros();
        let way = Way::new(self.first - 1, level, self.second);
        let (start, siblings) = match self.path.split_first() {
            _ if self.first.is_power_of_two() => (first.root, self.path.as_slice()),
            Some((start, siblings)) => (*start, siblings),
            None => return Err(ProofError::PathLength { found: 0, expected: way.hashes() + 1 }),
        };
        let (inner, border) = way.split(siblings)?;
        earlier_root(way.join_left(start, inner, border), first)?;
        later_root(way.join(start, inner, border), second)
    }

    /// Makes the proof for sizes of which `first` is not the larger; `subtree` as for [`root_of_range`].
    pub(super) fn make<E>(
        first: u64,
        second: u64,
        mut subtree: impl FnMut(u32, u64) -> Result<Hash, E>,
    ) -> Result<ConsistencyProof, E> {
        let mut path = Vec::new();
        if first > 0 && first < second {
            let level = first.trailing_zeros();
            if !first.is_power_of_two() {
                path.push(subtree(level, (first - 1) >> level)?);
            }
            path.extend(siblings(first - 1, level, second, subtree)?);
        }
        Ok(ConsistencyProof { first, second, path })
    }
}

fn same_size(proof: u64, tree: &Tree) -> Result<(), ProofError> {
    if proof == tree.size { Ok(()) } else { Err(ProofError::OtherSize { proof, tree: tree.size }) }
}

fn no_path(path: &[Hash]) -> Result<(), ProofError> {
    if path.is_empty() { Ok(()) } else { Err(ProofError::PathLength { found: path.len(), expected: 0 }) }
}

fn earlier_root(found: Hash, tree: &Tree) -> Result<(), ProofError> {
    if found == tree.root { Ok(()) } else { Err(ProofError::EarlierRoot { found, root: tree.root }) }
}

fn later_root(found: Hash, tree: &Tree) -> Result<(), ProofError> {
    if found == tree.root { Ok(()) } else { Err(ProofError::LaterRoot { found, root: tree.root }) }
}

/// The way up from the subtree of some level that a leaf is in.
struct Way {
    /// Bit k says whether the way comes from the right at the k-th of its levels.
    turns: u64,
    inner: usize,
    border: usize,
}

impl Way {
    /// `leaf` is below `size`; where the level is not 0 it is the last of its subtree, and others follow.
    fn new(leaf: u64, level: u32, size: u64) -> Way {
        // The highest bit in which the leaf and the last leaf differ is where they part: above the subtree, as others follow it.
        let parting = u64::BITS - (leaf ^ (size - 1)).leading_zeros();
        let above = leaf.checked_shr(parting).unwrap_or(0);
        Way { turns: leaf >> level, inner: (parting - level) as usize, border: above.count_ones() as usize }
    }

    /// Hashes of its path.
    fn hashes(&self) -> usize {
        self.inner + self.border
    }

    fn split<'a>(&self, path: &'a [Hash]) -> Result<(&'a [Hash], &'a [Hash]), ProofError> {
        if path.len() != self.hashes() {
            return Err(ProofError::PathLength { found: path.len(), expected: self.hashes() });
        }
        Ok(path.split_at(self.inner))
    }

    /// Where all siblings lead.
    fn join(&self, start: Hash, inner: &[Hash], border: &[Hash]) -> Hash {
        let top = inner.iter().enumerate().fold(start, |below, (level, sibling)| {
            if self.is_right(level) { node_hash(sibling, &below) } else { node_hash(&below, sibling) }
        });
        border.iter().fold(top, |below, sibling| node_hash(sibling, &below))
    }

    /// Where those to the left lead.
    fn join_left(&self, start: Hash, inner: &[Hash], border: &[Hash]) -> Hash {
        let left = inner.iter().enumerate().filter(|(level, _)| self.is_right(*level)).map(|(_, sibling)| sibling);
        left.chain(border).fold(start, |below, sibling| node_hash(sibling, &below))
    }

    fn is_right(&self, level: usize) -> bool {
        self.turns >> level & 1 == 1
    }
}

/// Siblings from the subtree of that level and leaf up to the root of a tree of `size` leaves.
fn siblings<E>(
    leaf: u64,
    level: u32,
    size: u64,
    mut subtree: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    let levels = u64::BITS - (size - 1).leading_zeros();
    for level in level..levels {
        let sibling = leaf >> level ^ 1;
        let begin = sibling << level;
        // To the right of the edge there is nothing; across it stands what is there so far.
        if begin < size {
            path.push(root_of_range(begin, size.min(begin.saturating_add(1 << level)), &mut subtree)?);
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
