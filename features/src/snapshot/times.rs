//! Sliding multisets of times, one after the other: a code each, the times of those that list them, the buckets of the others.

use super::cursor::{Cursor, ascend};
use crate::rings::{BUCKETS, CountRing};
use crate::times::{FEW, MOST_LISTED, Times, WIDTHS};
use fraudnet_graph::{ColumnReader, ColumnWriter, PartReader, PartWriter, RestoreError};

/// Code of times that hold buckets.
const BUCKETED: u8 = u8::MAX;
/// Added to the number of times where they are in a list of their own; below, they stand in the record.
const LISTED: u8 = 128;
/// Rings of times that hold buckets.
const RINGS: usize = WIDTHS.len();
const SLOTS: usize = BUCKETS as usize;

/// The columns while they grow.
#[derive(Default)]
pub(super) struct Written {
    form: Vec<u8>,
    time_s: Vec<u32>,
    newest: Vec<u32>,
    counts: Vec<u32>,
}

impl Written {
    pub fn push(&mut self, times: &Times) {
        match times {
            Times::Few { len, times } => {
                self.form.push(*len);
                self.time_s.extend_from_slice(&times[..usize::from(*len)]);
            }
            Times::Listed(times) => {
                self.form.push(LISTED + times.len() as u8);
                self.time_s.extend_from_slice(times);
            }
            Times::Bucketed(rings) => {
                self.form.push(BUCKETED);
                for ring in rings.iter() {
                    self.newest.push(ring.newest());
                    self.counts.extend(ring.slots());
                }
            }
        }
    }

    /// Bytes of the columns so far.
    pub fn bytes(&self) -> usize {
        self.form.len() + 4 * (self.time_s.len() + self.newest.len() + self.counts.len())
    }

    pub fn write<W: ColumnWriter>(self, out: &mut PartWriter<'_, W>) -> Result<(), W::Error> {
        out.bytes("times.form", self.form)?;
        out.words("times.time_s", self.time_s)?;
        out.words("times.newest", self.newest)?;
        out.words("times.counts", self.counts)
    }
}

/// The columns while they are read.
pub(super) struct Saved {
    form: Cursor<u8>,
    time_s: Cursor<u32>,
    newest: Cursor<u32>,
    counts: Cursor<u32>,
    now_s: u32,
}

/// How many times a form lists.
fn listed(form: u8) -> usize {
    match form {
        BUCKETED => 0,
        LISTED.. => usize::from(form - LISTED),
        _ => usize::from(form),
    }
}

impl Saved {
    /// Columns of so many multisets.
    pub fn read<R: ColumnReader>(part: &mut PartReader<'_, R>, rows: usize, now_s: u32) -> Result<Self, RestoreError> {
        let form = part.bytes("times.form", rows)?;
        let most = |form: u8| if form < LISTED { FEW } else { MOST_LISTED };
        if form.iter().any(|&form| listed(form) > most(form)) {
            return Err(part.damaged("times.form", "there is no such form"));
        }
        let rings = RINGS * form.iter().filter(|&&form| form == BUCKETED).count();
        let all = form.iter().map(|&form| listed(form)).sum();
        Ok(Saved {
            form: Cursor::new(form),
            time_s: Cursor::new(part.words("times.time_s", all)?),
            newest: Cursor::new(part.words("times.newest", rings)?),
            counts: Cursor::new(part.words("times.counts", SLOTS * rings)?),
            now_s,
        })
    }

    /// The next multiset; `None` where it cannot be.
    pub fn next(&mut self) -> Option<Times> {
        let form = self.form.one();
        if form == BUCKETED {
            let mut rings: Box<[CountRing; RINGS]> = Box::default();
            for (ring, bucket_s) in rings.iter_mut().zip(WIDTHS) {
                let newest = self.newest.one();
                if newest > self.now_s / bucket_s {
                    return None;
                }
                *ring = CountRing::restored(newest, self.counts.array())?;
            }
            return Some(Times::Bucketed(rings));
        }
        let times = self.time_s.take(listed(form));
        if !ascend(times, self.now_s) {
            return None;
        }
        if form >= LISTED {
            return Some(Times::Listed(times.to_vec()));
        }
        let mut few = [0; FEW];
        few[..times.len()].copy_from_slice(times);
        Some(Times::Few { len: form, times: few })
    }
}
