//! Records by entity number, in chunks that never move: growth copies nothing and never pauses the engine for long.
//!
//! A chunk is one 2 MiB page where the system grants it: reading 128 entities spread over a gigabyte would else miss the
//! address translation cache at each of them (measured: half of the time it takes to read them).

use crate::memory::{advise_huge, prefetch};

/// Records of 128 bytes in a chunk.
const RECORDS: usize = 16_384;

/// One chunk, aligned to its size.
#[repr(C, align(2_097_152))]
struct Chunk<T>([T; RECORDS]);

/// Records indexed by entity number.
pub(crate) struct Slab<T> {
    chunks: Vec<Box<Chunk<T>>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { chunks: Vec::new() }
    }
}

impl<T: Default> Chunk<T> {
    fn new() -> Box<Self> {
        const { assert!(size_of::<T>() * RECORDS == align_of::<Chunk<T>>()) };
        let mut chunk = Box::<Self>::new_uninit();
        advise_huge(&*chunk);
        let first = chunk.as_mut_ptr().cast::<T>();
        for record in 0..RECORDS {
            // SAFETY: a chunk is `RECORDS` records from its start on (`repr(C)`), so every write lies within the box. A chunk is written
            // in place because it is too large to be built on the stack.
            unsafe { first.add(record).write(T::default()) };
        }
        // SAFETY: every record was written just now, and a chunk is nothing but its records.
        unsafe { chunk.assume_init() }
    }
}

impl<T: Default> Slab<T> {
    /// The record of that number, if the slab reaches so far.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.chunks.get(number as usize / RECORDS).map(|chunk| &chunk.0[number as usize % RECORDS])
    }

    /// Asks the memory for a record that will be read soon.
    #[inline]
    pub(crate) fn prefetch(&self, number: u32) {
        if let Some(record) = self.get(number) {
            prefetch(record);
        }
    }

    /// The record of that number; the slab grows to reach it.
    pub(crate) fn at(&mut self, number: u32) -> &mut T {
        let chunk = number as usize / RECORDS;
        while self.chunks.len() <= chunk {
            self.chunks.push(Chunk::new());
        }
        &mut self.chunks[chunk].0[number as usize % RECORDS]
    }

    /// Every record with its number, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.chunks.iter().flat_map(|chunk| chunk.0.iter()).enumerate().map(|(number, record)| (number as u32, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_start_as_defaults_and_stay_where_they_are() {
        let mut slab = Slab::<[u64; 16]>::default();
        assert_eq!(slab.get(0), None);
        slab.at(20_000)[3] = 7;
        assert_eq!((slab.get(20_000).unwrap()[3], slab.get(19_999).unwrap()[3], slab.get(40_000)), (7, 0, None));
        let before = std::ptr::from_ref(slab.get(20_000).unwrap());
        slab.at(100_000);
        assert_eq!(before, std::ptr::from_ref(slab.get(20_000).unwrap()));
        assert_eq!(
            slab.iter().filter(|(_, record)| record[3] != 0).map(|(number, _)| number).collect::<Vec<_>>(),
            [20_000]
        );
    }
}
