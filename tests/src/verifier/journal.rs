//! The order in which a replica says that it merged the topics, read off its journal once it has stopped.

use fraudnet_graph::Event;
use fraudnet_scoring::log::{LogReader, Offsets, Record};
use fraudnet_scoring::wire::decode_event;
use std::path::Path;

/// Entries read at a time.
const CHUNK: usize = 4096;

/// A replica's journal.
#[derive(Debug, Clone)]
pub struct Journal {
    /// Its identity in hex, as verdicts name it.
    pub identity: String,
    /// What was applied, in order.
    pub steps: Vec<Step>,
}

/// One event as it was applied.
#[derive(Debug, Clone)]
pub struct Step {
    /// Position in the journal.
    pub position: u64,
    /// Of a payment: its place among the topics.
    pub cut: Option<Offsets>,
    /// The event.
    pub event: Event,
}

impl Journal {
    /// Reads the journal in a replica's data folder. The replica must not run.
    ///
    /// # Errors
    /// Where it cannot be opened, or holds what the journal of a cluster does not.
    pub fn read(folder: &Path) -> Result<Journal, String> {
        let log = LogReader::open(folder).map_err(|error| error.to_string())?;
        let identity = log.identity().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut steps = Vec::new();
        let mut next = 0;
        while next < log.end() {
            let entries = log.read_from(next, CHUNK).map_err(|error| error.to_string())?;
            let Some(last) = entries.last() else {
                return Err(format!("the journal should reach position {} but ends at {next}", log.end()));
            };
            next = last.position + 1;
            for entry in &entries {
                let position = entry.position;
                let (cut, event) = match entry.record().map_err(|error| error.to_string())? {
                    Record::Streamed { cut, event, .. } => (Some(cut), event),
                    Record::Event { event } => (None, event),
                    Record::Rejected { .. }
                    | Record::Verdict { .. }
                    | Record::Control { .. }
                    | Record::Example { .. }
                    | Record::Case { .. }
                    | Record::Note { .. } => continue,
                    Record::Payment { .. } | Record::History { .. } => {
                        return Err(format!("position {position} holds a payment that did not come from Kafka"));
                    }
                };
                let event = decode_event(event).map_err(|error| format!("position {position}: {error}"))?;
                steps.push(Step { position, cut, event });
            }
        }
        Ok(Journal { identity, steps })
    }
}
