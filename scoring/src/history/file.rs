//! A history file, opened and checked: events from the first, as often as asked.

use super::error::{BadRow, Fault, HistoryError, Skipped, shown};
use super::mapping::{Format, Known, Mapping};
use super::order::Order;
use super::row::RowReader;
use super::table::{EMPTY, Table, Trouble, unreadable};
use super::{BadRows, HistoryEvent};
use crate::simulate::{HistoryReader, LineError, LineFault, read_history};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const BUFFER_BYTES: usize = 1 << 20;
/// Rows between two looks at how far the pass is.
const ROWS_A_LOOK: u64 = 1_024;

/// A history file whose form, mapping and columns were checked. Reading it again gives the same events. A clone is the same file, and
/// shares what is known of the latest pass.
#[derive(Debug, Clone)]
pub struct HistoryFile(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    /// `None`: the product's own JSON lines.
    mapped: Option<(Mapping, Format)>,
    bad_rows: BadRows,
    skipped: Mutex<Skipped>,
    /// Share of the file read, the bits of an `f64`.
    share_read: AtomicU64,
}

impl HistoryFile {
    /// Opens the file and holds the mapping against it; without a mapping it must be the product's own JSON lines.
    ///
    /// # Errors
    /// A file or mapping that cannot be read, a key nobody knows, a column the file does not have, an empty file.
    pub fn open(path: &Path, mapping: Option<&Path>, bad_rows: BadRows) -> Result<HistoryFile, HistoryError> {
        let wrong = |reason: String| HistoryError::File { path: path.to_path_buf(), reason };
        let bytes = std::fs::metadata(path).map_err(|error| wrong(unreadable(&error)))?.len();
        let mapped = match mapping {
            Some(file) => {
                let wrong = |reason: String| HistoryError::Mapping { path: file.to_path_buf(), reason };
                let text = std::fs::read_to_string(file).map_err(|error| wrong(unreadable(&error)))?;
                let mapping = Mapping::parse(&text).map_err(wrong)?;
                let format = mapping.format.or_else(|| format_of(path)).ok_or_else(|| {
                    let reason = "its form does not show in its name: add format = \"parquet\", \"csv\" or \"jsonl\" to the mapping";
                    HistoryError::File { path: path.to_path_buf(), reason: reason.to_owned() }
                })?;
                Some((mapping, format))
            }
            None if matches!(format_of(path), Some(Format::Parquet | Format::Csv)) => {
                let reason = "needs a mapping that says which column is what: start from deploy/mappings/minimal.toml and give it with \
                              --mapping";
                return Err(wrong(reason.to_owned()));
            }
            None => None,
        };
        if bytes == 0 {
            return Err(wrong(EMPTY.to_owned()));
        }
        if let Some((mapping, format)) = &mapped {
            Table::open(path, *format, mapping).map_err(wrong)?;
        }
        let path = path.to_path_buf();
        Ok(HistoryFile(Arc::new(Opened {
            path,
            mapped,
            bad_rows,
            skipped: Mutex::default(),
            share_read: AtomicU64::default(),
        })))
    }

    /// All events from the first, in order of acceptance. Ends after its first error. A new pass counts skipped rows from zero.
    pub fn events(&self) -> HistoryEvents {
        let file = Arc::clone(&self.0);
        *file.skipped() = Skipped::default();
        file.set_share_read(0.0);
        let pass = match &file.mapped {
            None => File::open(&file.path).map_err(|error| unreadable(&error)).and_then(|opened| {
                let bytes = opened.metadata().map_err(|error| unreadable(&error))?.len();
                let counted = Counted { file: opened, read: 0, bytes, of: Arc::clone(&file) };
                Ok(Pass::Native(read_history(BufReader::with_capacity(BUFFER_BYTES, counted))))
            }),
            Some((mapping, format)) => Table::open(&file.path, *format, mapping).map(|table| Pass::Mapped {
                table,
                order: Order::default(),
                groups: HashMap::new(),
                at_end: false,
            }),
        };
        HistoryEvents { pass: pass.unwrap_or_else(Pass::Failed), file }
    }

    /// Rows left out by the latest pass so far.
    pub fn skipped(&self) -> Skipped {
        self.0.skipped().clone()
    }

    /// How long after its payment every label becomes known, where the mapping fixes it.
    pub fn label_delay_ms(&self) -> Option<i64> {
        match self.0.mapped.as_ref()?.0.label.as_ref()?.known {
            Known::After(delay_ms) => Some(delay_ms),
            Known::At(_) => None,
        }
    }

    /// Share of the file that the latest pass has read, 0–1.
    pub fn share_read(&self) -> f64 {
        f64::from_bits(self.0.share_read.load(Ordering::Relaxed)).min(1.0)
    }
}

impl Opened {
    fn skipped(&self) -> MutexGuard<'_, Skipped> {
        // A count is whole after every step, so a panic elsewhere leaves nothing half done.
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_share_read(&self, share: f64) {
        self.share_read.store(share.to_bits(), Ordering::Relaxed);
    }
}

/// The form that the end of the name tells.
fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "parquet" | "pq" => Some(Format::Parquet),
        "csv" | "tsv" => Some(Format::Csv),
        "jsonl" | "ndjson" | "json" => Some(Format::Jsonl),
        _ => None,
    }
}

/// One pass over a [`HistoryFile`].
pub struct HistoryEvents {
    pass: Pass,
    file: Arc<Opened>,
}

#[expect(clippy::large_enum_variant, reason = "there is one of it for every pass")]
enum Pass {
    Native(HistoryReader<BufReader<Counted>>),
    Mapped {
        table: Table,
        order: Order,
        groups: HashMap<String, Arc<str>>,
        at_end: bool,
    },
    /// The file is not what it was when it was opened.
    Failed(String),
    Ended,
}

/// How an attempt to get the next event went wrong.
enum Stop {
    Row(BadRow),
    File(String),
}

impl Iterator for HistoryEvents {
    type Item = Result<HistoryEvent, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let error = match self.attempt()? {
                Ok(event) => return Some(Ok(event)),
                Err(Stop::Row(bad)) if self.file.bad_rows == BadRows::Skip => {
                    self.file.skipped().add(bad);
                    continue;
                }
                Err(Stop::Row(bad)) => HistoryError::Row { path: self.file.path.clone(), bad: Box::new(bad) },
                Err(Stop::File(reason)) => HistoryError::File { path: self.file.path.clone(), reason },
            };
            self.pass = Pass::Ended;
            return Some(Err(error));
        }
    }
}

impl HistoryEvents {
    fn attempt(&mut self) -> Option<Result<HistoryEvent, Stop>> {
        let result = match &mut self.pass {
            Pass::Ended => None,
            Pass::Failed(reason) => Some(Err(Stop::File(std::mem::take(reason)))),
            Pass::Native(reader) => reader.next().map(|line| match line {
                Ok(simulated) => Ok(HistoryEvent { event: simulated.event, truth: simulated.oracle.map(Into::into) }),
                Err(error) => Err(native_stop(error)),
            }),
            Pass::Mapped { table, order, groups, at_end } => {
                let (mapping, _) = self.file.mapped.as_ref().expect("only a mapped file is read by a mapping");
                loop {
                    if let Some(event) = order.next(mapping, *at_end) {
                        break Some(Ok(event));
                    }
                    if *at_end {
                        break None;
                    }
                    match table.advance() {
                        Ok(true) => {
                            if table.row().is_multiple_of(ROWS_A_LOOK) {
                                self.file.set_share_read(table.share_read());
                            }
                            let read = RowReader { mapping, groups }.read(table);
                            if let Err(fault) = read.and_then(|row| order.take(row, mapping)) {
                                break Some(Err(Stop::Row(bad_row(fault, table, mapping))));
                            }
                        }
                        Ok(false) => *at_end = true,
                        Err(Trouble::Row(fault)) => break Some(Err(Stop::Row(bad_row(fault, table, mapping)))),
                        Err(Trouble::File(reason)) => break Some(Err(Stop::File(reason))),
                    }
                }
            }
        };
        if result.is_none() && !matches!(self.pass, Pass::Ended) {
            self.file.set_share_read(1.0);
            self.pass = Pass::Ended;
        }
        result
    }
}

fn bad_row(fault: Fault, table: &Table, mapping: &Mapping) -> BadRow {
    BadRow {
        row: table.row(),
        line: table.line(),
        column: fault.column.map(|column| mapping.columns[column].0.clone()),
        value: fault.value.as_deref().and_then(shown),
        kind: fault.kind,
        reason: fault.reason.into_owned(),
    }
}

fn native_stop(error: LineError) -> Stop {
    let LineError { line, fault } = error;
    match fault {
        // Nothing can be read after these.
        LineFault::Io(_) | LineFault::TooLong => Stop::File(format!("line {line}: {fault}")),
        LineFault::Line(_) | LineFault::Event(_) => Stop::Row(BadRow {
            row: line,
            line: Some(line),
            column: None,
            value: None,
            kind: "not an event",
            reason: fault.to_string(),
        }),
    }
}

/// Counts what is read of a file, for whoever watches.
struct Counted {
    file: File,
    read: u64,
    bytes: u64,
    of: Arc<Opened>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        self.of.set_share_read(self.read as f64 / self.bytes.max(1) as f64);
        Ok(read)
    }
}
