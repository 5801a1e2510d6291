//! The fold of the event log: the graph and what this crate knows of its entities.

use crate::Tensor;
use crate::assembly::assemble;
use crate::entity_facts::EntityFactsBook;
use crate::payment_cut::hour_of;
use fraudnet_graph::{Applied, Body, Event, Graph, Limits, Subgraph};

/// Graph and windows: the whole state of the core, a fold of the event log.
///
/// Time is the graph's clock: a late event counts from when it was applied, so that no window ever changes behind the
/// cut of a payment already scored. At its cut a payment is seen at the clock that it leaves behind itself: after a quiet
/// night nothing still counts as active within the hour. Only columns that describe the payment itself (hour, weekday) read its own time.
/// Outcomes are not read at all: a refusal may be our own doing.
pub struct State {
    graph: Graph,
    book: EntityFactsBook,
    subgraph: Subgraph,
}

/// What observing an event gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// What applying it did. A tensor was assembled exactly where this is `Applied::Payment`.
    pub applied: Applied,
    /// Digest of the subgraph sampled for it (zero where none was).
    pub subgraph_digest: [u8; 16],
}

impl State {
    /// An empty state.
    pub fn new(limits: Limits) -> Self {
        State { graph: Graph::new(limits), book: EntityFactsBook::default(), subgraph: Subgraph::default() }
    }

    /// The one path: samples the payment's subgraph, assembles its tensor into `tensor`, then applies the event.
    /// Events other than new payments are only applied.
    pub fn observe(&mut self, position: u64, event: &Event, tensor: &mut Tensor) -> Observed {
        if let Body::Payment(payment) = &event.body
            && !self.graph.knows_transaction(&event.tenant, &payment.transaction_id)
        {
            self.graph.sample(event, &mut self.subgraph);
            let now_s = clock_with(self.graph.now_s(), event);
            assemble(&self.graph, &self.book, &self.subgraph, now_s, event, payment, tensor);
            let subgraph_digest = self.subgraph.digest();
            let applied = self.apply(position, event);
            debug_assert!(
                matches!(applied, Applied::Payment { now_s: applied_s, .. } if applied_s == now_s),
                "the cut's clock is not the graph's"
            );
            return Observed { applied, subgraph_digest };
        }
        Observed { applied: self.apply(position, event), subgraph_digest: [0; 16] }
    }

    /// Applies without sampling: replay of what already has a verdict.
    pub fn apply(&mut self, position: u64, event: &Event) -> Applied {
        // The graph looks the parties and their edges up anyway; our own records arrive while it does its part.
        let book = &self.book;
        let (applied, acquaintance) = self.graph.apply_telling(position, event, |parties| book.prefetch(parties));
        match (&applied, &event.body) {
            (Applied::Payment { parties, now_s }, Body::Payment(payment)) => {
                self.book.pay(payment, hour_of(event.occurred_at_ms), parties, &acquaintance, *now_s);
            }
            (Applied::Label { parties, delta, reported_at_s, now_s, .. }, _) => {
                self.book.label(parties, *delta, *reported_at_s, *now_s)
            }
            _ => {}
        }
        applied
    }

    /// The subgraph the last `observe` of a payment sampled.
    pub fn subgraph(&self) -> &Subgraph {
        &self.subgraph
    }

    /// The graph, to read.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The records of entities, to read.
    pub(crate) fn book(&self) -> &EntityFactsBook {
        &self.book
    }

    /// The state of a graph and the records of its entities.
    pub(crate) fn from_parts(graph: Graph, book: EntityFactsBook) -> Self {
        State { graph, book, subgraph: Subgraph::default() }
    }

    /// Digest over graph and windows.
    pub fn state_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.graph.state_hash());
        self.book.hash(&mut hasher);
        *hasher.finalize().as_bytes()
    }
}

/// The clock that a payment leaves behind, by the graph's rule: it never goes back, and an event moves it at most to 300 s
/// past its ingestion. Observing asserts that the two agree.
fn clock_with(clock_s: u32, event: &Event) -> u32 {
    let bounded_ms = event.occurred_at_ms.min(event.ingested_at_ms.saturating_add(300_000));
    clock_s.max(bounded_ms.div_euclid(1_000).clamp(0, i64::from(u32::MAX)) as u32)
}
