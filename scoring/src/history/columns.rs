//! Parquet: only the columns named are read, a batch of rows at a time, each brought to one of five types. About 0.2 µs a row.

use super::cell::Cell;
use super::mapping::Column;
use super::table::{EMPTY, Trouble, find_columns, unreadable};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMillisecondType};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Rows of a batch: large enough to pay for itself, small enough to stay in cache.
const BATCH: usize = 8_192;

/// A column of the current batch.
enum Values {
    Text(StringArray),
    Whole(Int64Array),
    Number(Float64Array),
    Bool(BooleanArray),
    Time(TimestampMillisecondArray),
}

pub(super) struct ParquetTable {
    reader: ParquetRecordBatchReader,
    /// By column of the mapping: its place in a batch, and the type it is brought to.
    places: Vec<(usize, DataType)>,
    names: Vec<String>,
    batch: Vec<Values>,
    batch_rows: usize,
    /// Row of the batch it stands on, from 1; 0 before the first.
    at: usize,
    row: u64,
    rows: u64,
}

impl ParquetTable {
    pub(super) fn open(path: &Path, columns: &[(String, &'static str)]) -> Result<ParquetTable, String> {
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        if file.metadata().map_err(|error| unreadable(&error))?.len() == 0 {
            return Err(EMPTY.to_owned());
        }
        guarded(|| ParquetTable::start(file, columns)).and_then(|opened| opened)
    }

    fn start(file: File, columns: &[(String, &'static str)]) -> Result<ParquetTable, String> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| corrupt(&error.to_string()))?;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        if rows == 0 {
            return Err("has no rows: export the history again".to_owned());
        }
        let fields = builder.schema().fields().clone();
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let roots = find_columns(columns, &names)?;
        // A batch holds what was asked for in the order of the file.
        let mut in_order = roots.clone();
        in_order.sort_unstable();
        let mut places = Vec::with_capacity(roots.len());
        for (&root, (column, key)) in roots.iter().zip(columns) {
            let found = fields[root].data_type();
            let brought_to = brought_to(found).ok_or_else(|| {
                format!(
                    "the column `{column}`, which the mapping names as {key}, holds {found}: export it as text, number, truth value, \
                     date or timestamp"
                )
            })?;
            let place = in_order.binary_search(&root).expect("every root is in the list of roots");
            places.push((place, brought_to));
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = builder.with_projection(mask).with_batch_size(BATCH).build();
        Ok(ParquetTable {
            reader: reader.map_err(|error| corrupt(&error.to_string()))?,
            places,
            names: columns.iter().map(|(column, _)| column.clone()).collect(),
            batch: Vec::new(),
            batch_rows: 0,
            at: 0,
            row: 0,
            rows,
        })
    }

    pub(super) fn advance(&mut self) -> Result<bool, Trouble> {
        if self.at == self.batch_rows && !self.next_batch().map_err(Trouble::File)? {
            return Ok(false);
        }
        self.at += 1;
        self.row += 1;
        Ok(true)
    }

    fn next_batch(&mut self) -> Result<bool, String> {
        let batch = loop {
            match guarded(|| self.reader.next())? {
                None if self.row < self.rows => {
                    return Err(corrupt(&format!("it ends after row {} of {}", self.row, self.rows)));
                }
                None => return Ok(false),
                Some(Err(error)) => return Err(corrupt(&format!("after row {}: {error}", self.row))),
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => break batch,
            }
        };
        self.batch.clear();
        for ((place, brought_to), name) in self.places.iter().zip(&self.names) {
            let values = values(&batch, *place, brought_to);
            self.batch
                .push(values.map_err(|error| corrupt(&format!("column `{name}` after row {}: {error}", self.row)))?);
        }
        self.batch_rows = batch.num_rows();
        self.at = 0;
        Ok(true)
    }

    pub(super) fn row(&self) -> u64 {
        self.row
    }

    pub(super) fn cell(&self, column: Column) -> Cell<'_> {
        let at = self.at - 1;
        match &self.batch[column] {
            Values::Text(values) if values.is_valid(at) => Cell::text(values.value(at)),
            Values::Whole(values) if values.is_valid(at) => Cell::Whole(values.value(at)),
            Values::Number(values) if values.is_valid(at) => Cell::Number(values.value(at)),
            Values::Bool(values) if values.is_valid(at) => Cell::Bool(values.value(at)),
            Values::Time(values) if values.is_valid(at) => Cell::Time(values.value(at)),
            _ => Cell::Null,
        }
    }

    pub(super) fn share_read(&self) -> f64 {
        self.row as f64 / self.rows.max(1) as f64
    }
}

/// The one of five types that holds all a type can say. `None` for lists, structures, intervals and times of day.
fn brought_to(found: &DataType) -> Option<DataType> {
    match found {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Some(DataType::Int64),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => Some(DataType::Int64),
        // Digits: larger than a signed number may be.
        DataType::UInt64 => Some(DataType::Utf8),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Some(DataType::Float64),
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            Some(DataType::Utf8)
        }
        DataType::Boolean => Some(DataType::Boolean),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(DataType::Utf8),
        // Text of writers that do not say so.
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Some(DataType::Utf8),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            Some(DataType::Timestamp(TimeUnit::Millisecond, None))
        }
        DataType::Dictionary(_, values) => brought_to(values),
        DataType::Null => Some(DataType::Utf8),
        _ => None,
    }
}

fn values(batch: &RecordBatch, place: usize, brought_to: &DataType) -> Result<Values, ArrowError> {
    // What cannot be cast is an error, not a null: nothing may vanish.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let column = batch.column(place);
    let cast = |column: &ArrayRef, to: &DataType| cast_with_options(column, to, &options);
    let column = match (column.data_type(), brought_to) {
        // The zone is for people; the instant is UTC either way, and a cast to no zone would move it.
        (DataType::Timestamp(_, Some(zone)), DataType::Timestamp(unit, None)) => {
            let zoned = cast(column, &DataType::Timestamp(*unit, Some(zone.clone())))?;
            return Ok(Values::Time(zoned.as_primitive::<TimestampMillisecondType>().clone()));
        }
        _ => cast(column, brought_to)?,
    };
    Ok(match brought_to {
        DataType::Int64 => Values::Whole(column.as_primitive::<Int64Type>().clone()),
        DataType::Float64 => Values::Number(column.as_primitive::<Float64Type>().clone()),
        DataType::Boolean => Values::Bool(column.as_boolean().clone()),
        DataType::Timestamp(..) => Values::Time(column.as_primitive::<TimestampMillisecondType>().clone()),
        _ => Values::Text(column.as_string::<i32>().clone()),
    })
}

fn corrupt(reason: &str) -> String {
    format!("is no whole Parquet file ({reason}): export or copy it again")
}

/// The Parquet reader trusts what the file says of itself in places, and panics where that is not true.
fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| corrupt("its parts contradict each other"))
}
