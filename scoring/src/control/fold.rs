//! Following the control events of the log.
//!
//! Cost: one comparison a look where there is nothing new; a change clones the state, which is small but for long lists (some 10 ms for
//! 100,000 entries), on a thread of its own.

use super::{Applied, ControlEvent, ControlState};
use crate::log::{Entry, EventLog, Kind, LogError, Record};
use std::time::Duration;

/// How often it is looked at least whether to end.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// Events read at a time.
const CHUNK: usize = 256;

#[derive(Default)]
pub(super) struct Fold {
    pub(super) state: ControlState,
    next: u64,
}

impl Fold {
    /// Applies everything durable that was not applied yet, and tells each.
    pub(super) fn follow(
        &mut self,
        log: &EventLog,
        mut tell: impl FnMut(&ControlState, &ControlEvent, Result<Applied, String>),
    ) -> Result<(), String> {
        loop {
            let events = read(log, self.next, CHUNK)?;
            let Some((last, _)) = events.last() else { return Ok(()) };
            self.next = last + 1;
            for (position, event) in &events {
                let applied = self
                    .state
                    .apply(*position, event)
                    .map(|()| Applied { position: *position, revision: self.state.revision });
                tell(&self.state, event, applied);
            }
        }
    }
}

/// Durable control events at `from` and later.
pub(super) fn read(log: &EventLog, from: u64, limit: usize) -> Result<Vec<(u64, ControlEvent)>, String> {
    decoded(log.of_kind_from(Kind::Control, from, limit))
}

/// The newest durable control events, newest first.
pub(super) fn newest(log: &EventLog, limit: usize) -> Result<Vec<(u64, ControlEvent)>, String> {
    decoded(log.newest_of_kind(Kind::Control, limit))
}

fn decoded(entries: Result<Vec<Entry>, LogError>) -> Result<Vec<(u64, ControlEvent)>, String> {
    let event = |entry: &Entry| match entry.record().map_err(|error| error.to_string())? {
        Record::Control { event } => ControlEvent::decode(event)
            .map(|event| (entry.position, event))
            .map_err(|error| format!("the control event at log position {}: {error}", entry.position)),
        _ => Err(format!("log position {} should hold a control event", entry.position)),
    };
    entries.map_err(|error| error.to_string())?.iter().map(event).collect()
}
