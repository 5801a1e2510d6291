//! What can be wrong with a history or its mapping, and what to do about it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Bad rows listed one by one; the rest is only counted.
pub const LISTED: usize = 20;
/// Characters of a value shown in a message.
const SHOWN: usize = 40;

/// A history that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file as a whole: missing, empty, corrupt, of an unknown form, without a column that the mapping names.
    #[error("`{}`: {reason}", path.display())]
    File {
        /// The history.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The mapping.
    #[error("mapping `{}`: {reason}", path.display())]
    Mapping {
        /// The mapping file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// One row.
    #[error("`{}`: {bad}", path.display())]
    Row {
        /// The history.
        path: PathBuf,
        /// The row and what is wrong with it.
        bad: Box<BadRow>,
    },
}

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BadRow {
    /// Row of data, from 1 (the header is none).
    pub row: u64,
    /// Line of the file, from 1, where it has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The value, shortened; `None` where there is none, or it must not be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Word under which such rows are counted, such as `not a time`.
    pub kind: &'static str,
    /// What is wrong and what to do.
    pub reason: String,
}

impl std::fmt::Display for BadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) if line == self.row => write!(f, "line {line}")?,
            Some(line) => write!(f, "row {} (line {line})", self.row)?,
            None => write!(f, "row {}", self.row)?,
        }
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        if let Some(value) = &self.value {
            write!(f, ", value {value}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Words under which bad rows are counted.
pub(super) mod kind {
    pub(crate) const MISSING: &str = "missing value";
    pub(crate) const NOT_A_TIME: &str = "not a time";
    pub(crate) const OUT_OF_ORDER: &str = "out of order";
    pub(crate) const REPEATED_ID: &str = "repeated id";
    pub(crate) const NOT_AN_AMOUNT: &str = "not an amount";
    pub(crate) const NEGATIVE_AMOUNT: &str = "negative amount";
    pub(crate) const BAD_NAME: &str = "not an identifier";
    pub(crate) const CARD_NUMBER: &str = "card number";
    pub(crate) const UNKNOWN_WORD: &str = "unknown word";
    pub(crate) const NOT_A_LABEL: &str = "not a label";
    pub(crate) const LABEL_TOO_EARLY: &str = "label before its payment";
    pub(crate) const BROKEN_ROW: &str = "broken row";
    pub(crate) const NOT_UTF8: &str = "not UTF-8";
}

/// What is wrong with a row, before it is known which row of which file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Index among the mapping's columns.
    pub(super) column: Option<usize>,
    /// As the file has it.
    pub(super) value: Option<String>,
    pub(super) kind: &'static str,
    pub(super) reason: Cow<'static, str>,
}

impl Fault {
    pub(super) fn new(kind: &'static str, reason: impl Into<Cow<'static, str>>) -> Fault {
        Fault { column: None, value: None, kind, reason: reason.into() }
    }

    /// The same fault, of that column.
    pub(super) fn of(self, column: usize, value: Option<Cow<'_, str>>) -> Fault {
        Fault { column: Some(column), value: value.map(Cow::into_owned), ..self }
    }
}

/// A value as a message shows it: in quotes, control characters spelled out, no longer than 40 characters, and never what looks like a
/// card number.
pub(super) fn shown(value: &str) -> Option<String> {
    if crate::wire::holds_card_number(value) {
        return None;
    }
    let mut text: String = value.chars().take(SHOWN).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    Some(format!("{text:?}"))
}

/// Rows left out of one pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// How many.
    pub rows: u64,
    /// How many of each kind, such as `not a time`.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// The first 20, each with its row, column, value and reason.
    pub first: Vec<BadRow>,
}

impl Skipped {
    pub(super) fn add(&mut self, bad: BadRow) {
        self.rows += 1;
        *self.by_kind.entry(bad.kind).or_default() += 1;
        if self.first.len() < LISTED {
            self.first.push(bad);
        }
    }
}
