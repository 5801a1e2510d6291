//! Messages that no service may take, one of every kind.

use crate::Numbers;
use fraudnet_graph::{Body, Event, Label, LabelSource};
use fraudnet_scoring::wire::encode_event;
use serde_json::{Value, json};

/// How many kinds there are.
pub const KINDS: usize = 10;

/// A message that must become a dead letter: topic without prefix, and value.
pub type Poison = (&'static str, Vec<u8>);

/// Poison of that kind, made from a good payment.
///
/// # Panics
/// Where the event is no payment.
pub fn poison(kind: usize, good: &Event, numbers: &mut Numbers) -> Poison {
    let Body::Payment(payment) = &good.body else { panic!("poison is made from a payment") };
    let fresh = format!("poison-{:016x}", numbers.bits());
    let mut bad = good.clone();
    bad.event_id = fresh.clone();
    bad.body = Body::Payment(fraudnet_graph::Payment { transaction_id: fresh.clone(), ..payment.clone() });
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&encode_event(&bad)).expect("an event's form is JSON");
        change(&mut value);
        value.to_string().into_bytes()
    };
    let value = match kind % KINDS {
        0 => b"this is not JSON".to_vec(),
        1 => Vec::new(),
        2 => changed(&|value| value["body"]["unknown_field"] = json!(1)),
        3 => changed(&|value| value["schema_version"] = json!(2)),
        4 => changed(&|value| value["body"]["amount_minor"] = json!(-5)),
        5 => {
            let body = Body::Label(Label { transaction_id: fresh, fraud: true, source: LabelSource::Analyst });
            encode_event(&Event { body, ..bad })
        }
        6 => return ("labels", encode_event(&bad)),
        // JSON that would be good but for its size.
        7 => changed(&|value| value["actor"] = json!("x".repeat(70 << 10))),
        8 => (0..2 << 20).map(|_| numbers.bits() as u8).collect(),
        // Half of a good one, as a producer that died would leave it.
        _ => {
            let mut whole = encode_event(&bad);
            whole.truncate(whole.len() / 2);
            whole
        }
    };
    ("transactions", value)
}

/// The payment again under the same id with another amount: the first one counts.
///
/// # Panics
/// Where the event is no payment.
pub fn conflict(good: &Event) -> Poison {
    let Body::Payment(payment) = &good.body else { panic!("only a payment can be contradicted") };
    let body = Body::Payment(fraudnet_graph::Payment { amount_minor: payment.amount_minor + 1, ..payment.clone() });
    ("transactions", encode_event(&Event { body, event_id: format!("{}-again", good.event_id), ..good.clone() }))
}
