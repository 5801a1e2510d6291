//! The thread that makes snapshots: newest good one + the log's tail = the next one. It reads the log like any other reader; the engine
//! never hears of it. Between two snapshots it holds no state.

use super::newest::newest_good_unless;
use super::writer::write_unless;
use super::{Mark, SnapshotConfig, SnapshotError, SnapshotStore, Written, count_failure};
use crate::log::{Entry, LogError};
use crate::{clock, wire};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use fraudnet_features::State;
use fraudnet_graph::Limits;
use metrics::gauge;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Entries read at a time.
const CHUNK: usize = 4096;
/// How often it looks whether the log has grown enough. Not at every commit: on a busy log those would wake it a thousand times a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Pause after a snapshot that could not be made.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// Added to its niceness: what serves payments comes first.
const NICENESS: i32 = 10;

/// The log as the taker sees it.
pub struct TakerLog {
    /// Identity of the log.
    pub journal: [u8; 8],
    /// Durable entries from a position on, in order, at most that many.
    pub read_from: Box<dyn Fn(u64, usize) -> Result<Vec<Entry>, LogError> + Send>,
    /// First position that is not settled: all payments below it are decided, so that a start that goes on from there has none of them
    /// to score. Never past what is durable; 0 while nothing may be taken yet.
    pub settled: Box<dyn Fn() -> u64 + Send>,
    /// Kafka topics (short names) and the offset to go on from in each; empty where there is no Kafka.
    pub offsets: Box<dyn Fn() -> Vec<(String, i64)> + Send>,
}

/// Folds log entries into a state as every reader of the log does; returns the position after the last, `next` where there is none.
///
/// # Errors
/// Where an entry cannot be read.
pub fn fold(state: &mut State, next: u64, entries: &[Entry]) -> Result<u64, SnapshotError> {
    let mut next = next;
    for entry in entries {
        let unreadable = |error: String| SnapshotError::Log(format!("position {}: {error}", entry.position));
        if let Some(json) = entry.record().map_err(|error| unreadable(error.to_string()))?.event() {
            let event = wire::decode_event(json).map_err(|error| unreadable(error.to_string()))?;
            state.apply(entry.position, &event);
        }
        next = entry.position + 1;
    }
    Ok(next)
}

/// Where to end the thread.
pub struct Taker {
    stopping: Arc<AtomicBool>,
    stop: Sender<()>,
}

impl Taker {
    /// Starts the thread `snapshots`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn spawn(
        store: SnapshotStore,
        config: &SnapshotConfig,
        limits: Limits,
        log: TakerLog,
    ) -> std::io::Result<(Taker, JoinHandle<()>)> {
        let stopping = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let taking = Taking {
            store,
            every: config.every_events.max(1),
            keep: config.keep,
            limits,
            log,
            stopping: Arc::clone(&stopping),
        };
        let handle = Builder::new().name("snapshots".to_owned()).spawn(move || taking.run(&stopped))?;
        Ok((Taker { stopping, stop }, handle))
    }

    /// Ends the thread; a snapshot under way is broken off and leaves nothing behind.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Full: it was told already. Disconnected: it has ended.
        let _ = self.stop.try_send(());
    }
}

struct Taking {
    store: SnapshotStore,
    every: u64,
    keep: usize,
    limits: Limits,
    log: TakerLog,
    stopping: Arc<AtomicBool>,
}

impl Taking {
    fn run(&self, stopped: &Receiver<()>) {
        lower_priority();
        let mut latest = None;
        let mut pause = LOOK_EVERY;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            pause = LOOK_EVERY;
            let settled = (self.log.settled)();
            if settled == 0 {
                continue;
            }
            let known = *latest.get_or_insert_with(|| self.newest_known(settled));
            if settled < known.saturating_add(self.every) {
                continue;
            }
            let taken = self.take(settled);
            give_memory_back();
            match taken {
                Ok(Written { name, bytes, seconds, pruned, .. }) => {
                    latest = Some(name.position);
                    tracing::info!(snapshot = %name, position = name.position, bytes, seconds, pruned, "a snapshot was made");
                }
                Err(SnapshotError::Stopping) => return,
                Err(error) => {
                    count_failure();
                    tracing::warn!(%error, retry_after_s = RETRY_AFTER.as_secs(), "no snapshot could be made; the service goes on, and a start would replay more of the log");
                    pause = RETRY_AFTER;
                }
            }
        }
    }

    /// Position of the newest snapshot, as far as the listing and the start, which has read by now what it needed, can tell: one that
    /// the start found bad is made again at once.
    fn newest_known(&self, settled: u64) -> u64 {
        let listed = self.store.list().unwrap_or_default();
        let mut names = listed.iter().map(|listed| &listed.name).filter(|name| name.journal == self.log.journal);
        let newest = names.find(|name| name.position <= settled && !self.store.is_rejected(name));
        let position = newest.map_or(0, |name| name.position);
        gauge!("fraudnet_snapshot_position").set(position as f64);
        position
    }

    /// Makes one of everything below `settled`.
    fn take(&self, settled: u64) -> Result<Written, SnapshotError> {
        let offsets = (self.log.offsets)();
        let base = newest_good_unless(&self.store, self.log.journal, settled, self.limits, &self.stopping)?;
        let (mut state, mut next) =
            base.map_or_else(|| (State::new(self.limits), 0), |(state, mark)| (state, mark.position));
        while next < settled {
            if self.stopping.load(Ordering::Relaxed) {
                return Err(SnapshotError::Stopping);
            }
            let wanted = CHUNK.min((settled - next) as usize);
            let entries = (self.log.read_from)(next, wanted).map_err(|error| SnapshotError::Log(error.to_string()))?;
            if entries.is_empty() {
                return Err(SnapshotError::Log(format!("it should reach position {settled} but ends at {next}")));
            }
            next = fold(&mut state, next, &entries)?;
        }
        let mark = Mark { journal: self.log.journal, position: next, offsets, taken_at_ms: clock::now_ms() };
        write_unless(&self.store, self.keep, &state, self.limits, &mark, &self.stopping)
    }
}

/// The second state is gone until the next snapshot, but the allocator would keep its memory, and more of it each time.
fn give_memory_back() {
    // SAFETY: it takes a plain number and gives back only memory that is free.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// On Linux the niceness belongs to the thread, and threads it starts inherit it.
fn lower_priority() {
    // SAFETY: both calls take plain numbers and touch no memory of ours.
    let lowered = unsafe { libc::setpriority(libc::PRIO_PROCESS, libc::gettid() as libc::id_t, NICENESS) };
    if lowered != 0 {
        tracing::warn!(error = %std::io::Error::last_os_error(), "the snapshot thread keeps its priority");
    }
}
