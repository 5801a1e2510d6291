//! The newest payments of every entity, by log position: each payment names the one before it in each of its roles, so that an entity's are
//! found by walking back.
//!
//! Cost: 32 bytes a payment, some 20 bytes an entity and role, well below a microsecond a payment.

use fraudnet_graph::{Kind, Payment, entity_key};
use std::collections::{HashMap, VecDeque};

/// Payments kept at most; the oldest leave first.
const KEPT: usize = 1_000_000;
/// Roles in a payment: account, device, address, merchant, receiver.
const ROLES: usize = 5;
/// No payment.
const NONE: u32 = u32::MAX;
/// Entities of a role from which on those are looked for whose payments have all left.
const SWEEP: usize = 1_024;

/// A payment of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its log position.
    pub position: u64,
    /// What the label says that stands.
    pub fraud: Option<bool>,
}

struct Row {
    known: Known,
    /// Low halves of the numbers of the payments before it in each role; of no meaning once those left.
    previous: [u32; ROLES],
}

/// The payments, oldest first; a payment's number is how many came before it.
pub(super) struct Recent {
    payments: VecDeque<Row>,
    /// Low half of the number of the oldest one.
    first: u32,
    /// By role and entity the number of its newest payment.
    newest: [HashMap<u64, u32>; ROLES],
    /// Entities of each role at which it is looked next whose payments have all left.
    sweep_at: [usize; ROLES],
    most: usize,
}

impl Recent {
    /// None yet.
    pub(super) fn new() -> Recent {
        Recent::keeping(KEPT)
    }

    fn keeping(most: usize) -> Recent {
        Recent { payments: VecDeque::new(), first: 0, newest: Default::default(), sweep_at: [SWEEP; ROLES], most }
    }

    /// A new payment. Positions rise from call to call.
    pub(super) fn payment(&mut self, position: u64, tenant: &str, payment: &Payment) {
        let number = self.first.wrapping_add(self.payments.len() as u32);
        let receiver = payment.counterparty.as_deref().filter(|&other| other != payment.account);
        let named: [(Kind, Option<&str>); ROLES] = [
            (Kind::Account, Some(&payment.account)),
            (Kind::Device, payment.device.as_deref()),
            (Kind::Ip, payment.ip.as_deref()),
            (Kind::Merchant, payment.merchant.as_deref()),
            (Kind::Account, receiver),
        ];
        let mut previous = [NONE; ROLES];
        for (role, (kind, name)) in named.into_iter().enumerate() {
            let Some(name) = name else { continue };
            let before = self.newest[role].insert(entity_key(tenant, kind, name), number);
            previous[role] = before.unwrap_or(NONE);
        }
        self.payments.push_back(Row { known: Known { position, fraud: None }, previous });
        if self.payments.len() > self.most {
            self.payments.pop_front();
            self.first = self.first.wrapping_add(1);
            self.sweep();
        }
    }

    /// What stands now of the payment at a position; one that has left is left alone.
    pub(super) fn label(&mut self, position: u64, fraud: bool) {
        if let Ok(place) = self.payments.binary_search_by_key(&position, |row| row.known.position) {
            self.payments[place].known.fraud = Some(fraud);
        }
    }

    /// An entity's payments, newest first, so many at most; an account's are those that it made and those that it received. Found by a
    /// 64-bit hash: in the rarest of cases one of another entity is among them, so whoever reads them looks.
    pub(super) fn of(&self, tenant: &str, kind: Kind, id: &str, limit: usize) -> Vec<Known> {
        let roles: &[usize] = match kind {
            Kind::Account => &[0, 4],
            Kind::Device => &[1],
            Kind::Ip => &[2],
            Kind::Merchant => &[3],
        };
        let key = entity_key(tenant, kind, id);
        let mut chains: Vec<(usize, usize)> =
            roles.iter().filter_map(|&role| Some((self.place(*self.newest[role].get(&key)?)?, role))).collect();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(newest) = chains.iter_mut().max()
        {
            let (place, role) = *newest;
            found.push(self.payments[place].known);
            match self.place(self.payments[place].previous[role]) {
                Some(before) => newest.0 = before,
                None => chains.retain(|&chain| chain != (place, role)),
            }
        }
        found
    }

    /// Where the payment of that number stands, if it has not left.
    fn place(&self, number: u32) -> Option<usize> {
        let place = number.wrapping_sub(self.first) as usize;
        (place < self.payments.len()).then_some(place)
    }

    /// Forgets entities whose payments have all left, where those may be half of them.
    fn sweep(&mut self) {
        let (first, len) = (self.first, self.payments.len());
        for (newest, sweep_at) in self.newest.iter_mut().zip(&mut self.sweep_at) {
            if newest.len() >= *sweep_at {
                newest.retain(|_, number| (number.wrapping_sub(first) as usize) < len);
                *sweep_at = SWEEP.max(newest.len() * 2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_graph::Channel;

    /// A payment in short: account, device, receiver; a dash is none.
    fn payment(told: &str) -> Payment {
        let mut words = told.split(' ').map(|word| (word != "-").then(|| word.to_owned()));
        let mut next = || words.next().flatten();
        Payment {
            transaction_id: told.to_owned(),
            account: next().unwrap(),
            device: next(),
            ip: None,
            merchant: Some("shop".to_owned()),
            counterparty: next(),
            amount_minor: 1,
            currency: *b"EUR",
            channel: Channel::Transfer,
            merchant_category: None,
            account_country: None,
            ip_country: None,
            merchant_country: None,
        }
    }

    fn positions(recent: &Recent, kind: Kind, id: &str, limit: usize) -> Vec<u64> {
        recent.of("bank", kind, id, limit).iter().map(|known| known.position).collect()
    }

    #[test]
    fn an_entitys_payments_come_newest_first_and_oldest_leave() {
        let mut recent = Recent::keeping(4);
        for (position, told) in ["a d1 b", "b d1 -", "c d2 a", "a d2 a", "b - a"].into_iter().enumerate() {
            recent.payment(10 * position as u64, "bank", &payment(told));
        }
        recent.payment(45, "other", &payment("a d1 -"));
        // Of six, four are kept: from the third on.
        assert_eq!(positions(&recent, Kind::Account, "a", 10), [40, 30, 20], "made and received, once each");
        assert_eq!(positions(&recent, Kind::Account, "b", 10), [40]);
        assert_eq!(positions(&recent, Kind::Device, "d2", 10), [30, 20]);
        assert_eq!(positions(&recent, Kind::Device, "d1", 10), [] as [u64; 0], "left, or another tenant's");
        assert_eq!(positions(&recent, Kind::Merchant, "shop", 2), [40, 30]);
        assert_eq!(positions(&recent, Kind::Ip, "shop", 2), [] as [u64; 0]);
    }

    #[test]
    fn a_label_stands_with_its_payment() {
        let mut recent = Recent::keeping(2);
        for position in [1, 5, 9] {
            recent.payment(position, "bank", &payment("a - -"));
        }
        recent.label(5, true);
        recent.label(9, true);
        recent.label(9, false);
        recent.label(1, true);
        recent.label(7, true);
        let fraud: Vec<_> = recent.of("bank", Kind::Account, "a", 9).iter().map(|known| known.fraud).collect();
        assert_eq!(fraud, [Some(false), Some(true)]);
    }

    #[test]
    fn numbers_go_around_and_entities_do_not_pile_up() {
        let mut recent = Recent::keeping(100);
        recent.first = u32::MAX - 50;
        for position in 0..10_000 {
            recent.payment(position, "bank", &payment(&format!("a{} d -", position % 5_000)));
        }
        assert_eq!(positions(&recent, Kind::Device, "d", 1_000), (9_900..10_000).rev().collect::<Vec<_>>());
        assert_eq!(positions(&recent, Kind::Account, "a4999", 9), [9_999], "the one before left");
        assert!(recent.newest[0].len() <= SWEEP, "{}", recent.newest[0].len());
    }
}
