//! The topics of events, read once more: which payment counts, and which message is nothing the service may take.

use super::committed::Committed;
use crate::cluster::Message;
use fraudnet_graph::{Body, Event};
use fraudnet_scoring::wire::{ReceivedPayment, decode_event};
use std::collections::{BTreeMap, HashMap};

/// Largest event taken.
const MAX_EVENT_BYTES: usize = 64 << 10;

/// Where a message stood.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Topic without prefix.
    pub topic: &'static str,
    /// Offset.
    pub offset: i64,
}

/// Why a message must become a dead letter, as its header says.
pub type Reason = &'static str;

/// The payment that counts for its id: the first one.
#[derive(Debug, Clone)]
pub struct First {
    /// Its message.
    pub offset: i64,
    /// When that was made.
    pub timestamp_ms: i64,
    /// The payment.
    pub event: Event,
    body_hash: [u8; 32],
}

/// What the service was given.
#[derive(Debug, Default)]
pub struct Input {
    /// By id, the payment that counts.
    pub payments: HashMap<String, First>,
    /// Ids in the order of `transactions`.
    pub order: Vec<String>,
    /// Valid labels with their offsets, in order.
    pub labels: Vec<(i64, Event)>,
    /// Valid outcomes with their offsets, in order.
    pub outcomes: Vec<(i64, Event)>,
    /// Repeats of a payment with the same body: no harm.
    pub repeats: u64,
    /// What must become a dead letter.
    pub invalid: BTreeMap<Origin, Reason>,
}

impl Input {
    /// Reads both topics.
    pub fn read(committed: &Committed) -> Input {
        let mut input = Input::default();
        for message in &committed.transactions {
            if let Err(reason) = input.transaction(message) {
                input.invalid.insert(Origin { topic: "transactions", offset: message.offset }, reason);
            }
        }
        for message in &committed.labels {
            match event(message) {
                Ok(event @ Event { body: Body::Label(_), .. }) => input.labels.push((message.offset, event)),
                Ok(_) => drop(input.invalid.insert(Origin { topic: "labels", offset: message.offset }, "wrong_type")),
                Err(reason) => {
                    input.invalid.insert(Origin { topic: "labels", offset: message.offset }, reason);
                }
            }
        }
        input
    }

    fn transaction(&mut self, message: &Message) -> Result<(), Reason> {
        let event = event(message)?;
        let payment = match &event.body {
            Body::Payment(payment) => payment,
            Body::Outcome(_) => {
                self.outcomes.push((message.offset, event));
                return Ok(());
            }
            Body::Label(_) => return Err("wrong_type"),
        };
        let id = format!("{}/{}", event.tenant, payment.transaction_id);
        let mut asked = ReceivedPayment { payment: payment.clone(), occurred_at_ms: Some(event.occurred_at_ms) };
        let body_hash = hash(message.header("fraudnet-body-hash")).unwrap_or_else(|| asked.body_hash());
        // A message always tells the time of a payment, and a request before it need not have.
        asked.occurred_at_ms = None;
        let same = |first: &First| first.body_hash == body_hash || first.body_hash == asked.body_hash();
        match self.payments.get(&id) {
            Some(first) if same(first) => self.repeats += 1,
            Some(_) => return Err("conflicting_body"),
            None => {
                let (offset, timestamp_ms) = (message.offset, message.timestamp_ms);
                self.order.push(id.clone());
                self.payments.insert(id, First { offset, timestamp_ms, event, body_hash });
            }
        }
        Ok(())
    }
}

fn event(message: &Message) -> Result<Event, Reason> {
    if message.payload.len() > MAX_EVENT_BYTES {
        return Err("too_large");
    }
    decode_event(&message.payload).map_err(|error| {
        // The decoder's words for a layout from the future; everything else about the field is a malformed number.
        let newer = error.field == "schema_version" && error.reason.contains("this build reads");
        if newer { "unsupported_version" } else { "malformed" }
    })
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    Some(*blake3::Hash::from_hex(hex).ok()?.as_bytes())
}
