//! Writing a snapshot: column by column into an Arrow file, each hashed on its way; then index, seal, and the file appears.

use super::layout::{self, ColumnEntry, Header, INDEX_KEY, Index, KINDS, SEAL_KEY};
use super::prune::prune;
use super::store::Output;
use super::{Mark, SnapshotError, SnapshotName, SnapshotStore};
use crate::{clock, failpoint};
use arrow::array::{ArrayRef, ListArray, PrimitiveArray, RecordBatch, StringArray, new_null_array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Schema, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use fraudnet_features::{Column, ColumnWriter, State};
use fraudnet_graph::Limits;
use metrics::{gauge, histogram};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A snapshot that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Its name.
    pub name: SnapshotName,
    /// Its size.
    pub bytes: u64,
    /// Columns in it.
    pub columns: usize,
    /// Time it took, hash of the state included.
    pub seconds: f64,
    /// Older ones that were removed.
    pub pruned: usize,
}

/// Makes a snapshot of `state`, whose bounds are `limits`, and removes older ones beyond the `keep` newest good.
///
/// # Errors
/// Where it cannot be written; nothing is left of it then, and the older ones stay. Where only removing fails it is warned of.
pub fn write(
    store: &SnapshotStore,
    keep: usize,
    state: &State,
    limits: Limits,
    mark: &Mark,
) -> Result<Written, SnapshotError> {
    write_unless(store, keep, state, limits, mark, &AtomicBool::new(false))
}

/// As [`write()`]; broken off once `stopping` is set.
pub(super) fn write_unless(
    store: &SnapshotStore,
    keep: usize,
    state: &State,
    limits: Limits,
    mark: &Mark,
    stopping: &AtomicBool,
) -> Result<Written, SnapshotError> {
    let begun = clock::monotonic();
    let name = SnapshotName { position: mark.position, taken_at_ms: mark.taken_at_ms, journal: mark.journal };
    let header = Header::of(state, limits, mark);
    let (bytes, columns) = write_file(store, &name, &header, stopping, |sheet| state.save(sheet))?;
    let pruned = prune(store, mark.journal, keep);
    let seconds = clock::monotonic().saturating_duration_since(begun).as_secs_f64();
    gauge!("fraudnet_snapshot_position").set(mark.position as f64);
    histogram!("fraudnet_snapshot_seconds").record(seconds);
    Ok(Written { name, bytes, columns, seconds, pruned })
}

/// Writes a file of the columns that `save` hands over, and publishes it; returns bytes and columns.
pub(super) fn write_file(
    store: &SnapshotStore,
    name: &SnapshotName,
    header: &Header,
    stopping: &AtomicBool,
    save: impl FnOnce(&mut Sheet<'_>) -> Result<(), Broken>,
) -> Result<(u64, usize), SnapshotError> {
    let failed = |error: ArrowError| {
        let reason = match error {
            ArrowError::IoError(_, error) => error.to_string(),
            other => other.to_string(),
        };
        SnapshotError::Io { place: format!("{}/{name}", store.place()), reason }
    };
    let output = store.create(name).map_err(|error| SnapshotError::io(store.place(), error))?;
    let mut sheet = Sheet::new(output, header, stopping).map_err(failed)?;
    match save(&mut sheet) {
        Ok(()) => {}
        Err(Broken::Failed(error)) => return Err(failed(error)),
        Err(Broken::Stopping) => return Err(SnapshotError::Stopping),
    }
    let columns = sheet.index.columns.len();
    let bytes = sheet.publish().map_err(failed)?;
    Ok((bytes, columns))
}

/// Why saving ended early.
pub(super) enum Broken {
    /// The file cannot be written.
    Failed(ArrowError),
    /// The service ends.
    Stopping,
}

/// The file as it fills.
pub(super) struct Sheet<'a> {
    file: FileWriter<Sink>,
    schema: Arc<Schema>,
    /// A null of each type of column.
    nulls: Vec<ArrayRef>,
    index: Index,
    stopping: &'a AtomicBool,
}

impl<'a> Sheet<'a> {
    fn new(output: Output, header: &Header, stopping: &'a AtomicBool) -> Result<Sheet<'a>, ArrowError> {
        let schema = layout::schema(header);
        let mut file =
            FileWriter::try_new(Sink { output, hasher: blake3::Hasher::new(), bytes: 0, tail: None }, &schema)?;
        let (head_bytes, head_blake3) = file.get_mut().end_piece();
        let nulls = schema.fields()[1..].iter().map(|field| new_null_array(field.data_type(), 1)).collect();
        Ok(Sheet { file, schema, nulls, index: Index { head_bytes, head_blake3, columns: Vec::new() }, stopping })
    }

    fn publish(mut self) -> Result<u64, ArrowError> {
        let index = serde_json::to_string(&self.index).expect("an index is plain data");
        self.file.write_metadata(INDEX_KEY, index);
        self.file.write_metadata(SEAL_KEY, layout::blank_seal());
        self.file.get_mut().tail = Some(Vec::new());
        let Sink { mut output, tail, bytes, .. } = self.file.into_inner()?;
        let mut tail = tail.expect("the tail was just begun");
        layout::set_seal(&mut tail);
        output.write_all(&tail)?;
        failpoint::hit("during_snapshot");
        output.publish()?;
        let before_tail: u64 =
            self.index.head_bytes + self.index.columns.iter().map(|column| column.bytes).sum::<u64>();
        debug_assert_eq!(bytes, 0, "every byte before the tail belongs to a piece");
        Ok(before_tail + tail.len() as u64)
    }

    fn append(&mut self, name: &str, column: Column) -> Result<(), ArrowError> {
        let (kind, values) = (column.type_name(), column.len() as u64);
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec![name]))];
        arrays.extend(self.nulls.iter().cloned());
        let place = 1 + KINDS.iter().position(|known| *known == kind).expect("every type of column has a field");
        let DataType::List(item) = self.schema.field(place).data_type() else { unreachable!("the fields are lists") };
        let list: ArrayRef = match column {
            Column::U8(values) => list::<UInt8Type>(item, values.into()),
            Column::U16(values) => list::<UInt16Type>(item, values.into()),
            Column::U32(values) => list::<UInt32Type>(item, values.into()),
            Column::U64(values) => list::<UInt64Type>(item, values.into()),
            Column::F32(values) => list::<Float32Type>(item, values.into()),
        }?;
        arrays[place] = list;
        self.file.write(&RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)?;
        let (bytes, blake3) = self.file.get_mut().end_piece();
        self.index.columns.push(ColumnEntry { name: name.to_owned(), kind: kind.to_owned(), values, bytes, blake3 });
        Ok(())
    }
}

impl ColumnWriter for Sheet<'_> {
    type Error = Broken;

    fn column(&mut self, name: &str, column: Column) -> Result<(), Broken> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Broken::Stopping);
        }
        self.append(name, column).map_err(Broken::Failed)?;
        if self.index.columns.len() == 2 {
            failpoint::hit("during_snapshot");
        }
        Ok(())
    }
}

/// The values as a list of one row, without a copy.
fn list<T: ArrowPrimitiveType>(
    item: &arrow::datatypes::FieldRef,
    values: ScalarBuffer<T::Native>,
) -> Result<ArrayRef, ArrowError> {
    if i32::try_from(values.len()).is_err() {
        return Err(ArrowError::InvalidArgumentError(
            "a column is too large for one list; write it in parts".to_owned(),
        ));
    }
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let values = Arc::new(PrimitiveArray::<T>::new(values, None));
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, None)?))
}

/// Hashes what passes, piece by piece; holds the tail back, because the seal is set in it last.
struct Sink {
    output: Output,
    hasher: blake3::Hasher,
    /// Bytes of the piece so far.
    bytes: u64,
    tail: Option<Vec<u8>>,
}

impl Sink {
    /// Length and checksum, hex, of what was written since the last call.
    fn end_piece(&mut self) -> (u64, String) {
        let digits = self.hasher.finalize().to_hex().to_string();
        self.hasher.reset();
        (std::mem::take(&mut self.bytes), digits)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tail) = &mut self.tail {
            return tail.write(bytes);
        }
        let written = self.output.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
