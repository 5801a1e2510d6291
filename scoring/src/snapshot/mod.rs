//! Snapshots: the whole state as of a log position in one file, so that a start reads that file and the log's tail, not the whole log.
//!
//! Reading order: this page (what can be asked, and what goes wrong) → `location` (where they are kept, as configured) → `name` → `store`
//! (listing, reading and publishing whole files; `folder` and `objects` are the two kinds) → `layout` (what stands in a file, and the
//! seal over it) → `writer` → `reader` → `newest` (which one a start takes) → `prune` → `taker` (the thread that makes them).
//!
//! A file is an Arrow IPC file: one record batch a column of the state, the facts about it in the schema's metadata, and in the footer
//! the index of the columns with the checksum of each. A seal over the footer closes the chain, so that every bit of the file is under
//! a checksum, and none is used before its checksum was found right. Any Arrow reader can open it.
//!
//! It is made from the newest good snapshot and the log's tail by a thread of its own: the engine is never asked and never waits.
//!
//! It never knows how the state lays its columns out, what Kafka or HTTP are, or who decides payments.
//!
//! Cost: reading is one pass on two threads, one that reads and hashes ahead (at most `READ_AHEAD` columns) and one that restores. Writing
//! needs a column at a time besides the state; the taker holds a second state while it works and nothing between. A graph of 5 million
//! edges and 1.4 million payments: a file of 703 MB, written in 6 s (3 s of them the hash of the state), restored in 3.5 to 4 s (two busy
//! cores, dependencies and state barely optimised).

mod folder;
mod layout;
mod location;
mod name;
mod newest;
mod objects;
mod prune;
mod reader;
mod store;
mod taker;
mod writer;

use std::path::PathBuf;

pub use layout::{ColumnEntry, FORMAT, Header};
pub use location::Location;
pub use name::SnapshotName;
pub use newest::newest_good;
pub use reader::Snapshot;
pub use store::{Listed, SnapshotStore};
pub use taker::{Taker, TakerLog, fold};
pub use writer::{Written, write};

/// Checked settings of snapshots.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotConfig {
    /// Where they are kept.
    pub location: Location,
    /// Log entries between two of them.
    pub every_events: u64,
    /// Good ones kept.
    pub keep: usize,
}

/// The place in the log a snapshot stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Identity of the log whose positions it speaks of.
    pub journal: [u8; 8],
    /// First position that is *not* folded in.
    pub position: u64,
    /// Kafka topics (short names) and the offset to go on from in each, as they stood when it was made; empty where there is no Kafka.
    pub offsets: Vec<(String, i64)>,
    /// When it was made, UTC milliseconds since the epoch.
    pub taken_at_ms: i64,
}

/// Why a snapshot was not made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The place as configured cannot be used.
    #[error(
        "snapshot.location: {place} cannot be used: {reason}; give a folder that this user may write to, or \"off\""
    )]
    Unusable {
        /// Folder or URL.
        place: String,
        /// What the system says.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{place}: {reason}")]
    Io {
        /// File, folder or URL.
        place: String,
        /// What the system says.
        reason: String,
    },
    /// A file is not what was written.
    #[error("snapshot {file} is damaged: {reason}")]
    Damaged {
        /// Its name.
        file: String,
        /// What shows it.
        reason: String,
    },
    /// A file was written by a newer build in a layout this one does not know.
    #[error(
        "snapshot {file} has format {format}, this build reads formats up to {}; start the newer build, or let this one replay the log",
        FORMAT
    )]
    Newer {
        /// Its name.
        file: String,
        /// Its format.
        format: u32,
    },
    /// A file is sound but of another log, other bounds of the graph or other feature code.
    #[error("snapshot {file} cannot be used here: {reason}")]
    Foreign {
        /// Its name.
        file: String,
        /// What differs.
        reason: String,
    },
    /// The log could not be read to the end of what is to be folded in.
    #[error("the log cannot be folded into a snapshot: {0}")]
    Log(String),
    /// The service ends; whatever was begun is taken back.
    #[error("the service is stopping")]
    Stopping,
}

impl SnapshotError {
    fn io(place: impl Into<PathBuf>, error: impl std::fmt::Display) -> SnapshotError {
        SnapshotError::Io { place: place.into().display().to_string(), reason: error.to_string() }
    }

    fn damaged(file: &str, reason: impl std::fmt::Display) -> SnapshotError {
        SnapshotError::Damaged { file: file.to_owned(), reason: reason.to_string() }
    }
}

/// Describes the metrics of snapshots to the installed recorder.
pub fn describe() {
    metrics::describe_gauge!("fraudnet_snapshot_position", "First log position that the latest snapshot does not hold");
    metrics::describe_histogram!(
        "fraudnet_snapshot_seconds",
        metrics::Unit::Seconds,
        "Time it took to make a snapshot"
    );
    metrics::describe_counter!(
        "fraudnet_snapshot_failures_total",
        "Snapshots that could not be made, or were found damaged or too new to be read"
    );
}

/// Counts a snapshot that could not be made or read.
fn count_failure() {
    metrics::counter!("fraudnet_snapshot_failures_total").increment(1);
}

#[cfg(test)]
mod tests;
