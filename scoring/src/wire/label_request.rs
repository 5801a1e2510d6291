//! What `POST /v1/labels` takes.

use super::fields::Fields;
use super::object::read_object;
use super::timestamp::format_timestamp;
use super::{InputRules, LabelSourceName, RequestError};
use fraudnet_graph::Label;
use serde::{Deserialize, Serialize};

/// Tells whether a payment was fraud. A later label of the same or a stronger source corrects it. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelRequest {
    /// The payment it speaks of.
    #[schema(min_length = 1, max_length = 128, example = "tx-2026-000001")]
    pub transaction_id: String,
    /// True: fraud; false: legitimate.
    pub fraud: bool,
    /// Who says so.
    pub source: LabelSourceName,
    /// When this became known, RFC 3339; the time of arrival where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-02-12T08:00:00.000Z")]
    pub known_at: Option<String>,
}

pub(super) const FIELDS: [&str; 4] = ["transaction_id", "fraud", "source", "known_at"];

/// A checked label.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedLabel {
    /// The label.
    pub label: Label,
    /// When it became known, if the caller said so; UTC milliseconds since the epoch.
    pub known_at_ms: Option<i64>,
}

/// Reads and checks a request. `now_ms` is the wall clock, to which the told time is compared.
pub fn read_label_request(bytes: &[u8], now_ms: i64, rules: &InputRules) -> Result<ReceivedLabel, RequestError> {
    let mut fields = Fields::new(&FIELDS, read_object(bytes, &FIELDS)?, rules);
    for required in ["transaction_id", "fraud", "source"] {
        fields.require(required);
    }
    let transaction_id = fields.identifier("transaction_id");
    let fraud = fields.boolean("fraud");
    let source = fields.word("source", LabelSourceName::WORDS);
    let known_at_ms = fields.told_time("known_at", now_ms);
    fields.finish(|| {
        let label = Label { transaction_id: transaction_id?, fraud: fraud?, source: source? };
        Some(ReceivedLabel { label, known_at_ms })
    })
}

impl LabelRequest {
    /// The request that tells this label, as a client of the API sends it.
    pub fn new(label: &Label, known_at_ms: Option<i64>) -> LabelRequest {
        LabelRequest {
            transaction_id: label.transaction_id.clone(),
            fraud: label.fraud,
            source: label.source.into(),
            known_at: known_at_ms.map(format_timestamp),
        }
    }
}
