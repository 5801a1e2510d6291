//! Windows of payments, one after the other: a code each, the payments of those that list them, the buckets of the others.

use super::cursor::{Cursor, ascend};
use crate::rings::{BUCKET_S, BUCKETS, CountRing, SumRing};
use crate::windows::{Buckets, MOST_LISTED, Paid, Windows};
use fraudnet_graph::{ColumnReader, ColumnWriter, PartReader, PartWriter, RestoreError};

/// Code of windows that hold buckets; below, it is the number of payments listed.
const BUCKETED: u8 = u8::MAX;
/// Rings of each sort in windows that hold buckets.
const RINGS: usize = BUCKET_S.len();
const SLOTS: usize = BUCKETS as usize;

/// The columns while they grow.
#[derive(Default)]
pub(super) struct Written {
    form: Vec<u8>,
    time_s: Vec<u32>,
    amount: Vec<u64>,
    newest: Vec<u32>,
    counts: Vec<u32>,
    sums: Vec<u64>,
}

impl Written {
    pub fn push(&mut self, windows: &Windows) {
        match windows {
            Windows::Listed(paid) => {
                self.form.push(paid.len() as u8);
                self.time_s.extend(paid.iter().map(|paid| paid.time_s));
                self.amount.extend(paid.iter().map(|paid| paid.amount()));
            }
            Windows::Bucketed(buckets) => {
                self.form.push(BUCKETED);
                for (counts, sums) in buckets.counts.iter().zip(&buckets.sums) {
                    self.newest.extend([counts.newest(), sums.newest()]);
                    self.counts.extend(counts.slots());
                    self.sums.extend(sums.slots());
                }
            }
        }
    }

    /// Bytes of the columns so far.
    pub fn bytes(&self) -> usize {
        self.form.len()
            + 4 * (self.time_s.len() + self.newest.len() + self.counts.len())
            + 8 * (self.amount.len() + self.sums.len())
    }

    pub fn write<W: ColumnWriter>(self, out: &mut PartWriter<'_, W>) -> Result<(), W::Error> {
        out.bytes("windows.form", self.form)?;
        out.words("windows.time_s", self.time_s)?;
        out.longs("windows.amount", self.amount)?;
        out.words("windows.newest", self.newest)?;
        out.words("windows.counts", self.counts)?;
        out.longs("windows.sums", self.sums)
    }
}

/// The columns while they are read.
pub(super) struct Saved {
    form: Cursor<u8>,
    time_s: Cursor<u32>,
    amount: Cursor<u64>,
    newest: Cursor<u32>,
    counts: Cursor<u32>,
    sums: Cursor<u64>,
    now_s: u32,
}

impl Saved {
    /// Columns of so many windows.
    pub fn read<R: ColumnReader>(part: &mut PartReader<'_, R>, rows: usize, now_s: u32) -> Result<Self, RestoreError> {
        let form = part.bytes("windows.form", rows)?;
        if form.iter().any(|&form| form != BUCKETED && usize::from(form) > MOST_LISTED) {
            return Err(part.damaged("windows.form", "there is no such form"));
        }
        let rings = RINGS * form.iter().filter(|&&form| form == BUCKETED).count();
        let listed = form.iter().filter(|&&form| form != BUCKETED).map(|&form| usize::from(form)).sum();
        Ok(Saved {
            form: Cursor::new(form),
            time_s: Cursor::new(part.words("windows.time_s", listed)?),
            amount: Cursor::new(part.longs("windows.amount", listed)?),
            newest: Cursor::new(part.words("windows.newest", 2 * rings)?),
            counts: Cursor::new(part.words("windows.counts", SLOTS * rings)?),
            sums: Cursor::new(part.longs("windows.sums", SLOTS * rings)?),
            now_s,
        })
    }

    /// The next windows; `None` where they cannot be.
    pub fn next(&mut self) -> Option<Windows> {
        let form = self.form.one();
        if form != BUCKETED {
            let (times, amounts) = (self.time_s.take(form.into()), self.amount.take(form.into()));
            let paid = times.iter().zip(amounts).map(|(&time_s, &amount)| Paid::new(time_s, amount)).collect();
            return ascend(times, self.now_s).then_some(Windows::Listed(paid));
        }
        let (mut counts, mut sums): ([CountRing; RINGS], [SumRing; RINGS]) = Default::default();
        for (window, bucket_s) in BUCKET_S.into_iter().enumerate() {
            let newest: [u32; 2] = self.newest.array();
            if newest.into_iter().any(|newest| newest > self.now_s / bucket_s) {
                return None;
            }
            counts[window] = CountRing::restored(newest[0], self.counts.array())?;
            sums[window] = SumRing::restored(newest[1], self.sums.array());
        }
        Some(Windows::Bucketed(Box::new(Buckets { counts, sums })))
    }
}
