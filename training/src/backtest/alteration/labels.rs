//! Which payments are fraud, permuted: payment `i` gets what was said of payment `π(i)`, with the same delays.
//!
//! Cost: one more pass first, during which the ids of all payments are held (some 100 bytes each); then only what was said of the
//! labelled and fraudulent ones.

use super::permutation::Permutation;
use crate::data::source::{EventStream, Source};
use anyhow::Result;
use fraudnet_graph::{Body, Event};
use fraudnet_scoring::history::{HistoryEvent, Truth};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// What was said of one payment.
#[derive(Debug, Default)]
struct Said {
    truth: Option<Truth>,
    /// Labels, with how long after the payment each was accepted.
    labels: Vec<(i64, Event)>,
}

/// The altered pass.
pub(super) struct ShuffledLabels {
    events: EventStream,
    said: HashMap<u64, Said>,
    permutation: Permutation,
    /// Number of the next payment.
    number: u64,
    /// Labels to come: when, a running number for the order of ties, which.
    coming: BinaryHeap<Reverse<(i64, u64, Waiting)>>,
    labels: u64,
    /// Read, but labels come first.
    held: Option<HistoryEvent>,
}

/// An event that waits; its order is that of the numbers before it.
struct Waiting(Event);

impl PartialEq for Waiting {
    fn eq(&self, _: &Waiting) -> bool {
        true
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, _: &Waiting) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl ShuffledLabels {
    pub(super) fn new(base: &Source, events: EventStream, seed: u64) -> Result<ShuffledLabels> {
        let (said, payments) = listen(base)?;
        Ok(ShuffledLabels {
            events,
            said,
            permutation: Permutation::new(payments, seed),
            number: 0,
            coming: BinaryHeap::new(),
            labels: 0,
            held: None,
        })
    }

    /// The payment with what is now said of it; its labels join those to come.
    fn relabelled(&mut self, mut event: HistoryEvent) -> HistoryEvent {
        let Body::Payment(payment) = &event.event.body else { return event };
        let said = self.said.get(&self.permutation.of(self.number));
        self.number += 1;
        let truth_told = event.truth.is_some();
        event.truth = said
            .and_then(|said| said.truth.clone())
            .or_else(|| truth_told.then_some(Truth { fraud: false, group: None }));
        for (delay_ms, label) in said.map_or(&[][..], |said| &said.labels) {
            let mut label = label.clone();
            let at_ms = event.event.ingested_at_ms + delay_ms;
            label.occurred_at_ms += at_ms - label.ingested_at_ms;
            label.ingested_at_ms = at_ms;
            label.tenant.clone_from(&event.event.tenant);
            if let Body::Label(body) = &mut label.body {
                body.transaction_id.clone_from(&payment.transaction_id);
            }
            self.coming.push(Reverse((at_ms, self.labels, Waiting(label))));
            self.labels += 1;
        }
        event
    }
}

impl Iterator for ShuffledLabels {
    type Item = Result<HistoryEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.held.is_none() {
            // Labels come out of what was said; those of the history itself are passed over.
            match self.events.find(|event| !matches!(event, Ok(event) if matches!(event.event.body, Body::Label(_)))) {
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(event)) => self.held = Some(event),
                None => {}
            }
        }
        // A label follows the payments of its own millisecond.
        let due = match (self.coming.peek(), &self.held) {
            (Some(Reverse((at_ms, ..))), Some(held)) => *at_ms < held.event.ingested_at_ms,
            (first, None) => first.is_some(),
            (None, _) => false,
        };
        if due {
            let Reverse((.., Waiting(event))) = self.coming.pop()?;
            return Some(Ok(HistoryEvent { event, truth: None }));
        }
        let held = self.held.take()?;
        Some(Ok(self.relabelled(held)))
    }
}

/// What was said of whom, by number of the payment, and how many payments there are. Labels of payments that never were are dropped.
fn listen(base: &Source) -> Result<(HashMap<u64, Said>, u64)> {
    let mut said: HashMap<u64, Said> = HashMap::new();
    let mut numbers: HashMap<String, (u64, i64)> = HashMap::new();
    let mut payments = 0;
    for event in base.events()? {
        let HistoryEvent { event, truth } = event?;
        match &event.body {
            Body::Payment(payment) => {
                numbers.insert(key(&event.tenant, &payment.transaction_id), (payments, event.ingested_at_ms));
                if truth.as_ref().is_some_and(|truth| truth.fraud || truth.group.is_some()) {
                    said.entry(payments).or_default().truth = truth;
                }
                payments += 1;
            }
            Body::Label(label) => {
                if let Some(&(number, paid_ms)) = numbers.get(&key(&event.tenant, &label.transaction_id)) {
                    let delay_ms = event.ingested_at_ms - paid_ms;
                    said.entry(number).or_default().labels.push((delay_ms, event));
                }
            }
            Body::Outcome(_) => {}
        }
    }
    Ok((said, payments))
}

/// A tenant holds no NUL, so the joined key is unambiguous.
fn key(tenant: &str, transaction_id: &str) -> String {
    format!("{tenant}\0{transaction_id}")
}
