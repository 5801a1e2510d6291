//! Rings: for an entity and relation, its up to 16 most recently active neighbours, newest first.
//!
//! Blocks of 2, 4, 8 or 16 entries of 8 bytes, so that the many entities with one or two neighbours stay small and a hub costs what anyone
//! else costs. The size of a block follows from the degree, and so does the length of the ring (`min(degree, 16)`): an edge that left
//! the ring is less recently active than all in it, and edges only ever leave the graph least recently active first. Newest first: the
//! sampler reads at most 9 entries, which is one cache line of a 16-entry block nearly always. Moving an entry to the front moves at
//! most 120 bytes, within two cache lines. All blocks lie in one array, so that reading a ring takes no branch on its size (those are
//! unpredictable), and small rings that come up together lie together.

use crate::list::NONE;
use crate::pages::Pages;

/// Most neighbours a ring keeps.
pub(crate) const RING: u32 = 16;
/// Block of a ring without neighbours: any valid one, of which nothing is read.
pub(crate) const EMPTY: u32 = 0;

/// A neighbour and the edge to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub neighbour: u32,
    pub edge: u32,
}

const VACANT: Entry = Entry { neighbour: NONE, edge: NONE };

/// All rings of the graph. A ring is named by its block, which is the number of its first entry, and the degree that goes with it.
pub(crate) struct Rings {
    entries: Pages<Entry>,
    /// Free blocks of 2, 4, 8 and 16 entries, chained through the edge of their first entry.
    free: [u32; 4],
}

/// Entries in the block of a ring with that degree.
#[inline(always)]
fn block_size(degree: u32) -> u32 {
    match degree {
        0 => 0,
        1 => 2,
        degree => degree.min(RING).next_power_of_two(),
    }
}

impl Rings {
    pub fn new() -> Self {
        let mut rings = Rings { entries: Pages::new(), free: [NONE; 4] };
        let first = rings.take(RING);
        debug_assert!(first == EMPTY);
        rings
    }

    /// The ring's entries, newest first.
    #[inline(always)]
    pub fn entries(&self, block: u32, degree: u32) -> &[Entry] {
        self.entries.run(block, degree.min(RING) as usize)
    }

    /// Fetches the newest entries (all of a small ring, the newest 8 of a full one).
    #[inline(always)]
    pub fn prefetch(&self, block: u32) {
        self.entries.prefetch(block);
    }

    /// Puts a new neighbour in front; `degree` is the one before. Returns the ring's block from now on.
    pub fn insert(&mut self, block: u32, degree: u32, entry: Entry) -> u32 {
        let kept = degree.min(RING - 1) as usize;
        if block_size(degree) == block_size(degree + 1) {
            let entries = self.entries.run_mut(block, kept + 1);
            entries.copy_within(..kept, 1);
            entries[0] = entry;
            return block;
        }
        let mut old = [VACANT; RING as usize];
        old[..kept].copy_from_slice(self.entries(block, degree));
        let grown = self.take(block_size(degree + 1));
        let entries = self.entries.run_mut(grown, kept + 1);
        entries[0] = entry;
        entries[1..].copy_from_slice(&old[..kept]);
        self.give_back(block, block_size(degree));
        grown
    }

    /// Moves a neighbour that was active again to the front, from its place in the ring or from beyond it.
    pub fn move_to_front(&mut self, block: u32, degree: u32, entry: Entry) {
        let len = degree.min(RING) as usize;
        let entries = self.entries.run_mut(block, len);
        let place = entries.iter().position(|candidate| candidate.edge == entry.edge).unwrap_or(len - 1);
        entries.copy_within(..place, 1);
        entries[0] = entry;
    }

    /// Drops the edge that was active least recently; `degree` is the one before. Returns the ring's block from now on.
    pub fn remove_oldest(&mut self, block: u32, degree: u32, edge: u32) -> u32 {
        if degree > RING {
            return block; // It had left the ring already.
        }
        let kept = degree as usize - 1;
        assert!(self.entries(block, degree)[kept].edge == edge, "edges leave least recently active first");
        if block_size(degree) == block_size(degree - 1) {
            return block;
        }
        let mut old = [VACANT; RING as usize];
        old[..kept].copy_from_slice(&self.entries(block, degree)[..kept]);
        self.give_back(block, block_size(degree));
        if kept == 0 {
            return EMPTY;
        }
        let shrunk = self.take(block_size(degree - 1));
        self.entries.run_mut(shrunk, kept).copy_from_slice(&old[..kept]);
        shrunk
    }

    /// A block for a ring with that many neighbours, none of which is in it yet.
    pub fn room(&mut self, degree: u32) -> u32 {
        if degree == 0 { EMPTY } else { self.take(block_size(degree)) }
    }

    /// Writes the entry at a place, counted from the newest, of a block that has room for it.
    pub fn put(&mut self, block: u32, place: u32, entry: Entry) {
        self.entries[block + place] = entry;
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> u64 {
        self.entries.bytes()
    }

    /// A block of that size: a free one, half of a larger one, or a new one. A block is aligned to its size, so it lies within a page.
    fn take(&mut self, size: u32) -> u32 {
        let class = class(size);
        if self.free[class] != NONE {
            let block = self.free[class];
            self.free[class] = self.entries[block].edge;
            return block;
        }
        if size < RING {
            let whole = self.take(size * 2);
            self.give_back(whole + size, size);
            return whole;
        }
        let block = self.entries.push(VACANT);
        for _ in 1..RING {
            self.entries.push(VACANT);
        }
        block
    }

    fn give_back(&mut self, block: u32, size: u32) {
        if size > 0 {
            let class = class(size);
            self.entries[block].edge = self.free[class];
            self.free[class] = block;
        }
    }
}

fn class(size: u32) -> usize {
    size.trailing_zeros() as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(edge: u32) -> Entry {
        Entry { neighbour: 1000 + edge, edge }
    }

    fn edges(rings: &Rings, block: u32, degree: u32) -> Vec<u32> {
        rings.entries(block, degree).iter().map(|entry| entry.edge).collect()
    }

    #[test]
    fn a_ring_keeps_the_newest_sixteen_through_growth_and_back() {
        let mut rings = Rings::new();
        let mut block = EMPTY;
        for degree in 0..20 {
            block = rings.insert(block, degree, entry(degree));
            let expected: Vec<u32> = (0..=degree).rev().take(16).collect();
            assert_eq!(edges(&rings, block, degree + 1), expected);
        }
        rings.move_to_front(block, 20, entry(10));
        rings.move_to_front(block, 20, entry(0)); // from beyond the ring
        let mut order = vec![0, 10, 19, 18, 17, 16, 15, 14, 13, 12, 11, 9, 8, 7, 6, 5];
        assert_eq!(edges(&rings, block, 20), order);
        for (degree, edge) in (17..=20).rev().zip(1..=4) {
            block = rings.remove_oldest(block, degree, edge);
        }
        for degree in (1..=16).rev() {
            assert_eq!(edges(&rings, block, degree), order);
            block = rings.remove_oldest(block, degree, order.pop().unwrap());
        }
        assert_eq!(block, EMPTY);
        let before = rings.bytes();
        let again = rings.insert(EMPTY, 0, entry(1));
        assert_eq!((edges(&rings, again, 1), rings.bytes()), (vec![1], before));
    }
}
