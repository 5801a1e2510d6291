//! Which component is the ring of before.
//!
//! Ties vote for the ring they were in last, each with the accounts it joins. A component may take the id of a ring that has no ties
//! elsewhere, if it has more than half of what the ring had last, or of what it has itself. Those that were in it until now vote before
//! those that had left it; most votes first, then the older ring. Each id goes to one component.

use super::nodes::Node;
use super::settle::Component;
use super::slab::NONE;
use super::state::Rings;
use fraudnet_graph::{Kind, entity_key};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A ring.
#[derive(Debug, Clone)]
pub(super) struct RingRow {
    pub(super) id: String,
    pub(super) tenant: u32,
    /// Position of the event that made it.
    position: u64,
    /// What ties it now; nothing, where it is kept for what did.
    pub(super) ties: Vec<u32>,
    /// Links that they join, now or last.
    links: u32,
    /// Accounts on them.
    pub(super) accounts: usize,
    /// Entities whose latest ring it is.
    last_of: u32,
    /// The walk that touched it last.
    pub(super) walk: u32,
}

/// Links of ties that vote for a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Votes {
    /// Of those that were in it until now.
    of_members: u32,
    /// Of all, those included that left it earlier.
    all: u32,
}

impl Rings {
    /// The components take the place of the rings that were touched.
    pub(super) fn assign(&mut self, touched: &[u32], found: Vec<Component>) {
        let mut heirs = self.heirs(&found);
        for &ring in touched {
            for tie in std::mem::take(&mut self.rings[ring].ties) {
                self.nodes[tie].is_member = false;
            }
        }
        for (place, component) in found.into_iter().enumerate() {
            let ring = match heirs.remove(&place) {
                Some(ring) => ring,
                None => self.new_ring(&component.ties),
            };
            self.fill(ring, component);
        }
    }

    /// An entity leaves whose latest ring this was.
    pub(super) fn lose(&mut self, ring: u32) {
        let row = &mut self.rings[ring];
        row.last_of -= 1;
        if row.last_of == 0 && row.ties.is_empty() {
            self.rings.remove(ring);
        }
    }

    /// The rings that components go on with, by the component's place.
    fn heirs(&self, found: &[Component]) -> BTreeMap<usize, u32> {
        let mut claims = Vec::new();
        for (place, component) in found.iter().enumerate() {
            let mut votes: BTreeMap<u32, Votes> = BTreeMap::new();
            for &tie in &component.ties {
                let Node { ring, is_member, .. } = &self.nodes[tie];
                // One that goes on elsewhere, untouched, is not to be had.
                if *ring != NONE && (self.rings[*ring].ties.is_empty() || self.rings[*ring].walk == self.walk) {
                    let links = self.links.joined_on(&self.nodes, tie).count() as u32;
                    let votes = votes.entry(*ring).or_default();
                    votes.all += links;
                    votes.of_members += if *is_member { links } else { 0 };
                }
            }
            for (ring, votes) in votes {
                let row = &self.rings[ring];
                if 2 * votes.all > row.links || 2 * votes.all > component.links {
                    claims.push((Reverse(votes), row.position, &row.id, place, ring));
                }
            }
        }
        claims.sort_unstable();
        let (mut heirs, mut given) = (BTreeMap::new(), Vec::new());
        for (_, _, _, place, ring) in claims {
            if !heirs.contains_key(&place) && !given.contains(&ring) {
                heirs.insert(place, ring);
                given.push(ring);
            }
        }
        heirs
    }

    fn new_ring(&mut self, ties: &[u32]) -> u32 {
        let (nodes, position) = (&self.nodes, self.position);
        let links = ties.iter().flat_map(|&tie| self.links.joined_on(nodes, tie)).map(|link| &self.links[link]);
        // An account may be in two rings that come up at once; a link is in one. Identifiers hold no control characters.
        let oldest = links.map(|link| {
            let (account, shared) = (&nodes[link.account], &nodes[link.shared]);
            (link.first_s, &*account.name, shared.kind, &*shared.name)
        });
        let (_, account, kind, shared) = oldest.min().unwrap_or((0, "", Kind::Account, ""));
        let words = format!("{position}\0{account}\0{}\0{shared}", kind.name());
        let tenant = nodes[ties[0]].tenant;
        let id = format!("ring_{:016x}", entity_key(nodes.tenant_name(tenant), Kind::Account, &words));
        self.rings.insert(RingRow {
            id,
            tenant,
            position,
            ties: Vec::new(),
            links: 0,
            accounts: 0,
            last_of: 0,
            walk: 0,
        })
    }

    fn fill(&mut self, ring: u32, component: Component) {
        for &tie in &component.ties {
            let node = &mut self.nodes[tie];
            node.is_member = true;
            let before = std::mem::replace(&mut node.ring, ring);
            if before != ring {
                self.rings[ring].last_of += 1;
                if before != NONE {
                    self.lose(before);
                }
            }
        }
        let row = &mut self.rings[ring];
        (row.ties, row.links, row.accounts) = (component.ties, component.links, component.accounts);
    }
}
