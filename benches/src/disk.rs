//! The disk's own sync time: what an answer that must be durable cannot be faster than.

use crate::Quantiles;
use anyhow::Context;
use fraudnet_scoring::clock::monotonic;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Appends 4 KiB and waits until they are on the device, `count` times, with a pause between.
///
/// # Errors
/// The folder cannot be written to.
pub fn sync_times(folder: &Path, count: usize, pause: Duration) -> anyhow::Result<Quantiles> {
    let path = folder.join("sync");
    let context = || format!("cannot write to {}", path.display());
    let mut file = OpenOptions::new().create(true).append(true).open(&path).with_context(context)?;
    let mut times = Quantiles::with_capacity(count);
    for _ in 0..count {
        std::thread::sleep(pause);
        let started = monotonic();
        file.write_all(&[0x5a; 4096]).and_then(|()| file.sync_data()).with_context(context)?;
        times.record(started.elapsed());
    }
    std::fs::remove_file(&path).with_context(context)?;
    Ok(times)
}
