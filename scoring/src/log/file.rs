//! How writes reach the disk where the embedded store's own file handling is not what is asked for.
//!
//! - `Os`: writes go straight to the operating system and a group's sync is skipped. They survive a kill of the process,
//!   not a power cut, after which the store's checksums tell whether the file is whole.
//!   (The store's own "no durability" keeps a commit in the memory of the process: it would not survive a kill.)
//! - Fault injection: every write stays in memory until the next sync, so that `kill -9` loses what a power cut would.

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

const BLOCK: u64 = 4096;

/// A file whose syncs mean something else.
#[derive(Debug)]
pub(super) struct LogFile {
    file: FileBackend,
    writes: Writes,
}

#[derive(Debug)]
enum Writes {
    /// To the operating system at once; synced only when closed.
    Through,
    /// Held back until synced.
    Held(Mutex<Unsynced>),
}

#[derive(Debug)]
struct Unsynced {
    len: u64,
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl LogFile {
    /// Writes through, syncs only on close.
    pub(super) fn through(file: FileBackend) -> LogFile {
        LogFile { file, writes: Writes::Through }
    }

    /// Holds writes back until they are synced.
    pub(super) fn held(file: FileBackend) -> io::Result<LogFile> {
        let len = file.len()?;
        Ok(LogFile { file, writes: Writes::Held(Mutex::new(Unsynced { len, blocks: BTreeMap::new() })) })
    }

    fn read_block(&self, unsynced: &Unsynced, block: u64) -> io::Result<Box<[u8]>> {
        if let Some(bytes) = unsynced.blocks.get(&block) {
            return Ok(bytes.clone());
        }
        let mut bytes = vec![0; BLOCK as usize];
        let start = block * BLOCK;
        let there = self.file.len()?.saturating_sub(start).min(BLOCK) as usize;
        if there > 0 {
            self.file.read(start, &mut bytes[..there])?;
        }
        Ok(bytes.into_boxed_slice())
    }
}

fn locked(unsynced: &Mutex<Unsynced>) -> MutexGuard<'_, Unsynced> {
    unsynced.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pieces of `start..start + len` by block: (block, offset in the block, offset in the range, length).
fn pieces(start: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let end = start + len as u64;
    (start / BLOCK..end.div_ceil(BLOCK)).map(move |block| {
        let from = (block * BLOCK).max(start);
        let to = ((block + 1) * BLOCK).min(end);
        (block, (from - block * BLOCK) as usize, (from - start) as usize, (to - from) as usize)
    })
}

impl StorageBackend for LogFile {
    fn len(&self) -> io::Result<u64> {
        match &self.writes {
            Writes::Through => self.file.len(),
            Writes::Held(unsynced) => Ok(locked(unsynced).len),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let Writes::Held(unsynced) = &self.writes else { return self.file.read(offset, out) };
        let unsynced = locked(unsynced);
        if offset + out.len() as u64 > unsynced.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (block, within, at, len) in pieces(offset, out.len()) {
            out[at..at + len].copy_from_slice(&self.read_block(&unsynced, block)?[within..within + len]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let Writes::Held(unsynced) = &self.writes else { return self.file.set_len(len) };
        let mut unsynced = locked(unsynced);
        if len < unsynced.len {
            // What lies behind the new end reads as zero should the file grow again.
            let old_end = unsynced.len;
            for (block, within, _, _) in pieces(len, (old_end - len) as usize).collect::<Vec<_>>() {
                let mut bytes = self.read_block(&unsynced, block)?;
                bytes[within..].fill(0);
                unsynced.blocks.insert(block, bytes);
            }
        }
        unsynced.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let Writes::Held(unsynced) = &self.writes else { return Ok(()) };
        let mut unsynced = locked(unsynced);
        self.file.set_len(unsynced.len)?;
        let end = unsynced.len;
        for (block, bytes) in std::mem::take(&mut unsynced.blocks) {
            let start = block * BLOCK;
            let len = end.saturating_sub(start).min(BLOCK) as usize;
            if len > 0 {
                self.file.write(start, &bytes[..len])?;
            }
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let Writes::Held(unsynced) = &self.writes else { return self.file.write(offset, data) };
        let mut unsynced = locked(unsynced);
        for (block, within, at, len) in pieces(offset, data.len()) {
            let mut bytes = self.read_block(&unsynced, block)?;
            bytes[within..within + len].copy_from_slice(&data[at..at + len]);
            unsynced.blocks.insert(block, bytes);
        }
        unsynced.len = unsynced.len.max(offset + data.len() as u64);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        if matches!(self.writes, Writes::Through) {
            self.file.sync_data()?;
        }
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
