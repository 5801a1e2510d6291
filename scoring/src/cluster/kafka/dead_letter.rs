//! Dead letters: a message that cannot be taken, kept as it came with where it stood and why, and the way back.

use super::headers::{MessageKind, cloud_event_headers};
use super::{Incoming, Outgoing, PARTITION, Topic};
use std::fmt;

/// Full name of the topic that the message came from.
pub const ORIGIN_TOPIC: &str = "fraudnet-origin-topic";
/// Its partition there.
pub const ORIGIN_PARTITION: &str = "fraudnet-origin-partition";
/// Its offset there.
pub const ORIGIN_OFFSET: &str = "fraudnet-origin-offset";
/// The reason as a stable code, see [`Reason`].
pub const REASON: &str = "fraudnet-reason";
/// The reason for people.
pub const REASON_TEXT: &str = "fraudnet-reason-text";
/// On a message that is larger than a dead letter can be: how many bytes its value had. Only their beginning is kept.
pub const TRUNCATED: &str = "fraudnet-truncated";
/// Before the name of a header that the message had and the dead letter needs for itself.
const ORIGINAL: &str = "fraudnet-original-";
/// Characters of the reason that are kept.
const MOST_TEXT: usize = 1024;

/// Bytes of value, key and copied headers that a dead letter has room for. A message that was compressed on its way may have any size.
const ROOM: usize = 4 * 1024 * 1024 + 512 * 1024;
/// Of these for the key and the headers.
const ROOM_BESIDE: usize = 512 * 1024;

/// Why a message could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is not the JSON of an event, or a field of it is out of bounds.
    Malformed,
    /// It is larger than an event may be.
    TooLarge,
    /// It is of a `schema_version` that this release does not read.
    UnsupportedVersion,
    /// It is an event, but not of a kind that belongs into its topic.
    WrongType,
    /// Its transaction id stands for another payment already.
    ConflictingBody,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 5] =
        [Reason::Malformed, Reason::TooLarge, Reason::UnsupportedVersion, Reason::WrongType, Reason::ConflictingBody];

    /// As it stands in the header.
    pub fn code(self) -> &'static str {
        match self {
            Reason::Malformed => "malformed",
            Reason::TooLarge => "too_large",
            Reason::UnsupportedVersion => "unsupported_version",
            Reason::WrongType => "wrong_type",
            Reason::ConflictingBody => "conflicting_body",
        }
    }

    /// From its code.
    pub fn parse(code: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The dead letter of a message: key and value as they came, its headers copied (one whose name the letter itself uses becomes
/// `fraudnet-original-<name>`), and where it stood and why. `prefix` is `kafka.topic_prefix`; `source` says who found it; `time_ms` when.
/// A letter is found again by its `ce_id`, which is the message's place.
pub fn dead_letter(
    message: &Incoming,
    prefix: &str,
    source: &str,
    time_ms: i64,
    reason: Reason,
    text: &str,
) -> Outgoing {
    let origin = message.topic.full(prefix);
    let id = format!("{origin}/{PARTITION}/{}", message.offset);
    let mut headers = cloud_event_headers(MessageKind::DeadLetter, &id, source, time_ms, "", "", None);
    // The value is the other message's: we do not know that it is JSON.
    headers.retain(|(name, _)| name != "content-type");
    let text: String = text.chars().take(MOST_TEXT).collect();
    for (name, value) in [
        (ORIGIN_TOPIC, origin.as_str()),
        (ORIGIN_PARTITION, &PARTITION.to_string()),
        (ORIGIN_OFFSET, &message.offset.to_string()),
        (REASON, reason.code()),
        (REASON_TEXT, &text),
    ] {
        headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    let mut beside = ROOM_BESIDE;
    let mut fits = |bytes: usize| {
        let fits = bytes <= beside;
        beside -= if fits { bytes } else { 0 };
        fits
    };
    let mut whole = true;
    let mut key = message.key.clone().unwrap_or_default();
    if !fits(key.len()) {
        key = Vec::new();
        whole = false;
    }
    for (name, value) in &message.headers {
        if !fits(name.len() + value.len() + ORIGINAL.len() + 16) {
            whole = false;
            continue;
        }
        let name = if is_ours(name) { format!("{ORIGINAL}{name}") } else { name.clone() };
        headers.push((name, value.clone()));
    }
    let kept = message.payload.len().min(ROOM - ROOM_BESIDE);
    if !whole || kept < message.payload.len() {
        headers.push((TRUNCATED.to_owned(), message.payload.len().to_string().into_bytes()));
    }
    Outgoing { topic: Topic::DeadLetters, key, payload: message.payload[..kept].into(), headers }
}

/// The message that the letter is of, to be sent to where it came from.
pub fn original(letter: &Incoming, prefix: &str) -> Result<Outgoing, String> {
    let origin = letter.header_text(ORIGIN_TOPIC).ok_or_else(|| format!("it has no {ORIGIN_TOPIC}"))?;
    let topic =
        Topic::of(origin, prefix).ok_or_else(|| format!("`{origin}` is none of the topics with this prefix"))?;
    if !matches!(topic, Topic::Transactions | Topic::Labels) {
        return Err(format!("`{origin}` is not a topic that events are sent to"));
    }
    if letter.header(TRUNCATED).is_some() {
        return Err("it was too large to be kept whole".to_owned());
    }
    let restored = letter.headers.iter().filter_map(|(name, value)| match name.strip_prefix(ORIGINAL) {
        Some(name) => Some((name.to_owned(), value.clone())),
        None => (!is_ours(name)).then(|| (name.clone(), value.clone())),
    });
    Ok(Outgoing {
        topic,
        key: letter.key.clone().unwrap_or_default(),
        payload: letter.payload.as_slice().into(),
        headers: restored.collect(),
    })
}

/// Whether a dead letter uses the name for itself.
fn is_ours(name: &str) -> bool {
    name.starts_with("ce_")
        || name.starts_with(ORIGINAL)
        || [ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET, REASON, REASON_TEXT, TRUNCATED].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: Vec<u8>) -> Incoming {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        Incoming {
            topic: Topic::Transactions,
            offset: 7,
            timestamp_ms: 1,
            key: Some(b"bank/a1".to_vec()),
            payload,
            headers: vec![
                header("ce_id", "theirs"),
                header("traceparent", "00-1-2-01"),
                header("own", "1"),
                header("own", "2"),
                header("fraudnet-reason", "forged"),
            ],
        }
    }

    /// The letter as it is read back.
    fn read(letter: Outgoing) -> Incoming {
        Incoming {
            topic: letter.topic,
            offset: 0,
            timestamp_ms: 2,
            key: Some(letter.key),
            payload: letter.payload.to_vec(),
            headers: letter.headers,
        }
    }

    #[test]
    fn a_letter_says_where_and_why_and_finds_its_way_back() {
        let came = message(b"{not json".to_vec());
        let letter = read(dead_letter(&came, "fraudnet.", "/test", 3, Reason::Malformed, "a brace is missing"));
        let told = [ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET, REASON, REASON_TEXT, "traceparent", "ce_id"];
        assert_eq!(
            told.map(|name| letter.header_text(name).unwrap()),
            [
                "fraudnet.transactions",
                "0",
                "7",
                "malformed",
                "a brace is missing",
                "00-1-2-01",
                "fraudnet.transactions/0/7"
            ]
        );
        let back = original(&letter, "fraudnet.").unwrap();
        assert_eq!(
            (back.topic, &back.key[..], &back.payload[..]),
            (Topic::Transactions, &b"bank/a1"[..], &b"{not json"[..])
        );
        assert_eq!(back.headers, came.headers);
        // Again a dead letter, and back again: nothing piles up.
        let again = Incoming { headers: back.headers, offset: 9, ..came.clone() };
        let second = read(dead_letter(&again, "fraudnet.", "/test", 4, Reason::Malformed, "still"));
        assert_eq!(original(&second, "fraudnet.").unwrap().headers, came.headers);
    }

    #[test]
    fn whatever_came_fits() {
        let mut came = message(vec![b'x'; 50 * 1024 * 1024]);
        came.key = Some(vec![b'k'; 2 * 1024 * 1024]);
        came.headers.push(("huge".to_owned(), vec![b'h'; 3 * 1024 * 1024]));
        let letter = dead_letter(&came, "fraudnet.", "/test", 3, Reason::TooLarge, &"t".repeat(1 << 20));
        let bytes: usize = letter.headers.iter().map(|(name, value)| name.len() + value.len() + 16).sum();
        let bytes = bytes + letter.key.len() + letter.payload.len();
        assert!(bytes + 64 * 1024 < Topic::DeadLetters.max_message_bytes(), "{bytes}");
        let letter = read(letter);
        assert_eq!(letter.header_text(TRUNCATED), Some("52428800"));
        assert!(original(&letter, "fraudnet.").is_err());
        let whole = read(dead_letter(&message(vec![b'x'; 2 << 20]), "fraudnet.", "/test", 3, Reason::TooLarge, ""));
        assert_eq!(original(&whole, "fraudnet.").unwrap().payload.len(), 2 << 20);
    }

    #[test]
    fn a_letter_goes_nowhere_else() {
        let letter = read(dead_letter(&message(Vec::new()), "other.", "/test", 3, Reason::WrongType, ""));
        assert!(original(&letter, "fraudnet.").is_err(), "another prefix");
        let mut verdicts = read(dead_letter(&message(Vec::new()), "fraudnet.", "/test", 3, Reason::WrongType, ""));
        super::super::headers::put(&mut verdicts.headers, ORIGIN_TOPIC, "fraudnet.verdicts");
        assert!(original(&verdicts, "fraudnet.").is_err(), "nobody but the scorer writes there");
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.code()), Some(reason));
        }
    }
}
