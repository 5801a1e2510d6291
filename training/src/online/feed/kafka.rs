//! A cluster's topics: examples, labels and control events, each from its own offset, committed messages only.
//!
//! The three topics are merged by the time their producers gave, as far as they are at hand; it does not matter which comes first, since
//! a label waits for its example.

use super::{Batch, Cursor, Feed, FeedError, Item, Told};
use fraudnet_graph::Body;
use fraudnet_scoring::clock;
use fraudnet_scoring::cluster::kafka::{Incoming, KafkaConfig, Reader, Topic, Wanted};
use fraudnet_scoring::wire::decode_event;
use std::time::Duration;

/// Most messages of a batch.
const MESSAGES: usize = 2_000;
/// How long the rest of a batch may take to come once its first message is there.
const GATHER: Duration = Duration::from_millis(20);

/// Reads the topics of a cluster.
pub struct KafkaFeed {
    config: KafkaConfig,
    /// Made when first asked, from the cursor asked with.
    reader: Option<(Reader, Cursor)>,
}

impl KafkaFeed {
    /// A feed of that cluster; connects when first asked.
    pub fn new(config: KafkaConfig) -> KafkaFeed {
        KafkaFeed { config, reader: None }
    }

    fn reader(&mut self, cursor: Cursor) -> Result<&mut Reader, FeedError> {
        let Cursor::Offsets { examples, labels, events } = cursor else {
            return Err(FeedError::Lost(
                "the trainer's state was made from a service's stream; give the cluster another --state folder"
                    .to_owned(),
            ));
        };
        // Asked again with an older cursor, the store did not take what was given: begin there again.
        if self.reader.as_ref().is_none_or(|(_, expected)| *expected != cursor) {
            let from = [(Topic::TrainingExamples, examples), (Topic::Labels, labels), (Topic::ModelEvents, events)];
            let reader = Reader::start(&self.config, &from).map_err(|error| FeedError::Lost(error.to_string()))?;
            self.reader = Some((reader, cursor));
        }
        let (reader, _) = self.reader.as_mut().expect("it was just made");
        Ok(reader)
    }
}

impl Feed for KafkaFeed {
    fn beginning(&self) -> Cursor {
        Cursor::Offsets { examples: Reader::EARLIEST, labels: Reader::EARLIEST, events: Reader::EARLIEST }
    }

    fn next(&mut self, cursor: Cursor, wait: Duration) -> Result<Batch, FeedError> {
        let reader = self.reader(cursor)?;
        let until = clock::monotonic() + wait;
        let mut batch = Batch { told: Vec::new(), next: cursor, unreadable: 0 };
        while batch.told.len() < MESSAGES {
            let left = until.saturating_duration_since(clock::monotonic());
            let patience = if batch.told.is_empty() { left } else { left.min(GATHER) };
            match reader.next(patience, Wanted::ALL) {
                Ok(Some(message)) => match told(&message) {
                    Some(told) => batch.told.push(told),
                    None => batch.unreadable += 1,
                },
                Ok(None) => break,
                Err(error) => return Err(FeedError::Lost(error.to_string())),
            }
        }
        if batch.told.is_empty()
            && let Some(reason) = reader.unreachable()
        {
            return Err(FeedError::Away(format!("the cluster does not answer: {reason}")));
        }
        batch.next = Cursor::Offsets {
            examples: reader.position(Topic::TrainingExamples),
            labels: reader.position(Topic::Labels),
            events: reader.position(Topic::ModelEvents),
        };
        if let Some((_, expected)) = &mut self.reader {
            *expected = batch.next;
        }
        Ok(batch)
    }
}

/// What a message tells; none where it is not one that its topic takes.
fn told(message: &Incoming) -> Option<Told> {
    let at_ms = message.timestamp_ms;
    let item = match message.topic {
        Topic::TrainingExamples => Item::Example(message.payload.clone()),
        Topic::ModelEvents => Item::Control(String::from_utf8(message.payload.clone()).ok()?),
        _ => {
            let event = decode_event(&message.payload).ok()?;
            let Body::Label(label) = event.body else { return None };
            Item::Label {
                tenant: event.tenant,
                transaction_id: label.transaction_id,
                fraud: label.fraud,
                source: label.source,
            }
        }
    };
    Some(Told { at_ms, item })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_graph::{Event, Label, LabelSource, SCHEMA_VERSION};
    use fraudnet_scoring::wire::encode_event;

    fn message(topic: Topic, payload: Vec<u8>) -> Incoming {
        Incoming { topic, offset: 1, timestamp_ms: 7, key: None, payload, headers: Vec::new() }
    }

    #[test]
    fn each_topic_gives_its_kind_of_item() {
        let label = Label { transaction_id: "a".to_owned(), fraud: true, source: LabelSource::Analyst };
        let event = Event {
            event_id: "e".to_owned(),
            tenant: "t".to_owned(),
            schema_version: SCHEMA_VERSION,
            occurred_at_ms: 1_700_000_000_000,
            ingested_at_ms: 1_700_000_000_000,
            source: "http".to_owned(),
            actor: String::new(),
            body: Body::Label(label),
        };
        let found = told(&message(Topic::Labels, encode_event(&event))).unwrap();
        assert!(matches!(
            found,
            Told { at_ms: 7, item: Item::Label { fraud: true, source: LabelSource::Analyst, .. } }
        ));
        assert_eq!(told(&message(Topic::Labels, b"{".to_vec())), None);
        assert_eq!(told(&message(Topic::ModelEvents, b"{}".to_vec())).unwrap().item, Item::Control("{}".to_owned()));
        assert_eq!(told(&message(Topic::TrainingExamples, vec![1])).unwrap().item, Item::Example(vec![1]));
    }

    #[test]
    fn another_kind_of_cursor_is_refused() {
        let mut feed = KafkaFeed::new(KafkaConfig::default());
        let refused = feed.next(Cursor::Position(3), Duration::ZERO);
        assert!(matches!(refused, Err(FeedError::Lost(reason)) if reason.contains("another --state")));
    }
}
