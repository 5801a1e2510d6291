//! The log's file: table `log` (position → entry), table `transactions` (tenant and id → where its payment and verdict
//! stand) and tables `controls` and `cases` (where events of those kinds stand), all written in one transaction a group, so that
//! they never disagree. All but the first are folds of `log`; where they are missing or do not reach as far, they are rebuilt.

use super::file::LogFile;
use super::record::{self, Entry, ROW_BYTES, Record, TransactionKey, TransactionRow, VerdictPlace};
use super::sequencer::Sequenced;
use crate::service::Durability;
use crate::{ids, wire};
use crossbeam_channel::{Receiver, Sender};
use fraudnet_graph::{Body, Event};
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError,
    TableDefinition, TableError,
};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const LOG: TableDefinition<u64, &[u8]> = TableDefinition::new("log");
const TRANSACTIONS: TableDefinition<&[u8], &[u8; ROW_BYTES]> = TableDefinition::new("transactions");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Offset to go on from in each Kafka topic, where the log is a replica's journal.
const OFFSETS: TableDefinition<&str, i64> = TableDefinition::new("offsets");
/// Key in `meta`: the log's identity.
const IDENTITY: &str = "identity";
/// Key in `meta`: first position the transactions table has not folded in.
const FOLDED_TO: &str = "transactions_folded_to";
/// The row of a payment that was loaded as history; its position is filled in.
pub(super) const HISTORY_ROW: TransactionRow =
    TransactionRow { payment: 0, body_hash: [0; 32], verdict: VerdictPlace::Never };
/// Entries whose positions have a table of their own, so that they are found without reading the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Control events.
    Control,
    /// Case events.
    Case,
}

impl Kind {
    const ALL: [Kind; 2] = [Kind::Control, Kind::Case];

    fn table(self) -> TableDefinition<'static, u64, ()> {
        TableDefinition::new(match self {
            Kind::Control => "controls",
            Kind::Case => "cases",
        })
    }

    /// Which of them an entry of those bytes is, if any.
    fn of(record: &[u8]) -> Option<Kind> {
        match record.first() {
            Some(&record::CONTROL) => Some(Kind::Control),
            Some(&record::CASE) => Some(Kind::Case),
            _ => None,
        }
    }
}

/// Pages kept in memory.
const CACHE_BYTES: usize = 128 << 20;

/// Why the log cannot be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Another process holds the file.
    #[error("{path} is in use by another process; stop that service or choose another data folder")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is not whole.
    #[error(
        "{path} is damaged ({reason}); restore the data folder from a copy, or move the file away to start with an empty log"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file system said no.
    #[error("{path} cannot be used: {reason}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// An entry of a kind this build does not know.
    #[error(
        "the entry at position {position} is of a kind this build does not know; run the version that wrote it or a newer one"
    )]
    UnknownEntry {
        /// Where it stands.
        position: u64,
    },
    /// An event that cannot be read back.
    #[error(
        "the event at position {position} cannot be read back ({reason}); run the version that wrote it or a newer one"
    )]
    UnreadableEvent {
        /// Where it stands.
        position: u64,
        /// Why.
        reason: String,
    },
    /// The log was let go of.
    #[error("the log is closed; start the service again")]
    Closed,
}

pub(super) struct Store {
    path: PathBuf,
    database: RwLock<Option<Arc<Database>>>,
    end: AtomicU64,
    identity: AtomicU64,
    /// First position after the last entry of each [`Kind`].
    kinds_end: [AtomicU64; Kind::ALL.len()],
    listeners: Mutex<Vec<Sender<()>>>,
}

impl Store {
    pub(super) fn open(folder: &Path, durability: Durability, lose_unsynced_writes: bool) -> Result<Store, LogError> {
        let path = folder.join(super::FILE_NAME);
        let io = |error: std::io::Error| LogError::Io { path: path.clone(), reason: error.to_string() };
        std::fs::create_dir_all(folder).map_err(io)?;
        let file =
            std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        let mut builder = Builder::new();
        // Every page's checksum is read once: cheap beside the replay that follows, and without it a damaged page is met later, as a panic.
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let file = FileBackend::new(file)?;
            match (lose_unsynced_writes, durability) {
                (true, _) => builder.create_with_backend(LogFile::held(file).map_err(StorageError::Io)?),
                (false, Durability::Os) => builder.create_with_backend(LogFile::through(file)),
                (false, Durability::Fsync) => builder.create_with_backend(file),
            }
        }));
        let database = match opened {
            Ok(Ok(database)) => database,
            Ok(Err(error)) => return Err(open_error(&path, &error)),
            Err(_) => return Err(LogError::Damaged { path, reason: "its structure makes no sense".to_owned() }),
        };
        Store::over(path, database)
    }

    /// A store over an opened file.
    pub(super) fn over(path: PathBuf, database: Database) -> Result<Store, LogError> {
        let store = Store {
            path,
            database: RwLock::new(Some(Arc::new(database))),
            end: AtomicU64::new(0),
            identity: AtomicU64::new(0),
            kinds_end: Default::default(),
            listeners: Mutex::new(Vec::new()),
        };
        store.check()?;
        store.identify()?;
        Ok(store)
    }

    /// Finds the end, and rebuilds the transactions table where it is not the fold of the log up to there.
    fn check(&self) -> Result<(), LogError> {
        let read = |error| self.error(error);
        let database = self.database()?;
        let transaction = database.begin_read().map_err(|error| read(error.into()))?;
        let (end, entries) = match transaction.open_table(LOG) {
            Ok(log) => {
                let last = log.last().map_err(|error| read(error.into()))?.map(|(position, _)| position.value());
                (last.map_or(0, |last| last + 1), log.len().map_err(|error| read(error.into()))?)
            }
            Err(TableError::TableDoesNotExist(_)) => (0, 0),
            Err(error) => return Err(read(error.into())),
        };
        if end != entries {
            return Err(self.damaged(format!("it ends at position {end} but holds {entries} entries")));
        }
        let folded_to = match transaction.open_table(META) {
            Ok(meta) => meta.get(FOLDED_TO).map_err(|error| read(error.into()))?.map(|value| value.value()),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(read(error.into())),
        };
        drop(transaction);
        if folded_to != Some(end)
            || matches!(
                database.begin_read().map(|read| read.open_table(TRANSACTIONS).err()),
                Ok(Some(TableError::TableDoesNotExist(_)))
            )
        {
            self.rebuild_transactions()?;
        }
        self.end.store(end, Ordering::Release);
        for kind in Kind::ALL {
            self.kinds_end[kind as usize].store(self.last_of(kind)?.map_or(0, |last| last + 1), Ordering::Release);
        }
        Ok(())
    }

    fn last_of(&self, kind: Kind) -> Result<Option<u64>, LogError> {
        let read = || -> Result<Option<u64>, redb::Error> {
            let Some(database) = self.opened() else { return Err(redb::Error::DatabaseClosed) };
            match database.begin_read()?.open_table(kind.table()) {
                Ok(positions) => Ok(positions.last()?.map(|(position, _)| position.value())),
                Err(TableError::TableDoesNotExist(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        read().map_err(|error| self.error(error))
    }

    /// First position after the last durable entry of that kind.
    pub(super) fn end_of(&self, kind: Kind) -> u64 {
        self.kinds_end[kind as usize].load(Ordering::Acquire)
    }

    pub(super) fn of_kind_from(&self, kind: Kind, position: u64, limit: usize) -> Result<Vec<Entry>, LogError> {
        if position >= self.end_of(kind) {
            return Ok(Vec::new());
        }
        let read = || -> Result<Vec<Entry>, redb::Error> {
            let Some(database) = self.opened() else { return Err(redb::Error::DatabaseClosed) };
            let transaction = database.begin_read()?;
            let positions = match transaction.open_table(kind.table()) {
                Ok(positions) => positions,
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let log = transaction.open_table(LOG)?;
            let mut entries = Vec::new();
            for found in positions.range(position..)?.take(limit) {
                let (position, _) = found?;
                if let Some(bytes) = log.get(position.value())? {
                    entries.push(Entry::new(position.value(), bytes.value().to_vec()));
                }
            }
            Ok(entries)
        };
        read().map_err(|error| self.error(error))
    }

    pub(super) fn newest_of_kind(&self, kind: Kind, limit: usize) -> Result<Vec<Entry>, LogError> {
        let read = || -> Result<Vec<Entry>, redb::Error> {
            let Some(database) = self.opened() else { return Err(redb::Error::DatabaseClosed) };
            let transaction = database.begin_read()?;
            let positions = match transaction.open_table(kind.table()) {
                Ok(positions) => positions,
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let log = transaction.open_table(LOG)?;
            let mut entries = Vec::new();
            for found in positions.iter()?.rev().take(limit) {
                let (position, _) = found?;
                if let Some(bytes) = log.get(position.value())? {
                    entries.push(Entry::new(position.value(), bytes.value().to_vec()));
                }
            }
            Ok(entries)
        };
        read().map_err(|error| self.error(error))
    }

    /// Reads the log's identity, or gives it one.
    fn identify(&self) -> Result<(), LogError> {
        let identify = || -> Result<u64, redb::Error> {
            let Some(database) = self.opened() else { return Err(redb::Error::DatabaseClosed) };
            match database.begin_read()?.open_table(META) {
                Ok(meta) => {
                    if let Some(identity) = meta.get(IDENTITY)? {
                        return Ok(identity.value());
                    }
                }
                Err(TableError::TableDoesNotExist(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let identity = ids::next_u64();
            let transaction = database.begin_write()?;
            transaction.open_table(META)?.insert(IDENTITY, identity)?;
            transaction.commit()?;
            Ok(identity)
        };
        self.identity.store(identify().map_err(|error| self.error(error))?, Ordering::Release);
        Ok(())
    }

    pub(super) fn identity(&self) -> [u8; 8] {
        self.identity.load(Ordering::Acquire).to_be_bytes()
    }

    pub(super) fn offset(&self, topic: &str) -> Result<Option<i64>, LogError> {
        let read = || -> Result<Option<i64>, redb::Error> {
            let Some(database) = self.opened() else { return Err(redb::Error::DatabaseClosed) };
            match database.begin_read()?.open_table(OFFSETS) {
                Ok(offsets) => Ok(offsets.get(topic)?.map(|offset| offset.value())),
                Err(TableError::TableDoesNotExist(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        read().map_err(|error| self.error(error))
    }

    /// Folds the whole log into a fresh transactions table.
    pub(super) fn rebuild_transactions(&self) -> Result<(), LogError> {
        let database = self.database()?;
        let write = |error: redb::Error| self.error(error);
        let transaction = database.begin_write().map_err(|error| write(error.into()))?;
        let _existed = transaction.delete_table(TRANSACTIONS).map_err(|error| write(error.into()))?;
        {
            let log = transaction.open_table(LOG).map_err(|error| write(error.into()))?;
            let mut rows = transaction.open_table(TRANSACTIONS).map_err(|error| write(error.into()))?;
            let mut meta = transaction.open_table(META).map_err(|error| write(error.into()))?;
            let mut undecided: HashMap<u64, (TransactionKey, [u8; 32])> = HashMap::new();
            let key = |position, event: &[u8]| match wire::decode_event(event) {
                Ok(Event { tenant, body: Body::Payment(payment), .. }) => {
                    Ok(TransactionKey::new(&tenant, &payment.transaction_id))
                }
                Ok(_) => Err(LogError::UnreadableEvent { position, reason: "it should be a payment".to_owned() }),
                Err(error) => Err(LogError::UnreadableEvent { position, reason: error.to_string() }),
            };
            let mut end = 0;
            for entry in log.iter().map_err(|error| write(error.into()))? {
                let (position, bytes) = entry.map_err(|error| write(error.into()))?;
                let position = position.value();
                end = position + 1;
                match record::parse(bytes.value()).ok_or(LogError::UnknownEntry { position })? {
                    Record::Event { .. } | Record::Rejected { .. } | Record::Example { .. } | Record::Note { .. } => {}
                    Record::Control { .. } | Record::Case { .. } => {
                        if let Some(kind) = Kind::of(bytes.value()) {
                            let positions = transaction.open_table(kind.table());
                            let mut positions = positions.map_err(|error| write(error.into()))?;
                            positions.insert(position, ()).map_err(|error| write(error.into()))?;
                        }
                    }
                    Record::Payment { body_hash, event } | Record::Streamed { body_hash, event, .. } => {
                        let key = key(position, event)?;
                        let row = TransactionRow { payment: position, body_hash, verdict: VerdictPlace::Undecided };
                        rows.insert(key.as_bytes(), &row.encode()).map_err(|error| write(error.into()))?;
                        undecided.insert(position, (key, body_hash));
                    }
                    Record::History { event } => {
                        let key = key(position, event)?;
                        let row = TransactionRow { payment: position, ..HISTORY_ROW };
                        rows.insert(key.as_bytes(), &row.encode()).map_err(|error| write(error.into()))?;
                    }
                    Record::Verdict { payment, .. } => {
                        let (key, body_hash) = undecided.remove(&payment).ok_or_else(|| {
                            self.damaged(format!("the verdict at position {position} belongs to no undecided payment"))
                        })?;
                        let row = TransactionRow { payment, body_hash, verdict: VerdictPlace::At(position) };
                        rows.insert(key.as_bytes(), &row.encode()).map_err(|error| write(error.into()))?;
                    }
                }
            }
            meta.insert(FOLDED_TO, end).map_err(|error| write(error.into()))?;
        }
        transaction.commit().map_err(|error| write(error.into()))
    }

    /// Writes a group: one transaction, one sync. Positions ascend without a gap.
    pub(super) fn write(&self, group: &[Sequenced]) -> Result<(), LogError> {
        let Some(last) = group.last() else { return Ok(()) };
        let database = self.database()?;
        self.write_tables(&database, group, last.position + 1).map_err(|error| self.error(error))?;
        for sequenced in group {
            if let Some(kind) = Kind::of(&sequenced.append.record) {
                self.kinds_end[kind as usize].store(sequenced.position + 1, Ordering::Release);
            }
        }
        self.end.store(last.position + 1, Ordering::Release);
        for listener in self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Full: a token is there already.
            let _ = listener.try_send(());
        }
        Ok(())
    }

    fn write_tables(&self, database: &Database, group: &[Sequenced], end: u64) -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(redb::Durability::Immediate)?;
        {
            let mut log = transaction.open_table(LOG)?;
            let mut rows = transaction.open_table(TRANSACTIONS)?;
            let mut meta = transaction.open_table(META)?;
            let mut offsets = transaction.open_table(OFFSETS)?;
            for Sequenced { position, append } in group {
                if let Some(kind) = Kind::of(&append.record) {
                    transaction.open_table(kind.table())?.insert(position, ())?;
                }
                if let Some((topic, next)) = append.origin {
                    offsets.insert(topic, next)?;
                }
                log.insert(position, append.record.as_slice())?;
                if let Some((key, row)) = &append.row {
                    // The position was not known when the row was written down.
                    let row = match row.verdict {
                        VerdictPlace::Undecided | VerdictPlace::Never => TransactionRow { payment: *position, ..*row },
                        VerdictPlace::At(_) => TransactionRow { verdict: VerdictPlace::At(*position), ..*row },
                    };
                    rows.insert(key.as_bytes(), &row.encode())?;
                }
            }
            meta.insert(FOLDED_TO, end)?;
        }
        transaction.commit()?;
        Ok(())
    }

    pub(super) fn transaction(&self, key: &TransactionKey) -> Result<Option<TransactionRow>, LogError> {
        let read = || -> Result<Option<TransactionRow>, redb::Error> {
            let Some(database) = self.opened() else { return Err(redb::Error::DatabaseClosed) };
            let transaction = database.begin_read()?;
            let rows = transaction.open_table(TRANSACTIONS)?;
            Ok(rows.get(key.as_bytes())?.map(|row| TransactionRow::decode(row.value())))
        };
        read().map_err(|error| self.error(error))
    }

    pub(super) fn verdict_body(&self, position: u64) -> Result<Arc<[u8]>, LogError> {
        let entries = self.read_from(position, 1)?;
        match entries.first().map(Entry::record).transpose()? {
            Some(Record::Verdict { body, .. }) => Ok(body.into()),
            _ => Err(self.damaged(format!("position {position} should hold a verdict"))),
        }
    }

    pub(super) fn read_from(&self, position: u64, limit: usize) -> Result<Vec<Entry>, LogError> {
        let read = || -> Result<Vec<Entry>, redb::Error> {
            let Some(database) = self.opened() else { return Err(redb::Error::DatabaseClosed) };
            let transaction = database.begin_read()?;
            let log = match transaction.open_table(LOG) {
                Ok(log) => log,
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let mut entries = Vec::new();
            for entry in log.range(position..)?.take(limit) {
                let (position, bytes) = entry?;
                entries.push(Entry::new(position.value(), bytes.value().to_vec()));
            }
            Ok(entries)
        };
        read().map_err(|error| self.error(error))
    }

    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(super) fn commits(&self) -> Receiver<()> {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn release(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    #[cfg(test)]
    pub(super) fn forget_transactions(&self) {
        let transaction = self.database().unwrap().begin_write().unwrap();
        assert!(transaction.delete_table(TRANSACTIONS).unwrap());
        transaction.commit().unwrap();
    }

    fn opened(&self) -> Option<Arc<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn database(&self) -> Result<Arc<Database>, LogError> {
        self.opened().ok_or(LogError::Closed)
    }

    fn damaged(&self, reason: String) -> LogError {
        LogError::Damaged { path: self.path.clone(), reason }
    }

    fn error(&self, error: redb::Error) -> LogError {
        match error {
            redb::Error::DatabaseClosed => LogError::Closed,
            redb::Error::Corrupted(reason) => self.damaged(reason),
            other => LogError::Io { path: self.path.clone(), reason: other.to_string() },
        }
    }
}

fn open_error(path: &Path, error: &DatabaseError) -> LogError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => LogError::InUse { path },
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() != std::io::ErrorKind::InvalidData && error.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            LogError::Io { path, reason: error.to_string() }
        }
        other => LogError::Damaged { path, reason: other.to_string() },
    }
}
