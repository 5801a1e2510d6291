//! How leaves become a root (RFC 6962, section 2.1): a leaf's hash is SHA-256 over 0x00 and its data, a node's is SHA-256 over 0x01 and
//! the hashes of its two sides; the left side is the largest complete subtree that leaves something to the right of it. The two prefixes
//! keep a node from passing for a leaf.
//!
//! Cost: two blocks of SHA-256 a node. A tree of n leaves has n - 1 nodes, so a leaf costs its own data and one node, spread evenly.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// Before the data of a leaf.
const LEAF_PREFIX: [u8; 1] = [0x00];
/// Before the two hashes of a node.
const NODE_PREFIX: [u8; 1] = [0x01];

/// A SHA-256 hash. As text it is 64 lower-case hex digits and nothing else, so that one hash has one text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Bytes of a hash.
    pub const BYTES: usize = 32;

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; Hash::BYTES] {
        &self.0
    }
}

impl From<[u8; Hash::BYTES]> for Hash {
    fn from(bytes: [u8; Hash::BYTES]) -> Hash {
        Hash(bytes)
    }
}

/// Why a text is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a hash of 64 lower-case hex digits")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Hash, HashError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(HashError),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != Hash::BYTES || !rest.is_empty() {
            return Err(HashError);
        }
        let mut bytes = [0; Hash::BYTES];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Hash(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Hash of a leaf that holds `data`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update(LEAF_PREFIX).chain_update(data).finalize().into())
}

/// Hash of the node over two sides.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update(NODE_PREFIX).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// Root of the tree without leaves.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// A tree as a verifier knows it. The size belongs to it: a root alone fits paths of trees of several sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// A tree that grows at its right and remembers only what later roots need: the root of each complete subtree, at most 64 hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for every set bit of the size, the largest subtree first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    pub fn new() -> Frontier {
        Frontier::default()
    }

    /// Takes the hash of the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut carried = leaf;
        // As adding one carries through the low bits of the size, the new leaf closes the subtrees that belong to them.
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("every set bit of the size has its peak");
            carried = node_hash(&left, &carried);
        }
        self.peaks.push(carried);
        self.size += 1;
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root over them.
    pub fn root(&self) -> Hash {
        self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }

    /// Both.
    pub fn tree(&self) -> Tree {
        Tree { size: self.size, root: self.root() }
    }
}

/// Root over the leaves `begin..end`, from the complete subtrees they are made of: `subtree(level, index)` is the one over the 2^level
/// leaves from index · 2^level on. `begin` is where a subtree as large as the range may stand: zero, or a multiple of a power of two that
/// is not less than its length.
pub(super) fn root_of_range<E>(
    begin: u64,
    end: u64,
    subtree: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let mut right: Option<Hash> = None;
    let mut at = end;
    while at > begin {
        // The smallest subtree stands last, so folding from the right meets them in the order in which nodes are made.
        let level = (at - begin).trailing_zeros();
        at -= 1 << level;
        let left = subtree(level, at >> level)?;
        right = Some(right.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(right.unwrap_or_else(empty_root))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{PUBLISHED_LEAVES, PUBLISHED_ROOTS, Random, entries, leaves, reference, tamper};
    use super::*;

    #[test]
    fn the_published_tree_has_its_published_roots() {
        assert_eq!(empty_root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let mut frontier = Frontier::new();
        assert_eq!(frontier.root(), empty_root());
        for (data, root) in PUBLISHED_LEAVES.iter().zip(PUBLISHED_ROOTS) {
            frontier.push(leaf_hash(data));
            assert_eq!(frontier.root().to_string(), root, "{} leaves", frontier.size());
        }
    }

    #[test]
    fn roots_are_those_of_the_definition() {
        let leaves = leaves(300);
        let mut frontier = Frontier::new();
        for size in 0..=leaves.len() {
            assert_eq!(frontier.tree(), Tree { size: size as u64, root: reference::root(&leaves[..size]) });
            assert_eq!(frontier.peaks.len() as u32, frontier.size.count_ones());
            leaves.get(size).inspect(|leaf| frontier.push(**leaf));
        }
    }

    #[test]
    fn a_hash_is_its_text_and_nothing_else_is() {
        let hash = leaf_hash(b"one");
        let text = hash.to_string();
        assert_eq!((text.len(), text.parse()), (64, Ok(hash)));
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!((json.as_str(), serde_json::from_str::<Hash>(&json).unwrap()), (&*format!("\"{text}\""), hash));
        let wrong = [
            String::new(),
            text.to_uppercase(),
            text[1..].to_owned(),
            format!("{text}0"),
            format!("{text}00"),
            format!(" {}", &text[1..]),
            format!("+{}", &text[1..]),
            // What stands beside the digits in ASCII.
            format!("/{}", &text[1..]),
            format!(":{}", &text[1..]),
            format!("`{}", &text[1..]),
            format!("g{}", &text[1..]),
            "é".repeat(32),
        ];
        for text in wrong {
            assert_eq!(text.parse::<Hash>(), Err(HashError), "{text}");
        }
        let error = serde_json::from_str::<Hash>("\"12\"").unwrap_err().to_string();
        assert!(error.contains("64 lower-case hex digits"), "{error}");
    }

    #[test]
    fn every_tampering_changes_the_root() {
        let root = |entries: &[Vec<u8>]| {
            let mut frontier = Frontier::new();
            entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
            frontier.root()
        };
        for seed in 0..1_000 {
            let mut random = Random(seed);
            let entries = entries(&mut random);
            let mut tampered = entries.clone();
            let what = tamper(&mut tampered, &mut random);
            assert_ne!(root(&entries), root(&tampered), "seed {seed}: {what}");
        }
    }
}
