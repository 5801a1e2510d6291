//! What verdicts were read off: the neighbourhoods of payments that were not simply approved, sampled at their own cut, for explanations.
//!
//! A verdict stands some entries behind its payment. Where both are read together (nearly always in a catch-up) only the neighbourhoods that
//! are kept are sampled; at the end of what is durable they wait for their verdicts.
//!
//! Cost: 5 to 50 µs and some 20 kB for each that is sampled, on the follower's thread.

use crate::explain::identifiers;
use crate::log::{Entry, Record};
use crate::service::Neighbourhood;
use crate::verdict::Decision;
use fraudnet_graph::{Body, Event, Graph, Subgraph};
use metrics::gauge;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Neighbourhoods that wait for their verdicts at most.
const WAITING: usize = 4_096;

/// The verdicts among some entries, by the positions of their payments.
pub(super) struct Held(HashMap<u64, Decided>);

/// What a verdict says, as far as it matters here.
#[derive(Deserialize)]
pub(super) struct Decided {
    pub(super) transaction_id: String,
    pub(super) decision: Decision,
    pub(super) fraud_probability: f64,
}

impl Held {
    /// Reads the verdicts among those entries.
    pub(super) fn among(entries: &[Entry]) -> Result<Held, String> {
        let mut held = HashMap::new();
        for entry in entries {
            if let Record::Verdict { payment, body } = entry.record().map_err(|error| error.to_string())? {
                let decided = serde_json::from_slice(body)
                    .map_err(|error| format!("the verdict at position {}: {error}", entry.position))?;
                held.insert(payment, decided);
            }
        }
        Ok(Held(held))
    }

    /// What the verdict on the payment at a position says; none where it is not among them.
    pub(super) fn told(&self, payment: u64) -> Option<&Decided> {
        self.0.get(&payment)
    }

    /// Whether that payment was not simply approved.
    fn is_held(&self, payment: u64) -> Option<bool> {
        self.told(payment).map(|told| told.decision != Decision::Approve)
    }
}

/// The neighbourhoods.
pub(super) struct Seen {
    kept: BTreeMap<u64, Arc<Neighbourhood>>,
    waiting: BTreeMap<u64, Arc<Neighbourhood>>,
    most: usize,
}

impl Seen {
    /// None yet; at most so many are kept.
    pub(super) fn new(most: usize) -> Seen {
        Seen { kept: BTreeMap::new(), waiting: BTreeMap::new(), most }
    }

    /// Looks at the neighbourhood of a payment that is about to be applied, if anybody may ask for it.
    pub(super) fn look(&mut self, position: u64, event: &Event, held: &Held, graph: &mut Graph) {
        let Body::Payment(payment) = &event.body else { return };
        let held = held.is_held(position);
        if self.most == 0 || held == Some(false) || graph.knows_transaction(&event.tenant, &payment.transaction_id) {
            return;
        }
        let mut subgraph = Subgraph::default();
        graph.sample(event, &mut subgraph);
        let identifiers = identifiers(&subgraph, payment, |entity| graph.identifier(entity).to_owned());
        let seen = Arc::new(Neighbourhood { subgraph, identifiers, position });
        match held {
            Some(_) => self.keep(position, seen),
            None => {
                self.waiting.insert(position, seen);
                if self.waiting.len() > WAITING {
                    self.waiting.pop_first();
                }
            }
        }
    }

    /// The verdict on the payment at a position is read.
    pub(super) fn decided(&mut self, payment: u64, held: &Held) {
        if let Some(seen) = self.waiting.remove(&payment)
            && held.is_held(payment) == Some(true)
        {
            self.keep(payment, seen);
        }
    }

    /// What the verdict on the payment at a position was read off, if it is kept.
    pub(super) fn of(&self, position: u64) -> Option<Arc<Neighbourhood>> {
        self.kept.get(&position).cloned()
    }

    fn keep(&mut self, position: u64, seen: Arc<Neighbourhood>) {
        self.kept.insert(position, seen);
        while self.kept.len() > self.most {
            self.kept.pop_first();
        }
        gauge!("fraudnet_evidence_kept").set(self.kept.len() as f64);
    }
}
