//! Simulated payments as messages of the stream.

use fraudnet_graph::{Body, Event};
use fraudnet_scoring::wire::encode_event;

/// What transaction ids begin with.
const HEAD: &str = "stream-";

/// Messages without end: the simulated payments over and over, each time under a new transaction id.
pub struct Messages {
    events: Vec<Event>,
    next: u64,
}

impl Messages {
    /// Of the payments among these events.
    pub fn new(events: &[Event]) -> Messages {
        let payment = |event: &&Event| matches!(event.body, Body::Payment(_));
        Messages { events: events.iter().filter(payment).cloned().collect(), next: 0 }
    }

    /// Number of the next payment.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Key and value of the next message; by that account instead of its own, where one is given.
    pub fn next_of(&mut self, account: Option<&str>) -> (String, Vec<u8>) {
        let number = self.next;
        self.next += 1;
        let place = (number % self.events.len() as u64) as usize;
        let mut event = self.events[place].clone();
        event.event_id = format!("stream-event-{number}");
        let Body::Payment(payment) = &mut event.body else { unreachable!("only payments were taken") };
        payment.transaction_id = format!("{HEAD}{number}");
        if let Some(account) = account {
            payment.account = account.to_owned();
        }
        (format!("{}/{}", event.tenant, payment.account), encode_event(&event))
    }

    /// The number of a payment, by its transaction id; none where it is not one of these.
    pub fn number(transaction_id: &str) -> Option<u64> {
        transaction_id.strip_prefix(HEAD)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated;
    use fraudnet_scoring::wire::decode_event;

    #[test]
    fn messages_are_events_with_numbers_of_their_own() {
        let mut messages = Messages::new(&simulated::events(true));
        for number in 0..50 {
            assert_eq!(messages.next_number(), number);
            let probe = (number % 2 == 1).then_some("probe");
            let (key, message) = messages.next_of(probe);
            let event = decode_event(&message).unwrap();
            let Body::Payment(payment) = &event.body else { panic!("a payment was asked for") };
            assert_eq!(Messages::number(&payment.transaction_id), Some(number));
            assert_eq!(key, format!("{}/{}", event.tenant, payment.account));
            assert_eq!(payment.account == "probe", probe.is_some());
        }
        assert_eq!(Messages::number("bench-7"), None);
    }
}
