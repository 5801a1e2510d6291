//! Rows of cells, whatever the file's form.
//!
//! A table stands on one row at a time; cells are borrowed from it, so nothing is copied or built in between.

use super::cell::Cell;
use super::columns::ParquetTable;
use super::csv::CsvTable;
use super::error::Fault;
use super::lines::LineTable;
use super::mapping::{Column, Format, Mapping};
use std::path::Path;

/// Most names of columns listed in a message.
const NAMES_LISTED: usize = 40;

/// What keeps a table from its next row.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The row is broken; the next may be well.
    Row(Fault),
    /// The file is; there is no next row.
    File(String),
}

/// An open file, with the columns of a mapping looked up.
pub(super) enum Table {
    Parquet(Box<ParquetTable>),
    Csv(Box<CsvTable>),
    Lines(Box<LineTable>),
}

impl Table {
    /// Opens the file and finds the mapping's columns in it.
    ///
    /// # Errors
    /// A file that cannot be read, is empty, or lacks a column; what to do.
    pub(super) fn open(path: &Path, format: Format, mapping: &Mapping) -> Result<Table, String> {
        let columns = &mapping.columns;
        Ok(match format {
            Format::Parquet => Table::Parquet(Box::new(ParquetTable::open(path, columns)?)),
            Format::Csv => Table::Csv(Box::new(CsvTable::open(path, columns)?)),
            Format::Jsonl => Table::Lines(Box::new(LineTable::open(path, columns)?)),
        })
    }

    /// Goes to the next row; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Trouble> {
        match self {
            Table::Parquet(table) => table.advance(),
            Table::Csv(table) => table.advance(),
            Table::Lines(table) => table.advance(),
        }
    }

    /// The row it stands on, from 1.
    pub(super) fn row(&self) -> u64 {
        match self {
            Table::Parquet(table) => table.row(),
            Table::Csv(table) => table.row(),
            Table::Lines(table) => table.row(),
        }
    }

    /// The line that row begins on, from 1, where the file has lines.
    pub(super) fn line(&self) -> Option<u64> {
        match self {
            Table::Parquet(_) => None,
            Table::Csv(table) => Some(table.line()),
            Table::Lines(table) => Some(table.line()),
        }
    }

    /// A value of the row.
    pub(super) fn cell(&self, column: Column) -> Cell<'_> {
        match self {
            Table::Parquet(table) => table.cell(column),
            Table::Csv(table) => table.cell(column),
            Table::Lines(table) => table.cell(column),
        }
    }

    /// Share of the file that is read, 0–1.
    pub(super) fn share_read(&self) -> f64 {
        match self {
            Table::Parquet(table) => table.share_read(),
            Table::Csv(table) => table.share_read(),
            Table::Lines(table) => table.share_read(),
        }
    }
}

/// The place of every column of the mapping among the names of the file.
pub(super) fn find_columns(columns: &[(String, &'static str)], names: &[String]) -> Result<Vec<usize>, String> {
    let place = |(column, key): &(String, &'static str)| {
        let mut places = names.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(format!(
                "the column `{column}`, which the mapping names as {key}, stands more than once in the header: rename all but one"
            )),
            (None, _) => Err(missing_column(column, key, names)),
        }
    };
    columns.iter().map(place).collect()
}

/// Says that a column is not there, and which are.
pub(super) fn missing_column(column: &str, key: &str, names: &[String]) -> String {
    let mut listed = names.iter().take(NAMES_LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_LISTED {
        listed.push_str(" and more");
    }
    format!("there is no column `{column}`, which the mapping names as {key}: name one of {listed}")
}

/// What the system said about a file that cannot be read.
pub(super) fn unreadable(error: &std::io::Error) -> String {
    format!("cannot be read: {error}; check the path and who may read it")
}

/// A file without anything in it.
pub(super) const EMPTY: &str = "is empty: export the history again, one payment a row";
