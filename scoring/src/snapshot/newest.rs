//! Which snapshot a start, or the next snapshot, goes on from: the newest that is whole, of this log, and of this build's state.

use super::reader::Snapshot;
use super::{Mark, SnapshotError, SnapshotStore, count_failure};
use fraudnet_features::State;
use fraudnet_features::schema::fingerprint;
use fraudnet_graph::Limits;
use std::sync::atomic::AtomicBool;

/// The newest good snapshot of the log `journal` at or before position `at_most`, restored; none where the whole log must be replayed.
///
/// A damaged or newer one is warned of and counted, one that is sound but of other bounds or other feature code only warned of; then the
/// next older one is tried. Those of other logs are passed over.
pub fn newest_good(store: &SnapshotStore, journal: [u8; 8], at_most: u64, limits: Limits) -> Option<(State, Mark)> {
    // Without a stop there is no other error than none being good.
    newest_good_unless(store, journal, at_most, limits, &AtomicBool::new(false)).unwrap_or_default()
}

/// As [`newest_good`]; broken off with [`SnapshotError::Stopping`] once `stopping` is set.
pub(super) fn newest_good_unless(
    store: &SnapshotStore,
    journal: [u8; 8],
    at_most: u64,
    limits: Limits,
    stopping: &AtomicBool,
) -> Result<Option<(State, Mark)>, SnapshotError> {
    let listed = match store.list() {
        Ok(listed) => listed,
        Err(error) => {
            count_failure();
            tracing::warn!(%error, "the snapshots cannot be listed; the whole log is replayed instead");
            return Ok(None);
        }
    };
    for listed in listed.iter().filter(|listed| listed.name.journal == journal) {
        let name = &listed.name;
        if name.position > at_most {
            tracing::warn!(snapshot = %name, end = at_most, "a snapshot is ahead of the log it was made from, which has lost its end; it is passed over");
            continue;
        }
        if store.is_rejected(name) {
            continue;
        }
        let restored = Snapshot::open(store, name).and_then(|snapshot| {
            if snapshot.header().feature_fingerprint != fingerprint() {
                return Err(snapshot.foreign("it was made with other feature code".to_owned()));
            }
            if snapshot.header().limits() != limits {
                return Err(snapshot.foreign("it was made with other bounds of the graph".to_owned()));
            }
            let state = snapshot.restore_unless(limits, stopping)?;
            Ok((state, snapshot.header().offsets.clone().into_iter().collect()))
        });
        match restored {
            Ok((state, offsets)) => {
                let mark = Mark { journal, position: name.position, offsets, taken_at_ms: name.taken_at_ms };
                return Ok(Some((state, mark)));
            }
            Err(SnapshotError::Stopping) => return Err(SnapshotError::Stopping),
            Err(error) => {
                if !matches!(error, SnapshotError::Foreign { .. }) {
                    count_failure();
                }
                if !matches!(error, SnapshotError::Io { .. }) {
                    store.reject(*name);
                }
                tracing::warn!(%error, "a snapshot is passed over; an older one or the whole log serves instead");
            }
        }
    }
    Ok(None)
}
