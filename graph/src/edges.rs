//! The edges: one record for each pair of entities that a payment linked, with its running facts, and the order of last activity.
//!
//! Cost: 48 bytes a record, 11–21 bytes of index; with the rings of both ends about 80 bytes in all. The 32 bytes of facts are an array of
//! their own: they are all that a sample reads of its 180 edges, and never lie across two cache lines.

use crate::EdgeFacts;
use crate::key::pair_hash;
use crate::list::{Linked, Links, List, NONE, chain};
use crate::pages::Pages;
use crate::shards::Shards;

/// What an edge joins, and its place in the order of activity. While the number is free, `links.newer` chains it to the next free one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub a: u32,
    pub b: u32,
    links: Links,
}

const _: () = assert!(size_of::<EdgeFacts>() == 32 && size_of::<Ends>() == 16);

impl Linked for Ends {
    fn links(&self) -> Links {
        self.links
    }
    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// All edges.
pub(crate) struct Edges {
    facts: Pages<EdgeFacts>,
    ends: Pages<Ends>,
    index: Shards,
    lru: List,
    free: u32,
    live: u32,
}

impl Edges {
    pub fn new() -> Self {
        Edges { facts: Pages::new(), ends: Pages::new(), index: Shards::new(), lru: List::new(), free: NONE, live: 0 }
    }

    /// How many are alive.
    pub fn live(&self) -> u32 {
        self.live
    }

    /// The edge between two entities.
    #[inline(always)]
    pub fn find(&self, a: u32, b: u32) -> Option<u32> {
        self.index.find(pair_hash(a, b), |number| {
            let ends = &self.ends[number];
            (ends.a == a && ends.b == b) || (ends.a == b && ends.b == a)
        })
    }

    /// Fetches the place in the index of the edge between two entities: the first wave of finding several.
    #[inline(always)]
    pub fn prefetch_place(&self, a: u32, b: u32) {
        self.index.prefetch(pair_hash(a, b));
    }

    /// Fetches what is most likely the edge between two entities: the second wave.
    #[inline(always)]
    pub fn prefetch_likely(&self, a: u32, b: u32) {
        if let Some(number) = self.index.find(pair_hash(a, b), |_| true) {
            self.ends.prefetch(number);
            self.facts.prefetch(number);
        }
    }

    /// Fetches the neighbours in the order of activity, ahead of a touch.
    #[inline(always)]
    pub fn prefetch_order(&self, number: u32) {
        self.lru.prefetch_around(&self.ends, number);
    }

    /// What an edge joins.
    #[inline(always)]
    pub fn ends(&self, number: u32) -> &Ends {
        &self.ends[number]
    }

    /// Facts of an edge.
    #[inline(always)]
    pub fn facts(&self, number: u32) -> &EdgeFacts {
        &self.facts[number]
    }

    /// Facts of an edge, to change.
    pub fn facts_mut(&mut self, number: u32) -> &mut EdgeFacts {
        &mut self.facts[number]
    }

    /// Fetches what an edge joins, ahead of use.
    #[inline(always)]
    pub fn prefetch_ends(&self, number: u32) {
        self.ends.prefetch(number);
    }

    /// Fetches the facts ahead of use.
    #[inline(always)]
    pub fn prefetch_facts(&self, number: u32) {
        self.facts.prefetch(number);
    }

    /// Adds an edge that is not there, as the most recently active.
    pub fn insert(&mut self, a: u32, b: u32, facts: EdgeFacts) -> u32 {
        let ends = Ends { a, b, links: Links { newer: NONE, older: NONE } };
        let number = if self.free == NONE {
            self.ends.push(ends);
            self.facts.push(facts)
        } else {
            let number = self.free;
            self.free = self.ends[number].links.newer;
            self.ends[number] = ends;
            self.facts[number] = facts;
            number
        };
        self.index.insert(pair_hash(a, b), number);
        self.lru.push(&mut self.ends, number);
        self.live += 1;
        number
    }

    /// Adds the record of the next number as it was saved; [`Edges::link_saved`] follows when all are there.
    pub fn push_saved(&mut self, a: u32, b: u32, facts: EdgeFacts) {
        self.ends.push(Ends { a, b, links: Links { newer: NONE, older: NONE } });
        self.facts.push(facts);
    }

    /// Puts the records that were pushed in their order of activity and in the index, or chains them as free; each number stands in
    /// one of the lists. An edge that is there twice is the error.
    pub fn link_saved(&mut self, oldest_first: &[u32], free: &[u32], alive: &[bool]) -> Result<(), u32> {
        let ends = &self.ends;
        self.index = Shards::of(
            (0..ends.len()).filter(|&number| alive[number as usize]),
            |number| pair_hash(ends[number].a, ends[number].b),
            |one, other| {
                let (one, other) = (&ends[one], &ends[other]);
                (one.a == other.a && one.b == other.b) || (one.a == other.b && one.b == other.a)
            },
        )?;
        self.lru = List::of(&mut self.ends, oldest_first);
        for &number in free.iter().rev() {
            self.ends[number].links = Links { newer: self.free, older: NONE };
            self.free = number;
        }
        self.live = oldest_first.len() as u32;
        Ok(())
    }

    /// One more payment over it now.
    pub fn touch(&mut self, number: u32, now_s: u32, amount: u64) {
        let facts = &mut self.facts[number];
        facts.last_s = now_s;
        facts.count = facts.count.saturating_add(1);
        facts.amount = facts.amount.saturating_add(amount);
        self.lru.touch(&mut self.ends, number);
    }

    /// The one that was active least recently.
    pub fn oldest(&self) -> Option<u32> {
        (self.lru.oldest != NONE).then_some(self.lru.oldest)
    }

    /// Takes an edge out of index and order; its rings are the caller's.
    pub fn remove(&mut self, number: u32) {
        let Ends { a, b, .. } = self.ends[number];
        self.index.remove(pair_hash(a, b), number);
        self.lru.unlink(&mut self.ends, number);
        self.ends[number].links = Links { newer: self.free, older: NONE };
        self.free = number;
        self.live -= 1;
    }

    /// Numbers alive, least recently active first.
    pub fn oldest_first(&self) -> impl Iterator<Item = u32> + '_ {
        self.lru.oldest_first(&self.ends)
    }

    /// Free numbers in the order they will be given out.
    pub fn free_numbers(&self) -> impl Iterator<Item = u32> + '_ {
        chain(self.free, |number| self.ends[number].links.newer)
    }

    /// Numbers ever given out.
    pub fn numbers(&self) -> u32 {
        self.ends.len()
    }

    /// Edges in the index.
    pub fn indexed(&self) -> usize {
        self.index.len()
    }

    /// Bytes of records and index.
    pub fn bytes(&self) -> u64 {
        self.facts.bytes() + self.ends.bytes() + self.index.bytes()
    }
}
