//! JSON Schemas (2020-12) of what crosses Kafka, for people who produce and consume without this code. Built from the tables that the
//! rim itself reads and writes by, so they cannot say something else; `deploy/schemas` holds them as files, and a test holds the two
//! together. `fraudnet schemas --out deploy/schemas` writes them.
//!
//! In reading order: `events` (what comes in: payments, outcomes, labels), `replies` (what goes out: verdicts, reviews), `headers`.
//!
//! Two things a schema cannot say: lengths of identifiers count bytes of UTF-8 here and characters there, and an event may take at most
//! 64 KiB.

mod events;
mod headers;
mod replies;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

/// A schema and the file it stands in.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaFile {
    /// Name of the file, such as `payment.json`.
    pub name: &'static str,
    /// What it describes, for instance the values of a topic.
    pub title: &'static str,
    /// The schema.
    pub schema: Value,
}

impl SchemaFile {
    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.schema).expect("a JSON value has a JSON form");
        text.push('\n');
        text
    }
}

/// Every schema.
pub fn all() -> Vec<SchemaFile> {
    let described = [
        ("payment.json", "A payment: value of a message in `transactions`", events::payment()),
        ("outcome.json", "The later outcome of a payment: value of a message in `transactions`", events::outcome()),
        ("label.json", "Whether a payment was fraud: value of a message in `labels`", events::label()),
        (
            "verdict.json",
            "The verdict on a payment: value of a message in `verdicts`, byte for byte the reply over HTTP",
            replies::verdict(),
        ),
        (
            "review.json",
            "What happened to cases (a verdict opened or joined one, a person acted): value of a message in `reviews`",
            replies::review(),
        ),
        (
            "headers.json",
            "Headers of what fraudnet writes (CloudEvents 1.0, binary mode), as an object of texts",
            headers::ours(),
        ),
        (
            "dead-letter-headers.json",
            "Headers of a message in `dead-letters`, whose key and value are as they came",
            headers::dead_letter(),
        ),
    ];
    described
        .into_iter()
        .map(|(name, title, mut schema)| {
            schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
            schema["$id"] = json!(format!("urn:fraudnet:schema:{}", name.trim_end_matches(".json")));
            schema["title"] = json!(title);
            SchemaFile { name, title, schema }
        })
        .collect()
}
