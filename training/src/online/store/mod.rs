//! The trainer's memory on disk: labels, the replay buffer, counters and the step under way, in one database file.
//!
//! Map: `record` (the rows), `ingest` (a batch, in one transaction), this file (opening, reading, the step).
//!
//! Whatever a batch changes is committed together with the cursor behind it, so a process that dies at any point has taken every item
//! wholly or not at all, and asks the feed for exactly the rest. An example takes its 7 kB and some 300 bytes of rows.
//! Never knows: where items come from, what is trained with them.

mod ingest;
mod record;
#[cfg(test)]
pub(crate) mod tests;

pub use record::{Kept, LAYOUT, Progress, Seen};

use super::buffer::BufferConfig;
use super::class::Rules;
use super::feed::Cursor;
use super::step::Step;
use anyhow::{Context, Result, ensure};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::{Path, PathBuf};

/// File in the state folder.
pub const FILE_NAME: &str = "trainer.redb";

/// `tenant NUL transaction` → the example as it was told.
const EXAMPLES: TableDefinition<&str, &[u8]> = TableDefinition::new("examples");
/// The same key → [`Kept`] as JSON.
const INDEX: TableDefinition<&str, &[u8]> = TableDefinition::new("index");
/// The same key → the label that stands, as JSON; also of payments without an example.
const LABELS: TableDefinition<&str, &[u8]> = TableDefinition::new("labels");
/// Class, stratum and draw → key: who goes first.
const MEMBERS: TableDefinition<(u8, i64, u64, &str), ()> = TableDefinition::new("members");
/// Time of payment → key of those without a label, to mature in turn.
const WAITING: TableDefinition<(i64, &str), ()> = TableDefinition::new("waiting");
/// The one row of [`Progress`] as JSON.
const PROGRESS: TableDefinition<&str, &[u8]> = TableDefinition::new("progress");
const PROGRESS_KEY: &str = "progress";

/// The open store. One process holds it.
pub struct Store {
    database: Database,
    buffer: BufferConfig,
    rules: Rules,
    progress: Progress,
    path: PathBuf,
}

impl Store {
    /// Opens the store in `folder`, or makes one that begins at `beginning`.
    ///
    /// # Errors
    /// A folder that cannot be written, a store that another process holds, or one of another layout or kind of feed.
    pub fn open(folder: &Path, buffer: BufferConfig, rules: Rules, beginning: Cursor) -> Result<Store> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the state folder {}", folder.display()))?;
        let path = folder.join(FILE_NAME);
        let database = Database::create(&path)
            .with_context(|| format!("cannot open {}; is another trainer running on this folder?", path.display()))?;
        let transaction = database.begin_write()?;
        let progress = {
            let mut table = transaction.open_table(PROGRESS)?;
            let held = table.get(PROGRESS_KEY)?.map(|row| serde_json::from_slice::<Progress>(row.value()));
            match held {
                Some(held) => held.with_context(|| {
                    format!("{} was written by another build; give this one another --state folder", path.display())
                })?,
                None => {
                    let progress = Progress::new(beginning);
                    table.insert(PROGRESS_KEY, &serde_json::to_vec(&progress)?[..])?;
                    progress
                }
            }
        };
        ensure!(
            progress.layout == LAYOUT,
            "{} has layout {}, and this build reads layout {LAYOUT}; give it another --state folder",
            path.display(),
            progress.layout
        );
        for table in [EXAMPLES, INDEX, LABELS] {
            transaction.open_table(table)?;
        }
        transaction.open_table(MEMBERS)?;
        transaction.open_table(WAITING)?;
        transaction.commit()?;
        Ok(Store { database, buffer, rules, progress, path })
    }

    /// How far everything is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the step under way down, with whatever else `change` does to the progress.
    ///
    /// # Errors
    /// A disk that does not take it; nothing is changed then.
    pub fn advance(&mut self, step: Step, change: impl FnOnce(&mut Progress)) -> Result<()> {
        let mut progress = self.progress.clone();
        progress.step = step;
        change(&mut progress);
        let transaction = self.database.begin_write()?;
        transaction.open_table(PROGRESS)?.insert(PROGRESS_KEY, &serde_json::to_vec(&progress)?[..])?;
        transaction.commit()?;
        self.progress = progress;
        Ok(())
    }

    /// Shows every example's row, in order of key; `visit` is told the key and whether a label stands.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn each(&self, mut visit: impl FnMut(&str, Kept, Option<super::class::Standing>)) -> Result<()> {
        let transaction = self.database.begin_read()?;
        let labels = transaction.open_table(LABELS)?;
        for row in transaction.open_table(INDEX)?.iter()? {
            let (key, kept) = row?;
            let standing = match labels.get(key.value())? {
                Some(label) => Some(serde_json::from_slice(label.value())?),
                None => None,
            };
            visit(key.value(), serde_json::from_slice(kept.value())?, standing);
        }
        Ok(())
    }

    /// The bytes of these examples, in order; none where one is not there.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn bytes(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(EXAMPLES)?;
        keys.iter().map(|key| Ok(table.get(*key)?.map(|bytes| bytes.value().to_vec()))).collect()
    }

    /// Examples each member of the stratum of that payment stands for.
    pub fn factor(&self, kept: &Kept) -> f64 {
        kept.carried * self.progress.strata.factor(kept.class, self.buffer.stratum(kept.occurred_ms))
    }
}

/// The key of a payment: no tenant holds a NUL.
pub fn key(tenant: &str, transaction_id: &str) -> String {
    format!("{tenant}\0{transaction_id}")
}
