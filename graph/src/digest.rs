//! Digest of a sample: the same in every process that applied the same log up to the same cut, whatever numbers it gave the entities.

use crate::{EdgeFacts, Link, Node, Subgraph, UNSEEN};

/// Holds the canonical bytes of the largest sample (16 KiB), so that they are hashed in one piece and nothing is allocated.
const BUFFER: usize = 16 << 10;

impl Subgraph {
    /// First 16 bytes of the blake3 hash of the sample's canonical bytes: clock, counts, nodes (key, kind, hop, own, seen) and links
    /// (node, relation, own, facts), row by row, every number little-endian.
    pub fn digest(&self) -> [u8; 16] {
        let mut canonical = Canonical { hasher: blake3::Hasher::new(), buffer: [0; BUFFER], len: 0 };
        canonical.put(&self.now_s.to_le_bytes());
        canonical.put(&self.truncated.to_le_bytes());
        for count in self.hop_counts.iter().chain(&self.row_ends) {
            canonical.put(&count.to_le_bytes());
        }
        for &Node { entity, key, kind, hop, own } in &self.nodes {
            canonical.put(&key.to_le_bytes());
            canonical.put(&[kind as u8, hop, u8::from(own), u8::from(entity != UNSEEN)]);
        }
        for &Link { node, relation, own, facts } in &self.links {
            let EdgeFacts { first_s, last_s, count, reported, amount, source } = facts;
            canonical.put(&[node, relation as u8, u8::from(own)]);
            for number in [first_s, last_s, count, reported] {
                canonical.put(&number.to_le_bytes());
            }
            canonical.put(&amount.to_le_bytes());
            canonical.put(&source.to_le_bytes());
        }
        canonical.finish()
    }
}

struct Canonical {
    hasher: blake3::Hasher,
    buffer: [u8; BUFFER],
    len: usize,
}

impl Canonical {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        if self.len + bytes.len() > BUFFER {
            self.hasher.update(&self.buffer[..self.len]);
            self.len = 0;
        }
        self.buffer[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn finish(mut self) -> [u8; 16] {
        self.hasher.update(&self.buffer[..self.len]);
        let hash = self.hasher.finalize();
        *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
    }
}
