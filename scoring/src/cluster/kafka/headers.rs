//! Headers of what we write: CloudEvents 1.0 in its binary mode, trace context, and our own.
//!
//! The names are fixed: other people's consumers read them.

use super::Incoming;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// W3C trace context of the request that the message came from.
pub const TRACEPARENT: &str = "traceparent";
/// On `transactions` from HTTP: hex blake3 of the request as it was asked.
pub const BODY_HASH: &str = "fraudnet-body-hash";
/// On `verdicts`: offset of the payment in `transactions`.
pub const TRANSACTION_OFFSET: &str = "fraudnet-transaction-offset";

/// What a message is: CloudEvents' `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// `fraudnet.payment`
    Payment,
    /// `fraudnet.outcome`
    Outcome,
    /// `fraudnet.label`
    Label,
    /// `fraudnet.verdict`
    Verdict,
    /// `fraudnet.review`: a verdict that a person must look at
    Review,
    /// `fraudnet.case`: what somebody did with a case
    Case,
    /// `fraudnet.training-example`
    TrainingExample,
    /// `fraudnet.dead-letter`
    DeadLetter,
    /// `fraudnet.control`
    Control,
}

impl MessageKind {
    /// As it stands in `ce_type`.
    pub fn name(self) -> &'static str {
        match self {
            MessageKind::Payment => "fraudnet.payment",
            MessageKind::Outcome => "fraudnet.outcome",
            MessageKind::Label => "fraudnet.label",
            MessageKind::Verdict => "fraudnet.verdict",
            MessageKind::Review => "fraudnet.review",
            MessageKind::Case => "fraudnet.case",
            MessageKind::TrainingExample => "fraudnet.training-example",
            MessageKind::DeadLetter => "fraudnet.dead-letter",
            MessageKind::Control => "fraudnet.control",
        }
    }
}

/// The headers that every message of ours begins with. `id` is unique within `source` (a URI reference: who wrote it); `time_ms` UTC
/// milliseconds; `subject` the transaction's id; an empty subject, tenant or trace is left out.
pub fn cloud_event_headers(
    kind: MessageKind,
    id: &str,
    source: &str,
    time_ms: i64,
    subject: &str,
    tenant: &str,
    traceparent: Option<&str>,
) -> Vec<(String, Vec<u8>)> {
    let time = rfc3339(time_ms);
    let fields = [
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_source", source),
        ("ce_type", kind.name()),
        ("ce_time", &time),
        ("ce_subject", subject),
        ("ce_tenant", tenant),
        ("content-type", "application/json"),
        (TRACEPARENT, traceparent.unwrap_or("")),
    ];
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// Adds a header, or replaces those of its name.
pub fn put(headers: &mut Vec<(String, Vec<u8>)>, name: &str, value: impl AsRef<[u8]>) {
    headers.retain(|(header, _)| header != name);
    headers.push((name.to_owned(), value.as_ref().to_vec()));
}

/// The message's `traceparent`, where it has one that can be text in another header. Whether it follows W3C's form is for the reader of
/// the trace to say.
pub fn traceparent(message: &Incoming) -> Option<&str> {
    message.header_text(TRACEPARENT).filter(|text| !text.is_empty() && text.len() <= 512 && text.is_ascii())
}

/// A moment as CloudEvents wants it: RFC 3339 in UTC, milliseconds. A time that no calendar has is the epoch.
pub fn rfc3339(time_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(&Rfc3339)
        .unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kafka::Topic;

    fn text(headers: &[(String, Vec<u8>)]) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value))).collect()
    }

    #[test]
    fn a_verdict_is_a_cloud_event() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers = cloud_event_headers(
            MessageKind::Verdict,
            "tx-1",
            "/fraudnet/scorer",
            1_700_000_000_123,
            "tx-1",
            "bank",
            Some(trace),
        );
        assert_eq!(
            text(&headers),
            [
                "ce_specversion=1.0",
                "ce_id=tx-1",
                "ce_source=/fraudnet/scorer",
                "ce_type=fraudnet.verdict",
                "ce_time=2023-11-14T22:13:20.123Z",
                "ce_subject=tx-1",
                "ce_tenant=bank",
                "content-type=application/json",
                "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ]
        );
    }

    #[test]
    fn what_is_empty_is_left_out_and_no_time_breaks_it() {
        for time_ms in [i64::MIN, -1, 0, i64::MAX] {
            let headers = cloud_event_headers(MessageKind::DeadLetter, "a", "b", time_ms, "", "", None);
            let headers = text(&headers);
            assert!(
                !headers.iter().any(|header| header.starts_with("ce_subject") || header.starts_with("traceparent"))
            );
            assert!(
                headers.iter().any(|header| header.starts_with("ce_time=") && header.ends_with('Z')),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_header_is_put_once() {
        let mut headers =
            vec![("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec()), ("a".to_owned(), b"3".to_vec())];
        put(&mut headers, "a", "4");
        assert_eq!(text(&headers), ["b=2", "a=4"]);
    }

    #[test]
    fn a_trace_is_taken_only_where_it_is_text() {
        let with = |value: &[u8]| Incoming {
            topic: Topic::Transactions,
            offset: 0,
            timestamp_ms: 0,
            key: None,
            payload: Vec::new(),
            headers: vec![(TRACEPARENT.to_owned(), value.to_vec())],
        };
        assert_eq!(traceparent(&with(b"00-ab-cd-01")), Some("00-ab-cd-01"));
        for bad in [b"".as_slice(), b"\xff\xfe", "é".as_bytes(), &[b'0'; 600]] {
            assert_eq!(traceparent(&with(bad)), None, "{bad:?}");
        }
    }
}
