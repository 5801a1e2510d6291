//! What the fold is fed.

use super::state::Rings;
use fraudnet_graph::{Applied, Body, Event, Graph, Payment};

/// A payment that was not there before.
#[derive(Debug, Clone, Copy)]
pub struct RingPayment<'a> {
    /// Whose it is.
    pub tenant: &'a str,
    /// When it takes effect, seconds since the epoch.
    pub at_s: u32,
    /// When the account was first seen, seconds since the epoch.
    pub known_since_s: u32,
    /// The payment.
    pub payment: &'a Payment,
}

/// What a verdict says of a payment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RingVerdict<'a> {
    /// Whose payment it is.
    pub tenant: &'a str,
    /// The payment.
    pub transaction_id: &'a str,
    /// Calibrated probability of fraud; anything but 0–1 counts as the nearest bound, not a number as 0.
    pub fraud_probability: f64,
    /// Whether the decision was `review` or `decline`.
    pub is_held: bool,
}

impl Rings {
    /// Takes in what applying the event at `position` did to the graph: whether a payment is new, whether a label stands, and
    /// what time it is are the graph's to say.
    pub fn observe(&mut self, graph: &Graph, position: u64, event: &Event, applied: &Applied) {
        match (&event.body, applied) {
            (Body::Payment(payment), Applied::Payment { parties, now_s }) => {
                let known_since_s = parties.account.map_or(*now_s, |account| graph.entity(account.number).first_s);
                let told = RingPayment { tenant: &event.tenant, at_s: *now_s, known_since_s, payment };
                self.payment(position, told);
            }
            (Body::Label(label), Applied::Label { now_s, .. }) => {
                self.label(position, &event.tenant, &label.transaction_id, label.fraud, *now_s);
            }
            _ => {}
        }
    }
}
