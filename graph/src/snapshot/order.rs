//! Which numbers are alive, from the least to the most recently active, and which are free, in the order they will be given out.
//!
//! Cost of saving: the order is a linked list through memory, about 0.1 µs a step; of reading: a flag and a comparison a number.

use crate::parts::{PartReader, PartWriter, parts};
use crate::{ColumnReader, ColumnWriter, PART_ROWS, RestoreError};

/// Numbers of entities or edges: each stands exactly once in one of the two lists.
pub(super) struct Order {
    /// Least recently active first.
    pub live: Vec<u32>,
    /// The next to be given out first.
    pub free: Vec<u32>,
    /// By number.
    pub alive: Vec<bool>,
}

/// Writes both lists.
pub(super) fn save<W: ColumnWriter>(
    writer: &mut W,
    of: &str,
    live: impl Iterator<Item = u32>,
    free: impl Iterator<Item = u32>,
) -> Result<(), W::Error> {
    save_list(writer, &format!("{of}.order"), live)?;
    save_list(writer, &format!("{of}.free"), free)
}

/// Writes a list as its length and its parts.
fn save_list<W: ColumnWriter>(writer: &mut W, name: &str, list: impl Iterator<Item = u32>) -> Result<(), W::Error> {
    let list: Vec<u32> = list.collect();
    PartWriter::new(writer, 0).words(&format!("{name}_len"), [list.len() as u32])?;
    for (number, part) in list.chunks(PART_ROWS).enumerate() {
        PartWriter::new(writer, number).words(name, part.iter().copied())?;
    }
    Ok(())
}

fn read_list<R: ColumnReader>(reader: &mut R, name: &str, most: u32) -> Result<Vec<u32>, RestoreError> {
    let len = PartReader::new(reader, 0).words(&format!("{name}_len"), 1)?[0];
    if len > most {
        return Err(RestoreError::damaged(name, format_args!("{len} numbers where at most {most} are allowed")));
    }
    let mut list = Vec::new();
    for (number, part) in parts(len) {
        list.append(&mut PartReader::new(reader, number).words(name, part.len())?);
    }
    Ok(list)
}

impl Order {
    /// Reads both lists; together they are at most `most` long.
    pub fn read<R: ColumnReader>(reader: &mut R, of: &str, most: u32) -> Result<Order, RestoreError> {
        let live = read_list(reader, &format!("{of}.order"), most)?;
        let free = read_list(reader, &format!("{of}.free"), most - live.len() as u32)?;
        let mut known = vec![false; live.len() + free.len()];
        for &number in live.iter().chain(&free) {
            match known.get_mut(number as usize) {
                Some(known) if !*known => *known = true,
                Some(_) => {
                    return Err(RestoreError::damaged(of, format_args!("number {number} stands twice in order")));
                }
                None => return Err(RestoreError::damaged(of, format_args!("number {number} was never given out"))),
            }
        }
        // Every number stands once, so those alive are all but the free ones.
        for &number in &free {
            known[number as usize] = false;
        }
        Ok(Order { live, free, alive: known })
    }

    /// Numbers ever given out.
    pub fn numbers(&self) -> u32 {
        self.alive.len() as u32
    }

    /// Checks that activity never goes back along the order.
    pub fn check_activity(&self, column: &str, last_s: impl Fn(u32) -> u32) -> Result<(), RestoreError> {
        let mut before_s = 0;
        for &number in &self.live {
            let last_s = last_s(number);
            if last_s < before_s {
                return Err(RestoreError::damaged(column, format_args!("number {number} is out of order")));
            }
            before_s = last_s;
        }
        Ok(())
    }
}
