//! Habits and peaks of accounts, one account after the other.

use super::cursor::{Cursor, are_sums, ascend};
use crate::habit::{BINS, CHANNELS, Habit, Usual};
use crate::peaks::Peaks;
use fraudnet_graph::{ColumnReader, ColumnWriter, PartReader, PartWriter, RestoreError};

/// Decayed counts of a habit: hours, then channels.
const COUNTS: usize = BINS + CHANNELS;
/// Bytes of the two usual values, currency and country: three of a code and one of its weight each.
const USUAL: usize = 8;

/// The columns while they grow.
#[derive(Default)]
pub(super) struct Written {
    decayed_s: Vec<u32>,
    counts: Vec<f32>,
    usual: Vec<u8>,
    peaks_len: Vec<u32>,
    peaks_s: Vec<u32>,
    peaks: Vec<f32>,
}

impl Written {
    pub fn push(&mut self, habit: &Habit, peaks: &Peaks) {
        self.decayed_s.push(habit.decayed_s);
        self.counts.extend(habit.hours.iter().chain(&habit.channels));
        for usual in [habit.currency, habit.country] {
            self.usual.extend(usual.value);
            self.usual.push(usual.weight);
        }
        self.peaks_len.push(peaks.0.len() as u32);
        self.peaks_s.extend(peaks.0.iter().map(|(time_s, _)| *time_s));
        self.peaks.extend(peaks.0.iter().map(|(_, value)| *value));
    }

    /// Bytes of the columns so far.
    pub fn bytes(&self) -> usize {
        self.usual.len() + 4 * (2 * self.decayed_s.len() + self.counts.len() + 2 * self.peaks.len())
    }

    pub fn write<W: ColumnWriter>(self, out: &mut PartWriter<'_, W>) -> Result<(), W::Error> {
        out.words("habits.decayed_s", self.decayed_s)?;
        out.floats("habits.counts", self.counts)?;
        out.bytes("habits.usual", self.usual)?;
        out.words("peaks.len", self.peaks_len)?;
        out.words("peaks.time_s", self.peaks_s)?;
        out.floats("peaks.value", self.peaks)
    }
}

/// The columns while they are read.
pub(super) struct Saved {
    decayed_s: Cursor<u32>,
    counts: Cursor<f32>,
    usual: Cursor<u8>,
    peaks_len: Cursor<u32>,
    peaks_s: Cursor<u32>,
    peaks: Cursor<f32>,
    now_s: u32,
}

impl Saved {
    /// Columns of so many accounts.
    pub fn read<R: ColumnReader>(part: &mut PartReader<'_, R>, rows: usize, now_s: u32) -> Result<Self, RestoreError> {
        let decayed_s = part.words("habits.decayed_s", rows)?;
        let counts = part.floats("habits.counts", COUNTS * rows)?;
        let usual = part.bytes("habits.usual", USUAL * rows)?;
        let peaks_len = part.words("peaks.len", rows)?;
        let peaks = peaks_len.iter().map(|&len| len as usize).sum();
        Ok(Saved {
            decayed_s: Cursor::new(decayed_s),
            counts: Cursor::new(counts),
            usual: Cursor::new(usual),
            peaks_len: Cursor::new(peaks_len),
            peaks_s: Cursor::new(part.words("peaks.time_s", peaks)?),
            peaks: Cursor::new(part.floats("peaks.value", peaks)?),
            now_s,
        })
    }

    /// Those of the next account; `None` where they cannot be.
    pub fn next(&mut self) -> Option<(Habit, Peaks)> {
        let decayed_s = self.decayed_s.one();
        let (hours, channels): ([f32; BINS], [f32; CHANNELS]) = (self.counts.array(), self.counts.array());
        let [currency, country] = [(); 2].map(|()| Usual { value: self.usual.array(), weight: self.usual.one() });
        let peaks = self.peaks_len.one() as usize;
        let (times, values) = (self.peaks_s.take(peaks), self.peaks.take(peaks));
        let holds = decayed_s <= self.now_s
            && are_sums(&hours)
            && are_sums(&channels)
            && ascend(times, self.now_s)
            && are_sums(values)
            && values.is_sorted_by(|earlier, later| earlier > later);
        let peaks = Peaks(times.iter().copied().zip(values.iter().copied()).collect());
        holds.then_some((Habit { decayed_s, hours, channels, currency, country }, peaks))
    }
}
