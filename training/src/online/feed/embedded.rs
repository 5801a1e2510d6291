//! The service's own stream: `GET /v1/training/stream`, one Arrow IPC stream an answer, the log's position as the cursor.

use super::{Batch, Cursor, Feed, FeedError, Item, Told};
use crate::online::service::ServiceClient;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::ipc::reader::StreamReader;
use fraudnet_scoring::wire::LabelSourceName;
use std::io::Cursor as Bytes;
use std::time::Duration;

/// Rows asked for at once.
const ROWS: usize = 2_000;
/// Header with the cursor to ask with next.
const NEXT_POSITION: &str = "x-next-position";

/// Reads a service.
pub struct EmbeddedFeed {
    service: ServiceClient,
}

impl EmbeddedFeed {
    /// A feed of that service; asks nothing yet.
    pub fn new(service: ServiceClient) -> EmbeddedFeed {
        EmbeddedFeed { service }
    }
}

impl Feed for EmbeddedFeed {
    fn beginning(&self) -> Cursor {
        Cursor::Position(0)
    }

    fn next(&mut self, cursor: Cursor, wait: Duration) -> Result<Batch, FeedError> {
        let Cursor::Position(from) = cursor else {
            return Err(FeedError::Lost(
                "the trainer's state was made from a cluster's topics; give the service another --state folder"
                    .to_owned(),
            ));
        };
        let path = format!("/v1/training/stream?from={from}&limit={ROWS}&wait_ms={}", wait.as_millis());
        let reply = self.service.get(&path).map_err(|error| FeedError::Away(error.to_string()))?;
        match reply.status {
            200 => {}
            429 | 500..=599 => return Err(FeedError::Away(reply.detail())),
            _ => return Err(FeedError::Lost(format!("the service refuses its training stream: {}", reply.detail()))),
        }
        let next = reply.header(NEXT_POSITION).and_then(|next| next.parse().ok());
        let next: u64 = next.ok_or_else(|| FeedError::Lost(format!("the training stream has no {NEXT_POSITION}")))?;
        let (told, unreadable) = read(&reply.body).map_err(FeedError::Lost)?;
        Ok(Batch { told, next: Cursor::Position(next), unreadable })
    }
}

/// The rows of an answer, and how many could not be read.
fn read(bytes: &[u8]) -> Result<(Vec<Told>, u64), String> {
    let broken = |error: arrow::error::ArrowError| format!("the training stream is no readable arrow stream ({error})");
    let mut told = Vec::new();
    let mut unreadable = 0;
    if bytes.is_empty() {
        return Ok((told, unreadable));
    }
    for batch in StreamReader::try_new(Bytes::new(bytes), None).map_err(broken)? {
        rows(&batch.map_err(broken)?, &mut told, &mut unreadable)?;
    }
    Ok((told, unreadable))
}

fn rows(batch: &RecordBatch, told: &mut Vec<Told>, unreadable: &mut u64) -> Result<(), String> {
    let missing = |name: &str| format!("the training stream has no column `{name}` of the documented type");
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(name));
    let texts = |name: &'static str| column(name)?.as_string_opt::<i32>().ok_or_else(|| missing(name));
    let (kinds, tenants, ids) = (texts("kind")?, texts("tenant")?, texts("transaction_id")?);
    let (sources, controls) = (texts("source")?, texts("control")?);
    let times = column("at_ms")?.as_primitive_opt::<Int64Type>().ok_or_else(|| missing("at_ms"))?;
    let frauds = column("fraud")?.as_boolean_opt().ok_or_else(|| missing("fraud"))?;
    let examples = column("example")?.as_binary_opt::<i32>().ok_or_else(|| missing("example"))?;
    for row in 0..batch.num_rows() {
        let item = match kinds.value(row) {
            "example" if examples.is_valid(row) => Some(Item::Example(examples.value(row).to_vec())),
            "label" if frauds.is_valid(row) && sources.is_valid(row) => LabelSourceName::value_of(sources.value(row))
                .map(|source| Item::Label {
                    tenant: tenants.value(row).to_owned(),
                    transaction_id: ids.value(row).to_owned(),
                    fraud: frauds.value(row),
                    source,
                }),
            "control" if controls.is_valid(row) => Some(Item::Control(controls.value(row).to_owned())),
            _ => None,
        };
        match item {
            Some(item) => told.push(Told { at_ms: times.value(row), item }),
            // A kind of a newer service, or a row without what its kind needs.
            None => *unreadable += 1,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, BinaryArray, BooleanArray, Int64Array, StringArray, UInt64Array};
    use arrow::ipc::writer::StreamWriter;
    use fraudnet_graph::LabelSource;
    use std::sync::Arc;

    fn stream() -> Vec<u8> {
        let text = |values: [Option<&str>; 4]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("position", Arc::new(UInt64Array::from(vec![5, 6, 9, 11])) as ArrayRef, false),
            ("kind", text([Some("example"), Some("label"), Some("control"), Some("weather")]), false),
            ("tenant", text([Some("t"), Some("t"), Some(""), Some("")]), true),
            ("transaction_id", text([Some("a"), Some("a"), Some(""), Some("")]), true),
            ("at_ms", Arc::new(Int64Array::from(vec![1, 2, 3, 4])) as ArrayRef, false),
            ("fraud", Arc::new(BooleanArray::from(vec![None, Some(true), None, None])) as ArrayRef, true),
            ("source", text([None, Some("chargeback"), None, None]), true),
            ("event_id", text([None, Some("e"), None, None]), true),
            ("example", Arc::new(BinaryArray::from(vec![Some(&b"FNEX"[..]), None, None, None])) as ArrayRef, true),
            ("control", text([None, None, Some("{}"), None]), true),
        ])
        .unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn rows_become_items_and_what_is_not_known_is_counted() {
        let (told, unreadable) = read(&stream()).unwrap();
        assert_eq!(unreadable, 1);
        assert_eq!(told[0], Told { at_ms: 1, item: Item::Example(b"FNEX".to_vec()) });
        let Item::Label { fraud: true, source: LabelSource::Chargeback, transaction_id, .. } = &told[1].item else {
            panic!("{told:?}")
        };
        assert_eq!(transaction_id, "a");
        assert_eq!(told[2].item, Item::Control("{}".to_owned()));
        assert_eq!(read(&[]).unwrap(), (Vec::new(), 0));
        assert!(read(b"no arrow").unwrap_err().contains("arrow"));
    }
}
