//! A message as it was read and as it is to be written.

use super::Topic;
use std::sync::Arc;

/// A message read from a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Where it stood.
    pub topic: Topic,
    /// Its offset in the topic's one partition.
    pub offset: i64,
    /// The time its producer (or the broker) gave it, UTC milliseconds; 0 where it has none.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; empty where it has none.
    pub payload: Vec<u8>,
    /// Its headers in order; names may repeat.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Incoming {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_slice())
    }

    /// The first header of that name, where it is text.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// A message to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: Topic,
    /// Its key; an empty one is sent as none.
    pub key: Vec<u8>,
    /// Its value.
    pub payload: Arc<[u8]>,
    /// Its headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
}
