//! The shards as one ordered sequence: a merge by a heap of their heads.

use super::Entries;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, btree_map};
use std::ops::Bound;
use std::sync::Arc;

/// The shards as one ordered sequence.
pub(super) struct Merged<'a> {
    rest: Vec<btree_map::Range<'a, Box<str>, Entries>>,
    next: BinaryHeap<Reverse<(&'a str, usize)>>,
    heads: Vec<Option<&'a Entries>>,
}

impl<'a> Merged<'a> {
    pub(super) fn new(shards: &'a [Arc<BTreeMap<Box<str>, Entries>>], from: &str) -> Merged<'a> {
        let bounds = (Bound::Included(from), Bound::Unbounded);
        let rest = shards.iter().map(|shard| shard.range::<str, _>(bounds)).collect();
        let mut merged = Merged { rest, next: BinaryHeap::new(), heads: vec![None; shards.len()] };
        (0..shards.len()).for_each(|shard| merged.advance(shard));
        merged
    }

    fn advance(&mut self, shard: usize) {
        if let Some((key, entries)) = self.rest[shard].next() {
            self.heads[shard] = Some(entries);
            self.next.push(Reverse((key, shard)));
        }
    }
}

impl<'a> Iterator for Merged<'a> {
    type Item = (&'a str, &'a Entries);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((key, shard)) = self.next.pop()?;
        let entries = self.heads[shard].take()?;
        self.advance(shard);
        Some((key, entries))
    }
}
