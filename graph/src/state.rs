//! Digest over the whole state, for comparing two folds of the same log.

use crate::Graph;
use crate::entities::Entity;
use crate::entity::SLOTS;
use crate::parties::ROLE_COUNT;
use crate::{EdgeFacts, EntityRef};

impl Graph {
    /// Digest over everything that can influence what the graph does later: equal logs and limits give equal hashes. It walks all of the
    /// state, so it is for checks and snapshots, not for every event.
    pub fn state_hash(&self) -> [u8; 32] {
        let mut state = Canonical { hasher: blake3::Hasher::new(), buffer: Vec::with_capacity(BUFFER) };
        let limits = &self.limits;
        state.words(&[limits.max_entities, limits.max_edges, limits.max_transactions, limits.max_age_s, self.now_s]);

        // In order of activity and of reuse, never in the order of a hash table's memory.
        state.words(&[self.entities.live(), self.entities.numbers()]);
        for number in self.entities.oldest_first() {
            self.hash_entity(number, &mut state);
        }
        for EntityRef { number, generation } in self.entities.free_numbers() {
            state.words(&[number, generation]);
        }
        state.words(&[self.edges.live(), self.edges.numbers()]);
        for number in self.edges.oldest_first() {
            let edge = self.edges.ends(number);
            let EdgeFacts { first_s, last_s, count, reported, amount, source } = *self.edges.facts(number);
            state.words(&[number, edge.a, edge.b, first_s, last_s, count, reported]);
            state.longs(&[amount, source]);
        }
        for number in self.edges.free_numbers() {
            state.words(&[number]);
        }
        state.words(&[self.transactions.live()]);
        for transaction in self.transactions.oldest_first() {
            state.longs(&[transaction.key[0], transaction.key[1], transaction.position, transaction.amount]);
            let parties: [[u32; 3]; ROLE_COUNT] =
                transaction.parties.map(|party| party.map_or([0; 3], |party| [1, party.number, party.generation]));
            state.words(parties.as_flattened());
            let label =
                transaction.label.map_or([0; 3], |label| [label.source as u32, u32::from(label.fraud), label.since_s]);
            state.words(&label);
            state.words(&[transaction.at_s]);
        }
        state.finish()
    }

    fn hash_entity(&self, number: u32, state: &mut Canonical) {
        let Entity { key, degree, ring, generation, first_s, last_s, payments, reported, kind, alive: _ } =
            *self.entities.get(number);
        state.longs(&[key]);
        state.words(&[number, kind as u32, generation, first_s, last_s, payments, reported]);
        for slot in 0..SLOTS {
            state.words(&[degree[slot]]);
            for entry in self.rings.entries(ring[slot], degree[slot]) {
                state.words(&[entry.neighbour, entry.edge]);
            }
        }
        for text in [self.entities.tenant(number), self.entities.identifier(number)] {
            state.words(&[text.len() as u32]);
            state.bytes(text.as_bytes());
        }
    }
}

/// blake3 takes large pieces several times faster than small ones.
const BUFFER: usize = 1 << 16;

struct Canonical {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
}

impl Canonical {
    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.bytes(&word.to_le_bytes());
        }
    }

    fn longs(&mut self, longs: &[u64]) {
        for long in longs {
            self.bytes(&long.to_le_bytes());
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.hasher.update(&self.buffer);
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.buffer);
        self.hasher.finalize().into()
    }
}
