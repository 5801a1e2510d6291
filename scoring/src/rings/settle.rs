//! What hangs together, anew around what changed.
//!
//! Ties hang together that one payment used: device, address and receiver of the same payment. That an account was on both, one payment
//! here and one there, is no sign of one hand: stolen cards are sold more than once. (Measured on twelve busy simulated gangs: joined by
//! accounts, nearly all of them were one ring of a thousand, 27 to 39 % of whose members in fraud were of one gang; joined by payments 78
//! to 93 %, and 93 to 99 % where gangs are fewer. Joining what a mule receives with what it pays over was tried too: 67 % instead of 93,
//! for one planted ring in twenty more.)
//!
//! An event names the entities whose links started or stopped to join. From those, and from all that held together the rings they were
//! in, ties are walked; what is reached is a component as it stands now. A ring that none of them belongs to is not looked at.

use super::slab::NONE;
use super::state::Rings;
use super::tie::FEWEST_ACCOUNTS;
use fraudnet_graph::Kind;

/// Payments of one link that are walked over, the newest first. Older ones of a busier link join nothing.
const WALKED_A_LINK: usize = 100;

/// Ties that hang together.
pub(super) struct Component {
    pub(super) ties: Vec<u32>,
    /// Links that they join.
    pub(super) links: u32,
    /// Accounts on them.
    pub(super) accounts: usize,
}

impl Rings {
    /// Brings the rings up to date, then lets entities go that no payment names.
    pub(super) fn settle(&mut self) {
        if !self.changed.is_empty() {
            self.begin_walk();
            let (touched, found) = self.walk_changed();
            self.assign(&touched, found);
        }
        for node in std::mem::take(&mut self.idle) {
            if let Some(ring) = self.nodes.remove_unnamed(node).map(|node| node.ring)
                && ring != NONE
            {
                self.lose(ring);
            }
        }
    }

    /// The rings that what changed touches, and the components there now that are large enough.
    fn walk_changed(&mut self) -> (Vec<u32>, Vec<Component>) {
        let (mut touched, mut found) = (Vec::new(), Vec::new());
        let mut starts = std::mem::take(&mut self.changed);
        let (mut reached, mut accounts) = (Vec::new(), Vec::new());
        while let Some(start) = starts.pop() {
            if !self.meet(start) {
                continue;
            }
            let mut component = Component { ties: vec![start], links: 0, accounts: 0 };
            accounts.clear();
            let mut next = 0;
            while let Some(&tie) = component.ties.get(next) {
                next += 1;
                if self.nodes[tie].is_member {
                    let ring = self.nodes[tie].ring;
                    if self.rings[ring].walk != self.walk {
                        self.rings[ring].walk = self.walk;
                        touched.push(ring);
                        starts.extend(&self.rings[ring].ties);
                    }
                }
                component.links += self.reach(tie, &mut reached, &mut accounts);
                for other in reached.drain(..) {
                    if self.meet(other) {
                        component.ties.push(other);
                    }
                }
            }
            accounts.sort_unstable();
            accounts.dedup();
            component.accounts = accounts.len();
            if component.accounts >= FEWEST_ACCOUNTS {
                found.push(component);
            }
        }
        (touched, found)
    }

    /// Ties that hang together with this one, and its accounts; how many links it joins.
    fn reach(&self, tie: u32, reached: &mut Vec<u32>, accounts: &mut Vec<u32>) -> u32 {
        let mut joined = 0;
        for link in self.links.joined_on(&self.nodes, tie) {
            joined += 1;
            accounts.push(self.links[link].account);
            let mut left = WALKED_A_LINK;
            self.each(link, &mut left, |paid| {
                let others = paid.links().filter(|&other| other != link && self.links.joins(&self.nodes, other));
                reached.extend(others.map(|other| self.links[other].shared));
            });
        }
        if joined > 0 && self.nodes[tie].kind == Kind::Account {
            accounts.push(tie);
        }
        joined
    }

    /// True where this walk meets the entity for the first time.
    fn meet(&mut self, node: u32) -> bool {
        let node = &mut self.nodes[node];
        let is_first = node.walk != self.walk;
        node.walk = self.walk;
        is_first
    }

    fn begin_walk(&mut self) {
        if self.walk == u32::MAX {
            // Once in four thousand million walks: old marks must not pass for new ones.
            let nodes: Vec<u32> = self.nodes.iter().map(|(number, _)| number).collect();
            nodes.into_iter().for_each(|number| self.nodes[number].walk = 0);
            let rings: Vec<u32> = self.rings.iter().map(|(number, _)| number).collect();
            rings.into_iter().for_each(|number| self.rings[number].walk = 0);
            self.walk = 0;
        }
        self.walk += 1;
    }
}
