//! A message that cannot be taken, kept in the journal until its dead letter is committed.

use super::kafka::dead_letter::Reason;
use super::kafka::{Incoming, Topic};

/// A message that cannot be taken, as it came, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) message: Incoming,
    pub(crate) reason: Reason,
    /// The reason in words.
    pub(crate) text: String,
}

impl Rejected {
    /// Offset and time, then every part after its length (32 bits, little endian); a missing key has the length 2^32 - 1.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let message = &self.message;
        let mut bytes = Vec::with_capacity(128 + message.payload.len());
        bytes.extend_from_slice(&message.offset.to_le_bytes());
        bytes.extend_from_slice(&message.timestamp_ms.to_le_bytes());
        let mut part = |part: Option<&[u8]>| {
            bytes.extend_from_slice(&part.map_or(u32::MAX, |part| part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part.unwrap_or_default());
        };
        part(Some(message.topic.name().as_bytes()));
        part(Some(self.reason.code().as_bytes()));
        part(Some(self.text.as_bytes()));
        part(message.key.as_deref());
        part(Some(&message.payload));
        for (name, value) in &message.headers {
            part(Some(name.as_bytes()));
            part(Some(value));
        }
        bytes
    }

    /// Reads what the journal holds; none where it was not written by this build or an older one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Rejected> {
        let (offset, rest) = bytes.split_first_chunk::<8>()?;
        let (timestamp_ms, mut rest) = rest.split_first_chunk::<8>()?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length);
            if length == u32::MAX {
                parts.push(None);
                rest = after;
                continue;
            }
            let (part, after) = after.split_at_checked(length as usize)?;
            parts.push(Some(part.to_vec()));
            rest = after;
        }
        let text = |part: Vec<u8>| String::from_utf8(part).ok();
        let mut parts = parts.into_iter();
        let topic = text(parts.next()??)?;
        let topic = Topic::ALL.into_iter().find(|known| known.name() == topic)?;
        let reason = Reason::parse(&text(parts.next()??)?)?;
        let words = text(parts.next()??)?;
        let key = parts.next()?;
        let payload = parts.next()??;
        let mut headers = Vec::new();
        while let Some(name) = parts.next() {
            headers.push((text(name?)?, parts.next()??));
        }
        let (offset, timestamp_ms) = (i64::from_le_bytes(*offset), i64::from_le_bytes(*timestamp_ms));
        let message = Incoming { topic, offset, timestamp_ms, key, payload, headers };
        Some(Rejected { message, reason, text: words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_no_part_of_it_panics() {
        for key in [None, Some(Vec::new()), Some(b"k".to_vec())] {
            let message = Incoming {
                topic: Topic::Labels,
                offset: 77,
                timestamp_ms: -1,
                key,
                payload: vec![0, 255, 10],
                headers: vec![("ce_id".to_owned(), b"1".to_vec()), ("empty".to_owned(), Vec::new())],
            };
            let rejected =
                Rejected { message, reason: Reason::WrongType, text: "a payment in the topic of labels".to_owned() };
            let bytes = rejected.encode();
            assert_eq!(Rejected::decode(&bytes).unwrap(), rejected);
            for end in 0..bytes.len() {
                let _ = Rejected::decode(&bytes[..end]);
            }
        }
    }
}
