//! Rings: for an entity and relation, its up to 16 most recently active neighbours, newest first.
//!
//! Blocks of 2, 4, 8 or 16 entries of 8 bytes, so that the many entities with one or two neighbours stay small and a hub costs what anyone
//! else costs. The size of a block follows from the degree, and so does the length of the ring (`min(degree, 16)`): an edge that left
//! the ring is less recently active than all in it, and edges only ever leave the graph least recently active first. Newest first: the
//! sampler reads at most 9 entries, which is one cache line of a 16-entry block nearly always. Moving an entry to the front moves at
//! most 120 bytes, within two cache lines.

use crate::list::NONE;
use crate::pages::Pages;

/// Most neighbours a ring keeps.
pub(crate) const RING: u32 = 16;

/// A neighbour and the edge to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub neighbour: u32,
    pub edge: u32,
}

const VACANT: Entry = Entry { neighbour: NONE, edge: NONE };

/// Blocks of one size; the free ones are chained through their first entry.
struct Pool<const N: usize> {
    blocks: Pages<[Entry; N]>,
    free: u32,
}

impl<const N: usize> Pool<N> {
    fn new() -> Self {
        Pool { blocks: Pages::new(), free: NONE }
    }

    fn take(&mut self) -> u32 {
        if self.free == NONE {
            return self.blocks.push([VACANT; N]);
        }
        let block = self.free;
        self.free = self.blocks[block][0].edge;
        block
    }

    fn give_back(&mut self, block: u32) {
        self.blocks[block][0] = Entry { neighbour: NONE, edge: self.free };
        self.free = block;
    }
}

/// All rings of the graph. A ring is named by its block and the degree that goes with it.
pub(crate) struct Rings {
    two: Pool<2>,
    four: Pool<4>,
    eight: Pool<8>,
    sixteen: Pool<16>,
}

/// Entries in the block of a ring with that degree.
fn block_size(degree: u32) -> u32 {
    match degree {
        0 => 0,
        1..=2 => 2,
        3..=4 => 4,
        5..=8 => 8,
        _ => 16,
    }
}

impl Rings {
    pub fn new() -> Self {
        Rings { two: Pool::new(), four: Pool::new(), eight: Pool::new(), sixteen: Pool::new() }
    }

    /// The ring's entries, newest first.
    #[inline(always)]
    pub fn entries(&self, block: u32, degree: u32) -> &[Entry] {
        let block: &[Entry] = match degree {
            0 => &[],
            1..=2 => &self.two.blocks[block],
            3..=4 => &self.four.blocks[block],
            5..=8 => &self.eight.blocks[block],
            _ => &self.sixteen.blocks[block],
        };
        &block[..degree.min(RING) as usize]
    }

    /// Fetches the newest entries (all of a small ring, the newest 8 of a full one).
    #[inline(always)]
    pub fn prefetch(&self, block: u32, degree: u32) {
        match degree {
            0 => {}
            1..=2 => self.two.blocks.prefetch(block),
            3..=4 => self.four.blocks.prefetch(block),
            5..=8 => self.eight.blocks.prefetch(block),
            _ => self.sixteen.blocks.prefetch(block),
        }
    }

    /// Puts a new neighbour in front; `degree` is the one before. Returns the ring's block from now on.
    pub fn insert(&mut self, block: u32, degree: u32, entry: Entry) -> u32 {
        let kept = degree.min(RING - 1) as usize;
        if block_size(degree) == block_size(degree + 1) {
            let entries = self.block_mut(block, degree);
            entries.copy_within(..kept, 1);
            entries[0] = entry;
            return block;
        }
        let mut old = [VACANT; RING as usize];
        old[..kept].copy_from_slice(self.entries(block, degree));
        let grown = self.take(degree + 1);
        let entries = self.block_mut(grown, degree + 1);
        entries[0] = entry;
        entries[1..=kept].copy_from_slice(&old[..kept]);
        self.give_back(block, degree);
        grown
    }

    /// Moves a neighbour that was active again to the front, from its place in the ring or from beyond it.
    pub fn move_to_front(&mut self, block: u32, degree: u32, entry: Entry) {
        let len = degree.min(RING) as usize;
        let entries = &mut self.block_mut(block, degree)[..len];
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
        self.give_back(block, degree);
        if kept == 0 {
            return NONE;
        }
        let shrunk = self.take(degree - 1);
        self.block_mut(shrunk, degree - 1)[..kept].copy_from_slice(&old[..kept]);
        shrunk
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> u64 {
        self.two.blocks.bytes() + self.four.blocks.bytes() + self.eight.blocks.bytes() + self.sixteen.blocks.bytes()
    }

    fn block_mut(&mut self, block: u32, degree: u32) -> &mut [Entry] {
        match block_size(degree) {
            0 => &mut [],
            2 => &mut self.two.blocks[block],
            4 => &mut self.four.blocks[block],
            8 => &mut self.eight.blocks[block],
            _ => &mut self.sixteen.blocks[block],
        }
    }

    fn take(&mut self, degree: u32) -> u32 {
        match block_size(degree) {
            0 => NONE,
            2 => self.two.take(),
            4 => self.four.take(),
            8 => self.eight.take(),
            _ => self.sixteen.take(),
        }
    }

    fn give_back(&mut self, block: u32, degree: u32) {
        match block_size(degree) {
            0 => {}
            2 => self.two.give_back(block),
            4 => self.four.give_back(block),
            8 => self.eight.give_back(block),
            _ => self.sixteen.give_back(block),
        }
    }
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
        let mut block = NONE;
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
        assert_eq!(block, NONE);
        let before = rings.bytes();
        let again = rings.insert(NONE, 0, entry(1));
        assert_eq!((edges(&rings, again, 1), rings.bytes()), (vec![1], before));
    }
}
