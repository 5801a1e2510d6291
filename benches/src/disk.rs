//! The disk's own sync time: what an answer that must be durable cannot be faster than.

use crate::Quantiles;
use anyhow::Context;
use fraudnet_scoring::clock::monotonic;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file that already holds what is written into it again, so that a sync is about the data alone: the least a sync can take.
pub struct Disk {
    file: File,
    path: PathBuf,
    next: u64,
}

/// Bytes of a write.
const BLOCK: usize = 4096;
/// Blocks of the file.
const BLOCKS: u64 = 1024;

impl Disk {
    /// A file in that folder.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn new(folder: &Path) -> anyhow::Result<Disk> {
        let path = folder.join("sync");
        let mut file = File::create(&path).with_context(|| format!("cannot write to {}", path.display()))?;
        file.write_all(&vec![0; BLOCK * BLOCKS as usize])
            .and_then(|()| file.sync_all())
            .with_context(|| format!("cannot write to {}", path.display()))?;
        Ok(Disk { file, path, next: 0 })
    }

    /// Writes 4 KiB and waits until they are on the device, `count` times, with a pause before each.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub fn sync(&mut self, count: usize, pause: Duration, times: &mut Quantiles) -> anyhow::Result<()> {
        for _ in 0..count {
            std::thread::sleep(pause);
            let started = monotonic();
            self.file
                .write_all_at(&[0x5a; BLOCK], self.next % BLOCKS * BLOCK as u64)
                .and_then(|()| self.file.sync_data())
                .with_context(|| format!("cannot write to {}", self.path.display()))?;
            times.record(started.elapsed());
            self.next += 1;
        }
        Ok(())
    }
}
