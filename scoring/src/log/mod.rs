//! The event log: the one truth everything else is folded from.
//!
//! Reading order: `record` (what one entry looks like) → `store` (the file: two tables, one write
//! transaction a group) → `sequencer` (who gets which position, and the queue in front of the file) →
//! `writer` (the thread that turns the queue into groups) → `file` (how writes reach the disk) → [`EventLog`] below.
//!
//! It never knows HTTP, the graph, models or policy. A second transport comes behind the same three verbs:
//! append → position, read from position, group commit.
//!
//! Cost: an append is one short lock and one push. A group is one write transaction and one sync whatever its size, so
//! throughput grows with waiting and latency is one sync: 0.2 ms a group besides the sync; at 4 ms a sync, 1,500 payments/s
//! from 8 callers and 6,000/s from 256 (two busy cores, unoptimised build).

mod file;
mod record;
mod sequencer;
mod store;
mod writer;

use crate::service::Durability;
use sequencer::{Append, Sequencer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;

pub use record::{Entry, Offsets, Record, TransactionKey, TransactionRow, VerdictPlace};
pub use sequencer::{Completion, Refusal};
pub use store::{Kind, LogError};

/// Name of the log's file in its folder.
pub const FILE_NAME: &str = "log.redb";

/// Settings of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// Folder of the file; made where it is missing.
    pub folder: PathBuf,
    /// When a group counts as durable.
    pub durability: Durability,
    /// Appends waiting at most; more are refused. Verdicts are exempt: each belongs to a payment that was let in.
    pub queue: usize,
    /// Fault injection: keep every write in memory until it is synced, so that a killed process loses all it never synced.
    pub lose_unsynced_writes: bool,
}

/// What a replica merges from Kafka's topics.
#[derive(Debug, Clone, Copy)]
pub enum Merged<'a> {
    /// A payment.
    Payment {
        /// Tenant and id.
        key: &'a TransactionKey,
        /// Hash of the canonical request body.
        body_hash: [u8; 32],
        /// Its place among the topics.
        cut: Offsets,
        /// The event's JSON.
        event: &'a [u8],
    },
    /// A label or an outcome.
    Event {
        /// The event's JSON.
        event: &'a [u8],
    },
    /// A control event.
    Control {
        /// The control event's JSON.
        event: &'a [u8],
    },
    /// A case event.
    Case {
        /// The case event's JSON.
        event: &'a [u8],
    },
    /// A message that cannot be taken, encoded by whoever rejected it.
    Rejected {
        /// Its bytes.
        message: &'a [u8],
    },
    /// The verdict on a payment that was merged before.
    Verdict {
        /// Tenant and id.
        key: &'a TransactionKey,
        /// Hash of the canonical request body.
        body_hash: [u8; 32],
        /// Position of the payment.
        payment: u64,
        /// The verdict's JSON.
        body: &'a [u8],
    },
}

/// The embedded log. Cheap to clone; every clone speaks of the same file.
#[derive(Clone)]
pub struct EventLog {
    store: Arc<Store>,
    sequencer: Arc<Sequencer>,
}

impl EventLog {
    /// Opens or makes the log and starts its writer thread; join the handle after [`EventLog::close`].
    ///
    /// # Errors
    /// Where the folder cannot be used, another process holds the file, or the file is damaged.
    pub fn open(config: &LogConfig) -> Result<(EventLog, std::thread::JoinHandle<()>), LogError> {
        let store = Arc::new(Store::open(&config.folder, config.durability, config.lose_unsynced_writes)?);
        let sequencer = Arc::new(Sequencer::new(store.end(), config.queue));
        let handle = writer::spawn(Arc::clone(&store), Arc::clone(&sequencer)).map_err(|error| LogError::Io {
            path: store.path().to_owned(),
            reason: format!("its writer thread did not start: {error}"),
        })?;
        Ok((EventLog { store, sequencer }, handle))
    }

    /// Appends a payment. It is lazy: it becomes durable with the next append that is waited for (its own verdict, as a rule),
    /// so that an idle service needs one sync a payment and not two; after 5 ms it goes alone.
    ///
    /// `admit` is told the position while no other append can get one; where it returns false nothing is appended.
    /// That is how readers that must see everything in order (the engine) are fed.
    ///
    /// # Errors
    /// Where the queue is full, `admit` declined, or the log is closed or failed.
    pub fn append_payment(
        &self,
        key: &TransactionKey,
        body_hash: [u8; 32],
        event: &[u8],
        admit: impl FnOnce(u64) -> bool,
    ) -> Result<u64, Refusal> {
        let append = Append {
            row: Some((key.clone(), TransactionRow { payment: 0, body_hash, verdict: VerdictPlace::Undecided })),
            lazy: true,
            ..Append::of(record::payment(&body_hash, event))
        };
        self.sequencer.append(append, admit)
    }

    /// Appends an event other than a payment; `done` is called on the writer thread once it is durable or lost.
    ///
    /// # Errors
    /// As [`EventLog::append_payment`].
    pub fn append_event(
        &self,
        event: &[u8],
        done: Completion,
        admit: impl FnOnce(u64) -> bool,
    ) -> Result<u64, Refusal> {
        let append = Append { done: Some(done), ..Append::of(record::event(event)) };
        self.sequencer.append(append, admit)
    }

    /// Appends the verdict on the payment at `payment` and, right behind it, the case event that comes of it, if any: both become durable or
    /// none. `done` is called on the writer thread once they are or are lost, also where this returns an error. Never refused for want of
    /// room.
    ///
    /// # Errors
    /// Where the log is closed or failed.
    pub fn append_verdict(
        &self,
        key: &TransactionKey,
        body_hash: [u8; 32],
        payment: u64,
        body: &[u8],
        case: Option<&[u8]>,
        done: Completion,
    ) -> Result<u64, Refusal> {
        let append = Append {
            row: Some((key.clone(), TransactionRow { payment, body_hash, verdict: VerdictPlace::At(0) })),
            exempt: true,
            done: Some(done),
            behind: case.map(record::case),
            ..Append::of(record::verdict(payment, body))
        };
        self.sequencer.append(append, |_| true)
    }

    /// Appends a control event; `done` is called on the writer thread once it is durable or lost, also where this returns an error.
    ///
    /// # Errors
    /// Where the log is closed or failed.
    pub fn append_control(&self, event: &[u8], done: Completion) -> Result<u64, Refusal> {
        let append = Append { exempt: true, done: Some(done), ..Append::of(record::control(event)) };
        self.sequencer.append(append, |_| true)
    }

    /// Appends a case event; `done` is called on the writer thread once it is durable or lost.
    ///
    /// # Errors
    /// Where the queue is full, or the log is closed or failed.
    pub fn append_case(&self, event: &[u8], done: Completion) -> Result<u64, Refusal> {
        let append = Append { done: Some(done), ..Append::of(record::case(event)) };
        self.sequencer.append(append, |_| true)
    }

    /// Appends the training example of the payment at `payment`. It becomes durable with what comes after it; nobody waits.
    ///
    /// # Errors
    /// Where the queue is full, or the log is closed or failed.
    pub fn append_example(&self, payment: u64, bytes: &[u8]) -> Result<u64, Refusal> {
        self.append_lazily(record::example(payment, bytes))
    }

    /// Appends a note. It becomes durable with what comes after it; nobody waits.
    ///
    /// # Errors
    /// Where the queue is full, or the log is closed or failed.
    pub fn append_note(&self, note: &[u8]) -> Result<u64, Refusal> {
        self.append_lazily(record::note(note))
    }

    fn append_lazily(&self, record: Vec<u8>) -> Result<u64, Refusal> {
        let append = Append { lazy: true, ..Append::of(record) };
        self.sequencer.append(append, |_| true)
    }

    /// Durable entries of a kind at `position` and later, in order, at most `limit`. Cheap where there is nothing new.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn of_kind_from(&self, kind: Kind, position: u64, limit: usize) -> Result<Vec<Entry>, LogError> {
        self.store.of_kind_from(kind, position, limit)
    }

    /// The newest durable entries of a kind, newest first, at most `limit`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn newest_of_kind(&self, kind: Kind, limit: usize) -> Result<Vec<Entry>, LogError> {
        self.store.newest_of_kind(kind, limit)
    }

    /// First position after the last durable entry of a kind.
    pub fn end_of(&self, kind: Kind) -> u64 {
        self.store.end_of(kind)
    }

    /// Appends what was merged from Kafka; `done` as in [`EventLog::append_event`], `admit` as in [`EventLog::append_payment`].
    /// The queue's bound does not hold here: whoever merges looks at [`EventLog::queued`] and stops reading.
    ///
    /// # Errors
    /// Where `admit` declined, or the log is closed or failed.
    pub fn append_merged(
        &self,
        merged: Merged<'_>,
        origin: (&'static str, i64),
        done: Option<Completion>,
        admit: impl FnOnce(u64) -> bool,
    ) -> Result<u64, Refusal> {
        let (record, row) = match merged {
            Merged::Payment { key, body_hash, cut, event } => {
                let row = TransactionRow { payment: 0, body_hash, verdict: VerdictPlace::Undecided };
                (record::streamed(cut, &body_hash, event), Some((key.clone(), row)))
            }
            Merged::Event { event } => (record::event(event), None),
            Merged::Control { event } => (record::control(event), None),
            Merged::Case { event } => (record::case(event), None),
            Merged::Rejected { message } => (record::rejected(message), None),
            Merged::Verdict { key, body_hash, payment, body } => {
                let row = TransactionRow { payment, body_hash, verdict: VerdictPlace::At(0) };
                (record::verdict(payment, body), Some((key.clone(), row)))
            }
        };
        let append = Append { row, exempt: true, done, origin: Some(origin), ..Append::of(record) };
        self.sequencer.append(append, admit)
    }

    /// Offset to go on from in a Kafka topic (short name); none where nothing of it is durable.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn offset(&self, topic: &str) -> Result<Option<i64>, LogError> {
        self.store.offset(topic)
    }

    /// Identity of this log, made with it: what speaks of its positions names it.
    pub fn identity(&self) -> [u8; 8] {
        self.store.identity()
    }

    /// Appends events of a history as one group: with a key payments that will never have a verdict, without one any other event.
    /// `done` is called on the writer thread once the last of them is durable or lost. The queue's bound does not hold here: keep few
    /// groups under way. `admit` is told the position of each in turn, and may block.
    ///
    /// # Errors
    /// Where the log is closed or failed, or `admit` declined; `done` is then never called, and events that were admitted before are kept.
    pub fn append_history(
        &self,
        events: Vec<(Option<TransactionKey>, Vec<u8>)>,
        done: Completion,
        admit: impl FnMut(u64) -> bool,
    ) -> Result<(), Refusal> {
        let mut appends: Vec<Append> = events
            .into_iter()
            .map(|(key, json)| {
                let record = if key.is_some() { record::history(&json) } else { record::event(&json) };
                Append { row: key.map(|key| (key, store::HISTORY_ROW)), exempt: true, ..Append::of(record) }
            })
            .collect();
        if let Some(last) = appends.last_mut() {
            last.done = Some(done);
        }
        self.sequencer.append_group(appends, admit)
    }

    /// What is durably known of a transaction id.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn transaction(&self, key: &TransactionKey) -> Result<Option<TransactionRow>, LogError> {
        self.store.transaction(key)
    }

    /// The verdict body logged at that position, byte for byte.
    ///
    /// # Errors
    /// Where the file cannot be read or the position holds no verdict.
    pub fn verdict_body(&self, position: u64) -> Result<Arc<[u8]>, LogError> {
        self.store.verdict_body(position)
    }

    /// Durable entries from `position` on, in order, at most `limit`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read_from(&self, position: u64, limit: usize) -> Result<Vec<Entry>, LogError> {
        self.store.read_from(position, limit)
    }

    /// First position that is not durable yet.
    pub fn durable_end(&self) -> u64 {
        self.store.end()
    }

    /// A channel that holds a token whenever something became durable since it was last emptied.
    pub fn commits(&self) -> crossbeam_channel::Receiver<()> {
        self.store.commits()
    }

    /// Appends waiting for the writer.
    pub fn queued(&self) -> usize {
        self.sequencer.queued()
    }

    /// Why the log failed, if it did.
    pub fn failure(&self) -> Option<Arc<str>> {
        self.sequencer.failure()
    }

    /// Refuses further appends; the writer makes durable what waits, then ends.
    pub fn close(&self) {
        self.sequencer.close();
    }

    /// Lets go of the file. Call after the writer thread was joined; reads fail from then on.
    pub fn release_file(&self) {
        self.store.release();
    }

    /// The log's file.
    pub fn path(&self) -> &Path {
        self.store.path()
    }
}

/// The log of a folder, opened to be read by tools while no service runs on it.
pub struct LogReader {
    store: Store,
}

impl LogReader {
    /// Opens an existing log.
    ///
    /// # Errors
    /// Where there is none, another process holds it, or it is damaged.
    pub fn open(folder: &Path) -> Result<LogReader, LogError> {
        let path = folder.join(FILE_NAME);
        if !path.is_file() {
            return Err(LogError::Io {
                path,
                reason: "there is no such file; give the data folder of a service that has run".to_owned(),
            });
        }
        Ok(LogReader { store: Store::open(folder, Durability::Fsync, false)? })
    }

    /// Entries from `position` on, in order, at most `limit`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read_from(&self, position: u64, limit: usize) -> Result<Vec<Entry>, LogError> {
        self.store.read_from(position, limit)
    }

    /// Identity of this log, as [`EventLog::identity`].
    pub fn identity(&self) -> [u8; 8] {
        self.store.identity()
    }

    /// First position after the last entry.
    pub fn end(&self) -> u64 {
        self.store.end()
    }
}

#[cfg(test)]
mod tests;
