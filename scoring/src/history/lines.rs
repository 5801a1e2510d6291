//! JSON lines read by a mapping: one flat object a line, its keys the columns. About 1 µs a row.

use super::cell::Cell;
use super::error::{Fault, kind};
use super::mapping::Column;
use super::table::{EMPTY, Trouble, missing_column, unreadable};
use crate::simulate::MAX_LINE_BYTES;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

const BUFFER_BYTES: usize = 1 << 20;
/// Rows looked at for keys that not every row has.
const ROWS_LOOKED_AT: usize = 10_000;
/// Keys remembered for a message.
const KEYS_REMEMBERED: usize = 100;

/// A value of the current row; text lies in the row's buffer.
#[derive(Debug, Clone, PartialEq)]
enum Held {
    Null,
    Text(Range<usize>),
    Whole(i64),
    Number(f64),
    Bool(bool),
}

/// The current row.
struct Row {
    columns: Vec<String>,
    values: Vec<Held>,
    text: String,
}

pub(super) struct LineTable {
    reader: BufReader<File>,
    buffer: Vec<u8>,
    current: Row,
    row: u64,
    line: u64,
    bytes_read: u64,
    bytes: u64,
}

impl LineTable {
    pub(super) fn open(path: &Path, columns: &[(String, &'static str)]) -> Result<LineTable, String> {
        let mut table = LineTable::start(path, columns)?;
        if table.bytes == 0 {
            return Err(EMPTY.to_owned());
        }
        // Most keys stand in the first row; a key that is often absent may come late.
        let mut keys: BTreeSet<String> = BTreeSet::new();
        let mut wanted: Vec<&(String, &'static str)> = columns.iter().collect();
        for _ in 0..ROWS_LOOKED_AT {
            if wanted.is_empty() || !matches!(table.next_line(), Ok(true)) {
                break;
            }
            let Ok(Keys(found)) = serde_json::from_slice(&table.buffer) else { continue };
            wanted.retain(|(column, _)| !found.contains(column));
            keys.extend(found.into_iter().take(KEYS_REMEMBERED));
        }
        match wanted.first() {
            // Without a single object the rows themselves say better what is wrong.
            Some((column, key)) if !keys.is_empty() => {
                Err(missing_column(column, key, &keys.into_iter().collect::<Vec<_>>()))
            }
            _ => LineTable::start(path, columns),
        }
    }

    fn start(path: &Path, columns: &[(String, &'static str)]) -> Result<LineTable, String> {
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
        let current = Row {
            columns: columns.iter().map(|(column, _)| column.clone()).collect(),
            values: Vec::new(),
            text: String::new(),
        };
        let reader = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok(LineTable { reader, buffer: Vec::new(), current, row: 0, line: 0, bytes_read: 0, bytes })
    }

    pub(super) fn advance(&mut self) -> Result<bool, Trouble> {
        if !self.next_line().map_err(Trouble::File)? {
            return if self.row == 0 {
                Err(Trouble::File("has no rows: export the history again, one JSON object a line".into()))
            } else {
                Ok(false)
            };
        }
        self.row += 1;
        let mut parser = serde_json::Deserializer::from_slice(self.buffer.trim_ascii_end());
        (&mut self.current).deserialize(&mut parser).and_then(|()| parser.end()).map_err(|error| {
            // Its line is always the first: it sees one at a time.
            let error = error.to_string().replace(" at line 1 column ", " at character ");
            Trouble::Row(Fault::new(kind::BROKEN_ROW, format!("{error}: put one flat JSON object on every line")))
        })?;
        Ok(true)
    }

    /// Reads the next line that is not blank.
    fn next_line(&mut self) -> Result<bool, String> {
        loop {
            self.buffer.clear();
            let mut bounded = Read::take(&mut self.reader, MAX_LINE_BYTES as u64);
            let read = bounded.read_until(b'\n', &mut self.buffer).map_err(|error| unreadable(&error))?;
            if read == 0 {
                return Ok(false);
            }
            self.line += 1;
            self.bytes_read += read as u64;
            if read == MAX_LINE_BYTES && self.buffer.last() != Some(&b'\n') {
                return Err(format!(
                    "line {}: longer than {MAX_LINE_BYTES} bytes: put one payment on a line",
                    self.line
                ));
            }
            if self.line == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    pub(super) fn row(&self) -> u64 {
        self.row
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn cell(&self, column: Column) -> Cell<'_> {
        match &self.current.values[column] {
            Held::Null => Cell::Null,
            Held::Text(range) => Cell::text(&self.current.text[range.clone()]),
            Held::Whole(value) => Cell::Whole(*value),
            Held::Number(value) => Cell::Number(*value),
            Held::Bool(value) => Cell::Bool(*value),
        }
    }

    pub(super) fn share_read(&self) -> f64 {
        self.bytes_read as f64 / self.bytes.max(1) as f64
    }
}

impl<'de> DeserializeSeed<'de> for &mut Row {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.text.clear();
        self.values.clear();
        self.values.resize(self.columns.len(), Held::Null);
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Row {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Row { columns, values, text } = self;
        while let Some(column) = map.next_key_seed(Key(columns))? {
            let Some(column) = column else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if values[column] != Held::Null {
                return Err(A::Error::custom(format_args!("the key `{}` stands twice", columns[column])));
            }
            values[column] = map.next_value_seed(Value { text, key: &columns[column] })?;
        }
        Ok(())
    }
}

/// Finds a key among the mapping's columns.
struct Key<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|column| column == key))
    }
}

/// Reads a flat value.
struct Value<'a> {
    text: &'a mut String,
    key: &'a str,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Held;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Held, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Value<'_> {
    type Value = Held;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text, a number, true, false or null as `{}`", self.key)
    }

    fn visit_unit<E: Error>(self) -> Result<Held, E> {
        Ok(Held::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Held, E> {
        Ok(Held::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Held, E> {
        Ok(Held::Whole(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Held, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(Held::Whole(value)),
            // An identifier, surely: its digits are kept.
            Err(_) => self.visit_str(&value.to_string()),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Held, E> {
        Ok(Held::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Held, E> {
        let from = self.text.len();
        self.text.push_str(value);
        Ok(Held::Text(from..self.text.len()))
    }
}

/// The keys of one object.
struct Keys(Vec<String>);

impl<'de> serde::Deserialize<'de> for Keys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
