//! Hash index from a 64-bit hash to a number, cut into 256 tables so that growing one never pauses the engine for long.
//!
//! Open addressing with linear probing; a slot is 8 bytes: the hash's low half and the number. So a lookup that finds nothing, or one thing,
//! reads one cache line, which can be asked for ahead; growing and removing never look at the elements themselves. Tables are 3/8 to 3/4
//! full: 11–21 bytes an element, 15 on average. (hashbrown's table needs 6 bytes less, but each lookup is two dependent misses that
//! can't be asked for ahead.) Who asks compares the real key.

use crate::list::NONE;
use crate::pages::prefetch_reference;

const SHARDS: usize = 256;
/// A slot without element; no element has the number [`NONE`].
const VACANT: u64 = u64::MAX;
const SMALLEST: usize = 8;
/// Places that are asked for together when an index is filled.
const BATCH: usize = 32;

/// The index. Every call is given the full hash of the element it is about.
pub(crate) struct Shards {
    tables: Box<[Table]>,
}

#[derive(Clone)]
struct Table {
    /// A power of two of them. The low bits of an element's tag say where it would like to be; it is there or after, without a gap.
    slots: Box<[u64]>,
    len: usize,
}

impl Shards {
    pub fn new() -> Self {
        let empty = Table { slots: vec![VACANT; SMALLEST].into_boxed_slice(), len: 0 };
        Shards { tables: vec![empty; SHARDS].into_boxed_slice() }
    }

    /// An index of many numbers at once, each table as large as it would have grown; the first number that is the `same` as one
    /// before it is the error.
    pub fn of(
        numbers: impl Iterator<Item = u32> + Clone,
        hash: impl Fn(u32) -> u64,
        same: impl Fn(u32, u32) -> bool,
    ) -> Result<Self, u32> {
        let mut lens = [0; SHARDS];
        numbers.clone().for_each(|number| lens[shard(hash(number))] += 1);
        let mut index = Shards { tables: lens.into_iter().map(Table::with_room).collect() };
        let (mut numbers, mut batch) = (numbers, Vec::with_capacity(BATCH));
        loop {
            batch.clear();
            batch.extend(numbers.by_ref().take(BATCH).map(|number| (hash(number), number)));
            if batch.is_empty() {
                return Ok(index);
            }
            for &(hash, _) in &batch {
                index.prefetch(hash);
            }
            for &(hash, number) in &batch {
                if index.find(hash, |other| same(other, number)).is_some() {
                    return Err(number);
                }
                index.insert(hash, number);
            }
        }
    }

    /// Asks the processor to fetch the place where a hash would be.
    #[inline(always)]
    pub fn prefetch(&self, hash: u64) {
        let table = self.table(hash);
        prefetch_reference(&table.slots[table.home(hash)]);
    }

    /// The number under `hash` for which `is` holds.
    #[inline(always)]
    pub fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let table = self.table(hash);
        let mut place = table.home(hash);
        loop {
            let slot = table.slots[place];
            if slot == VACANT {
                return None;
            }
            if tag(slot) == hash as u32 && is(slot as u32) {
                return Some(slot as u32);
            }
            place = table.after(place);
        }
    }

    /// Adds a number that is not there yet.
    pub fn insert(&mut self, hash: u64, number: u32) {
        debug_assert!(number != NONE);
        let table = &mut self.tables[shard(hash)];
        if (table.len + 1) * 4 > table.slots.len() * 3 {
            table.grow();
        }
        table.put(u64::from(hash as u32) << 32 | u64::from(number));
        table.len += 1;
    }

    /// Takes a number out; it must be in.
    pub fn remove(&mut self, hash: u64, number: u32) {
        let table = &mut self.tables[shard(hash)];
        let wanted = u64::from(hash as u32) << 32 | u64::from(number);
        let mut gap = table.home(hash);
        while table.slots[gap] != wanted {
            assert!(table.slots[gap] != VACANT, "what is removed was inserted under the same hash");
            gap = table.after(gap);
        }
        // What follows moves up into the gap unless it is at home behind it already.
        let mut place = table.after(gap);
        while table.slots[place] != VACANT {
            let home = table.home(u64::from(tag(table.slots[place])));
            let mask = table.slots.len() - 1;
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(gap) & mask {
                table.slots[gap] = table.slots[place];
                gap = place;
            }
            place = table.after(place);
        }
        table.slots[gap] = VACANT;
        table.len -= 1;
    }

    /// How many numbers are in.
    pub fn len(&self) -> usize {
        self.tables.iter().map(|table| table.len).sum()
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| (size_of_val(&*table.slots) + size_of::<Table>()) as u64).sum()
    }

    #[inline(always)]
    fn table(&self, hash: u64) -> &Table {
        &self.tables[shard(hash)]
    }
}

impl Table {
    /// An empty table that takes so many elements without growing.
    fn with_room(len: usize) -> Self {
        let slots = (len * 4).div_ceil(3).next_power_of_two().max(SMALLEST);
        Table { slots: vec![VACANT; slots].into_boxed_slice(), len: 0 }
    }

    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        hash as u32 as usize & (self.slots.len() - 1)
    }

    #[inline(always)]
    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.slots.len() - 1)
    }

    fn put(&mut self, slot: u64) {
        let mut place = self.home(u64::from(tag(slot)));
        while self.slots[place] != VACANT {
            place = self.after(place);
        }
        self.slots[place] = slot;
    }

    fn grow(&mut self) {
        let doubled = vec![VACANT; self.slots.len() * 2].into_boxed_slice();
        let old = std::mem::replace(&mut self.slots, doubled);
        for &slot in old.iter().filter(|&&slot| slot != VACANT) {
            self.put(slot);
        }
    }
}

#[inline(always)]
fn tag(slot: u64) -> u32 {
    (slot >> 32) as u32
}

/// Bits 40–47: the tables use the low half.
#[inline(always)]
fn shard(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::pair_hash;
    use std::collections::HashMap;

    #[test]
    fn it_agrees_with_a_map_through_growth_and_removal() {
        let (mut index, mut map) = (Shards::new(), HashMap::new());
        for step in 0..200_000u32 {
            // Few distinct low halves in a single shard make long runs that wrap around; the rest spreads.
            let key = pair_hash(step % 7919, step / 3 % 13);
            let hash = if step % 2 == 0 { key } else { key & 0x0000_0000_0000_00ff };
            match map.remove(&hash) {
                Some(number) => index.remove(hash, number),
                None => {
                    index.insert(hash, step);
                    map.insert(hash, step);
                }
            }
            let other = pair_hash(step % 101, step % 11);
            assert_eq!(index.find(other, |number| map.get(&other) == Some(&number)), map.get(&other).copied());
        }
        assert!(map.len() > 1000 && map.len() == index.len());
        for (&hash, &number) in &map {
            assert_eq!(index.find(hash, |candidate| candidate == number), Some(number));
        }
        for (hash, number) in map {
            index.remove(hash, number);
        }
        assert_eq!(index.len(), 0);
    }

    #[test]
    fn equal_hashes_are_told_apart_by_the_caller() {
        let mut index = Shards::new();
        for number in 0..20 {
            index.insert(5, number);
        }
        assert_eq!(index.find(5, |number| number == 13), Some(13));
        index.remove(5, 3);
        assert_eq!((index.find(5, |number| number == 3), index.find(5, |number| number == 19)), (None, Some(19)));
    }
}
