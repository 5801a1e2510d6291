//! The JSON form of an event: log entries, Kafka bodies and history lines. About 1 µs to write, 2 µs to read.
//!
//! ```json
//! {"event_id":"…","tenant":"…","schema_version":1,"occurred_at":"2026-01-31T09:30:00.000Z","ingested_at":"…","source":"http",
//!  "actor":"","type":"payment","body":{"transaction_id":"…", …}}
//! ```
//!
//! Absent optional fields are left out. Reading checks every bound of [`super::bounds`] again: a history file is as foreign as a request.
//! Only the payee may be missing, which a request must name: a past without it is still a past.

use super::WireError;
use super::bounds::{self, Reason};
use super::names::{ChannelName, LabelSourceName, OutcomeName};
use super::timestamp::{format_timestamp, parse_timestamp};
use fraudnet_graph::{Body, Event, Label, Payment, PaymentOutcome, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Serialize)]
struct WrittenEvent<'a> {
    event_id: &'a str,
    tenant: &'a str,
    schema_version: u16,
    occurred_at: String,
    ingested_at: String,
    source: &'a str,
    actor: &'a str,
    #[serde(flatten)]
    body: WrittenBody<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "it lives on the stack for as long as it is written")]
enum WrittenBody<'a> {
    Payment(PaymentForm<'a>),
    Label(LabelForm<'a>),
    Outcome(OutcomeForm<'a>),
}

/// The body waits as text until the envelope is known to be readable: a newer version may have other bodies.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadEvent<'a> {
    #[serde(borrow)]
    event_id: Cow<'a, str>,
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    schema_version: u16,
    #[serde(borrow)]
    occurred_at: Cow<'a, str>,
    #[serde(borrow)]
    ingested_at: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    r#type: BodyType,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct VersionOnly {
    schema_version: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BodyType {
    Payment,
    Label,
    Outcome,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentForm<'a> {
    #[serde(borrow)]
    transaction_id: Cow<'a, str>,
    #[serde(borrow)]
    account: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    device: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    ip: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    merchant: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    counterparty_account: Option<Cow<'a, str>>,
    amount_minor: u64,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    channel: ChannelName,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    merchant_category: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    account_country: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    ip_country: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    merchant_country: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelForm<'a> {
    #[serde(borrow)]
    transaction_id: Cow<'a, str>,
    fraud: bool,
    source: LabelSourceName,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeForm<'a> {
    #[serde(borrow)]
    transaction_id: Cow<'a, str>,
    status: OutcomeName,
}

/// The JSON form of an event: log entries, Kafka bodies and history lines. Times outside the years 0 to 9999 are clamped to them.
pub fn encode_event(event: &Event) -> Vec<u8> {
    let body = match &event.body {
        Body::Payment(payment) => WrittenBody::Payment(payment_form(payment)),
        Body::Label(label) => WrittenBody::Label(LabelForm {
            transaction_id: Cow::Borrowed(&label.transaction_id),
            fraud: label.fraud,
            source: label.source.into(),
        }),
        Body::Outcome(outcome) => WrittenBody::Outcome(OutcomeForm {
            transaction_id: Cow::Borrowed(&outcome.transaction_id),
            status: outcome.status.into(),
        }),
    };
    let written = WrittenEvent {
        event_id: &event.event_id,
        tenant: &event.tenant,
        schema_version: event.schema_version,
        occurred_at: format_timestamp(event.occurred_at_ms),
        ingested_at: format_timestamp(event.ingested_at_ms),
        source: &event.source,
        actor: &event.actor,
        body,
    };
    let mut json = Vec::with_capacity(640);
    serde_json::to_writer(&mut json, &written)
        .expect("text and numbers always have a JSON form, and memory takes every byte");
    json
}

fn payment_form(payment: &Payment) -> PaymentForm<'_> {
    PaymentForm {
        transaction_id: Cow::Borrowed(&payment.transaction_id),
        account: Cow::Borrowed(&payment.account),
        device: payment.device.as_deref().map(Cow::Borrowed),
        ip: payment.ip.as_deref().map(Cow::Borrowed),
        merchant: payment.merchant.as_deref().map(Cow::Borrowed),
        counterparty_account: payment.counterparty.as_deref().map(Cow::Borrowed),
        amount_minor: payment.amount_minor,
        currency: String::from_utf8_lossy(&payment.currency),
        channel: payment.channel.into(),
        merchant_category: payment.merchant_category.map(|code| Cow::Owned(format!("{code:04}"))),
        account_country: payment.account_country.as_ref().map(|code| String::from_utf8_lossy(code)),
        ip_country: payment.ip_country.as_ref().map(|code| String::from_utf8_lossy(code)),
        merchant_country: payment.merchant_country.as_ref().map(|code| String::from_utf8_lossy(code)),
    }
}

/// Reads the JSON form of an event. The error names the first field at fault; an event of a newer layout is refused as such.
pub fn decode_event(bytes: &[u8]) -> Result<Event, WireError> {
    let read: ReadEvent<'_> = serde_json::from_slice(bytes).map_err(|_| explain_envelope(bytes))?;
    if read.schema_version > SCHEMA_VERSION {
        return Err(too_new(u64::from(read.schema_version)));
    }
    let body = match read.r#type {
        BodyType::Payment => Body::Payment(read_payment(parse_body(read.body)?)?),
        BodyType::Label => {
            let form: LabelForm<'_> = parse_body(read.body)?;
            at("body.transaction_id", bounds::identifier(&form.transaction_id))?;
            Body::Label(Label {
                transaction_id: form.transaction_id.into_owned(),
                fraud: form.fraud,
                source: form.source.into(),
            })
        }
        BodyType::Outcome => {
            let form: OutcomeForm<'_> = parse_body(read.body)?;
            at("body.transaction_id", bounds::identifier(&form.transaction_id))?;
            Body::Outcome(PaymentOutcome {
                transaction_id: form.transaction_id.into_owned(),
                status: form.status.into(),
            })
        }
    };
    at("event_id", bounds::identifier(&read.event_id))?;
    at("tenant", bounds::tenant(&read.tenant))?;
    at("source", bounds::identifier(&read.source))?;
    at("actor", bounds::remark(&read.actor))?;
    Ok(Event {
        event_id: read.event_id.into_owned(),
        tenant: read.tenant.into_owned(),
        schema_version: read.schema_version,
        occurred_at_ms: timestamp("occurred_at", &read.occurred_at)?,
        ingested_at_ms: timestamp("ingested_at", &read.ingested_at)?,
        source: read.source.into_owned(),
        actor: read.actor.into_owned(),
        body,
    })
}

fn read_payment(form: PaymentForm<'_>) -> Result<Payment, WireError> {
    at("body.transaction_id", bounds::identifier(&form.transaction_id))?;
    at("body.account", bounds::identifier(&form.account))?;
    let country = |field: &'static str, value: Option<Cow<'_, str>>| {
        value.map(|code| at(field, bounds::country(&code))).transpose()
    };
    Ok(Payment {
        transaction_id: form.transaction_id.into_owned(),
        account: form.account.into_owned(),
        device: party("body.device", form.device)?,
        ip: party("body.ip", form.ip)?,
        merchant: party("body.merchant", form.merchant)?,
        counterparty: party("body.counterparty_account", form.counterparty_account)?,
        amount_minor: at("body.amount_minor", bounds::amount(form.amount_minor))?,
        currency: at("body.currency", bounds::currency(&form.currency))?,
        channel: form.channel.into(),
        merchant_category: form
            .merchant_category
            .map(|code| at("body.merchant_category", bounds::merchant_category(&code)))
            .transpose()?,
        account_country: country("body.account_country", form.account_country)?,
        ip_country: country("body.ip_country", form.ip_country)?,
        merchant_country: country("body.merchant_country", form.merchant_country)?,
    })
}

fn party(field: &'static str, value: Option<Cow<'_, str>>) -> Result<Option<String>, WireError> {
    let Some(value) = value else { return Ok(None) };
    at(field, bounds::identifier(&value))?;
    Ok(Some(value.into_owned()))
}

fn timestamp(field: &'static str, text: &str) -> Result<i64, WireError> {
    at(field, parse_timestamp(text).ok_or(Reason::Borrowed(NOT_A_TIME)))
}

pub(super) const NOT_A_TIME: &str = "must be an RFC 3339 time, such as \"2026-01-31T09:30:00.000Z\"";

fn at<T>(field: &'static str, checked: Result<T, Reason>) -> Result<T, WireError> {
    checked.map_err(|reason| WireError { field: field.into(), reason: reason.into_owned() })
}

fn parse_body<'a, T: Deserialize<'a>>(body: &'a RawValue) -> Result<T, WireError> {
    serde_json::from_str(body.get()).map_err(|_| explain::<T>("body", body.get().as_bytes()))
}

fn too_new(version: u64) -> WireError {
    let reason = format!(
        "is {version}, and this build reads versions up to {SCHEMA_VERSION}: read it with the build that wrote it or a newer one"
    );
    WireError { field: "schema_version".into(), reason }
}

/// A newer layout may differ in anything, so its version is looked for before anything else is blamed.
fn explain_envelope(bytes: &[u8]) -> WireError {
    match serde_json::from_slice::<VersionOnly>(bytes) {
        Ok(VersionOnly { schema_version }) if schema_version > u64::from(SCHEMA_VERSION) => too_new(schema_version),
        _ => explain::<ReadEvent<'_>>("", bytes),
    }
}

/// Parses once more, keeping track of the path, which the fast parser does not.
fn explain<'a, T: Deserialize<'a>>(prefix: &str, bytes: &'a [u8]) -> WireError {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let parsed: Result<T, _> = serde_path_to_error::deserialize(&mut parser);
    let (path, reason) = match parsed {
        Ok(_) => (String::new(), "there is more text after the end of the JSON object".to_owned()),
        Err(error) => (error.path().to_string(), error.inner().to_string()),
    };
    let field = match (prefix, path.as_str()) {
        ("", "" | ".") => "event".to_owned(),
        (prefix, "" | ".") => prefix.to_owned(),
        ("", path) => path.to_owned(),
        (prefix, path) => format!("{prefix}.{path}"),
    };
    WireError { field, reason }
}

#[cfg(test)]
mod tests {
    use super::super::timestamp::{MAX_MS, MIN_MS};
    use super::*;
    use fraudnet_graph::{Channel, LabelSource, OutcomeStatus};
    use proptest::option::of;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn identifiers() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9 \"\\\\/é☃𝄞.-]{1,32}"
    }

    fn countries() -> impl Strategy<Value = Option<[u8; 2]>> {
        of(prop::array::uniform2(b'A'..=b'Z'))
    }

    prop_compose! {
        fn payments()(
            (transaction_id, account) in (identifiers(), identifiers()),
            (device, ip, merchant, counterparty) in (of(identifiers()), of(identifiers()), of(identifiers()), of(identifiers())),
            amount_minor in 0..=bounds::MAX_AMOUNT_MINOR,
            (currency, _) in select(&super::super::currency::CURRENCIES[..]),
            (_, channel) in select(ChannelName::WORDS),
            merchant_category in of(0..10_000_u16),
            (account_country, ip_country, merchant_country) in (countries(), countries(), countries()),
        ) -> Payment {
            Payment {
                transaction_id, account, device, ip, merchant, counterparty, amount_minor, currency, channel, merchant_category,
                account_country, ip_country, merchant_country,
            }
        }
    }

    fn bodies() -> impl Strategy<Value = Body> {
        let label = (identifiers(), any::<bool>(), select(LabelSourceName::WORDS))
            .prop_map(|(transaction_id, fraud, (_, source))| Body::Label(Label { transaction_id, fraud, source }));
        let outcome = (identifiers(), select(OutcomeName::WORDS))
            .prop_map(|(transaction_id, (_, status))| Body::Outcome(PaymentOutcome { transaction_id, status }));
        prop_oneof![payments().prop_map(Body::Payment), label, outcome]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            (event_id, tenant, source, actor) in (identifiers(), "[a-z0-9._-]{1,16}", identifiers(), "[a-z]{0,8}"),
            (occurred_at_ms, ingested_at_ms) in (MIN_MS..=MAX_MS, MIN_MS..=MAX_MS),
            body in bodies(),
        ) {
            let event = Event { event_id, tenant, schema_version: SCHEMA_VERSION, occurred_at_ms, ingested_at_ms, source, actor, body };
            let json = encode_event(&event);
            prop_assert_eq!(decode_event(&json).unwrap(), event, "{}", String::from_utf8_lossy(&json));
        }

        #[test]
        fn no_bytes_make_it_panic(mut json in Just(encode_event(&example())), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let index = at.index(json.len());
            json[index] = byte;
            let _ = decode_event(&json);
            let _ = decode_event(&json[..index]);
        }
    }

    fn example() -> Event {
        Event {
            event_id: "e-1".into(),
            tenant: "bank".into(),
            schema_version: SCHEMA_VERSION,
            occurred_at_ms: 1_700_000_000_123,
            ingested_at_ms: 1_700_000_000_456,
            source: "http".into(),
            actor: String::new(),
            body: Body::Payment(Payment {
                transaction_id: "t-1".into(),
                account: "a-1".into(),
                device: None,
                ip: Some("10.0.0.1".into()),
                merchant: Some("m-1".into()),
                counterparty: None,
                amount_minor: 1999,
                currency: *b"EUR",
                channel: Channel::CardPresent,
                merchant_category: Some(742),
                account_country: Some(*b"DE"),
                ip_country: None,
                merchant_country: None,
            }),
        }
    }

    #[test]
    fn the_form_is_fixed() {
        let expected = r#"{"event_id":"e-1","tenant":"bank","schema_version":1,"occurred_at":"2023-11-14T22:13:20.123Z","ingested_at":"2023-11-14T22:13:20.456Z","source":"http","actor":"","type":"payment","body":{"transaction_id":"t-1","account":"a-1","ip":"10.0.0.1","merchant":"m-1","amount_minor":1999,"currency":"EUR","channel":"card_present","merchant_category":"0742","account_country":"DE"}}"#;
        assert_eq!(String::from_utf8(encode_event(&example())).unwrap(), expected);
        let label = Event {
            body: Body::Label(Label {
                transaction_id: "t-1".into(),
                fraud: true,
                source: LabelSource::EarlyFraudWarning,
            }),
            ..example()
        };
        let json = String::from_utf8(encode_event(&label)).unwrap();
        assert!(
            json.ends_with(
                r#""type":"label","body":{"transaction_id":"t-1","fraud":true,"source":"early_fraud_warning"}}"#
            ),
            "{json}"
        );
        let outcome = Event {
            body: Body::Outcome(PaymentOutcome { transaction_id: "t-1".into(), status: OutcomeStatus::Refunded }),
            ..example()
        };
        let json = String::from_utf8(encode_event(&outcome)).unwrap();
        assert!(json.ends_with(r#""type":"outcome","body":{"transaction_id":"t-1","status":"refunded"}}"#), "{json}");
    }

    #[test]
    fn faults_are_named() {
        let json = String::from_utf8(encode_event(&example())).unwrap();
        for (from, to, field, reason) in [
            (r#""schema_version":1"#, r#""schema_version":2"#, "schema_version", "versions up to 1"),
            (r#""schema_version":1"#, r#""schema_version":7,"shape":"other""#, "schema_version", "versions up to 1"),
            (r#""schema_version":1"#, r#""schema_version":"one""#, "schema_version", "u16"),
            (r#""actor":"""#, r#""actors":"""#, "actors", "unknown field"),
            (r#""actor":"","#, "", "event", "missing field `actor`"),
            (r#""event_id":"e-1""#, r#""event_id":"""#, "event_id", "1 to 128"),
            (r#""tenant":"bank""#, r#""tenant":"a b""#, "tenant", "1 to 64"),
            (r#"2023-11-14T22:13:20.123Z"#, "yesterday", "occurred_at", "RFC 3339"),
            (r#""type":"payment""#, r#""type":"refund""#, "type", "unknown variant"),
            (r#""amount_minor":1999"#, r#""amount_minor":-1"#, "body.amount_minor", "u64"),
            (r#""amount_minor":1999"#, r#""amount_minor":9007199254740993"#, "body.amount_minor", "9007199254740992"),
            (r#""currency":"EUR""#, r#""currency":"eur""#, "body.currency", "ISO 4217"),
            (
                r#""account_country":"DE""#,
                r#""account_country":"Deutschland""#,
                "body.account_country",
                "two upper-case",
            ),
            (r#""ip":"10.0.0.1""#, r#""ip":"10.0\n""#, "body.ip", "control"),
            (r#"}}"#, r#"}} x"#, "event", ""),
        ] {
            let broken = json.replacen(from, to, 1);
            assert_ne!(broken, json, "{from} is not in the example");
            let error = decode_event(broken.as_bytes()).expect_err(&broken);
            assert_eq!(error.field, field, "{error}");
            assert!(error.reason.contains(reason), "{error}");
        }
    }
}
