//! Training examples of an embedded service: written to the log beside the verdicts, read from it by the trainer.
//!
//! Cost: an example that is kept takes 0.4 ms to encode, after its verdict is on its way to the disk. Reading is one scan of the log from
//! the reader's position, on a thread for blocking work.

use super::{Desk, ServiceError, log_error};
use crate::engine::Evidence;
use crate::example::{self, ExampleHead};
use crate::log::{EventLog, Record};
use crate::verdict::Verdict;
use crate::wire;
use fraudnet_graph::{Body, Event, LabelSource};
use metrics::counter;

/// Log entries looked at for one answer at most: an answer comes soon also where few entries matter.
const SCAN: usize = 50_000;
/// Entries read at a time.
const CHUNK: usize = 2048;
/// Bytes of examples in one answer at most (one more may pass).
const ANSWER_BYTES: usize = 16 << 20;

/// What the trainer reads of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingItem {
    /// Its log position.
    pub position: u64,
    /// What it says.
    pub matter: TrainingMatter,
}

/// One thing that the trainer must know.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainingMatter {
    /// A payment as it was scored.
    Example {
        /// Whose, when and how it was decided.
        head: Box<ExampleHead>,
        /// The whole example, see [`crate::example`].
        bytes: Vec<u8>,
    },
    /// Somebody told whether a payment was fraud.
    Label {
        /// Id of the label's event.
        event_id: String,
        /// Tenant.
        tenant: String,
        /// The payment.
        transaction_id: String,
        /// When it became known, UTC milliseconds since the epoch.
        known_at_ms: i64,
        /// Whether it was fraud.
        fraud: bool,
        /// Who says so.
        source: LabelSource,
    },
    /// A control event.
    Control {
        /// When it was submitted, UTC milliseconds since the epoch.
        at_ms: i64,
        /// Its JSON.
        event: String,
    },
}

/// A stretch of what the trainer reads.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingStretch {
    /// In the order of the log.
    pub items: Vec<TrainingItem>,
    /// Position to go on from.
    pub next: u64,
}

impl Desk {
    /// Keeps the training example of a payment that was just decided, where one is to be kept.
    pub(crate) fn keep_example(&self, event: &Event, evidence: &Evidence, verdict: &Verdict) {
        let (tenant, id) = (&event.tenant, &verdict.transaction_id);
        let Some(inclusion) = example::keep(tenant, id, verdict.decision, self.example_share) else { return };
        let mut head = ExampleHead::new(tenant, event.occurred_at_ms, verdict, inclusion);
        if let Body::Payment(payment) = &event.body {
            head.account = Some(payment.account.clone());
        }
        let bytes = example::encode(&head, evidence.tensor());
        if let Err(refusal) = self.log.append_example(evidence.position, &bytes) {
            counter!("fraudnet_examples_lost_total").increment(1);
            tracing::debug!(%refusal, transaction_id = %id, "a training example was not kept");
        }
    }
}

/// Examples, labels and control events from `from` on, at most `limit`.
pub(super) fn stretch(log: &EventLog, from: u64, limit: usize) -> Result<TrainingStretch, ServiceError> {
    let mut stretch = TrainingStretch { items: Vec::new(), next: from };
    let (mut scanned, mut bytes) = (0, 0);
    while scanned < SCAN && stretch.items.len() < limit && bytes < ANSWER_BYTES {
        let entries = log.read_from(stretch.next, CHUNK.min(SCAN - scanned)).map_err(log_error)?;
        if entries.is_empty() {
            break;
        }
        for entry in &entries {
            if stretch.items.len() >= limit || bytes >= ANSWER_BYTES {
                break;
            }
            scanned += 1;
            stretch.next = entry.position + 1;
            if let Some(matter) = matter(entry.record().map_err(log_error)?, entry.position)? {
                if let TrainingMatter::Example { bytes: more, .. } = &matter {
                    bytes += more.len();
                }
                stretch.items.push(TrainingItem { position: entry.position, matter });
            }
        }
    }
    Ok(stretch)
}

fn matter(record: Record<'_>, position: u64) -> Result<Option<TrainingMatter>, ServiceError> {
    let unreadable = |what: &str, reason: &dyn std::fmt::Display| {
        ServiceError::Log(format!("the {what} at position {position} cannot be read: {reason}"))
    };
    match record {
        Record::Example { bytes, .. } => {
            let head = example::decode_head(bytes).map_err(|error| unreadable("training example", &error))?;
            Ok(Some(TrainingMatter::Example { head: Box::new(head), bytes: bytes.to_vec() }))
        }
        Record::Event { event } => {
            let event = wire::decode_event(event).map_err(|error| unreadable("event", &error))?;
            let Body::Label(label) = event.body else { return Ok(None) };
            Ok(Some(TrainingMatter::Label {
                event_id: event.event_id,
                tenant: event.tenant,
                transaction_id: label.transaction_id,
                known_at_ms: event.occurred_at_ms,
                fraud: label.fraud,
                source: label.source,
            }))
        }
        Record::Control { event } => {
            let control =
                crate::control::ControlEvent::decode(event).map_err(|reason| unreadable("control event", &reason))?;
            let event = String::from_utf8_lossy(event).into_owned();
            Ok(Some(TrainingMatter::Control { at_ms: control.at_ms, event }))
        }
        _ => Ok(None),
    }
}
