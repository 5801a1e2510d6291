//! The payments that count, oldest first. They leave by age, or because there are too many.
//!
//! A payment has a number; what refers to it keeps the low half, and each link's payments are chained, newest first, so that a ring is
//! read without looking at anybody else's. Cost: 56 bytes and some 9 bytes of index. A transaction is found by a 64-bit hash of
//! tenant and id: of 4 million, two share one with odds of 1 in 2 million, and then a label counts for the other.

use super::slab::NONE;
use super::tie::Risk;
use hashbrown::HashTable;
use std::collections::VecDeque;

/// Entities of a payment that can be shared: device, address, receiving account.
pub(super) const SHARED: usize = 3;

/// A payment.
#[derive(Debug, Clone)]
pub(super) struct Paid {
    pub(super) key: u64,
    pub(super) amount_hundredths: u64,
    pub(super) at_s: u32,
    pub(super) account: u32,
    pub(super) merchant: u32,
    /// Its links, [`NONE`] where it has none.
    pub(super) links: [u32; SHARED],
    /// The payment before it over each link, by low half; of no meaning once that left.
    pub(super) previous: [u32; SHARED],
    /// Model's probability of fraud in ten-thousandths.
    pub(super) probability: u16,
    pub(super) is_held: bool,
    /// What the label says that stands.
    pub(super) fraud: Option<bool>,
}

impl Paid {
    pub(super) fn risk(&self) -> Risk {
        match self.fraud {
            Some(true) => Risk::Reported,
            Some(false) => Risk::Nothing,
            None if self.is_held => Risk::Held,
            None => Risk::Nothing,
        }
    }

    pub(super) fn links(&self) -> impl Iterator<Item = u32> + use<> {
        self.links.into_iter().filter(|&link| link != NONE)
    }
}

/// The window.
#[derive(Debug, Clone)]
pub(super) struct Window {
    payments: VecDeque<Paid>,
    /// Low half of the number of the oldest one.
    first: u32,
    index: HashTable<u32>,
}

impl Window {
    pub(super) fn new() -> Window {
        Window { payments: VecDeque::new(), first: 0, index: HashTable::new() }
    }

    /// The number of a transaction's payment.
    pub(super) fn find(&self, key: u64) -> Option<u32> {
        self.index.find(key, |&number| self.get(number).is_some_and(|paid| paid.key == key)).copied()
    }

    /// The payment of that number, if it is in the window.
    pub(super) fn get(&self, number: u32) -> Option<&Paid> {
        self.payments.get(number.wrapping_sub(self.first) as usize)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Paid> {
        self.payments.get_mut(number.wrapping_sub(self.first) as usize)
    }

    /// The number the next payment will have.
    pub(super) fn next(&self) -> u32 {
        self.first.wrapping_add(self.payments.len() as u32)
    }

    pub(super) fn push(&mut self, paid: Paid) {
        let (key, number) = (paid.key, self.next());
        self.payments.push_back(paid);
        let (payments, first) = (&self.payments, self.first);
        self.index.insert_unique(key, number, |&other| payments[other.wrapping_sub(first) as usize].key);
    }

    pub(super) fn oldest(&self) -> Option<&Paid> {
        self.payments.front()
    }

    /// Takes the oldest payment out.
    pub(super) fn pop(&mut self) -> Option<Paid> {
        let key = self.payments.front()?.key;
        let first = self.first;
        if let Ok(entry) = self.index.find_entry(key, |&number| number == first) {
            entry.remove();
        }
        self.first = first.wrapping_add(1);
        self.payments.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.payments.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.payments.capacity() * size_of::<Paid>() + self.index.allocation_size()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(key: u64) -> Paid {
        let (links, previous) = ([NONE; SHARED], [NONE; SHARED]);
        let (account, merchant, probability, is_held, fraud) = (0, NONE, 0, false, None);
        Paid { key, amount_hundredths: 1, at_s: 0, account, merchant, links, previous, probability, is_held, fraud }
    }

    #[test]
    fn numbers_go_around() {
        let mut window = Window::new();
        window.first = u32::MAX - 2;
        (0..6).for_each(|key| window.push(paid(key)));
        assert_eq!((0..6).map(|key| window.find(key)).collect::<Vec<_>>()[2..4], [Some(u32::MAX), Some(0)]);
        for key in 0..6 {
            assert_eq!(window.pop().map(|paid| paid.key), Some(key));
            assert_eq!((window.find(key), window.len()), (None, 5 - key as usize));
        }
        assert_eq!(window.get(NONE).map(|paid| paid.key), None);
    }

    #[test]
    fn a_payment_is_small() {
        assert_eq!(size_of::<Paid>(), 56);
    }
}
