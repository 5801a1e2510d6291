//! Links: an account and an entity that it shares or could share (device, address, receiving account), as long as a payment of the window
//! goes over it. Each account has a list of its own, each shared entity one of those on it, so that rings are walked along them.
//!
//! Cost: 56 bytes and some 9 bytes of index.

use super::nodes::Nodes;
use super::slab::{NONE, Slab};
use super::tie::{Risk, Tie};
use hashbrown::HashTable;
use std::ops::{Index, IndexMut};

/// An account and a shared entity.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) account: u32,
    pub(super) shared: u32,
    /// Payments of the window over it.
    pub(super) payments: u32,
    /// Of them, reported as fraud.
    pub(super) reported: u32,
    /// Of them, held.
    pub(super) held: u32,
    /// When it came up.
    pub(super) first_s: u32,
    /// Low half of the number of the latest payment over it.
    pub(super) newest: u32,
    /// Whether the account was new then.
    pub(super) is_new: bool,
    own: Neighbours,
    on_shared: Neighbours,
}

#[derive(Debug, Clone, Copy)]
struct Neighbours {
    next: u32,
    previous: u32,
}

impl Link {
    /// What is wrong with the payments over it.
    pub(super) fn risk(&self) -> Risk {
        if self.reported > 0 {
            Risk::Reported
        } else if self.held > 0 {
            Risk::Held
        } else {
            Risk::Nothing
        }
    }
}

/// All links.
#[derive(Debug, Clone)]
pub(super) struct Links {
    rows: Slab<Link>,
    index: HashTable<u32>,
}

impl Links {
    pub(super) fn new() -> Links {
        Links { rows: Slab::new(), index: HashTable::new() }
    }

    pub(super) fn find(&self, account: u32, shared: u32) -> Option<u32> {
        let is = |&number: &u32| self.rows[number].account == account && self.rows[number].shared == shared;
        self.index.find(hash(account, shared), is).copied()
    }

    /// Adds a link that is not there, without payments. The account joins those who share the entity.
    pub(super) fn insert(&mut self, nodes: &mut Nodes, account: u32, shared: u32, first_s: u32, is_new: bool) -> u32 {
        let own = Neighbours { next: nodes[account].own, previous: NONE };
        let on_shared = Neighbours { next: nodes[shared].shared, previous: NONE };
        let (payments, reported, held, newest) = (0, 0, 0, NONE);
        let number = self.rows.insert(Link {
            account,
            shared,
            payments,
            reported,
            held,
            first_s,
            newest,
            is_new,
            own,
            on_shared,
        });
        if own.next != NONE {
            self.rows[own.next].own.previous = number;
        }
        if on_shared.next != NONE {
            self.rows[on_shared.next].on_shared.previous = number;
        }
        (nodes[account].own, nodes[shared].shared) = (number, number);
        let sharing = &mut nodes[shared].sharing;
        sharing.accounts += 1;
        sharing.new += u32::from(is_new);
        self.index.insert_unique(hash(account, shared), number, |&other| {
            hash(self.rows[other].account, self.rows[other].shared)
        });
        number
    }

    /// Removes a link without payments. The account leaves those who share the entity.
    pub(super) fn remove(&mut self, nodes: &mut Nodes, number: u32) {
        let Some(link) = self.rows.remove(number) else { return };
        if let Ok(entry) = self.index.find_entry(hash(link.account, link.shared), |&other| other == number) {
            entry.remove();
        }
        match link.own.previous {
            NONE => nodes[link.account].own = link.own.next,
            previous => self.rows[previous].own.next = link.own.next,
        }
        if link.own.next != NONE {
            self.rows[link.own.next].own.previous = link.own.previous;
        }
        match link.on_shared.previous {
            NONE => nodes[link.shared].shared = link.on_shared.next,
            previous => self.rows[previous].on_shared.next = link.on_shared.next,
        }
        if link.on_shared.next != NONE {
            self.rows[link.on_shared.next].on_shared.previous = link.on_shared.previous;
        }
        let sharing = &mut nodes[link.shared].sharing;
        sharing.accounts -= 1;
        sharing.new -= u32::from(link.is_new);
    }

    /// Whether the link ties its account to its entity.
    pub(super) fn joins(&self, nodes: &Nodes, number: u32) -> bool {
        let link = &self.rows[number];
        nodes[link.shared].tie.joins(link.risk())
    }

    /// Links that a shared entity ties together.
    pub(super) fn joined_on<'a>(&'a self, nodes: &'a Nodes, shared: u32) -> impl Iterator<Item = u32> + 'a {
        // Most entities tie nobody, and a hub has many links.
        let first = if nodes[shared].tie == Tie::Nobody { NONE } else { nodes[shared].shared };
        chain(first, |number| self.rows[number].on_shared.next).filter(|&number| self.joins(nodes, number))
    }

    /// Links that tie an account that pays to others.
    pub(super) fn joined_of<'a>(&'a self, nodes: &'a Nodes, account: u32) -> impl Iterator<Item = u32> + 'a {
        chain(nodes[account].own, |number| self.rows[number].own.next).filter(|&number| self.joins(nodes, number))
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.rows.bytes() + self.index.allocation_size() as u64
    }
}

impl Index<u32> for Links {
    type Output = Link;

    fn index(&self, number: u32) -> &Link {
        &self.rows[number]
    }
}

impl IndexMut<u32> for Links {
    fn index_mut(&mut self, number: u32) -> &mut Link {
        &mut self.rows[number]
    }
}

fn chain(first: u32, next: impl Fn(u32) -> u32) -> impl Iterator<Item = u32> {
    let some = |number: u32| (number != NONE).then_some(number);
    std::iter::successors(some(first), move |&number| some(next(number)))
}

/// Numbers are dense, so they are mixed (SplitMix64's finaliser).
fn hash(account: u32, shared: u32) -> u64 {
    let mut x = (u64::from(account) << 32 | u64::from(shared)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
