//! What comes in: the envelope with its three bodies.

use crate::wire::bounds::{MAX_AMOUNT_MINOR, MAX_ID_BYTES};
use crate::wire::{CURRENCIES, ChannelName, LabelSourceName, OutcomeName};
use fraudnet_graph::SCHEMA_VERSION;
use serde_json::{Map, Value, json};

/// No control characters, those of Latin-1 included.
pub(super) const PRINTABLE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// Letters, digits, dots, dashes, underscores.
pub(super) const TENANT: &str = "^[A-Za-z0-9._-]{1,64}$";
pub(super) const FOUR_DIGITS: &str = "^[0-9]{4}$";
pub(super) const TWO_LETTERS: &str = "^[A-Z]{2}$";

pub(super) fn payment() -> Value {
    let currencies: Vec<&str> =
        CURRENCIES.iter().map(|(code, _)| str::from_utf8(code).expect("currency codes are ASCII")).collect();
    let body = object(
        &[
            ("transaction_id", identifier("Your id of the payment: the first one in the topic wins for ever.")),
            ("account", identifier("Paying account: a token, never a card number.")),
            ("device", identifier("Device the payment was made from.")),
            ("ip", identifier("IP address the payment came from.")),
            ("merchant", identifier("Merchant that is paid.")),
            ("counterparty_account", identifier("Receiving account of a transfer.")),
            (
                "amount_minor",
                json!({
                    "type": "integer", "minimum": 0, "maximum": MAX_AMOUNT_MINOR,
                    "description": "Amount in minor units of the currency (cents; whole yen).",
                }),
            ),
            ("currency", words(currencies, "ISO 4217 code.")),
            ("channel", words(names(ChannelName::WORDS), "How the payment was made.")),
            ("merchant_category", text(FOUR_DIGITS, "ISO 18245 merchant category code.")),
            ("account_country", text(TWO_LETTERS, "Country of the account, ISO 3166-1 alpha-2.")),
            ("ip_country", text(TWO_LETTERS, "Country the IP address is in.")),
            ("merchant_country", text(TWO_LETTERS, "Country of the merchant.")),
        ],
        &["transaction_id", "account", "amount_minor", "currency", "channel"],
    );
    envelope("payment", body)
}

pub(super) fn outcome() -> Value {
    let body = object(
        &[
            ("transaction_id", identifier("Id of the payment.")),
            ("status", words(names(OutcomeName::WORDS), "What became of it.")),
        ],
        &["transaction_id", "status"],
    );
    envelope("outcome", body)
}

pub(super) fn label() -> Value {
    let body = object(
        &[
            ("transaction_id", identifier("Id of the payment.")),
            ("fraud", json!({ "type": "boolean", "description": "Whether it was fraud." })),
            (
                "source",
                words(names(LabelSourceName::WORDS), "Who says so; a weaker source does not replace a stronger."),
            ),
        ],
        &["transaction_id", "fraud", "source"],
    );
    envelope("label", body)
}

fn envelope(kind: &str, body: Value) -> Value {
    object(
        &[
            ("event_id", identifier("Id of the event, unique within its source.")),
            ("tenant", text(TENANT, "Whose it is; accounts and ids of tenants are kept apart.")),
            ("schema_version", json!({ "const": SCHEMA_VERSION, "description": "Version of this layout." })),
            ("occurred_at", moment("When it happened, RFC 3339.")),
            (
                "ingested_at",
                moment("When it was handed in, RFC 3339; occurred_at counts at most five minutes past it."),
            ),
            ("source", identifier("System that wrote it.")),
            (
                "actor",
                json!({
                    "type": "string", "maxLength": MAX_ID_BYTES, "pattern": PRINTABLE,
                    "description": "Person who caused it; empty where nobody did.",
                }),
            ),
            ("type", json!({ "const": kind })),
            ("body", body),
        ],
        &["event_id", "tenant", "schema_version", "occurred_at", "ingested_at", "source", "actor", "type", "body"],
    )
}

/// An object with these fields and no other.
fn object(fields: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn identifier(description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES, "pattern": PRINTABLE, "description": description })
}

fn text(pattern: &str, description: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "description": description })
}

fn moment(description: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": description })
}

fn words(words: Vec<&str>, description: &str) -> Value {
    json!({ "enum": words, "description": description })
}

fn names<T>(words: &'static [(&'static str, T)]) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}
