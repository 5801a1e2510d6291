//! The transactions remembered: to recognise a repeat, and to let a label find what it speaks of. First in, first out.
//! Cost: 96 bytes a transaction and 11–21 bytes of index.

use crate::list::{NONE, chain};
use crate::pages::Pages;
use crate::parties::ROLE_COUNT;
use crate::shards::Shards;
use crate::{EntityRef, LabelSource};

/// What is remembered of a payment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transaction {
    pub key: [u64; 2],
    /// Log position of the payment: an edge that was made later is not the one it went over, though it may join the same two entities.
    pub position: u64,
    /// Hundredths of the major unit.
    pub amount: u64,
    /// Its entities by role.
    pub parties: [Option<EntityRef>; ROLE_COUNT],
    /// Effective time of the payment.
    pub at_s: u32,
    /// The label that stands.
    pub label: Option<Standing>,
    /// The next younger one, or the next free number.
    next: u32,
}

/// A label that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub source: LabelSource,
    pub fraud: bool,
    /// Effective time from which the present verdict of fraud or not has counted.
    pub since_s: u32,
}

impl Transaction {
    /// A payment without label.
    pub fn new(key: [u64; 2], position: u64, amount: u64, parties: [Option<EntityRef>; ROLE_COUNT], at_s: u32) -> Self {
        Transaction { key, position, amount, parties, at_s, label: None, next: NONE }
    }
}

/// All transactions remembered.
pub(crate) struct Transactions {
    records: Pages<Transaction>,
    index: Shards,
    oldest: u32,
    newest: u32,
    free: u32,
    live: u32,
}

impl Transactions {
    pub fn new() -> Self {
        Transactions { records: Pages::new(), index: Shards::new(), oldest: NONE, newest: NONE, free: NONE, live: 0 }
    }

    /// How many are remembered.
    pub fn live(&self) -> u32 {
        self.live
    }

    /// Fetches the place of a key ahead of use.
    pub fn prefetch(&self, key: [u64; 2]) {
        self.index.prefetch(key[0]);
    }

    /// The transaction with that key.
    pub fn find(&self, key: [u64; 2]) -> Option<u32> {
        self.index.find(key[0], |number| self.records[number].key == key)
    }

    /// Record of a number.
    pub fn get(&self, number: u32) -> &Transaction {
        &self.records[number]
    }

    /// Replaces the standing label.
    pub fn set_label(&mut self, number: u32, label: Standing) {
        self.records[number].label = Some(label);
    }

    /// Remembers a transaction that is not there yet.
    pub fn insert(&mut self, transaction: Transaction) {
        let number = if self.free == NONE {
            self.records.push(transaction)
        } else {
            let number = self.free;
            self.free = self.records[number].next;
            self.records[number] = transaction;
            number
        };
        match self.newest {
            NONE => self.oldest = number,
            newest => self.records[newest].next = number,
        }
        self.newest = number;
        self.index.insert(transaction.key[0], number);
        self.live += 1;
    }

    /// The one remembered longest.
    pub fn oldest(&self) -> Option<&Transaction> {
        (self.oldest != NONE).then(|| &self.records[self.oldest])
    }

    /// Adds the next younger transaction as it was saved; [`Transactions::link_saved`] follows when all are there.
    pub fn push_saved(&mut self, transaction: Transaction) {
        let number = self.records.push(transaction);
        self.records[number].next = number + 1;
    }

    /// Puts the transactions that were pushed in their order and in the index. One that is there twice is the error.
    pub fn link_saved(&mut self) -> Result<(), u32> {
        let (records, len) = (&self.records, self.records.len());
        self.index =
            Shards::of(0..len, |number| records[number].key[0], |one, other| records[one].key == records[other].key)?;
        if let Some(newest) = len.checked_sub(1) {
            (self.oldest, self.newest) = (0, newest);
            self.records[newest].next = NONE;
        }
        self.live = len;
        Ok(())
    }

    /// Forgets the one remembered longest, if there is one.
    pub fn forget_oldest(&mut self) {
        let number = self.oldest;
        if number == NONE {
            return;
        }
        let Transaction { key, next, .. } = self.records[number];
        self.index.remove(key[0], number);
        self.oldest = next;
        if next == NONE {
            self.newest = NONE;
        }
        self.records[number].next = self.free;
        self.free = number;
        self.live -= 1;
    }

    /// Everything remembered, oldest first.
    pub fn oldest_first(&self) -> impl Iterator<Item = &Transaction> + '_ {
        chain(self.oldest, |number| self.records[number].next).map(|number| &self.records[number])
    }

    /// Transactions in the index.
    pub fn indexed(&self) -> usize {
        self.index.len()
    }

    /// Bytes of records and index.
    pub fn bytes(&self) -> u64 {
        self.records.bytes() + self.index.bytes()
    }
}
