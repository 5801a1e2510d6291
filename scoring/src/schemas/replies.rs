//! What goes out: the types' own annotations, as in the OpenAPI document, put into one file each.
//!
//! Consumers must take fields they do not know: a verdict may tell more one day.

use crate::cases::CaseEvent;
use crate::verdict::Verdict;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

pub(super) fn verdict() -> Value {
    standalone::<Verdict>()
}

pub(super) fn review() -> Value {
    standalone::<CaseEvent>()
}

/// The schema of a type with all it refers to under `$defs`.
fn standalone<T: ToSchema>() -> Value {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    let definitions: Map<String, Value> = parts.into_iter().map(|(name, schema)| (name, told(&schema))).collect();
    let mut schema = told(&T::schema());
    schema["$defs"] = json!(definitions);
    schema
}

fn told(schema: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(schema).expect("a schema is text and numbers, which have a JSON form");
    lead_references_home(&mut value);
    value
}

/// References of the OpenAPI document lead to its components; here they lead to `$defs`.
fn lead_references_home(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", "#/$defs/");
            }
            fields.values_mut().for_each(lead_references_home);
        }
        Value::Array(values) => values.iter_mut().for_each(lead_references_home),
        _ => {}
    }
}
