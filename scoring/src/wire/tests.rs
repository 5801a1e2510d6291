//! Requests as data: a body and what is said about it.

use super::*;
use fraudnet_graph::{Channel, LabelSource};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000_000;

fn rules() -> InputRules {
    InputRules { max_event_age_ms: 400 * 86_400_000, card_number_check: true, card_number_exempt: Vec::new() }
}

fn full() -> Value {
    json!({
        "transaction_id": "4111111111111111", "occurred_at": "2027-01-15T07:59:59.500Z", "account": "a", "device": "d", "ip": "10.0.0.1",
        "merchant": "m", "counterparty_account": "b", "amount_minor": 1999, "currency": "EUR", "channel": "atm", "merchant_category": "5411",
        "account_country": "DE", "ip_country": "FR", "merchant_country": "NL"
    })
}

fn with(changes: Value) -> Value {
    let mut body = full();
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

fn score(body: &Value) -> Result<ReceivedPayment, RequestError> {
    read_score_request(&serde_json::to_vec(body).unwrap(), NOW, &rules())
}

#[test]
fn a_full_request_becomes_a_payment() {
    let received = score(&full()).unwrap();
    assert_eq!(received.occurred_at_ms, Some(NOW - 500));
    assert_eq!(received.payment.channel, Channel::Atm);
    assert_eq!(received.payment.merchant_category, Some(5411));
    assert_eq!(received.payment.merchant_country, Some(*b"NL"));
    let again = ScoreRequest::new(&received.payment, received.occurred_at_ms);
    assert_eq!(serde_json::to_value(&again).unwrap(), full(), "what a client sends is what we read");
}

#[test]
fn null_counts_as_absent() {
    let body = with(json!({"occurred_at": null, "device": null, "merchant": null, "ip_country": null}));
    let received = score(&body).unwrap();
    assert_eq!((received.occurred_at_ms, received.payment.device, received.payment.merchant), (None, None, None));
}

#[test]
fn faults_of_meaning_name_their_field() {
    let long = "x".repeat(129);
    for (changes, field, reason) in [
        (json!({"transaction_id": ""}), "transaction_id", "1 to 128"),
        (json!({"transaction_id": long}), "transaction_id", "1 to 128"),
        (json!({"transaction_id": null}), "transaction_id", "is required"),
        (json!({"transaction_id": 17}), "transaction_id", "text"),
        (json!({"account": "a\u{0}"}), "account", "control"),
        (json!({"device": true}), "device", "text"),
        (json!({"amount_minor": -1}), "amount_minor", "whole number"),
        (json!({"amount_minor": 19.99}), "amount_minor", "whole number"),
        (json!({"amount_minor": "1999"}), "amount_minor", "whole number"),
        (json!({"amount_minor": 9_007_199_254_740_993_u64}), "amount_minor", "9007199254740992"),
        (json!({"amount_minor": 1e300}), "amount_minor", "whole number"),
        (json!({"currency": "eur"}), "currency", "ISO 4217"),
        (json!({"currency": "XXX"}), "currency", "ISO 4217"),
        (json!({"channel": "cheque"}), "channel", "ecommerce, card_present, transfer, wallet, atm"),
        (json!({"merchant_category": "541"}), "merchant_category", "four digits"),
        (json!({"merchant_category": 5411}), "merchant_category", "text"),
        (json!({"account_country": "de"}), "account_country", "upper-case"),
        (json!({"ip_country": "DEU"}), "ip_country", "upper-case"),
        (json!({"merchant_country": ""}), "merchant_country", "upper-case"),
        (json!({"merchant": null, "counterparty_account": null}), "merchant", "counterparty_account"),
        (json!({"occurred_at": "yesterday"}), "occurred_at", "RFC 3339"),
        (json!({"occurred_at": "1999-12-31T23:59:59Z"}), "occurred_at", "2000-01-01"),
        (json!({"occurred_at": "2027-01-15T08:05:00.001Z"}), "occurred_at", "5 minutes"),
        (json!({"occurred_at": "2025-01-15T08:00:00Z"}), "occurred_at", "400 days"),
        (json!({"account": "4111 1111 1111 1111"}), "account", "card number"),
        (json!({"ip": "378282246310005"}), "ip", "card number"),
        (json!({"currency": "5555555555554444"}), "currency", "card number"),
    ] {
        match score(&with(changes.clone())) {
            Err(RequestError::Invalid(errors)) => {
                assert_eq!(errors.len(), 1, "{changes}: {errors:?}");
                assert_eq!(errors[0].field, field, "{changes}");
                assert!(errors[0].reason.contains(reason), "{changes}: {}", errors[0].reason);
            }
            other => panic!("{changes}: {other:?}"),
        }
    }
}

#[test]
fn every_fault_is_listed() {
    let body = json!({"amount_minor": -5, "currency": "??", "channel": "fax", "device": "4111-1111-1111-1111"});
    let Err(RequestError::Invalid(errors)) = score(&body) else { panic!("accepted") };
    let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["transaction_id", "account", "merchant", "device", "amount_minor", "currency", "channel"]);
    assert!(!format!("{errors:?}").contains("4111"), "a card number is never repeated");
}

#[test]
fn faults_of_form_are_told_apart() {
    let deep = format!(r#"{{"account":{}1{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let deeper = format!(r#"{{"x":{}"#, r#"{"x":"#.repeat(12_000));
    let bare = "[".repeat(60_000);
    for (body, field, detail) in [
        (&b""[..], None, "not JSON"),
        (b"{", None, "not JSON"),
        (b"{\"account\":\"a\"", None, "not JSON"),
        (b"{} {}", None, "not JSON"),
        (b"{\"account\":\"\xff\xfe\"}", None, "not JSON"),
        (b"\xff", None, "not JSON"),
        (b"null", None, "JSON object"),
        (b"\"4111111111111111\"", None, "JSON object"),
        (b"{\"colour\":1}", Some("colour"), "fields"),
        (b"{\"4111111111111111\":1}", Some("(unknown field)"), "fields"),
        (b"{\"account\":\"a\",\"account\":\"b\"}", Some("account"), "fields"),
        (b"{\"account\":{\"id\":\"a\"}}", Some("account"), "fields"),
        (deep.as_bytes(), Some("account"), "fields"),
        (deeper.as_bytes(), None, "not JSON"),
        (bare.as_bytes(), None, "JSON object"),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        match read_score_request(body, NOW, &rules()) {
            Err(RequestError::Malformed { detail: told, errors }) => {
                assert_eq!(errors.first().map(|error| error.field.as_str()), field, "{shown}");
                assert!(told.contains(detail), "{shown}: {told}");
                assert!(!told.contains("4111"), "{told}");
            }
            other => panic!("{shown}: {other:?}"),
        }
    }
}

#[test]
fn the_card_number_check_can_be_switched_off() {
    let body = with(json!({"merchant": "4111111111111111", "account": "5555555555554444"}));
    let bytes = serde_json::to_vec(&body).unwrap();
    let exempt = InputRules { card_number_exempt: vec!["merchant".into()], ..rules() };
    let Err(RequestError::Invalid(errors)) = read_score_request(&bytes, NOW, &exempt) else { panic!("accepted") };
    assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["account"]);
    assert!(read_score_request(&bytes, NOW, &InputRules { card_number_check: false, ..rules() }).is_ok());
}

#[test]
fn the_hash_is_of_what_was_asked() {
    let hash = |text: &str| read_score_request(text.as_bytes(), NOW, &rules()).unwrap().body_hash();
    let plain =
        r#"{"transaction_id":"t","account":"a","merchant":"m","amount_minor":1,"currency":"EUR","channel":"atm"}"#;
    let same = r#" { "channel":"atm","currency":"\u0045UR","amount_minor":1 ,"merchant":"m","device":null,"account":"a","transaction_id":"t" } "#;
    assert_eq!(hash(plain), hash(same));
    let timed = |time: &str| plain.replacen('{', &format!(r#"{{"occurred_at":"{time}","#), 1);
    assert_eq!(hash(&timed("2027-01-15T08:00:00Z")), hash(&timed("2027-01-15T09:00:00.000+01:00")));
    let mut hashes: Vec<[u8; 32]> = [
        plain.to_owned(),
        timed("2027-01-15T08:00:00Z"),
        timed("2027-01-15T08:00:01Z"),
        plain.replace(r#""merchant":"m""#, r#""counterparty_account":"m""#),
        plain.replace(r#""merchant":"m""#, r#""merchant":"m","device":"m""#),
        plain.replace(r#""amount_minor":1"#, r#""amount_minor":2"#),
        plain.replace("atm", "wallet"),
        plain.replace("EUR", "USD"),
        plain.replace(r#""account":"a""#, r#""account":"b""#),
        plain.replace(r#""merchant":"m""#, r#""merchant":"m","ip_country":"DE""#),
        plain.replace(r#""merchant":"m""#, r#""merchant":"m","account_country":"DE""#),
        plain.replace(r#""merchant":"m""#, r#""merchant":"m","merchant_category":"0001""#),
    ]
    .iter()
    .map(|text| hash(text))
    .collect();
    hashes.sort();
    assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn labels() {
    let read = |body: Value| read_label_request(&serde_json::to_vec(&body).unwrap(), NOW, &rules());
    let body =
        json!({"transaction_id": "t", "fraud": true, "source": "chargeback", "known_at": "2027-01-15T08:00:00.000Z"});
    let received = read(body.clone()).unwrap();
    assert_eq!(
        (received.label.fraud, received.label.source, received.known_at_ms),
        (true, LabelSource::Chargeback, Some(NOW))
    );
    assert_eq!(serde_json::to_value(LabelRequest::new(&received.label, received.known_at_ms)).unwrap(), body);

    let Err(RequestError::Invalid(errors)) = read(json!({"transaction_id": "t", "fraud": "yes", "source": "gossip"}))
    else {
        panic!()
    };
    assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["fraud", "source"]);
    assert!(matches!(read(json!({"amount_minor": 1})), Err(RequestError::Malformed { .. })));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_score_request(&bytes, NOW, &rules());
    }

    #[test]
    fn no_change_makes_it_panic(at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = serde_json::to_vec(&full()).unwrap();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let _ = read_score_request(&bytes, NOW, &rules());
        let _ = read_score_request(&bytes[..cut.index(bytes.len())], NOW, &rules());
    }
}

#[test]
fn the_documented_fields_are_those_that_are_read() {
    let names = |schema: utoipa::openapi::RefOr<utoipa::openapi::Schema>| -> Vec<String> {
        let schema = serde_json::to_value(schema).unwrap();
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let sorted = |fields: &[&str]| {
        let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        fields.sort();
        fields
    };
    let mut documented = names(<ScoreRequest as utoipa::PartialSchema>::schema());
    documented.sort();
    assert_eq!(documented, sorted(&super::score_request::FIELDS));
    let mut documented = names(<LabelRequest as utoipa::PartialSchema>::schema());
    documented.sort();
    assert_eq!(documented, sorted(&super::label_request::FIELDS));
}
