//! The schemas against the code: what is written keeps to them, what they refuse is refused, and the files are those of this build.

use super::*;
use crate::cluster::kafka::dead_letter::{Reason, dead_letter};
use crate::cluster::kafka::headers::{MessageKind, cloud_event_headers};
use crate::cluster::kafka::{Incoming, Topic};
use crate::simulate::{SimulationConfig, simulate};
use crate::verdict::{Decision, Tier};
use crate::wire::{decode_event, encode_event, parse_timestamp};
use crate::{reviews, verdict};
use fraudnet_graph::{Body, Event, OutcomeStatus, PaymentOutcome};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/schemas")
}

fn schema(name: &str) -> Value {
    all().into_iter().find(|file| file.name == name).unwrap_or_else(|| panic!("there is no {name}")).schema
}

#[test]
fn the_files_are_those_of_this_build() {
    for file in all() {
        let text = std::fs::read_to_string(folder().join(file.name)).unwrap_or_default();
        let read: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(
            read == file.schema,
            "deploy/schemas/{} is not of this build: fraudnet schemas --out deploy/schemas",
            file.name
        );
    }
    let held = std::fs::read_dir(folder()).unwrap().count();
    assert_eq!(held, all().len(), "deploy/schemas holds files that no schema is written to");
}

/// The keywords that these schemas use, and no others: one that is not known here fails the test.
fn check(schema: &Value, root: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
    let mut fault = |keyword: &str| faults.push(format!("{path}: {keyword}"));
    let text = value.as_str();
    for (keyword, told) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "example" | "examples" | "properties" | "items"
            | "default" | "oneOf" | "allOf" | "$ref" => true,
            "type" => match told {
                Value::Array(kinds) => kinds.iter().any(|kind| is_a(kind, value)),
                kind => is_a(kind, value),
            },
            "const" => told == value,
            "enum" => told.as_array().unwrap().contains(value),
            "required" => told.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "additionalProperties" | "propertyNames" => {
                let others = value.as_object().into_iter().flatten();
                let mut others =
                    others.filter(|(name, _)| schema.get("properties").is_none_or(|own| own.get(name).is_none()));
                match told {
                    Value::Bool(false) => others.next().is_none(),
                    told if keyword == "propertyNames" => {
                        others.all(|(name, _)| violations(told, root, &json!(name)).is_empty())
                    }
                    told => others.all(|(_, value)| violations(told, root, value).is_empty()),
                }
            }
            "minLength" => text.is_none_or(|text| text.chars().count() as u64 >= told.as_u64().unwrap()),
            "maxLength" => text.is_none_or(|text| text.chars().count() as u64 <= told.as_u64().unwrap()),
            "minimum" => whole(value).is_none_or(|number| number >= whole(told).unwrap()),
            "maximum" => whole(value).is_none_or(|number| number <= whole(told).unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= told.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= told.as_u64().unwrap()),
            "pattern" => text.is_none_or(|text| matches_pattern(told.as_str().unwrap(), text)),
            "format" => match told.as_str().unwrap() {
                "date-time" => text.is_none_or(|text| parse_timestamp(text).is_some()),
                "int32" | "int64" | "float" | "double" => true,
                other => panic!("format {other} is not known to this test"),
            },
            other => panic!("keyword {other} is not known to this test"),
        };
        if !holds {
            fault(keyword);
        }
    }
    if let (Some(properties), Some(fields)) = (schema.get("properties"), value.as_object()) {
        for (name, value) in fields {
            if let Some(property) = properties.get(name) {
                check(property, root, value, &format!("{path}.{name}"), faults);
            }
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        values.iter().for_each(|value| check(items, root, value, &format!("{path}[]"), faults));
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere"));
        check(target, root, value, path, faults);
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        check(part, root, value, path, faults);
    }
    if let Some(choices) = schema.get("oneOf") {
        let fitting =
            choices.as_array().unwrap().iter().filter(|choice| violations(choice, root, value).is_empty()).count();
        if fitting != 1 {
            faults.push(format!("{path}: {fitting} of oneOf"));
        }
    }
}

fn violations(schema: &Value, root: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, root, value, "", &mut faults);
    faults
}

/// Exactly: a double cannot tell 2^53 from 2^53 + 1. Only whole numbers are bounded in these schemas.
fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or(value.as_u64().map(i128::from))
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("type {other} is not known to this test"),
    }
}

/// Every pattern in use, by hand: no crate for regular expressions is needed for eight of them.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let hex =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match pattern {
        events::PRINTABLE => !text.chars().any(char::is_control),
        events::TENANT => {
            (1..=64).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        }
        events::FOUR_DIGITS => text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()),
        events::TWO_LETTERS => text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()),
        headers::DIGITS => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        headers::HASH => hex(text, 64),
        headers::TRACE => {
            let parts: Vec<&str> = text.split('-').collect();
            parts.len() == 4 && parts.iter().zip([2, 32, 16, 2]).all(|(part, digits)| hex(part, digits))
        }
        "^case_[0-9a-f]{24}$" => text.strip_prefix("case_").is_some_and(|rest| hex(rest, 24)),
        other => panic!("pattern {other} is not known to this test"),
    }
}

fn of(event: &Event) -> Value {
    schema(match event.body {
        Body::Payment(_) => "payment.json",
        Body::Outcome(_) => "outcome.json",
        Body::Label(_) => "label.json",
    })
}

/// A payment with every field, a label, and an outcome of our own making.
fn examples() -> Vec<Event> {
    let config = SimulationConfig {
        days: 3,
        payments_per_day: 300,
        label_tail: true,
        ..SimulationConfig::demo(3, 1_700_000_000_000)
    };
    let mut events: Vec<Event> = simulate(&config).map(|simulated| simulated.event).collect();
    let last = events.last().unwrap().clone();
    let Body::Payment(payment) = &events[0].body else { panic!("a history begins with a payment") };
    let status = OutcomeStatus::Refunded;
    let outcome = PaymentOutcome { transaction_id: payment.transaction_id.clone(), status };
    events.push(Event { body: Body::Outcome(outcome), ..last });
    events
}

#[test]
fn every_event_we_write_keeps_to_its_schema() {
    let mut kinds = std::collections::HashSet::new();
    for event in examples() {
        let schema = of(&event);
        kinds.insert(schema["$id"].to_string());
        let json = encode_event(&event);
        let faults = violations(&schema, &schema, &serde_json::from_slice(&json).unwrap());
        assert!(faults.is_empty(), "{faults:?}: {}", String::from_utf8_lossy(&json));
    }
    assert_eq!(kinds.len(), 3);
}

/// Every way to spoil a field that both sides must see alike.
fn spoilt(value: &Value) -> Vec<Value> {
    let mut spoilt = vec![json!([]), json!({}), json!("a\u{7}b"), json!("x".repeat(129)), json!(-1), json!(1.5)];
    spoilt.push(match value {
        Value::String(_) => json!(7),
        _ => json!("seven"),
    });
    spoilt.extend([
        json!(""),
        json!(true),
        json!("zz"),
        json!("EUR"),
        json!("DE"),
        json!("0742"),
        json!(9_007_199_254_740_993_u64),
    ]);
    spoilt
}

#[test]
fn what_the_schemas_refuse_is_refused_and_nothing_else() {
    let events = examples();
    let chosen = [
        events.iter().find(|event| matches!(&event.body, Body::Payment(payment) if payment.device.is_some() && payment.merchant_category.is_some())),
        events.iter().find(|event| matches!(event.body, Body::Label(_))),
        events.last(),
    ];
    let (mut tried, mut refused) = (0, 0);
    for event in chosen.into_iter().flatten() {
        let schema = of(event);
        let whole: Value = serde_json::from_slice(&encode_event(event)).unwrap();
        let mut compare = |changed: &Value, what: &str| {
            let faults = violations(&schema, &schema, changed);
            let read = decode_event(changed.to_string().as_bytes());
            assert_eq!(read.is_err(), !faults.is_empty(), "{what}: {faults:?}, {read:?}, {changed}");
            tried += 1;
            refused += usize::from(read.is_err());
        };
        for place in ["", "/body"] {
            let names: Vec<String> = whole.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect();
            for name in &names {
                let at = format!("{place}/{name}");
                let mut changed = whole.clone();
                changed.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(name);
                compare(&changed, &format!("without {at}"));
                for value in spoilt(whole.pointer(&at).unwrap()) {
                    // Another type than the schema's is for another schema to judge.
                    if at == "/type" && value.is_string() {
                        continue;
                    }
                    let mut changed = whole.clone();
                    *changed.pointer_mut(&at).unwrap() = value;
                    compare(&changed, &at);
                }
            }
            let mut changed = whole.clone();
            changed.pointer_mut(place).unwrap()["surprise"] = json!(1);
            compare(&changed, &format!("{place}/surprise"));
        }
    }
    assert!(tried > 300 && refused > 200, "{tried} tried, {refused} refused");
}

#[test]
fn verdicts_and_reviews_keep_to_theirs() {
    let (verdict, review) = (schema("verdict.json"), schema("review.json"));
    for decision in [Decision::Approve, Decision::Challenge, Decision::Review, Decision::Decline] {
        for embedded in [false, true] {
            let mut made = verdict::tests::verdict(decision);
            if embedded {
                (made.as_of.cut, made.tier, made.tier_cause) = (None, Tier::Hybrid, None);
            }
            let told = serde_json::from_slice(&serde_json::to_vec(&made).unwrap()).unwrap();
            assert_eq!(violations(&verdict, &verdict, &told), [""; 0], "{told}");
            let payment = reviews::testing::payment(&made.transaction_id);
            let Some(opened) = reviews::opened(&payment, &made, 0) else {
                assert_ne!(decision, Decision::Review);
                continue;
            };
            let case = serde_json::from_slice(&reviews::encode(&opened)).unwrap();
            assert_eq!(violations(&review, &review, &case), [""; 0], "{case}");
        }
    }
    for spoil in ["decision", "as_of", "decision_id", "stage_us", "tier"] {
        let mut told = serde_json::to_value(verdict::tests::verdict(Decision::Approve)).unwrap();
        told[spoil] = json!(["no"]);
        assert!(!violations(&verdict, &verdict, &told).is_empty(), "{spoil}");
        told.as_object_mut().unwrap().remove(spoil);
        assert!(!violations(&verdict, &verdict, &told).is_empty(), "without {spoil}");
    }
}

#[test]
fn headers_keep_to_theirs() {
    let (ours, dead) = (schema("headers.json"), schema("dead-letter-headers.json"));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let kinds = ours["properties"]["ce_type"]["enum"].as_array().unwrap().len();
    assert_eq!(kinds, 9);
    for (kind, subject, tenant, trace) in [
        (MessageKind::Verdict, "t-1", "bank", Some(trace)),
        (MessageKind::Review, "t-1", "bank", None),
        (MessageKind::DeadLetter, "", "", None),
    ] {
        let headers = cloud_event_headers(kind, "id-1", "/fraudnet/scorer", 1_700_000_000_123, subject, tenant, trace);
        let told = texts(headers);
        assert_eq!(violations(&ours, &ours, &told), [""; 0], "{told}");
        // Without origin and reason it is no dead letter's.
        assert!(violations(&dead, &dead, &told).contains(&": required".to_owned()));
    }
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let came = Incoming {
        topic: Topic::Labels,
        offset: 12,
        timestamp_ms: 0,
        key: None,
        payload: b"{".to_vec(),
        headers: vec![header("ce_time", "yesterday"), header("own", "1")],
    };
    for reason in Reason::ALL {
        let told = texts(dead_letter(&came, "fraudnet.", "/fraudnet/merge", 7, reason, "a brace is missing").headers);
        assert_eq!(violations(&dead, &dead, &told), [""; 0], "{told}");
    }
}

fn texts(headers: Vec<(String, Vec<u8>)>) -> Value {
    headers.into_iter().map(|(name, value)| (name, json!(String::from_utf8(value).unwrap()))).collect()
}
