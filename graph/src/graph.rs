//! The live temporal graph: what it offers, and how an event changes it.
//!
//! **Time.** The clock is the latest `occurred_at` applied, in whole seconds, and never goes back; an event moves it at most to its
//! `ingested_at` + 300 s, so that one far-future stamp cannot drag everybody along. An event takes effect at the clock it leaves
//! behind: a late one counts as of now, and ties are ordered by log position. Payments and labels move the clock; a repeat does not, and
//! neither does an outcome, since a refusal may be our own doing. Times outside 1970–2106 count as the nearest bound.
//!
//! **Leaving.** Least recently active first, always. Caps are exact; what is too old leaves a few at a time with each event.
//!
//! Cost of a payment: up to 5 finds by name, 5 finds of edges, 10 rings moved; about 4 µs in all (4.4 million edges
//! retained, nothing sampled before).

use crate::edges::Edges;
use crate::entities::Entities;
use crate::entity::slot;
use crate::key::{entity_key, transaction_key};
use crate::list::NONE;
use crate::money::hundredths;
use crate::parties::{PAIRS, ROLE_COUNT, ROLES, identifiers};
use crate::rings::{Entry, Rings};
use crate::sampler::{self, Own, Sampler, Stores};
use crate::transactions::{Standing, Transaction, Transactions};
use crate::{
    Body, EdgeFacts, EntityFacts, EntityRef, Event, Kind, Label, PairTimes, Parties, Payment, Relation, Subgraph,
    UNSEEN,
};

/// How far ahead of its ingestion an event may move the clock: what clocks of honest senders differ by.
const CLOCK_AHEAD_MS: i64 = 300_000;
/// How many edges, entities and transactions each may leave for their age with one event; a payment adds at most 5, 5 and 1.
const EXPIRED_PER_EVENT: usize = 8;

/// Bounds of the graph; reaching one evicts the least recently active first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Entities kept at most; 8 at least, so that a payment's own always fit.
    pub max_entities: u32,
    /// Edges kept at most; 8 at least.
    pub max_edges: u32,
    /// Transactions remembered (for labels and for recognising a repeat) at most; 1 at least.
    pub max_transactions: u32,
    /// Entities, edges and transactions inactive for longer leave.
    pub max_age_s: u32,
}

/// What applying an event did; the features crate updates its own facts from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Applied {
    /// A new payment: its entities, all present now.
    Payment {
        /// The payment's entities.
        parties: Parties,
        /// The clock after applying, seconds since the epoch: the payment's effective time.
        now_s: u32,
    },
    /// A standing label changed.
    Label {
        /// The payment's entities; those that have left meanwhile are `None`.
        parties: Parties,
        /// +1: now reported fraud, -1: no longer, 0: nothing counts differently.
        delta: i8,
        /// Effective time from which the report being added counts, or from which the one being taken back had counted.
        reported_at_s: u32,
        /// The payment's amount in hundredths of the currency's major unit.
        amount: u64,
        /// The clock after applying, seconds since the epoch.
        now_s: u32,
    },
    /// The transaction id was seen before: nothing changed.
    Duplicate,
    /// Label for a payment that is not (or no longer) remembered, or weaker than the one that stands; or an event without effect on the
    /// graph.
    Ignored,
}

/// Counts and sizes for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GraphStats {
    /// Entities alive.
    pub entities: u32,
    /// Distinct edges alive.
    pub edges: u32,
    /// Transactions remembered.
    pub transactions: u32,
    /// Entities evicted so far, by age and by cap.
    pub entities_evicted: [u64; 2],
    /// Edges evicted so far, by age and by cap.
    pub edges_evicted: [u64; 2],
    /// Transactions forgotten so far, by age and by cap.
    pub transactions_evicted: [u64; 2],
    /// Bytes held by edges, rings and their index.
    pub edge_bytes: u64,
    /// Bytes held by entities, their identifiers and the interner.
    pub entity_bytes: u64,
    /// Bytes held by transactions and their index.
    pub transaction_bytes: u64,
}

/// Why something left; indexes the counters of [`GraphStats`].
#[derive(Clone, Copy)]
enum Cause {
    Age = 0,
    Cap = 1,
}

/// A payment's own entities by role.
type OwnByRole = [Option<Own>; ROLE_COUNT];

/// The live temporal graph.
pub struct Graph {
    pub(crate) limits: Limits,
    pub(crate) now_s: u32,
    pub(crate) entities: Entities,
    pub(crate) edges: Edges,
    pub(crate) rings: Rings,
    pub(crate) transactions: Transactions,
    sampler: Sampler,
    entities_evicted: [u64; 2],
    edges_evicted: [u64; 2],
    transactions_evicted: [u64; 2],
}

impl Graph {
    /// An empty graph. Limits outside the range their fields name count as the nearest bound.
    pub fn new(limits: Limits) -> Self {
        // The largest numbers are taken: they stand for "unseen", "none" and "the payment's own".
        let limits = Limits {
            max_entities: limits.max_entities.clamp(8, u32::MAX - 1),
            max_edges: limits.max_edges.clamp(8, sampler::OWN_EDGES - 1),
            max_transactions: limits.max_transactions.clamp(1, u32::MAX - 1),
            max_age_s: limits.max_age_s,
        };
        Graph {
            limits,
            now_s: 0,
            entities: Entities::new(),
            edges: Edges::new(),
            rings: Rings::new(),
            transactions: Transactions::new(),
            sampler: Sampler::new(),
            entities_evicted: [0; 2],
            edges_evicted: [0; 2],
            transactions_evicted: [0; 2],
        }
    }

    /// Clock: seconds since the epoch of the latest event applied; never goes back.
    pub fn now_s(&self) -> u32 {
        self.now_s
    }

    /// Entities of a payment that are in the graph now.
    pub fn parties(&self, tenant: &str, payment: &Payment) -> Parties {
        self.to_parties(&self.own(tenant, payment))
    }

    /// Whether this transaction id was applied before.
    pub fn knows_transaction(&self, tenant: &str, transaction_id: &str) -> bool {
        self.transactions.find(transaction_key(tenant, transaction_id)).is_some()
    }

    /// Log position of a payment that is remembered.
    pub fn payment_position(&self, tenant: &str, transaction_id: &str) -> Option<u64> {
        let number = self.transactions.find(transaction_key(tenant, transaction_id))?;
        Some(self.transactions.get(number).position)
    }

    /// Samples the neighbourhood of a payment that is not yet applied, into `out`; for any other event `out` is left empty.
    pub fn sample(&mut self, event: &Event, out: &mut Subgraph) {
        let Body::Payment(payment) = &event.body else { return sampler::clear(out, self.now_s) };
        let own = self.own(&event.tenant, payment);
        let stores = Stores { entities: &self.entities, edges: &self.edges, rings: &self.rings };
        self.sampler.sample(stores, &own, true, self.now_s, out);
    }

    /// Samples around any entity, for the console: by the same rule, but without a payment and its own links. A stale reference leaves
    /// `out` empty.
    pub fn sample_around(&mut self, centre: EntityRef, out: &mut Subgraph) {
        let mut own = [None; ROLE_COUNT];
        if self.entities.is_current(centre) {
            let record = self.entities.get(centre.number);
            own[0] = Some(Own { key: self.entities.key(centre.number), kind: record.kind, entity: centre.number });
        }
        let stores = Stores { entities: &self.entities, edges: &self.edges, rings: &self.rings };
        self.sampler.sample(stores, &own, false, self.now_s, out);
    }

    /// Applies an event that stands at `position` of the log; positions must rise from call to call.
    pub fn apply(&mut self, position: u64, event: &Event) -> Applied {
        self.apply_any(position, event, |_, _| {}).0
    }

    /// Applies like [`Graph::apply`] and hands on what had to be looked up for it: `tell` receives the payment's entities that were there
    /// before, ahead of the work, and what comes back with [`Applied`] is when its pairs of entities were last active together before it.
    pub fn apply_telling(&mut self, position: u64, event: &Event, tell: impl FnOnce(&Parties)) -> (Applied, PairTimes) {
        self.apply_any(position, event, |graph, own| tell(&graph.to_parties(own)))
    }

    /// `tell` receives the payment's own entities as looked up, so that who does not ask for them does not pay for [`Parties`].
    fn apply_any(
        &mut self,
        position: u64,
        event: &Event,
        tell: impl FnOnce(&Self, &OwnByRole),
    ) -> (Applied, PairTimes) {
        match &event.body {
            Body::Payment(payment) => self.apply_payment(position, event, payment, tell),
            Body::Label(label) => (self.apply_label(event, label), PairTimes::default()),
            Body::Outcome(_) => (Applied::Ignored, PairTimes::default()),
        }
    }

    /// Facts of an entity. The number must have come from this graph; once the entity left they are those of whoever has it now.
    #[inline]
    pub fn entity(&self, number: u32) -> EntityFacts {
        self.entities.facts(number)
    }

    /// Facts of the edge between two entities.
    pub fn edge(&self, a: u32, b: u32) -> Option<EdgeFacts> {
        self.edges.find(a, b).map(|edge| *self.edges.facts(edge))
    }

    /// The entity with that identifier.
    pub fn find(&self, tenant: &str, kind: Kind, id: &str) -> Option<EntityRef> {
        self.entities.find_name(tenant, kind, id).map(|number| self.entities.reference(number))
    }

    /// Identifier of an entity; empty once it left. The number must have come from this graph.
    pub fn identifier(&self, number: u32) -> &str {
        self.entities.identifier(number)
    }

    /// Entity numbers ever given out: every number is below.
    pub fn entity_numbers(&self) -> u32 {
        self.entities.numbers()
    }

    /// Counts and sizes for metrics.
    pub fn stats(&self) -> GraphStats {
        GraphStats {
            entities: self.entities.live(),
            edges: self.edges.live(),
            transactions: self.transactions.live(),
            entities_evicted: self.entities_evicted,
            edges_evicted: self.edges_evicted,
            transactions_evicted: self.transactions_evicted,
            edge_bytes: self.edges.bytes() + self.rings.bytes(),
            entity_bytes: self.entities.bytes(),
            transaction_bytes: self.transactions.bytes(),
        }
    }

    /// Entities, edges and transactions that left, each by [`Cause`].
    pub(crate) fn evicted(&self) -> [[u64; 2]; 3] {
        [self.entities_evicted, self.edges_evicted, self.transactions_evicted]
    }

    /// Sets what [`Graph::evicted`] says.
    pub(crate) fn set_evicted(&mut self, [entities, edges, transactions]: [[u64; 2]; 3]) {
        (self.entities_evicted, self.edges_evicted, self.transactions_evicted) = (entities, edges, transactions);
    }

    fn apply_payment(
        &mut self,
        position: u64,
        event: &Event,
        payment: &Payment,
        tell: impl FnOnce(&Self, &OwnByRole),
    ) -> (Applied, PairTimes) {
        let key = transaction_key(&event.tenant, &payment.transaction_id);
        self.transactions.prefetch(key);
        let mut own = self.own(&event.tenant, payment);
        if self.transactions.find(key).is_some() {
            return (Applied::Duplicate, PairTimes::default());
        }
        tell(self, &own);
        self.advance(event);
        let now_s = self.now_s;
        let amount = hundredths(payment.amount_minor, payment.currency);
        let own_edges = sampler::find_own_edges(&self.edges, &own);
        self.prefetch_touched(&own, &own_edges);
        let times = PairTimes::from_pairs(own_edges.map(|edge| (edge != NONE).then(|| self.edges.facts(edge).last_s)));

        // First everything that is there already becomes recent, so that making room below cannot evict a part of this very payment.
        for party in own.iter().flatten().filter(|party| party.entity != UNSEEN) {
            self.entities.touch(party.entity, now_s);
        }
        for ((a, b), &edge) in PAIRS.into_iter().zip(&own_edges) {
            if let (Some(a), Some(b), true) = (own[a], own[b], edge != NONE) {
                self.touch_edge(edge, a, b, amount);
            }
        }
        for (party, name) in own.iter_mut().zip(identifiers(payment)) {
            let (Some(party), Some(name)) = (party, name) else { continue };
            if party.entity == UNSEEN {
                while self.entities.live() >= self.limits.max_entities {
                    self.evict_oldest_entity(Cause::Cap);
                }
                party.entity = self.entities.insert(party.key, &event.tenant, party.kind, name, now_s);
            }
        }
        // The places of edges whose entities are new could not be asked for before.
        for ((a, b), &edge) in PAIRS.into_iter().zip(&own_edges) {
            if let (Some(a), Some(b), true) = (own[a], own[b], edge == NONE) {
                self.edges.prefetch_place(a.entity, b.entity);
            }
        }
        for ((a, b), &edge) in PAIRS.into_iter().zip(&own_edges) {
            let (Some(a), Some(b)) = (own[a], own[b]) else { continue };
            if edge == NONE {
                while self.edges.live() >= self.limits.max_edges {
                    self.evict_oldest_edge(Cause::Cap);
                }
                self.insert_edge(
                    a,
                    b,
                    EdgeFacts { first_s: now_s, last_s: now_s, count: 1, reported: 0, amount, source: position },
                );
            }
        }

        while self.transactions.live() >= self.limits.max_transactions {
            self.transactions.forget_oldest();
            self.transactions_evicted[Cause::Cap as usize] += 1;
        }
        let parties = own.map(|party| party.map(|party| self.entities.reference(party.entity)));
        self.transactions.insert(Transaction::new(key, position, amount, parties, now_s));
        self.expire();
        (Applied::Payment { parties: Parties::from_roles(parties), now_s }, times)
    }

    /// A label replaces the standing one unless that one's source is stronger. Only entities and edges that the payment itself counted in
    /// are changed: the entity must have the generation it had then, and the edge must not have been made after the payment (one evicted
    /// and made anew has a later `source`). So what is taken back is exactly what was added, and no count goes below zero.
    fn apply_label(&mut self, event: &Event, label: &Label) -> Applied {
        self.advance(event);
        self.expire();
        let Some(number) = self.transactions.find(transaction_key(&event.tenant, &label.transaction_id)) else {
            return Applied::Ignored;
        };
        let transaction = *self.transactions.get(number);
        if transaction.label.is_some_and(|standing| standing.source > label.source) {
            return Applied::Ignored;
        }
        let now_s = self.now_s;
        let was_fraud = transaction.label.is_some_and(|standing| standing.fraud);
        let delta = i8::from(label.fraud) - i8::from(was_fraud);
        let stood_since_s = transaction.label.map_or(now_s, |standing| standing.since_s);
        let unchanged = transaction.label.is_some_and(|standing| standing.fraud == label.fraud);
        let since_s = if unchanged { stood_since_s } else { now_s };
        self.transactions.set_label(number, Standing { source: label.source, fraud: label.fraud, since_s });

        let parties = transaction.parties.map(|party| party.filter(|&party| self.entities.is_current(party)));
        if delta != 0 {
            for party in parties.iter().flatten() {
                count_report(&mut self.entities.get_mut(party.number).reported, delta);
            }
            for (a, b) in PAIRS {
                let (Some(a), Some(b)) = (parties[a], parties[b]) else { continue };
                let Some(edge) = self.edges.find(a.number, b.number) else { continue };
                let facts = self.edges.facts_mut(edge);
                if facts.source <= transaction.position {
                    count_report(&mut facts.reported, delta);
                }
            }
        }
        let reported_at_s = if delta < 0 { stood_since_s } else { since_s };
        Applied::Label {
            parties: Parties::from_roles(parties),
            delta,
            reported_at_s,
            amount: transaction.amount,
            now_s,
        }
    }

    /// Moves the clock.
    fn advance(&mut self, event: &Event) {
        let bounded_ms = event.occurred_at_ms.min(event.ingested_at_ms.saturating_add(CLOCK_AHEAD_MS));
        let seconds = bounded_ms.div_euclid(1000).clamp(0, i64::from(u32::MAX)) as u32;
        self.now_s = self.now_s.max(seconds);
    }

    /// The payment's own entities by role, each found or [`UNSEEN`]. In three waves, so that the lookups wait for memory together and not
    /// one after the other.
    fn own(&self, tenant: &str, payment: &Payment) -> [Option<Own>; ROLE_COUNT] {
        let names = identifiers(payment);
        let mut own = [None; ROLE_COUNT];
        for (role, name) in names.into_iter().enumerate() {
            let Some(name) = name else { continue };
            let key = entity_key(tenant, ROLES[role], name);
            self.entities.prefetch_place(key);
            own[role] = Some(Own { key, kind: ROLES[role], entity: UNSEEN });
        }
        for party in own.iter().flatten() {
            self.entities.prefetch_likely(party.key);
        }
        for (party, name) in own.iter_mut().zip(names) {
            let (Some(party), Some(name)) = (party, name) else { continue };
            party.entity = self.entities.find(party.key, tenant, party.kind, name).unwrap_or(UNSEEN);
        }
        own
    }

    fn to_parties(&self, own: &[Option<Own>; ROLE_COUNT]) -> Parties {
        let seen = own.map(|party| party.filter(|party| party.entity != UNSEEN));
        Parties::from_roles(seen.map(|party| party.map(|party| self.entities.reference(party.entity))))
    }

    /// Asks for the rings and the places in the orders of activity that a payment is about to change.
    fn prefetch_touched(&self, own: &[Option<Own>; ROLE_COUNT], own_edges: &[u32; PAIRS.len()]) {
        for party in own.iter().flatten().filter(|party| party.entity != UNSEEN) {
            self.entities.prefetch_order(party.entity);
        }
        for ((a, b), &edge) in PAIRS.into_iter().zip(own_edges) {
            let (Some(a), Some(b)) = (own[a], own[b]) else { continue };
            if edge != NONE {
                self.edges.prefetch_order(edge);
            }
            for this in [a, b].into_iter().filter(|this| this.entity != UNSEEN) {
                let (record, slot) =
                    (self.entities.get(this.entity), slot(this.kind, relation_between(a.kind, b.kind)));
                self.rings.prefetch(record.ring[slot]);
            }
        }
    }

    /// One more payment over the edge between two entities.
    fn touch_edge(&mut self, edge: u32, a: Own, b: Own, amount: u64) {
        self.edges.touch(edge, self.now_s, amount);
        let relation = relation_between(a.kind, b.kind);
        for (this, that) in [(a, b), (b, a)] {
            let slot = slot(this.kind, relation);
            let record = self.entities.get(this.entity);
            self.rings.move_to_front(record.ring[slot], record.degree[slot], Entry { neighbour: that.entity, edge });
        }
    }

    fn insert_edge(&mut self, a: Own, b: Own, facts: EdgeFacts) {
        let edge = self.edges.insert(a.entity, b.entity, facts);
        let relation = relation_between(a.kind, b.kind);
        for (this, that) in [(a, b), (b, a)] {
            let slot = slot(this.kind, relation);
            let record = self.entities.get_mut(this.entity);
            record.ring[slot] =
                self.rings.insert(record.ring[slot], record.degree[slot], Entry { neighbour: that.entity, edge });
            record.degree[slot] += 1;
        }
    }

    fn evict_oldest_edge(&mut self, cause: Cause) {
        let edge = self.edges.oldest().expect("callers saw an edge");
        let (a, b) = (self.edges.ends(edge).a, self.edges.ends(edge).b);
        let relation = relation_between(self.entities.get(a).kind, self.entities.get(b).kind);
        for end in [a, b] {
            let record = self.entities.get_mut(end);
            let slot = slot(record.kind, relation);
            record.ring[slot] = self.rings.remove_oldest(record.ring[slot], record.degree[slot], edge);
            record.degree[slot] -= 1;
        }
        self.edges.remove(edge);
        self.edges_evicted[cause as usize] += 1;
    }

    /// Evicts the entity that was active least recently, after its edges. Those are found by evicting edges, least recently active first,
    /// until it has none: none of them was active after it was, and the edges that go with them were idle for longer than it.
    fn evict_oldest_entity(&mut self, cause: Cause) {
        let number = self.entities.oldest().expect("callers saw an entity");
        while self.entities.get(number).degree.iter().any(|&degree| degree > 0) {
            self.evict_oldest_edge(cause);
        }
        self.entities.remove(number);
        self.entities_evicted[cause as usize] += 1;
    }

    /// Lets a few of what was idle for too long leave. An entity waits for its edges, which are older and go first.
    fn expire(&mut self) {
        let cutoff_s = self.now_s.saturating_sub(self.limits.max_age_s);
        for _ in 0..EXPIRED_PER_EVENT {
            match self.edges.oldest() {
                Some(edge) if self.edges.facts(edge).last_s < cutoff_s => self.evict_oldest_edge(Cause::Age),
                _ => break,
            }
        }
        for _ in 0..EXPIRED_PER_EVENT {
            match self.entities.oldest().map(|number| self.entities.get(number)) {
                Some(record) if record.last_s < cutoff_s && record.degree.iter().all(|&degree| degree == 0) => {
                    self.evict_oldest_entity(Cause::Age);
                }
                _ => break,
            }
        }
        for _ in 0..EXPIRED_PER_EVENT {
            match self.transactions.oldest() {
                Some(transaction) if transaction.at_s < cutoff_s => self.transactions.forget_oldest(),
                _ => break,
            }
            self.transactions_evicted[Cause::Age as usize] += 1;
        }
    }
}

fn relation_between(a: Kind, b: Kind) -> Relation {
    Relation::between(a, b).expect("edges are made between kinds that have a relation")
}

fn count_report(reported: &mut u32, delta: i8) {
    *reported = reported
        .checked_add_signed(i32::from(delta))
        .expect("what is taken back was added, and payments are fewer than 2^32");
}

const _: () = assert!(UNSEEN == NONE);
