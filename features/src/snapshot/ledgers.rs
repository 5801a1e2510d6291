//! Ledgers by entity number, in blocks: a block ends when its columns have grown to [`BLOCK_BYTES`], since a busy entity takes a hundred
//! times what a quiet one takes. A record of stamp 0 was never used and has no row but its stamp.

use super::cursor::{Cursor, ascend};
use super::{habits, times, windows};
use crate::latest::{LATEST, Latest};
use crate::ledger::{AccountLedger, Ledger, Marks};
use crate::slab::Slab;
use fraudnet_graph::{ColumnReader, ColumnWriter, Graph, PART_ROWS, PartReader, PartWriter, RestoreError};

/// Bytes after which a block ends.
const BLOCK_BYTES: usize = 32 << 20;
/// How many ledgers ahead is asked for what they point at.
const AHEAD: u32 = 8;

/// Bits of what a ledger has.
const MARKS: u8 = 1;
const ACCOUNT: u8 = 2;

pub(super) fn save<W: ColumnWriter>(ledgers: &Slab<Ledger>, numbers: u32, writer: &mut W) -> Result<(), W::Error> {
    let (mut next, mut block) = (0, 0);
    while next < numbers {
        let mut written = Written::default();
        while next < numbers && written.stamp.len() < PART_ROWS && written.bytes() < BLOCK_BYTES {
            if let Some(soon) = ledgers.get(next + AHEAD) {
                soon.prefetch();
            }
            written.push(ledgers.get(next).expect("an entity comes with a payment, which gives it a ledger"));
            next += 1;
        }
        written.write(&mut PartWriter::new(writer, block))?;
        block += 1;
    }
    Ok(())
}

pub(super) fn restore<R: ColumnReader>(reader: &mut R, graph: &Graph) -> Result<Slab<Ledger>, RestoreError> {
    let (mut ledgers, mut next, mut block, len) = (Slab::default(), 0, 0, graph.entity_numbers());
    while next < len {
        let mut part = PartReader::new(reader, block);
        let rows = part.words("ledgers.rows", 1)?[0];
        if rows == 0 || rows > len - next {
            return Err(part.damaged("ledgers.rows", format_args!("{rows} rows where up to {} follow", len - next)));
        }
        restore_block(&mut part, next, rows as usize, graph.now_s(), &mut ledgers)?;
        next += rows;
        block += 1;
    }
    Ok(ledgers)
}

/// The columns of a block while they grow.
#[derive(Default)]
struct Written {
    stamp: Vec<u32>,
    has: Vec<u8>,
    latest_len: Vec<u8>,
    latest_s: Vec<u32>,
    windows: windows::Written,
    times: times::Written,
    habits: habits::Written,
}

impl Written {
    fn push(&mut self, ledger: &Ledger) {
        self.stamp.push(ledger.stamp);
        if ledger.stamp == 0 {
            return;
        }
        let (marks, account) = (ledger.marks.as_deref(), ledger.account.as_deref());
        self.has.push(marks.map_or(0, |_| MARKS) | account.map_or(0, |_| ACCOUNT));
        let latest = ledger.large.held();
        self.latest_len.push(latest.len() as u8);
        self.latest_s.extend_from_slice(latest);
        self.windows.push(&ledger.paid);
        ledger.counterparts.iter().for_each(|times| self.times.push(times));
        if let Some(marks) = marks {
            [&marks.reports, &marks.large].into_iter().for_each(|times| self.times.push(times));
        }
        if let Some(account) = account {
            self.windows.push(&account.received);
            [&account.merchants, &account.partners].into_iter().for_each(|times| self.times.push(times));
            self.habits.push(&account.habit, &account.peaks);
        }
    }

    fn bytes(&self) -> usize {
        let own = 5 * self.stamp.len() + self.has.len() + 4 * self.latest_s.len();
        own + self.windows.bytes() + self.times.bytes() + self.habits.bytes()
    }

    fn write<W: ColumnWriter>(self, out: &mut PartWriter<'_, W>) -> Result<(), W::Error> {
        out.words("ledgers.rows", [self.stamp.len() as u32])?;
        out.words("ledgers.stamp", self.stamp)?;
        out.bytes("ledgers.has", self.has)?;
        out.bytes("ledgers.large_len", self.latest_len)?;
        out.words("ledgers.large_s", self.latest_s)?;
        self.windows.write(out)?;
        self.times.write(out)?;
        self.habits.write(out)
    }
}

fn restore_block<R: ColumnReader>(
    part: &mut PartReader<'_, R>,
    first: u32,
    rows: usize,
    now_s: u32,
    ledgers: &mut Slab<Ledger>,
) -> Result<(), RestoreError> {
    let stamps = part.words("ledgers.stamp", rows)?;
    let used = stamps.iter().filter(|&&stamp| stamp != 0).count();
    let has = part.bytes("ledgers.has", used)?;
    if has.iter().any(|&has| has > MARKS | ACCOUNT) {
        return Err(part.damaged("ledgers.has", "there is no such part"));
    }
    let large_len = part.bytes("ledgers.large_len", used)?;
    if large_len.iter().any(|&len| usize::from(len) > LATEST) {
        return Err(part.damaged("ledgers.large_len", "more than are held"));
    }
    let mut large_s = Cursor::new(part.words("ledgers.large_s", large_len.iter().map(|&len| usize::from(len)).sum())?);
    let count = |bit: u8| has.iter().filter(|&&has| has & bit != 0).count();
    let (marks, accounts) = (count(MARKS), count(ACCOUNT));
    let mut windows = windows::Saved::read(part, used + accounts, now_s)?;
    let mut times = times::Saved::read(part, 2 * (used + marks + accounts), now_s)?;
    let mut habits = habits::Saved::read(part, accounts, now_s)?;

    let mut parts_of = has.iter().zip(&large_len);
    for (row, &stamp) in stamps.iter().enumerate().filter(|(_, stamp)| **stamp != 0) {
        let (&has, &large_len) = parts_of.next().expect("as many as there are stamps");
        let wrong = |column: &str| part.damaged(column, format_args!("out of order or after the clock in row {row}"));
        let of_times = || wrong("times.time_s");
        let large_s = large_s.take(large_len.into());
        if !ascend(large_s, now_s) {
            return Err(wrong("ledgers.large_s"));
        }
        let ledger = ledgers.at(first + row as u32);
        ledger.stamp = stamp;
        ledger.large = Latest::restored(large_s);
        ledger.paid = windows.next().ok_or_else(|| wrong("windows.time_s"))?;
        for counterparts in &mut ledger.counterparts {
            *counterparts = times.next().ok_or_else(of_times)?;
        }
        if has & MARKS != 0 {
            let (reports, large) = (times.next().ok_or_else(of_times)?, times.next().ok_or_else(of_times)?);
            ledger.marks = Some(Box::new(Marks { reports, large }));
        }
        if has & ACCOUNT != 0 {
            let received = windows.next().ok_or_else(|| wrong("windows.time_s"))?;
            let (merchants, partners) = (times.next().ok_or_else(of_times)?, times.next().ok_or_else(of_times)?);
            let (habit, peaks) = habits.next().ok_or_else(|| wrong("habits.counts"))?;
            ledger.account = Some(Box::new(AccountLedger { received, habit, peaks, merchants, partners }));
        }
    }
    Ok(())
}
