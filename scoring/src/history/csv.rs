//! CSV: a header, then a payment a row; comma, semicolon or tab, whichever the header has most of. About 0.6 µs a row.

use super::cell::Cell;
use super::error::{Fault, kind};
use super::mapping::Column;
use super::table::{EMPTY, Trouble, find_columns, unreadable};
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

const BUFFER_BYTES: usize = 1 << 20;
/// Longest header looked at.
const MAX_HEADER_BYTES: u64 = 1 << 20;

pub(super) struct CsvTable {
    reader: Reader<File>,
    record: ByteRecord,
    /// Fields the header has.
    width: usize,
    /// By column of the mapping: the field.
    fields: Vec<usize>,
    row: u64,
    bytes: u64,
}

impl CsvTable {
    pub(super) fn open(path: &Path, columns: &[(String, &'static str)]) -> Result<CsvTable, String> {
        let mut file = File::open(path).map_err(|error| unreadable(&error))?;
        let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
        let delimiter = delimiter(&file).map_err(|error| unreadable(&error))?.ok_or(EMPTY)?;
        file.rewind().map_err(|error| unreadable(&error))?;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(file);
        let mut header = ByteRecord::new();
        if !reader.read_byte_record(&mut header).map_err(|error| format!("cannot be read: {error}"))? {
            return Err(EMPTY.to_owned());
        }
        let names: Result<Vec<String>, _> =
            header.iter().map(|name| str::from_utf8(name).map(|name| name.trim().to_owned())).collect();
        let names = names.map_err(|_| format!("the header {NOT_UTF8}"))?;
        let fields = find_columns(columns, &names)?;
        Ok(CsvTable { reader, record: ByteRecord::new(), width: names.len(), fields, row: 0, bytes })
    }

    pub(super) fn advance(&mut self) -> Result<bool, Trouble> {
        let read = self.reader.read_byte_record(&mut self.record);
        if !read.map_err(|error| Trouble::File(format!("cannot be read on: {error}")))? {
            return if self.row == 0 {
                Err(Trouble::File("has a header and no rows: export the history again".into()))
            } else {
                Ok(false)
            };
        }
        self.row += 1;
        if self.record.len() != self.width {
            let reason = format!(
                "has {} fields where the header has {}: put fields that hold the separator or a line break in quotes",
                self.record.len(),
                self.width
            );
            return Err(Trouble::Row(Fault::new(kind::BROKEN_ROW, reason)));
        }
        for (column, &field) in self.fields.iter().enumerate() {
            if str::from_utf8(&self.record[field]).is_err() {
                let value = String::from_utf8_lossy(&self.record[field]);
                return Err(Trouble::Row(Fault::new(kind::NOT_UTF8, NOT_UTF8).of(column, Some(value))));
            }
        }
        Ok(true)
    }

    pub(super) fn row(&self) -> u64 {
        self.row
    }

    pub(super) fn line(&self) -> u64 {
        self.record.position().map_or(1, csv::Position::line)
    }

    pub(super) fn cell(&self, column: Column) -> Cell<'_> {
        Cell::text(str::from_utf8(&self.record[self.fields[column]]).expect("advance let only UTF-8 through"))
    }

    pub(super) fn share_read(&self) -> f64 {
        self.reader.position().byte() as f64 / self.bytes.max(1) as f64
    }
}

const NOT_UTF8: &str = "is not UTF-8: convert the file, for instance with `iconv -f latin1 -t utf-8`";

/// The separator that stands most often in the first line outside quotes; `None` for a file without a byte.
fn delimiter(file: &File) -> std::io::Result<Option<u8>> {
    let mut line = Vec::new();
    BufReader::new(file).take(MAX_HEADER_BYTES).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in line {
        quoted ^= byte == b'"';
        if let Some(count) = counts.iter_mut().find(|(separator, _)| *separator == byte && !quoted) {
            count.1 += 1;
        }
    }
    // On equal counts the first: a comma.
    Ok(counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(separator, _)| separator))
}
