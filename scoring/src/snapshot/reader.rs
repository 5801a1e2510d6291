//! Reading a snapshot: tail and seal first, then piece after piece. One thread reads and hashes ahead, the caller's restores; a column
//! reaches the state only after its checksum was found right, and the state is given out only after every byte of the file was.

use super::layout::{
    self, ColumnEntry, FORMAT, HEADER_KEY, Header, HeaderFormat, INDEX_KEY, Index, KINDS, MAX_TAIL, TAIL_EXTRA, TRAILER,
};
use super::name::hex;
use super::store::Source;
use super::{SnapshotError, SnapshotName, SnapshotStore};
use arrow::array::AsArray;
use arrow::buffer::Buffer;
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::{Block, root_as_footer};
use crossbeam_channel::{Receiver, Sender};
use fraudnet_features::{Column, ColumnReader, RestoreError, State};
use fraudnet_graph::Limits;
use std::sync::atomic::{AtomicBool, Ordering};

/// Columns read and hashed ahead of the one that is restored: what bounds the memory besides the state.
const READ_AHEAD: usize = 4;

/// A snapshot whose tail was found right: header and index can be believed, the columns are checked as they are read.
pub struct Snapshot {
    name: SnapshotName,
    file: String,
    source: Source,
    header: Header,
    index: Index,
    blocks: Vec<Block>,
    decoder: FileDecoder,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Snapshot").field("file", &self.file).field("header", &self.header).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Opens a snapshot and checks its tail.
    ///
    /// # Errors
    /// Where it cannot be read, is damaged, or has a newer format.
    pub fn open(store: &SnapshotStore, name: &SnapshotName) -> Result<Snapshot, SnapshotError> {
        let file = name.to_string();
        let io = |error: std::io::Error| SnapshotError::Io {
            place: format!("{}/{file}", store.place()),
            reason: error.to_string(),
        };
        let damaged = |reason: &str| SnapshotError::damaged(&file, reason);
        let source = store.source(&file).map_err(io)?;

        let bytes = source.len();
        let trailer_at = bytes.checked_sub(TRAILER as u64).ok_or_else(|| damaged("it is too short"))?;
        let trailer = source.read(trailer_at, TRAILER as u64).map_err(io)?;
        let trailer: [u8; TRAILER] = trailer.as_slice().try_into().expect("that many bytes were read");
        let footer_bytes = read_footer_length(trailer)
            .map_err(|_| damaged("it does not end as an Arrow file does; it may be cut off"))?;
        let tail_bytes = footer_bytes as u64 + TAIL_EXTRA;
        if tail_bytes > bytes.min(MAX_TAIL) {
            return Err(damaged("its end has an impossible length"));
        }
        let tail = source.read(bytes - tail_bytes, tail_bytes).map_err(io)?;
        layout::check_seal(&tail).map_err(damaged)?;

        // From here on the tail is what a build of this program wrote, of this format or another.
        let unread = |reason: String| SnapshotError::damaged(&file, format!("its seal is right, but {reason}"));
        let footer = &tail[tail.len() - TRAILER - footer_bytes..tail.len() - TRAILER];
        let footer = root_as_footer(footer).map_err(|error| unread(error.to_string()))?;
        let schema = footer.schema().ok_or_else(|| unread("it has no schema".to_owned()))?;
        let schema = try_fb_to_schema(schema).map_err(|error| unread(error.to_string()))?;
        let header = schema.metadata().get(HEADER_KEY).ok_or_else(|| unread("it has no header".to_owned()))?;
        let HeaderFormat { format } = serde_json::from_str(header).map_err(|error| unread(error.to_string()))?;
        if format > FORMAT {
            return Err(SnapshotError::Newer { file, format });
        }
        let header: Header = serde_json::from_str(header).map_err(|error| unread(error.to_string()))?;
        let index = footer
            .custom_metadata()
            .and_then(|pairs| pairs.iter().find(|pair| pair.key() == Some(INDEX_KEY)))
            .and_then(|pair| pair.value())
            .ok_or_else(|| unread("it has no index".to_owned()))?;
        let index: Index = serde_json::from_str(index).map_err(|error| unread(error.to_string()))?;
        let blocks: Vec<Block> = footer.recordBatches().iter().flatten().copied().collect();

        if (header.position, header.taken_at_ms, &header.journal)
            != (name.position, name.taken_at_ms, &hex(&name.journal))
        {
            return Err(damaged("it says another position, time or log than its name; it was renamed"));
        }
        if !are_contiguous(&index, &blocks, bytes - tail_bytes) {
            return Err(damaged("it has another length than it was written with"));
        }
        let decoder = FileDecoder::new(std::sync::Arc::new(schema), footer.version());
        Ok(Snapshot { name: *name, file, source, header, index, blocks, decoder })
    }

    /// The facts about it.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What its name says.
    pub fn name(&self) -> &SnapshotName {
        &self.name
    }

    /// Its columns, in order.
    pub fn columns(&self) -> &[ColumnEntry] {
        &self.index.columns
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.source.len()
    }

    /// Brings the state back, with every checksum compared on the way.
    ///
    /// # Errors
    /// Where a bit changed, or the state is of other bounds or another layout than this build's.
    pub fn restore(&self, limits: Limits) -> Result<State, SnapshotError> {
        self.restore_unless(limits, &AtomicBool::new(false))
    }

    /// Brings the state back with the bounds it was made with, and compares its hash with the header's.
    ///
    /// # Errors
    /// As [`Snapshot::restore`], and where the hash differs.
    pub fn verify(&self) -> Result<State, SnapshotError> {
        let state = self.restore(self.header.limits())?;
        let hash = hex(&state.state_hash());
        if hash == self.header.state_hash {
            return Ok(state);
        }
        Err(SnapshotError::damaged(
            &self.file,
            format!("its checksums are right, but the state hashes to {hash} and not to {}", self.header.state_hash),
        ))
    }

    /// As [`Snapshot::restore`]; broken off once `stopping` is set.
    pub(super) fn restore_unless(&self, limits: Limits, stopping: &AtomicBool) -> Result<State, SnapshotError> {
        self.read_columns(stopping, |columns| State::restore(limits, columns))
    }

    /// Hands the columns, checked, to `restore`; what it makes of them is given out once every byte of the file was found right.
    pub(super) fn read_columns<T>(
        &self,
        stopping: &AtomicBool,
        restore: impl FnOnce(&mut Columns<'_>) -> Result<T, RestoreError>,
    ) -> Result<T, SnapshotError> {
        std::thread::scope(|scope| {
            let (sender, pieces) = crossbeam_channel::bounded(READ_AHEAD);
            std::thread::Builder::new()
                .name("snapshot-reader".to_owned())
                .spawn_scoped(scope, move || self.read_pieces(&sender))
                .map_err(|error| SnapshotError::io(&self.file, error))?;
            let mut columns = Columns { snapshot: self, pieces, next: 0, failed: None, stopping };
            let restored = restore(&mut columns);
            if let Some(error) = columns.failed {
                return Err(error);
            }
            let restored = restored.map_err(|error| match error {
                RestoreError::Incompatible { .. } => self.foreign(error.to_string()),
                error => SnapshotError::damaged(&self.file, error),
            })?;
            if columns.next != self.index.columns.len() {
                let held = self.index.columns.len();
                return Err(
                    self.foreign(format!("it holds {held} columns, of which this build reads {}", columns.next))
                );
            }
            // The reader's last word: with no column at all only the head was checked, and nobody heard of it yet.
            columns.pieces.recv().map_or(Ok(()), |piece| piece.map(drop))?;
            Ok(restored)
        })
    }

    /// On the reading thread: head, then every column, each checked; ends with the first that is not right, or when nobody waits.
    fn read_pieces(&self, pieces: &Sender<Result<Buffer, SnapshotError>>) {
        let read = |place: &str, offset: u64, bytes: u64, checksum: &str| {
            let read = self.source.read(offset, bytes).map_err(|error| SnapshotError::io(&self.file, error))?;
            if blake3::hash(&read).to_hex().as_str() == checksum {
                Ok(read)
            } else {
                Err(SnapshotError::damaged(&self.file, format!("{place} does not match its checksum")))
            }
        };
        if let Err(error) = read("its head", 0, self.index.head_bytes, &self.index.head_blake3) {
            // Nobody waits: the restore was broken off.
            let _ = pieces.send(Err(error));
            return;
        }
        let mut offset = self.index.head_bytes;
        for column in &self.index.columns {
            let piece = read(&format!("column {}", column.name), offset, column.bytes, &column.blake3);
            let failed = piece.is_err();
            if pieces.send(piece).is_err() || failed {
                return;
            }
            offset += column.bytes;
        }
    }

    fn decode(&self, number: usize, piece: &Buffer) -> Result<Column, String> {
        let entry = &self.index.columns[number];
        let batch = self.decoder.read_record_batch(&self.blocks[number], piece).map_err(|error| error.to_string())?;
        let batch = batch.ok_or("it is empty")?;
        let kind = KINDS.iter().position(|kind| *kind == entry.kind).ok_or("its type is unknown")?;
        if batch.num_rows() != 1 || batch.num_columns() != 1 + KINDS.len() {
            return Err("it has another shape".to_owned());
        }
        let named = batch.column(0).as_string_opt::<i32>().ok_or("it has no name")?.value(0) == entry.name;
        let list = batch.column(1 + kind).as_list_opt::<i32>().ok_or("it is no list")?;
        if !named || list.values().len() as u64 != entry.values {
            return Err("it is not the one the index names".to_owned());
        }
        let values = list.values();
        fn plain<T: ArrowPrimitiveType>(values: &arrow::array::ArrayRef) -> Result<Vec<T::Native>, String> {
            Ok(values.as_primitive_opt::<T>().ok_or("its values are of another type")?.values().to_vec())
        }
        Ok(match KINDS[kind] {
            "u8" => Column::U8(plain::<UInt8Type>(values)?),
            "u16" => Column::U16(plain::<UInt16Type>(values)?),
            "u32" => Column::U32(plain::<UInt32Type>(values)?),
            "u64" => Column::U64(plain::<UInt64Type>(values)?),
            _ => Column::F32(plain::<Float32Type>(values)?),
        })
    }

    pub(super) fn foreign(&self, reason: String) -> SnapshotError {
        SnapshotError::Foreign { file: self.file.clone(), reason }
    }
}

/// Whether head and columns cover everything before the tail, and Arrow's own list of blocks agrees.
fn are_contiguous(index: &Index, blocks: &[Block], before_tail: u64) -> bool {
    let mut at = index.head_bytes;
    for (column, block) in index.columns.iter().zip(blocks) {
        let bytes = i64::from(block.metaDataLength()).checked_add(block.bodyLength());
        if block.metaDataLength() < 0
            || block.bodyLength() < 0
            || u64::try_from(block.offset()) != Ok(at)
            || bytes.and_then(|bytes| u64::try_from(bytes).ok()) != Some(column.bytes)
        {
            return false;
        }
        let Some(end) = at.checked_add(column.bytes) else { return false };
        at = end;
    }
    index.columns.len() == blocks.len() && at == before_tail
}

/// The columns as the state asks for them.
pub(super) struct Columns<'a> {
    snapshot: &'a Snapshot,
    pieces: Receiver<Result<Buffer, SnapshotError>>,
    next: usize,
    failed: Option<SnapshotError>,
    stopping: &'a AtomicBool,
}

impl Columns<'_> {
    fn take(&mut self, name: &str) -> Result<Column, SnapshotError> {
        let Snapshot { file, index, .. } = self.snapshot;
        if self.stopping.load(Ordering::Relaxed) {
            return Err(SnapshotError::Stopping);
        }
        let number = self.next;
        match index.columns.get(number) {
            Some(entry) if entry.name == name => {}
            Some(entry) => {
                return Err(self
                    .snapshot
                    .foreign(format!("it holds column {} where this build reads {name}", entry.name)));
            }
            None => return Err(self.snapshot.foreign(format!("it has no column {name}"))),
        }
        let piece =
            self.pieces.recv().unwrap_or_else(|_| Err(SnapshotError::damaged(file, "reading it ended early")))?;
        self.next = number + 1;
        self.snapshot
            .decode(number, &piece)
            .map_err(|reason| SnapshotError::damaged(file, format!("column {name}: {reason}")))
    }
}

impl ColumnReader for Columns<'_> {
    fn column(&mut self, name: &str) -> Result<Column, RestoreError> {
        self.take(name).map_err(|error| {
            let told = RestoreError::unreadable(name, &error);
            self.failed.get_or_insert(error);
            told
        })
    }
}
