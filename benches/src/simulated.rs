//! Simulated payments: as requests for HTTP, and as tensors for the network.

use crate::stream::LIMITS;
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Body, Event};
use fraudnet_scoring::simulate::{SimulationConfig, simulate};
use fraudnet_scoring::wire::ScoreRequest;
use std::sync::atomic::{AtomicU64, Ordering};

const SEED: u64 = 7;
/// 2025-01-01: in the past wherever this runs, so that no payment is ahead of its time.
const START_MS: i64 = 1_735_689_600_000;

/// The events of a simulated history: 30 days of 4,000 accounts, or of a fraction of them.
pub fn events(small: bool) -> Vec<Event> {
    let whole = SimulationConfig::demo(SEED, START_MS);
    let config = if small { SimulationConfig { days: 8, ..whole } } else { whole };
    simulate(&config).map(|simulated| simulated.event).collect()
}

/// Tensors of the last `count` payments, as the engine would make them.
pub fn tensors(events: &[Event], count: usize) -> Vec<Tensor> {
    let payments = |event: &&Event| matches!(event.body, Body::Payment(_));
    let unobserved = events.iter().filter(payments).count().saturating_sub(count);
    let (mut state, mut tensors, mut seen) = (State::new(LIMITS), Vec::with_capacity(count), 0);
    for (position, event) in (0..).zip(events) {
        if !payments(&event) || seen < unobserved {
            state.apply(position, event);
        } else {
            let mut tensor = Tensor::default();
            state.observe(position, event, &mut tensor);
            tensors.push(tensor);
        }
        seen += usize::from(payments(&event));
    }
    tensors
}

/// Request bodies without end: the simulated payments over and over, each time under a new transaction id.
pub struct Requests {
    /// What follows the transaction id in each body.
    rests: Vec<String>,
    next: AtomicU64,
}

impl Requests {
    /// Of the payments among these events.
    pub fn new(events: &[Event]) -> Requests {
        let rest = |event: &Event| {
            let mut request = ScoreRequest::from_event(event)?;
            request.transaction_id.clear();
            let json = serde_json::to_string(&request).expect("a request is plain text and numbers");
            Some(json.strip_prefix(HEAD).expect("the transaction id is the first field").to_owned())
        };
        Requests { rests: events.iter().filter_map(rest).collect(), next: AtomicU64::new(0) }
    }

    /// The next body.
    pub fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let rest = &self.rests[(number % self.rests.len() as u64) as usize];
        format!("{{\"transaction_id\":\"bench-{number}{rest}")
    }
}

/// A body up to where the transaction id stands.
const HEAD: &str = "{\"transaction_id\":\"";

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_scoring::wire::{InputRules, read_score_request};
    use std::collections::HashSet;

    #[test]
    fn requests_are_what_the_service_takes_and_never_repeat_an_id() {
        let events = events(true);
        let requests = Requests::new(&events);
        let rules = InputRules { max_event_age_ms: i64::MAX, card_number_check: true, card_number_exempt: Vec::new() };
        let mut ids = HashSet::new();
        for _ in 0..requests.rests.len() + 100 {
            let received = read_score_request(requests.next().as_bytes(), START_MS + 400 * 86_400_000, &rules).unwrap();
            assert!(ids.insert(received.payment.transaction_id));
        }
    }

    #[test]
    fn tensors_are_those_of_the_last_payments() {
        let events = events(true);
        let few = tensors(&events, 20);
        assert_eq!(few.len(), 20);
        assert!(few.iter().all(|tensor| fraudnet_models::check_tensor(tensor).is_ok()));
        assert!(tensors(&events, 30).ends_with(&few));
    }
}
