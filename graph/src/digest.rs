//! Digest of a sample: the same in every process that applied the same log up to the same cut, whatever numbers it gave the entities.

use crate::{EdgeFacts, Link, MAX_LINKS, MAX_NODES, MAX_ROWS, Node, Subgraph, UNSEEN};

/// Bytes of a node and of a link in the canonical form.
const NODE: usize = 12;
const LINK: usize = 35;
/// Bytes before the first node: clock, truncated, nodes by hop and the row ends.
const HEAD: usize = 4 + 4 + 2 * 4 + 2 * MAX_ROWS;
/// Holds the canonical bytes of the largest sample, so that they are hashed in one piece and nothing is allocated.
const BUFFER: usize = HEAD + NODE * MAX_NODES + LINK * MAX_ROWS * MAX_LINKS;

impl Subgraph {
    /// First 16 bytes of the blake3 hash of the sample's canonical bytes: clock, counts, nodes (key, kind, hop, own, seen) and links
    /// (node, relation, own, facts), row by row, every number little-endian.
    pub fn digest(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = [0; BUFFER];
        let mut canonical = Canonical { hasher: &mut hasher, buffer: &mut buffer, len: 0 };
        canonical.put(self.now_s.to_le_bytes());
        canonical.put(self.truncated.to_le_bytes());
        for count in self.hop_counts.iter().chain(&self.row_ends) {
            canonical.put(count.to_le_bytes());
        }
        for node in &self.nodes {
            canonical.put(node_bytes(node));
        }
        for link in &self.links {
            canonical.put(link_bytes(link));
        }
        canonical.finish()
    }
}

#[inline(always)]
fn node_bytes(&Node { entity, key, kind, hop, own }: &Node) -> [u8; NODE] {
    let mut bytes = [0; NODE];
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    bytes[8..].copy_from_slice(&[kind as u8, hop, u8::from(own), u8::from(entity != UNSEEN)]);
    bytes
}

#[inline(always)]
fn link_bytes(&Link { node, relation, own, facts }: &Link) -> [u8; LINK] {
    let EdgeFacts { first_s, last_s, count, reported, amount, source } = facts;
    let mut bytes = [0; LINK];
    bytes[..3].copy_from_slice(&[node, relation as u8, u8::from(own)]);
    bytes[3..7].copy_from_slice(&first_s.to_le_bytes());
    bytes[7..11].copy_from_slice(&last_s.to_le_bytes());
    bytes[11..15].copy_from_slice(&count.to_le_bytes());
    bytes[15..19].copy_from_slice(&reported.to_le_bytes());
    bytes[19..27].copy_from_slice(&amount.to_le_bytes());
    bytes[27..].copy_from_slice(&source.to_le_bytes());
    bytes
}

struct Canonical<'a> {
    hasher: &'a mut blake3::Hasher,
    buffer: &'a mut [u8; BUFFER],
    len: usize,
}

impl Canonical<'_> {
    /// A whole record at a time: its size is known here, so it is a few moves and one comparison.
    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.len + N > BUFFER {
            self.hasher.update(&self.buffer[..self.len]);
            self.len = 0;
        }
        self.buffer[self.len..self.len + N].copy_from_slice(&bytes);
        self.len += N;
    }

    fn finish(self) -> [u8; 16] {
        self.hasher.update(&self.buffer[..self.len]);
        let hash = self.hasher.finalize();
        *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
    }
}
