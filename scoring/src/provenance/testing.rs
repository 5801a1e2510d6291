//! What the tests of this module share: published vectors, the definitions of RFC 6962 as they are written there, seeded randomness and
//! folders that go with the test.

use super::tree::{Hash, leaf_hash};

/// Leaves of the tree that implementations of Certificate Transparency publish vectors of (transparency-dev/merkle, `testonly`).
pub const PUBLISHED_LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Its roots at 1 to 8 leaves.
pub const PUBLISHED_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// The published leaves' hashes.
pub fn published_leaves() -> Vec<Hash> {
    PUBLISHED_LEAVES.iter().map(|data| leaf_hash(data)).collect()
}

/// So many leaves, all different.
pub fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|at| leaf_hash(format!("leaf {at}").as_bytes())).collect()
}

/// RFC 6962 section 2.1 word by word: slow, and nothing is shared with what it checks but the two hash functions.
pub mod reference {
    use super::super::tree::{Hash, empty_root, node_hash};

    /// Leaves of the left side: the largest power of two smaller than `size`.
    fn split(size: usize) -> usize {
        size.next_power_of_two() / 2
    }

    /// MTH.
    pub fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                node_hash(&root(left), &root(right))
            }
        }
    }

    /// PATH.
    pub fn inclusion(leaf: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut path, sibling) = if leaf < left.len() {
            (inclusion(leaf, left), root(right))
        } else {
            (inclusion(leaf - left.len(), right), root(left))
        };
        path.push(sibling);
        path
    }

    /// PROOF.
    pub fn consistency(first: usize, leaves: &[Hash]) -> Vec<Hash> {
        if first == 0 { Vec::new() } else { subproof(first, leaves, true) }
    }

    /// SUBPROOF.
    fn subproof(first: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
        if first == leaves.len() {
            return if known { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut path, sibling) = if first <= left.len() {
            (subproof(first, left, known), root(right))
        } else {
            (subproof(first - left.len(), right, false), root(left))
        };
        path.push(sibling);
        path
    }
}

/// SplitMix64, from a seed.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// 2 to 61 entries of a log, all different.
pub fn entries(random: &mut Random) -> Vec<Vec<u8>> {
    (0..2 + random.below(60)).map(|at| format!("{at} {}", random.next()).into_bytes()).collect()
}

/// Does one of the things that must not be done to entries; says which.
pub fn tamper(entries: &mut Vec<Vec<u8>>, random: &mut Random) -> &'static str {
    let at = random.below(entries.len());
    match random.below(6) {
        0 => {
            let entry = &mut entries[at];
            let bit = random.below(entry.len() * 8);
            entry[bit / 8] ^= 1 << (bit % 8);
            "edit"
        }
        1 => {
            entries.remove(at);
            "delete"
        }
        2 => {
            let other = (at + 1 + random.below(entries.len() - 1)) % entries.len();
            entries.swap(at, other);
            "reorder"
        }
        3 => {
            entries.truncate(at);
            "truncate"
        }
        4 => {
            entries.insert(at, random.next().to_le_bytes().to_vec());
            "insert"
        }
        _ => {
            // Not of the entry that stands there: that would be the same as repeating it after itself, which at the end is an append.
            let other = (at + 1 + random.below(entries.len() - 1)) % entries.len();
            let copy = entries[other].clone();
            entries.insert(at, copy);
            "repeat"
        }
    }
}
