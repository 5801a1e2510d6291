//! Reading on in a column whose length was checked against what will be taken from it.

/// A column and how far it was read.
pub(super) struct Cursor<T> {
    values: Vec<T>,
    next: usize,
}

impl<T: Copy> Cursor<T> {
    pub fn new(values: Vec<T>) -> Self {
        Cursor { values, next: 0 }
    }

    /// The next so many values.
    pub fn take(&mut self, count: usize) -> &[T] {
        let first = self.next;
        self.next += count;
        &self.values[first..self.next]
    }

    /// The next so many values, as an array.
    pub fn array<const N: usize>(&mut self) -> [T; N] {
        self.take(N).try_into().expect("as many were taken")
    }

    /// The next value.
    pub fn one(&mut self) -> T {
        self.array::<1>()[0]
    }
}

/// Whether times never go back and do not lie after the clock.
pub(super) fn ascend(times_s: &[u32], now_s: u32) -> bool {
    times_s.is_sorted() && times_s.last().is_none_or(|&last_s| last_s <= now_s)
}

/// Whether every value is a number that a sum of amounts or counts can be.
pub(super) fn are_sums(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite() && *value >= 0.0)
}
