//! Rows whose numbers are given out again.

use std::ops::{Index, IndexMut};

/// No row.
pub(super) const NONE: u32 = u32::MAX;

/// Rows by number. A number is given out again once its row was removed; whoever keeps a number lets go of it before that.
#[derive(Debug, Clone)]
pub(super) struct Slab<T> {
    rows: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Slab<T> {
        Slab { rows: Vec::new(), free: Vec::new() }
    }

    pub(super) fn insert(&mut self, row: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.rows[number as usize] = Some(row);
            return number;
        }
        self.rows.push(Some(row));
        // The window's bound keeps numbers far below.
        (self.rows.len() - 1) as u32
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let row = self.rows.get_mut(number as usize)?.take();
        if row.is_some() {
            self.free.push(number);
        }
        row
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.rows.iter().enumerate().filter_map(|(number, row)| Some((number as u32, row.as_ref()?)))
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.rows.capacity() * size_of::<Option<T>>() + self.free.capacity() * size_of::<u32>()) as u64
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        self.rows[number as usize].as_ref().expect("a number is let go of before its row")
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        self.rows[number as usize].as_mut().expect("a number is let go of before its row")
    }
}
