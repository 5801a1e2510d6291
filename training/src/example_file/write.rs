//! Writing a file of examples: beside its name first, moved there when whole.
//!
//! Cost: a row is 30 kB before and some 5 kB after compression; rows are held for one batch.

use super::LabelledExample;
use super::layout::file_schema;
use anyhow::{Context, Result};
use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float32Builder, ListBuilder, PrimitiveBuilder, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt64Array,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, UInt8Type, UInt16Type};
use fraudnet_features::schema::payment_features;
use fraudnet_scoring::wire::LabelSourceName;
use half::f16;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a batch, each of which becomes a row group: what is held at once, here and where it is read.
const BATCH: usize = 1_000;

/// Takes examples one by one.
pub struct ExampleWriter {
    writer: ArrowWriter<File>,
    waiting: Vec<LabelledExample>,
    path: PathBuf,
    partial: PathBuf,
    written: u64,
}

impl ExampleWriter {
    /// Begins a file at `path`; one that is there is replaced when the new one is whole.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn create(path: &Path) -> Result<ExampleWriter> {
        let mut name = path.file_name().context("the file to write has no name")?.to_os_string();
        name.push(format!(".partial-{}", std::process::id()));
        let partial = path.with_file_name(name);
        let file = File::create(&partial).with_context(|| format!("{} cannot be written", path.display()))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            // A value is seldom seen twice among payment features: a dictionary would be tried and given up for every column.
            .set_dictionary_enabled(false)
            .set_created_by(concat!("fraudnet ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(file, file_schema().clone(), Some(properties))?;
        Ok(ExampleWriter { writer, waiting: Vec::with_capacity(BATCH), path: path.to_owned(), partial, written: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The disk is full, or the like.
    pub fn add(&mut self, row: LabelledExample) -> Result<()> {
        self.waiting.push(row);
        if self.waiting.len() == BATCH { self.flush() } else { Ok(()) }
    }

    /// Ends the file and moves it to its name; gives the number of rows.
    ///
    /// # Errors
    /// As [`ExampleWriter::add`].
    pub fn finish(mut self) -> Result<u64> {
        self.flush()?;
        self.writer.finish()?;
        self.writer.inner().sync_all()?;
        std::fs::rename(&self.partial, &self.path)
            .with_context(|| format!("{} cannot be written", self.path.display()))?;
        Ok(self.written)
    }

    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.writer.write(&batch(&self.waiting)?)?;
        self.writer.flush()?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

impl Drop for ExampleWriter {
    fn drop(&mut self) {
        // There only where the file was not finished; nobody else's, the name holds the process.
        let _ = std::fs::remove_file(&self.partial);
    }
}

/// The rows as columns, in the order of the layout.
fn batch(rows: &[LabelledExample]) -> Result<RecordBatch> {
    let heads = || rows.iter().map(|row| &row.example.head);
    let tensors = || rows.iter().map(|row| &row.example.tensor);
    let labels = || rows.iter().map(|row| row.label.as_ref());
    let numbers = |values: Vec<f32>| Arc::new(Float32Array::from(values)) as ArrayRef;
    let times =
        |values: Vec<Option<i64>>| Arc::new(TimestampMillisecondArray::from(values).with_timezone("UTC")) as ArrayRef;
    let mut columns: Vec<ArrayRef> = vec![
        texts(heads().map(|head| Some(head.tenant.as_str()))),
        texts(heads().map(|head| Some(head.transaction_id.as_str()))),
        texts(heads().map(|head| head.account.as_deref())),
        times(heads().map(|head| Some(head.occurred_at_ms)).collect()),
        Arc::new(UInt64Array::from_iter_values(heads().map(|head| head.position))),
        texts(heads().map(|head| Some(head.model.as_str()))),
        texts(heads().map(|head| Some(head.model_version.as_str()))),
        texts(heads().map(|head| Some(head.tier.name()))),
        texts(heads().map(|head| Some(head.decision.name()))),
        numbers(heads().map(|head| head.fraud_probability).collect()),
        Arc::new(Float32Array::from_iter(heads().map(|head| head.logit))),
        numbers(heads().map(|head| head.inclusion_probability).collect()),
        numbers(heads().map(|head| head.propensity).collect()),
        Arc::new(heads().map(|head| Some(head.control_group)).collect::<BooleanArray>()),
        texts(heads().map(|head| Some(head.subgraph_digest.as_str()))),
        Arc::new(labels().map(|label| label.map(|label| label.fraud)).collect::<BooleanArray>()),
        texts(labels().map(|label| label.map(|label| LabelSourceName::word_of(label.source)))),
        times(labels().map(|label| label.map(|label| label.known_at_ms)).collect()),
    ];
    columns.extend(
        (0..payment_features().len()).map(|column| numbers(tensors().map(|tensor| tensor.payment[column]).collect())),
    );
    columns.push(integers::<UInt16Type>(tensors().map(|tensor| &tensor.hop_counts[..]), DataType::UInt16));
    columns.push(floats(tensors().map(|tensor| &tensor.nodes[..])));
    columns.push(integers::<UInt16Type>(tensors().map(|tensor| &tensor.row_ends[..]), DataType::UInt16));
    columns.push(integers::<UInt8Type>(tensors().map(|tensor| &tensor.neighbours[..]), DataType::UInt8));
    columns.push(floats(tensors().map(|tensor| &tensor.edges[..])));
    Ok(RecordBatch::try_new(file_schema().clone(), columns)?)
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn integers<'a, T: ArrowPrimitiveType>(rows: impl Iterator<Item = &'a [T::Native]>, data_type: DataType) -> ArrayRef {
    let field = Field::new_list_field(data_type, false);
    let mut list = ListBuilder::new(PrimitiveBuilder::<T>::new()).with_field(field);
    for row in rows {
        list.values().append_slice(row);
        list.append(true);
    }
    Arc::new(list.finish())
}

fn floats<'a>(rows: impl Iterator<Item = &'a [f16]>) -> ArrayRef {
    let mut list = ListBuilder::new(Float32Builder::new()).with_field(Field::new_list_field(DataType::Float32, false));
    for row in rows {
        row.iter().for_each(|value| list.values().append_value(value.to_f32()));
        list.append(true);
    }
    Arc::new(list.finish())
}
