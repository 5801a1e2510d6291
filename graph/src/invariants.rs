//! What must always hold, checked in full. For tests: it reads the whole state.

use std::collections::{HashMap, HashSet};

use crate::Graph;
use crate::entity::{SLOT_RELATION, SLOTS, slot};
use crate::rings::RING;
use crate::{Kind, Relation};

impl Graph {
    /// Checks that nothing dangles: every edge joins two entities alive, degrees, rings and indexes say the same as the edges do, and
    /// everything is in order of activity. Says what is wrong if something is.
    #[doc(hidden)]
    pub fn check_invariants(&self) -> Result<(), String> {
        let alive = self.check_entities()?;
        let mut neighbours: HashMap<(u32, usize), Vec<(u32, u32)>> = HashMap::new();
        let (mut last_s, mut edges) = (0, 0);
        for number in self.edges.oldest_first() {
            let (edge, facts) = (self.edges.ends(number), self.edges.facts(number));
            check(alive.contains(&edge.a) && alive.contains(&edge.b), || {
                format!("edge {number} has an end that left")
            })?;
            check(facts.last_s >= last_s, || format!("edge {number} is out of order"))?;
            check(facts.reported <= facts.count, || format!("edge {number} has more reports than payments"))?;
            check(facts.first_s <= facts.last_s && facts.last_s <= self.now_s, || format!("times of edge {number}"))?;
            check(self.edges.find(edge.b, edge.a) == Some(number), || format!("edge {number} is not in the index"))?;
            (last_s, edges) = (facts.last_s, edges + 1);
            let (a, b) = (self.entities.get(edge.a), self.entities.get(edge.b));
            let relation = Relation::between(a.kind, b.kind)
                .ok_or_else(|| format!("edge {number} joins kinds without relation"))?;
            check(facts.last_s <= a.last_s.min(b.last_s), || format!("edge {number} was active after its end"))?;
            for (this, kind, that) in [(edge.a, a.kind, edge.b), (edge.b, b.kind, edge.a)] {
                neighbours.entry((this, slot(kind, relation))).or_default().push((that, number));
            }
        }
        let free = self.edges.free_numbers().count();
        check(edges == self.edges.live() as usize && edges == self.edges.indexed(), || {
            format!("{edges} edges in order")
        })?;
        check(edges + free == self.edges.numbers() as usize, || "an edge number is neither alive nor free".into())?;
        check(self.edges.live() <= self.limits.max_edges, || "too many edges".into())?;
        for &number in &alive {
            let record = self.entities.get(number);
            for slot in 0..SLOTS {
                let expected = neighbours.remove(&(number, slot)).unwrap_or_default();
                let degree = expected.len() as u32;
                check(degree == record.degree[slot], || format!("degree of entity {number} slot {slot}"))?;
                let newest = expected.iter().rev().take(RING as usize).copied();
                let ring =
                    self.rings.entries(record.ring[slot], degree).iter().map(|entry| (entry.neighbour, entry.edge));
                check(newest.eq(ring), || format!("ring of entity {number} slot {slot}"))?;
            }
        }
        self.check_transactions()
    }

    fn check_entities(&self) -> Result<HashSet<u32>, String> {
        let (mut alive, mut last_s) = (HashSet::new(), 0);
        for number in self.entities.oldest_first() {
            let record = self.entities.get(number);
            check(record.alive && alive.insert(number), || {
                format!("entity {number} is in the order twice or after it left")
            })?;
            check(record.last_s >= last_s && record.first_s <= record.last_s, || {
                format!("entity {number} is out of order")
            })?;
            check(record.reported <= record.payments, || format!("entity {number} has more reports than payments"))?;
            last_s = record.last_s;
            let found =
                self.entities.find_name(self.entities.tenant(number), record.kind, self.entities.identifier(number));
            check(found == Some(number), || format!("entity {number} is not found by its name"))?;
            for slot in SLOT_RELATION[record.kind as usize]
                .iter()
                .enumerate()
                .filter(|(_, row)| row.is_none())
                .map(|(slot, _)| slot)
            {
                check(record.degree[slot] == 0, || {
                    format!("entity {number} has neighbours in a slot that its kind does not use")
                })?;
            }
        }
        let free = self.entities.free_numbers().count();
        let live = self.entities.live() as usize;
        check(alive.len() == live && live == self.entities.indexed(), || format!("{} entities in order", alive.len()))?;
        check(live + free == self.entities.numbers() as usize, || "an entity number is neither alive nor free".into())?;
        check(self.entities.live() <= self.limits.max_entities, || "too many entities".into())?;
        check(last_s <= self.now_s, || "an entity was active after the clock".into())?;
        Ok(alive)
    }

    fn check_transactions(&self) -> Result<(), String> {
        let mut count = 0;
        let mut last = (0, 0);
        for transaction in self.transactions.oldest_first() {
            count += 1;
            check((transaction.at_s, transaction.position) >= last, || "a transaction is out of order".into())?;
            last = (transaction.at_s, transaction.position);
            check(self.transactions.find(transaction.key).is_some(), || "a transaction is not in the index".into())?;
            let account = transaction.parties[0].ok_or("a transaction has no account")?;
            check(
                !self.entities.is_current(account) || self.entities.get(account.number).kind == Kind::Account,
                || "a transaction's account is none".into(),
            )?;
        }
        check(count == self.transactions.live() as usize && count == self.transactions.indexed(), || {
            format!("{count} transactions")
        })?;
        check(self.transactions.live() <= self.limits.max_transactions, || "too many transactions".into())
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
