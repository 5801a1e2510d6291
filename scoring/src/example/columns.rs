//! Tables of f16 and rows of f32 as few bits, exactly.
//!
//! A table goes column by column. Within a sample many columns nearly repeat another one (idle times, windows of one history) or the row
//! above (hops, flags), so each column names a *reference*: zero, the row above, or an earlier column. A value is then told as
//! 1. equal to its reference, or
//! 2. one of the values this column had lately, or
//! 3. its distance to the reference: number of bits, sign, the bits themselves.
//!
//! Which reference is best is tried on some 20 rows (about 60 µs a table of 128 × 64) and written down, so nothing here knows what a column
//! means and a reader needs no table of ours. Values are compared by their order among floats, as whole numbers: every bit pattern has its
//! own, NaNs and both zeros too.

use super::range_coder::{BitModel, Coder};

/// Values a column remembers.
const RECENT: usize = 16;
/// References: 0 is zero, 1 the row above, from 2 on the columns.
const ZERO: usize = 0;
const ROW_ABOVE: usize = 1;
const FIRST_COLUMN: usize = 2;
/// A power of two above the widest table's references.
const REFERENCES: usize = 128;
/// Rows a reference is tried on.
const TRIED_ROWS: usize = 20;

/// Place of zero among the floats of 16 bits.
const ZERO_KEY: u16 = 0x8000;

/// The place of a bit pattern among all floats, and back.
pub(super) fn key_of(bits: u16) -> u16 {
    if bits & 0x8000 == 0 { bits | 0x8000 } else { !bits }
}

/// The bit pattern at that place.
pub(super) fn bits_of(key: u16) -> u16 {
    if key & 0x8000 == 0 { !key } else { key & 0x7FFF }
}

/// Codes a table: `keys` holds it column by column, `rows` to a column; a reader hands in zeros and finds it filled.
///
/// A table has at most 126 columns.
pub(super) fn table<C: Coder>(coder: &mut C, keys: &mut [u16], rows: usize) {
    if rows == 0 {
        return;
    }
    let mut choice = [BitModel::NEW; REFERENCES];
    // What the column before did in the same row says a lot: rows of one kind have the same columns empty.
    let mut before = vec![Told::Equal; rows];
    for at in 0..keys.len() / rows {
        let (earlier, rest) = keys.split_at_mut(at * rows);
        let column = &mut rest[..rows];
        let reference = coder.number(&mut choice, best_reference(earlier, column)).min(at + 1);
        let mut models = ColumnModels::new();
        let mut recent: Recent<u16> = Recent::default();
        let mut above = ZERO_KEY;
        let mut told_above = Told::Equal;
        for row in 0..rows {
            let expected = match reference {
                ZERO => ZERO_KEY,
                ROW_ABOVE => above,
                column => earlier[(column - FIRST_COLUMN) * rows + row],
            };
            let (key, told) = models.value(coder, column[row], expected, &mut recent, told_above, before[row]);
            column[row] = key;
            above = key;
            told_above = told;
            before[row] = told;
        }
    }
}

/// Codes a row of f32 by their bits: most are zero, some repeat, the rest is told by exponent and fraction. A reader hands in zeros.
pub(super) fn row<C: Coder>(coder: &mut C, bits: &mut [u32]) {
    let mut zero = [[BitModel::NEW; 3]; 3];
    let mut repeated = [BitModel::NEW; 3];
    let mut place = [BitModel::NEW; RECENT];
    let mut head = [BitModel::NEW; 512];
    let mut half_precise = [BitModel::NEW; 1];
    let mut recent: Recent<u32> = Recent::default();
    let (mut last, mut last_but_one) = (Told::Equal, Told::Equal);
    for value in bits {
        let given = *value;
        let told;
        (*value, told) = if coder.bit(&mut zero[last as usize][last_but_one as usize], given == 0) {
            (0, Told::Equal)
        } else {
            let held = recent.place(given);
            let (read, told) = if coder.bit(&mut repeated[last as usize], held.is_some()) {
                (recent.keys[coder.number(&mut place, held.unwrap_or(0))], Told::Recent)
            } else {
                // Sign and exponent, then the fraction: all of it, or the 10 bits that a small count or a share of halves needs.
                let sign_and_exponent = coder.number(&mut head, (given >> 23) as usize) as u32;
                let short = coder.bit(&mut half_precise[0], given & 0x1FFF == 0);
                let fraction =
                    if short { coder.raw(10, given >> 13 & 0x3FF) << 13 } else { coder.raw(23, given & 0x7F_FFFF) };
                (sign_and_exponent << 23 | fraction, Told::Distance)
            };
            recent.remember(read);
            (read, told)
        };
        (last_but_one, last) = (last, told);
    }
}

/// The reference with the shortest distances, tried on some of the rows. What a reader computes from its zeros is not looked at.
fn best_reference(earlier: &[u16], column: &[u16]) -> usize {
    let rows = column.len();
    let step = rows.div_ceil(TRIED_ROWS);
    let tried = || column.iter().enumerate().skip(step / 2).step_by(step);
    let zero: u32 = tried().map(|(_, &key)| length(key, ZERO_KEY)).sum();
    let above: u32 =
        tried().map(|(row, &key)| length(key, row.checked_sub(1).map_or(ZERO_KEY, |above| column[above]))).sum();
    let mut best = if above < zero { (above, ROW_ABOVE) } else { (zero, ZERO) };
    for (at, other) in earlier.chunks_exact(rows).enumerate() {
        let cost = tried().map(|(row, &key)| length(key, other[row])).sum();
        if cost < best.0 {
            best = (cost, at + FIRST_COLUMN);
        }
    }
    best.1
}

/// About how many bits the distance costs.
fn length(key: u16, expected: u16) -> u32 {
    let distance = distance(key, expected).unsigned_abs();
    if distance == 0 { 0 } else { 18 - distance.leading_zeros() }
}

/// Around the circle of 2^16 places, so that every pair has one.
fn distance(key: u16, expected: u16) -> i16 {
    key.wrapping_sub(expected) as i16
}

/// How a value was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Equal = 0,
    Recent = 1,
    Distance = 2,
}

/// Values a column had lately, the latest first.
#[derive(Default)]
struct Recent<T> {
    keys: [T; RECENT],
    len: usize,
}

impl<T: Copy + PartialEq> Recent<T> {
    fn place(&self, key: T) -> Option<usize> {
        self.keys[..self.len].iter().position(|&held| held == key)
    }

    fn remember(&mut self, key: T) {
        let place = self.place(key).unwrap_or_else(|| {
            self.len = (self.len + 1).min(RECENT);
            self.len - 1
        });
        self.keys[..=place].rotate_right(1);
        self.keys[0] = key;
    }
}

/// What is learnt of one column.
struct ColumnModels {
    equal: [[BitModel; 3]; 3],
    recent: [BitModel; 3],
    place: [BitModel; RECENT],
    length: [BitModel; 16],
    negative: [BitModel; 1],
    second: [BitModel; 16],
}

impl ColumnModels {
    fn new() -> ColumnModels {
        ColumnModels {
            equal: [[BitModel::NEW; 3]; 3],
            recent: [BitModel::NEW; 3],
            place: [BitModel::NEW; RECENT],
            length: [BitModel::NEW; 16],
            negative: [BitModel::NEW; 1],
            second: [BitModel::NEW; 16],
        }
    }

    fn value<C: Coder>(
        &mut self,
        coder: &mut C,
        given: u16,
        expected: u16,
        recent: &mut Recent<u16>,
        above: Told,
        before: Told,
    ) -> (u16, Told) {
        if coder.bit(&mut self.equal[above as usize][before as usize], given == expected) {
            return (expected, Told::Equal);
        }
        let place = recent.place(given);
        let (key, told) = if coder.bit(&mut self.recent[above as usize], place.is_some()) {
            let place = coder.number(&mut self.place, place.unwrap_or(0));
            (recent.keys[place], Told::Recent)
        } else {
            (expected.wrapping_add(self.distance(coder, distance(given, expected)) as u16), Told::Distance)
        };
        recent.remember(key);
        (key, told)
    }

    /// Not zero: bits of its size less one, sign, then what is below the highest bit; the first of those is told by its size.
    fn distance<C: Coder>(&mut self, coder: &mut C, given: i16) -> i16 {
        let size = given.unsigned_abs().max(1);
        let bits = coder.number(&mut self.length, 15 - size.leading_zeros() as usize);
        let negative = coder.bit(&mut self.negative[0], given < 0);
        let mut told = 1_u32;
        if bits > 0 {
            let second = coder.bit(&mut self.second[bits], u32::from(size) >> (bits - 1) & 1 == 1);
            told = told << 1 | u32::from(second);
            let rest = bits as u32 - 1;
            told = told << rest | coder.raw(rest, u32::from(size) & ((1 << rest) - 1));
        }
        if negative { (told as u16).wrapping_neg() as i16 } else { told as i16 }
    }
}
