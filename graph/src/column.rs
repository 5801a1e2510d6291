//! Columns: the only thing that crosses when the state is put away and brought back. Flat, named, typed; where they are kept, and how
//! they are guarded against damage on the way, is the business of whoever writes and reads them.

use std::fmt;

/// A flat array of numbers. Texts are bytes in a `U8` column and their lengths in another.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Bytes: texts, flags, small codes.
    U8(Vec<u8>),
    /// 16-bit words.
    U16(Vec<u16>),
    /// 32-bit words: numbers, counts, seconds since the epoch.
    U32(Vec<u32>),
    /// 64-bit words: keys, amounts, log positions.
    U64(Vec<u64>),
    /// Floats; every bit counts.
    F32(Vec<f32>),
}

impl Column {
    /// Elements.
    pub fn len(&self) -> usize {
        match self {
            Column::U8(values) => values.len(),
            Column::U16(values) => values.len(),
            Column::U32(values) => values.len(),
            Column::U64(values) => values.len(),
            Column::F32(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Type of an element: `u8`, `u16`, `u32`, `u64`, `f32`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Column::U8(_) => "u8",
            Column::U16(_) => "u16",
            Column::U32(_) => "u32",
            Column::U64(_) => "u64",
            Column::F32(_) => "f32",
        }
    }
}

/// Takes the columns of a state one after the other; each has a name of its own, and none is larger than
/// some 32 MiB.
pub trait ColumnWriter {
    /// Why a column could not be written.
    type Error;

    /// Puts a column away.
    fn column(&mut self, name: &str, column: Column) -> Result<(), Self::Error>;
}

/// Gives the columns back. They are asked for in the order in which they were written, each once; a reader refuses any other order, so that
/// a damaged length cannot pass for a smaller state.
pub trait ColumnReader {
    /// The column of that name.
    fn column(&mut self, name: &str) -> Result<Column, RestoreError>;
}

/// Rows in a part of a large array: what bounds the memory that saving and restoring take besides the state.
pub const PART_ROWS: usize = 1 << 18;

/// Why a state could not be brought back. Whatever the columns hold, it is this and never a panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreError {
    /// A column is not there or could not be read.
    Unreadable {
        /// The column asked for.
        column: String,
        /// What the reader says.
        reason: String,
    },
    /// What a column holds cannot be: it was damaged, or was never written by this program.
    Damaged {
        /// The column in which it showed.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// The columns are sound, but of a state with other limits, or written by a program that lays out or computes its state otherwise.
    Incompatible {
        /// The column that says so.
        column: String,
        /// What differs.
        reason: String,
    },
}

impl RestoreError {
    /// A column that is missing or cannot be read.
    pub fn unreadable(column: &str, reason: impl fmt::Display) -> Self {
        RestoreError::Unreadable { column: column.to_owned(), reason: reason.to_string() }
    }

    /// A column that holds what cannot be.
    pub fn damaged(column: &str, reason: impl fmt::Display) -> Self {
        RestoreError::Damaged { column: column.to_owned(), reason: reason.to_string() }
    }

    /// A state that this program, or a program with these limits, cannot go on with.
    pub fn incompatible(column: &str, reason: impl fmt::Display) -> Self {
        RestoreError::Incompatible { column: column.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for RestoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Unreadable { column, reason } => write!(out, "column {column} cannot be read: {reason}"),
            RestoreError::Damaged { column, reason } => write!(out, "column {column} is damaged: {reason}"),
            RestoreError::Incompatible { column, reason } => {
                write!(out, "column {column} is of another layout, replay the log instead: {reason}")
            }
        }
    }
}

impl std::error::Error for RestoreError {}
