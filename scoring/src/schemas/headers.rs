//! Headers of what fraudnet writes, as an object of their names and texts.

use super::events::TENANT;
use crate::cluster::kafka::dead_letter::{
    ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC, REASON, REASON_TEXT, Reason, TRUNCATED,
};
use crate::cluster::kafka::headers::{BODY_HASH, MessageKind, TRACEPARENT, TRANSACTION_OFFSET};
use crate::example;
use serde_json::{Map, Value, json};

/// W3C trace context, version 00.
pub(super) const TRACE: &str = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$";
pub(super) const DIGITS: &str = "^[0-9]+$";
pub(super) const HASH: &str = "^[0-9a-f]{64}$";

const KINDS: [MessageKind; 9] = [
    MessageKind::Payment,
    MessageKind::Outcome,
    MessageKind::Label,
    MessageKind::Verdict,
    MessageKind::Review,
    MessageKind::Case,
    MessageKind::TrainingExample,
    MessageKind::DeadLetter,
    MessageKind::Control,
];

pub(super) fn ours() -> Value {
    let kinds: Vec<&str> = KINDS.into_iter().map(MessageKind::name).collect();
    let mut fields = cloud_event(json!({ "enum": kinds, "description": "What the message is." }));
    fields.insert("content-type".to_owned(), json!({ "enum": ["application/json", example::CONTENT_TYPE] }));
    let own = [
        (
            BODY_HASH,
            json!({ "type": "string", "pattern": HASH, "description": "On transactions from HTTP: BLAKE3 of the request as asked; a repeat with another hash is a conflict." }),
        ),
        (
            TRANSACTION_OFFSET,
            json!({ "type": "string", "pattern": DIGITS, "description": "On verdicts: offset of the payment in `transactions`." }),
        ),
    ];
    fields.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    json!({
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"],
        "properties": fields,
    })
}

pub(super) fn dead_letter() -> Value {
    let codes: Vec<&str> = Reason::ALL.into_iter().map(Reason::code).collect();
    let mut fields = cloud_event(json!({ "const": MessageKind::DeadLetter.name() }));
    let told = [
        (
            ORIGIN_TOPIC,
            json!({ "type": "string", "minLength": 1, "description": "Topic it was read from, with its prefix." }),
        ),
        (ORIGIN_PARTITION, json!({ "type": "string", "pattern": DIGITS })),
        (ORIGIN_OFFSET, json!({ "type": "string", "pattern": DIGITS })),
        (REASON, json!({ "enum": codes, "description": "Why it was not taken." })),
        (
            REASON_TEXT,
            json!({ "type": "string", "minLength": 1, "description": "The same in words, with the field at fault." }),
        ),
    ];
    let required = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"]
        .into_iter()
        .chain(told.each_ref().map(|(name, _)| *name));
    let required: Vec<&str> = required.collect();
    fields.extend(told.map(|(name, schema)| (name.to_owned(), schema)));
    let truncated = json!({ "type": "string", "pattern": DIGITS, "description": "Bytes of the value that came, where it was too large to be kept whole." });
    fields.insert(TRUNCATED.to_owned(), truncated);
    json!({
        "type": "object",
        "description": "Headers that the message came with stand beside these; one of the same name begins with fraudnet-original-.",
        "required": required,
        "properties": fields,
    })
}

fn cloud_event(kind: Value) -> Map<String, Value> {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "description": description });
    [
        ("ce_specversion", json!({ "const": "1.0" })),
        ("ce_id", text("Unique within ce_source: the event's id, the decision's, the case's.")),
        ("ce_source", text("Which part wrote it, a URI reference.")),
        ("ce_type", kind),
        ("ce_time", json!({ "type": "string", "format": "date-time", "description": "When it was written." })),
        ("ce_subject", text("Id of the transaction it is about.")),
        ("ce_tenant", json!({ "type": "string", "pattern": TENANT, "description": "Whose it is." })),
        (TRACEPARENT, json!({ "type": "string", "pattern": TRACE, "description": "W3C trace context of the request it came from." })),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
    .into_iter()
    .collect()
}
