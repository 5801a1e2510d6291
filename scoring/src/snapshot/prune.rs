//! Removing what is no longer needed: snapshots older than the newest few good ones.

use super::reader::Snapshot;
use super::{Listed, SnapshotStore};

/// Removes the snapshots of the log `journal` that are older than its `keep` newest good ones (at least one), and, where the location lies
/// beside the log, those of other logs. Returns how many. What cannot be removed is warned of and left.
///
/// Good means: not found bad by this process, and its tail is right. Bad ones between the good stay, as evidence, until they are older.
pub(super) fn prune(store: &SnapshotStore, journal: [u8; 8], keep: usize) -> usize {
    let listed = match store.list() {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!(%error, "old snapshots cannot be listed and are left");
            return 0;
        }
    };
    let mut good = 0;
    let mut removed = 0;
    for Listed { name, .. } in &listed {
        let goes = if name.journal == journal {
            let goes = good >= keep.max(1);
            if !goes && !store.is_rejected(name) && Snapshot::open(store, name).is_ok() {
                good += 1;
            }
            goes
        } else {
            store.is_beside_log()
        };
        if goes {
            match store.remove(name) {
                Ok(()) => removed += 1,
                Err(error) => {
                    tracing::warn!(snapshot = %name, place = store.place(), %error, "an old snapshot cannot be removed and is left")
                }
            }
        }
    }
    removed
}
