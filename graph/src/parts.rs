//! Large arrays cross in parts: each field of [`PART_ROWS`] records at a time is a column, named `field.part`.

use std::fmt;
use std::ops::Range;

use crate::column::{Column, ColumnReader, ColumnWriter, PART_ROWS, RestoreError};

/// The parts of an array of so many rows, each with its number.
pub fn parts(rows: u32) -> impl Iterator<Item = (usize, Range<u32>)> {
    (0..rows)
        .step_by(PART_ROWS)
        .map(move |first| (first as usize / PART_ROWS, first..rows.min(first.saturating_add(PART_ROWS as u32))))
}

/// Writes the columns of one part.
pub struct PartWriter<'a, W> {
    writer: &'a mut W,
    part: usize,
}

impl<'a, W: ColumnWriter> PartWriter<'a, W> {
    /// For the part of that number.
    pub fn new(writer: &'a mut W, part: usize) -> Self {
        PartWriter { writer, part }
    }

    /// Writes a `u8` column.
    pub fn bytes(&mut self, name: &str, values: impl IntoIterator<Item = u8>) -> Result<(), W::Error> {
        self.write(name, Column::U8(values.into_iter().collect()))
    }

    /// Writes a `u32` column.
    pub fn words(&mut self, name: &str, values: impl IntoIterator<Item = u32>) -> Result<(), W::Error> {
        self.write(name, Column::U32(values.into_iter().collect()))
    }

    /// Writes a `u64` column.
    pub fn longs(&mut self, name: &str, values: impl IntoIterator<Item = u64>) -> Result<(), W::Error> {
        self.write(name, Column::U64(values.into_iter().collect()))
    }

    /// Writes an `f32` column.
    pub fn floats(&mut self, name: &str, values: impl IntoIterator<Item = f32>) -> Result<(), W::Error> {
        self.write(name, Column::F32(values.into_iter().collect()))
    }

    fn write(&mut self, name: &str, column: Column) -> Result<(), W::Error> {
        self.writer.column(&full_name(name, self.part), column)
    }
}

/// Reads the columns of one part. Who reads knows how many rows a column has to have; another number is damage.
pub struct PartReader<'a, R> {
    reader: &'a mut R,
    part: usize,
}

impl<'a, R: ColumnReader> PartReader<'a, R> {
    /// Of the part of that number.
    pub fn new(reader: &'a mut R, part: usize) -> Self {
        PartReader { reader, part }
    }

    /// Reads a `u8` column.
    pub fn bytes(&mut self, name: &str, rows: usize) -> Result<Vec<u8>, RestoreError> {
        match self.read(name, rows)? {
            Column::U8(values) => Ok(values),
            other => Err(self.wrong_type(name, "u8", &other)),
        }
    }

    /// Reads a `u32` column.
    pub fn words(&mut self, name: &str, rows: usize) -> Result<Vec<u32>, RestoreError> {
        match self.read(name, rows)? {
            Column::U32(values) => Ok(values),
            other => Err(self.wrong_type(name, "u32", &other)),
        }
    }

    /// Reads a `u64` column.
    pub fn longs(&mut self, name: &str, rows: usize) -> Result<Vec<u64>, RestoreError> {
        match self.read(name, rows)? {
            Column::U64(values) => Ok(values),
            other => Err(self.wrong_type(name, "u64", &other)),
        }
    }

    /// Reads an `f32` column.
    pub fn floats(&mut self, name: &str, rows: usize) -> Result<Vec<f32>, RestoreError> {
        match self.read(name, rows)? {
            Column::F32(values) => Ok(values),
            other => Err(self.wrong_type(name, "f32", &other)),
        }
    }

    /// The error for a value that cannot be.
    pub fn damaged(&self, name: &str, reason: impl fmt::Display) -> RestoreError {
        RestoreError::damaged(&full_name(name, self.part), reason)
    }

    /// The error for a state that this program, or a program with these limits, cannot go on with.
    pub fn incompatible(&self, name: &str, reason: impl fmt::Display) -> RestoreError {
        RestoreError::incompatible(&full_name(name, self.part), reason)
    }

    fn read(&mut self, name: &str, rows: usize) -> Result<Column, RestoreError> {
        let full_name = full_name(name, self.part);
        let column = self.reader.column(&full_name)?;
        if column.len() != rows {
            return Err(RestoreError::damaged(&full_name, format_args!("{} rows instead of {rows}", column.len())));
        }
        Ok(column)
    }

    fn wrong_type(&self, name: &str, wanted: &str, found: &Column) -> RestoreError {
        self.damaged(name, format_args!("it holds {} instead of {wanted}", found.type_name()))
    }
}

fn full_name(name: &str, part: usize) -> String {
    format!("{name}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_row_once() {
        assert_eq!(parts(0).count(), 0);
        for rows in [1, PART_ROWS as u32 - 1, PART_ROWS as u32, 5 * PART_ROWS as u32 + 7, u32::MAX] {
            let mut next = 0;
            for (number, part) in parts(rows) {
                assert_eq!((part.start, number), (next, next as usize / PART_ROWS));
                assert!(part.len() <= PART_ROWS && !part.is_empty());
                next = part.end;
            }
            assert_eq!(next, rows);
        }
    }
}
