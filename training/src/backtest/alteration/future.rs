//! What comes after a cut, altered; and the leak that is planted on purpose.

use super::draw;
use crate::data::source::{EventStream, Source};
use anyhow::Result;
use fraudnet_graph::{Body, Event};
use fraudnet_scoring::history::HistoryEvent;
use std::collections::{HashMap, VecDeque};

/// Highest amount a payment may have.
const HIGHEST_AMOUNT: u64 = 1 << 53;

/// Alters what is accepted at `from_ms` or later: a third of the payments is missing, the others have other amounts, merchants and
/// truths; half of the labels are missing, the others say the opposite.
pub(super) fn altered(events: EventStream, from_ms: i64, seed: u64) -> EventStream {
    Box::new(events.filter_map(move |event| match event {
        Ok(event) if event.event.ingested_at_ms >= from_ms => other(event, seed).map(Ok),
        told => Some(told),
    }))
}

fn other(mut event: HistoryEvent, seed: u64) -> Option<HistoryEvent> {
    match &mut event.event.body {
        Body::Payment(payment) => {
            if draw(seed, &payment.transaction_id).is_multiple_of(3) {
                return None;
            }
            payment.amount_minor = (3 * payment.amount_minor + 1).min(HIGHEST_AMOUNT);
            if let Some(merchant) = &mut payment.merchant {
                // As long as before, so that it stays within the bound of an identifier.
                *merchant = merchant.chars().rev().collect();
            }
            if let Some(truth) = &mut event.truth {
                (truth.fraud, truth.group) = (!truth.fraud, None);
            }
        }
        Body::Label(label) => {
            if draw(seed, &label.transaction_id).is_multiple_of(2) {
                return None;
            }
            label.fraud = !label.fraud;
        }
        Body::Outcome(_) => {}
    }
    Some(event)
}

/// Every label right after its payment. Holds the labels of the whole history.
pub(super) struct LabelsAtPayment {
    events: EventStream,
    labels: HashMap<String, Vec<Event>>,
    due: VecDeque<Event>,
}

impl LabelsAtPayment {
    pub(super) fn new(base: &Source, events: EventStream) -> Result<LabelsAtPayment> {
        let mut labels: HashMap<String, Vec<Event>> = HashMap::new();
        for event in base.events()? {
            let event = event?.event;
            if let Body::Label(label) = &event.body {
                labels.entry(format!("{}\0{}", event.tenant, label.transaction_id)).or_default().push(event);
            }
        }
        Ok(LabelsAtPayment { events, labels, due: VecDeque::new() })
    }
}

impl Iterator for LabelsAtPayment {
    type Item = Result<HistoryEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(event) = self.due.pop_front() {
            return Some(Ok(HistoryEvent { event, truth: None }));
        }
        let event = match self
            .events
            .find(|event| !matches!(event, Ok(event) if matches!(event.event.body, Body::Label(_))))?
        {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        if let Body::Payment(payment) = &event.event.body {
            let told = self.labels.remove(&format!("{}\0{}", event.event.tenant, payment.transaction_id));
            let at_ms = event.event.ingested_at_ms;
            self.due.extend(told.into_iter().flatten().map(|mut label| {
                (label.occurred_at_ms, label.ingested_at_ms) = (at_ms, at_ms);
                label
            }));
        }
        Some(Ok(event))
    }
}
