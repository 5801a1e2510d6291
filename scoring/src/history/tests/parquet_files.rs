//! Parquet: every type that says something, and files that are broken.

use super::{LEAST, MAPPING, Scratch, in_short, payment, read, read_skipping};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int8Array, Int32Array, Int64Array, ListArray, NullArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A column with its name.
pub(super) type Written = (&'static str, ArrayRef);

/// Writes the columns in small row groups and pages, so that a read crosses many.
pub(super) fn write_parquet(path: &Path, columns: Vec<Written>) {
    let fields: Vec<Field> =
        columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, values)| values).collect());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(7))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    writer.write(&batch.unwrap()).unwrap();
    writer.close().unwrap();
}

const AT_S: i64 = 1_767_225_600;

fn least() -> Vec<Written> {
    vec![
        ("at", Arc::new(Int64Array::from(vec![AT_S, AT_S + 1]))),
        ("who", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("sum", Arc::new(Float64Array::from(vec![1.5, 2.25]))),
    ]
}

fn with(name: &'static str, values: ArrayRef) -> Vec<Written> {
    let mut columns = least();
    columns.retain(|(known, _)| *known != name);
    columns.push((name, values));
    columns
}

#[test]
fn every_type_that_says_something_is_read() {
    let scratch = Scratch::new();
    let path = scratch.0.join("h.parquet");
    let nanos = vec![AT_S * 1_000_000_000 + 1_999_999, (AT_S + 1) * 1_000_000_000];
    let times: [ArrayRef; 5] = [
        Arc::new(TimestampNanosecondArray::from(nanos.clone())),
        Arc::new(TimestampNanosecondArray::from(nanos).with_timezone("Europe/Vienna")),
        Arc::new(TimestampMicrosecondArray::from(vec![AT_S * 1_000_000 + 1_999, (AT_S + 1) * 1_000_000])),
        Arc::new(StringArray::from(vec!["2026-01-01 00:00:00.001", "2026-01-01T00:00:01Z"])),
        Arc::new(Float64Array::from(vec![AT_S as f64 + 0.001, AT_S as f64 + 1.0])),
    ];
    for values in times {
        let found = format!("{:?}", values.data_type());
        write_parquet(&path, with("at", values));
        let times: Vec<i64> = read(&path, LEAST).unwrap().iter().map(|event| event.event.occurred_at_ms).collect();
        assert_eq!(times, [AT_S * 1000 + 1, (AT_S + 1) * 1000], "{found}");
    }
    write_parquet(&path, with("at", Arc::new(Date32Array::from(vec![20_454, 20_454]))));
    assert_eq!(read(&path, LEAST).unwrap()[1].event.occurred_at_ms, AT_S * 1000);

    let dictionary: DictionaryArray<Int32Type> = vec!["7", "8"].into_iter().collect();
    let names: [ArrayRef; 8] = [
        Arc::new(Int8Array::from(vec![7, 8])),
        Arc::new(Int32Array::from(vec![7, 8])),
        Arc::new(UInt64Array::from(vec![7, 8])),
        Arc::new(Float64Array::from(vec![7.0, 8.0])),
        Arc::new(StringViewArray::from(vec!["7", " 8 "])),
        Arc::new(BinaryArray::from(vec![&b"7"[..], b"8"])),
        Arc::new(dictionary),
        Arc::new(Decimal128Array::from(vec![7, 8]).with_precision_and_scale(10, 0).unwrap()),
    ];
    for values in names {
        let found = format!("{:?}", values.data_type());
        write_parquet(&path, with("who", values));
        let events = read(&path, LEAST).unwrap();
        let accounts: Vec<&str> = events.iter().map(|event| payment(event).account.as_str()).collect();
        assert_eq!(accounts, ["7", "8"], "{found}");
    }
    let largest = UInt64Array::from(vec![u64::MAX, 1]);
    write_parquet(&path, with("who", Arc::new(largest)));
    assert_eq!(payment(&read(&path, LEAST).unwrap()[0]).account, u64::MAX.to_string());

    let amounts: [ArrayRef; 3] = [
        Arc::new(Float32Array::from(vec![1.1, 2.2])),
        Arc::new(StringArray::from(vec!["1.1", "2.20"])),
        Arc::new(Decimal128Array::from(vec![1_100, 2_200]).with_precision_and_scale(12, 3).unwrap()),
    ];
    for values in amounts {
        let found = format!("{:?}", values.data_type());
        write_parquet(&path, with("sum", values));
        let events = read(&path, LEAST).unwrap();
        let amounts: Vec<u64> = events.iter().map(|event| payment(event).amount_minor).collect();
        assert_eq!(amounts, [110, 220], "{found}");
    }
}

#[test]
fn labels_may_be_truth_values_and_nothing_at_all() {
    let scratch = Scratch::new();
    let path = scratch.0.join("h.parquet");
    let mut columns = least();
    columns.push(("id", Arc::new(Int64Array::from(vec![1, 2]))));
    columns.push(("shop", Arc::new(NullArray::new(2))));
    columns.push(("fraud", Arc::new(BooleanArray::from(vec![Some(true), None]))));
    columns.push(("told", Arc::new(Int64Array::from(vec![Some(AT_S + 5), None]))));
    write_parquet(&path, columns);
    let events = read(&path, MAPPING).unwrap();
    assert_eq!(in_short(&events), "p:1 p:2 l:1+");
    assert_eq!(payment(&events[0]).merchant, None);
}

#[test]
fn bad_rows_and_columns_are_named() {
    let scratch = Scratch::new();
    let path = scratch.0.join("h.parquet");
    let message = |columns: Vec<Written>| {
        write_parquet(&path, columns);
        read(&path, LEAST).unwrap_err()
    };
    let error = message(with("sum", Arc::new(Float64Array::from(vec![Some(1.0), None]))));
    assert!(
        error.ends_with(
            "h.parquet`: row 2, column `sum`: is empty, and every payment needs it: fill it in or leave the row out"
        ),
        "{error}"
    );
    let error = message(with("sum", Arc::new(Float64Array::from(vec![1.0, -2.5]))));
    assert!(error.contains("row 2, column `sum`, value \"-2.5\": must not be negative"), "{error}");
    let error = message(with("sum", Arc::new(Float64Array::from(vec![f64::NAN, 1.0]))));
    assert!(error.contains("row 1, column `sum`, value \"NaN\": must be a number"), "{error}");
    let error = message(with("at", Arc::new(Int64Array::from(vec![AT_S, AT_S - 1]))));
    assert!(error.contains("row 2, column `at`") && error.contains("sort the file by its time column"), "{error}");
    let error = message(with("at", Arc::new(Int64Array::from(vec![5, 6]))));
    assert!(error.contains("row 1, column `at`, value \"5\": is not a time"), "{error}");
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]);
    let error = message(with("who", Arc::new(list)));
    assert!(error.contains("the column `who`, which the mapping names as columns.account, holds List"), "{error}");
    let error = message(vec![("at", Arc::new(Int64Array::from(vec![AT_S])))]);
    assert!(error.contains("there is no column `who`") && error.contains("name one of `at`"), "{error}");
    let error = message(with("sum", Arc::new(Float64Array::from(Vec::<f64>::new()))).into_iter().map(empty).collect());
    assert!(error.contains("has no rows"), "{error}");
    write_parquet(&path, with("who", Arc::new(StringArray::from(vec![None, Some("b")]))));
    let (events, skipped) = read_skipping(&path, LEAST);
    assert_eq!((in_short(&events).as_str(), skipped.rows), ("p:row-2", 1));
}

fn empty((name, values): Written) -> Written {
    (name, values.slice(0, 0))
}

#[test]
fn a_broken_file_ends_with_a_sentence_whatever_is_broken() {
    let scratch = Scratch::new();
    let path = scratch.0.join("h.parquet");
    let rows = 40;
    let columns: Vec<Written> = vec![
        ("at", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| AT_S + row)))),
        ("who", Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("account-{}", row % 7))))),
        ("sum", Arc::new(Float64Array::from_iter_values((0..rows).map(|row| row as f64)))),
    ];
    write_parquet(&path, columns);
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(read(&path, LEAST).unwrap().len(), rows as usize);
    let broken = scratch.0.join("broken.parquet");
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&broken, &whole[..length]).unwrap();
        let error = read(&broken, LEAST).unwrap_err();
        assert!(error.contains("is no whole Parquet file") || error.contains("is empty"), "{error}");
    }
    for at in (0..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        std::fs::write(&broken, bytes).unwrap();
        // A changed byte may go unnoticed where no checksum covers it; it never ends in anything but events or a sentence.
        if let Err(error) = read(&broken, LEAST) {
            assert!(error.starts_with('`') && !error.contains('\n'), "{at}: {error}");
        }
    }
}

#[test]
fn the_type_that_is_refused_is_named() {
    let scratch = Scratch::new();
    let path = scratch.0.join("h.parquet");
    let fields = vec![Field::new("x", DataType::Int64, true)];
    let values: ArrayRef =
        Arc::new(arrow::array::StructArray::new(fields.into(), vec![Arc::new(Int64Array::from(vec![1, 2]))], None));
    write_parquet(&path, with("who", values));
    let error = read(&path, LEAST).unwrap_err();
    assert!(error.contains("export it as text, number, truth value, date or timestamp"), "{error}");
}
