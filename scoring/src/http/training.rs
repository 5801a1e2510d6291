//! The training stream: what the trainer reads of an embedded service, as Arrow.

use super::App;
use super::problem::{Problem, ProblemKind};
use crate::service::{TrainingMatter, TrainingStretch};
use crate::wire::LabelSourceName;
use arrow::array::{ArrayRef, BinaryBuilder, BooleanBuilder, Int64Builder, StringBuilder, UInt64Builder};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// Header of an answer: the position to ask with next.
pub const NEXT_POSITION: &str = "x-next-position";
/// Media type of an Arrow IPC stream.
const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
/// Most items of an answer.
const MAX_LIMIT: usize = 5_000;
/// Longest it waits for more, milliseconds.
const MAX_WAIT_MS: u64 = 30_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    #[serde(default)]
    from: u64,
    #[serde(default = "Form::limit")]
    limit: usize,
    #[serde(default)]
    wait_ms: u64,
}

impl Form {
    fn limit() -> usize {
        500
    }
}

/// Training examples, labels and control events in the order of the log, as one Arrow IPC stream.
///
/// Columns: `position` u64, `kind` (`example`, `label` or `control`), `tenant`, `transaction_id`, `at_ms` i64 (payment made, label known,
/// change submitted), `fraud` and `source` and `event_id` of a label, `example` (binary, as the topic `training-examples` carries it),
/// `control` (JSON). Ask again with `from` set to `X-Next-Position`; equal positions give equal items.
#[utoipa::path(
    get, path = "/v1/training/stream", tag = "training", operation_id = "trainingStream",
    params(
        ("from" = Option<u64>, Query, description = "Log position to begin at; 0 unless said otherwise"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 5000, description = "Most items; 500 unless said otherwise"),
        ("wait_ms" = Option<u32>, Query, maximum = 30000, description = "How long to wait where there is nothing yet, milliseconds"),
    ),
    responses(
        (status = 200, description = "An Arrow IPC stream, maybe without rows", body = Vec<u8>, content_type = "application/vnd.apache.arrow.stream", headers(("X-Next-Position" = u64, description = "Position to ask with next"))),
        (status = 400, description = "The query at fault", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Kafka is the log: its topics hold all of it", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    form: Result<Query<Form>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(form) = form.map_err(|error| Problem::new(ProblemKind::Malformed, error.body_text()))?;
    if !(1..=MAX_LIMIT).contains(&form.limit) || form.wait_ms > MAX_WAIT_MS {
        let reason = format!("limit must be from 1 to {MAX_LIMIT}, wait_ms at most {MAX_WAIT_MS}");
        return Err(Problem::new(ProblemKind::Malformed, reason));
    }
    let stretch = app.service.training(form.from, form.limit, Duration::from_millis(form.wait_ms)).await?;
    let next = stretch.next;
    let body = encode(&stretch).map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE.as_str(), ARROW_STREAM.to_owned()), (NEXT_POSITION, next.to_string())], body)
        .into_response())
}

fn schema() -> Schema {
    let field = |name: &str, kind: DataType, empty: bool| Field::new(name, kind, empty);
    Schema::new(vec![
        field("position", DataType::UInt64, false),
        field("kind", DataType::Utf8, false),
        field("tenant", DataType::Utf8, true),
        field("transaction_id", DataType::Utf8, true),
        field("at_ms", DataType::Int64, false),
        field("fraud", DataType::Boolean, true),
        field("source", DataType::Utf8, true),
        field("event_id", DataType::Utf8, true),
        field("example", DataType::Binary, true),
        field("control", DataType::Utf8, true),
    ])
}

fn encode(stretch: &TrainingStretch) -> Result<Vec<u8>, arrow::error::ArrowError> {
    let (mut position, mut kind, mut at_ms) = (UInt64Builder::new(), StringBuilder::new(), Int64Builder::new());
    let (mut tenant, mut transaction_id) = (StringBuilder::new(), StringBuilder::new());
    let (mut fraud, mut source, mut event_id) = (BooleanBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let (mut example, mut control) = (BinaryBuilder::new(), StringBuilder::new());
    for item in &stretch.items {
        position.append_value(item.position);
        let TrainingRow { name, whose, at, label, tensor, change } = TrainingRow::of(&item.matter);
        kind.append_value(name);
        tenant.append_option(whose.map(|(tenant, _)| tenant));
        transaction_id.append_option(whose.map(|(_, id)| id));
        at_ms.append_value(at);
        fraud.append_option(label.map(|(fraud, ..)| fraud));
        source.append_option(label.map(|(_, source, _)| source));
        event_id.append_option(label.map(|(.., event_id)| event_id));
        example.append_option(tensor);
        control.append_option(change);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(position.finish()),
        Arc::new(kind.finish()),
        Arc::new(tenant.finish()),
        Arc::new(transaction_id.finish()),
        Arc::new(at_ms.finish()),
        Arc::new(fraud.finish()),
        Arc::new(source.finish()),
        Arc::new(event_id.finish()),
        Arc::new(example.finish()),
        Arc::new(control.finish()),
    ];
    let schema = Arc::new(schema());
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

/// An item as its columns.
struct TrainingRow<'a> {
    name: &'static str,
    whose: Option<(&'a str, &'a str)>,
    at: i64,
    label: Option<(bool, &'static str, &'a str)>,
    tensor: Option<&'a [u8]>,
    change: Option<&'a str>,
}

impl<'a> TrainingRow<'a> {
    fn of(matter: &'a TrainingMatter) -> TrainingRow<'a> {
        let row = TrainingRow { name: "", whose: None, at: 0, label: None, tensor: None, change: None };
        match matter {
            TrainingMatter::Example { head, bytes } => TrainingRow {
                name: "example",
                whose: Some((&head.tenant, &head.transaction_id)),
                at: head.occurred_at_ms,
                tensor: Some(bytes),
                ..row
            },
            TrainingMatter::Label { event_id, tenant, transaction_id, known_at_ms, fraud, source } => TrainingRow {
                name: "label",
                whose: Some((tenant, transaction_id)),
                at: *known_at_ms,
                label: Some((*fraud, LabelSourceName::word_of(*source), event_id)),
                ..row
            },
            TrainingMatter::Control { at_ms, event } => {
                TrainingRow { name: "control", at: *at_ms, change: Some(event), ..row }
            }
        }
    }
}
