//! What is sent: simulated payments with fraud rings among them, and labels as they become known.

use crate::Numbers;
use fraudnet_graph::{Body, Event};
use fraudnet_scoring::clock;
use fraudnet_scoring::simulate::{SimulatedEvent, SimulationConfig, simulate};
use std::collections::HashMap;

const DAY_MS: i64 = 86_400_000;
/// Far more frauds than in life, so that a short run opens cases and tells labels.
const FRAUD_SHARE: f64 = 0.03;
/// How many times sooner than in life labels are told: days to weeks would put them all behind the end of a short run.
const HURRY: i64 = 50;

/// What is sent, in order.
#[derive(Debug)]
pub struct World {
    /// Payments and labels.
    pub events: Vec<Event>,
    /// How many of them are payments.
    pub payments: usize,
}

impl World {
    /// A world of that many payments, its end an hour ago, so that nothing is too old or too early. The same seed gives the same world,
    /// moved in time.
    pub fn simulate(seed: u64, payments: usize) -> World {
        let days = (payments / 2_500).clamp(30, 60) as u32;
        let payments_per_day = (payments as u32 * 12 / 10 / days).max(100);
        let config = SimulationConfig {
            days,
            payments_per_day,
            accounts: (payments_per_day * 2).max(300),
            fraud_share: FRAUD_SHARE,
            label_tail: true,
            ..SimulationConfig::demo(seed, 0)
        };
        let mut events: Vec<Event> = Vec::with_capacity(payments + payments / 8);
        let mut paid_ms: HashMap<String, i64> = HashMap::with_capacity(payments);
        for SimulatedEvent { mut event, .. } in simulate(&config) {
            match &event.body {
                Body::Payment(payment) if paid_ms.len() < payments => {
                    paid_ms.insert(payment.transaction_id.clone(), event.ingested_at_ms);
                }
                Body::Label(label) => {
                    let Some(paid_ms) = paid_ms.get(&label.transaction_id) else { continue };
                    let later_ms = (event.ingested_at_ms - paid_ms) / HURRY;
                    event.ingested_at_ms = paid_ms + later_ms;
                    event.occurred_at_ms = event.ingested_at_ms;
                }
                Body::Payment(_) | Body::Outcome(_) => continue,
            }
            events.push(event);
        }
        events.sort_by_key(|event| event.ingested_at_ms);
        let end_ms = events.iter().map(|event| event.occurred_at_ms.max(event.ingested_at_ms)).max().unwrap_or(0);
        // Whole days, so that the hours stay what they were.
        let moved_ms = (clock::now_ms() - 3_600_000 - end_ms).div_euclid(DAY_MS) * DAY_MS;
        for event in &mut events {
            event.occurred_at_ms += moved_ms;
            event.ingested_at_ms += moved_ms;
        }
        World { events, payments: paid_ms.len() }
    }

    /// Sends one event in ten twice and moves every event among its neighbours, up to `reach` places.
    pub fn disorder(&mut self, numbers: &mut Numbers, reach: usize) {
        let events = std::mem::take(&mut self.events);
        let mut placed: Vec<(usize, usize, Event)> = Vec::with_capacity(events.len() * 11 / 10);
        for (number, event) in events.into_iter().enumerate() {
            if numbers.below(10) == 0 {
                placed.push((number + numbers.below(2 * reach), placed.len(), event.clone()));
            }
            placed.push((number + numbers.below(reach), placed.len(), event));
        }
        placed.sort_by_key(|&(place, tie, _)| (place, tie));
        self.events = placed.into_iter().map(|(_, _, event)| event).collect();
    }
}

/// The id of a payment as records and keys name it.
pub fn id_of(event: &Event) -> Option<String> {
    match &event.body {
        Body::Payment(payment) => Some(format!("{}/{}", event.tenant, payment.transaction_id)),
        Body::Label(_) | Body::Outcome(_) => None,
    }
}

/// Key under which an event is produced: payments by account, so that a later division keeps them together.
pub fn key_of(event: &Event) -> String {
    match &event.body {
        Body::Payment(payment) => format!("{}/{}", event.tenant, payment.account),
        Body::Label(label) => format!("{}/{}", event.tenant, label.transaction_id),
        Body::Outcome(outcome) => format!("{}/{}", event.tenant, outcome.transaction_id),
    }
}
