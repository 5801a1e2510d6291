//! Facts of entities beyond the graph's own, by entity number.
//!
//! Numbers are reused by the graph; each record carries the generation it was written for and starts anew when another
//! entity holds the number. Cost of a payment with four entities: about 12 records, most of them touched by nobody
//! else, so the cache misses dominate; they are asked for together before the first is needed.

use crate::ledger::Ledger;
use crate::math::{log2_1p, major};

use crate::pulse::Pulse;
use crate::slab::Slab;
use fraudnet_graph::{EntityRef, PairTimes, Parties, Payment, Relation, hundredths};

/// All records.
#[derive(Default)]
pub(crate) struct EntityFactsBook {
    pub(crate) pulses: Slab<Pulse>,
    pub(crate) ledgers: Slab<Ledger>,
}

impl EntityFactsBook {
    /// The pulse of an entity, unless nothing was recorded for it yet.
    pub(crate) fn pulse(&self, number: u32, generation: u32) -> Option<&Pulse> {
        self.pulses.get(number).filter(|pulse| pulse.stamp == stamp(generation))
    }

    /// The ledger of an entity, unless nothing was recorded for it yet.
    pub(crate) fn ledger(&self, number: u32, generation: u32) -> Option<&Ledger> {
        self.ledgers.get(number).filter(|ledger| ledger.stamp == stamp(generation))
    }

    /// Asks the memory for the records of a payment's parties, so that they arrive while the graph does its part.
    pub(crate) fn prefetch(&self, parties: &Parties) {
        for party in all(parties) {
            self.pulses.prefetch(party.number);
            self.ledgers.prefetch(party.number);
        }
    }

    /// Asks the memory for the pulse of an entity.
    #[inline]
    pub(crate) fn prefetch_pulse(&self, number: u32) {
        self.pulses.prefetch(number);
    }

    /// Asks the memory for the ledger of an entity.
    #[inline]
    pub(crate) fn prefetch_ledger(&self, number: u32) {
        self.ledgers.prefetch(number);
    }

    /// Takes in a payment that the graph has just applied. `hour` is the payment's own hour of the day.
    pub(crate) fn pay(
        &mut self,
        payment: &Payment,
        hour: usize,
        parties: &Parties,
        acquaintance: &PairTimes,
        now_s: u32,
    ) {
        let cents = hundredths(payment.amount_minor, payment.currency);
        let amount = major(cents);
        let log_amount = log2_1p(amount);
        let Parties { account, device, ip, merchant, counterparty } = *parties;

        // Judged by the habit before this payment.
        let large = account
            .and_then(|party| self.pulse(party.number, party.generation))
            .is_some_and(|pulse| pulse.is_large(amount));

        for party in all(parties) {
            if let Some(ledger) = self.ledgers.get(party.number) {
                ledger.prefetch();
                if large {
                    ledger.prefetch_marks();
                }
            }
        }
        for party in [account, device, ip, merchant].into_iter().flatten() {
            self.pulse_of(party).pay(now_s, amount, log_amount);
        }
        if let Some(party) = counterparty {
            self.pulse_of(party).receive(now_s, amount);
        }

        if large {
            for ledger in all(parties).filter_map(|party| self.ledgers.get(party.number)) {
                ledger.prefetch_earlier_large();
            }
        }

        if let Some(party) = account {
            let ledger = self.ledger_of(party);
            ledger.paid.add(now_s, cents);
            for (other, relation, previous_s) in [
                (device, Relation::AccountDevice, acquaintance.account_device),
                (ip, Relation::AccountIp, acquaintance.account_ip),
                (merchant, Relation::AccountMerchant, acquaintance.account_merchant),
                (counterparty, Relation::AccountAccount, acquaintance.account_account),
            ] {
                if other.is_some() {
                    ledger.meet(relation, true, previous_s, now_s);
                }
            }
            let own = ledger.of_account();
            own.habit.pay(now_s, hour, payment);
            own.peaks.push(now_s, amount);
        }
        if let Some(party) = device {
            let ledger = self.ledger_of(party);
            ledger.paid.add(now_s, cents);
            ledger.meet(Relation::AccountDevice, false, acquaintance.account_device, now_s);
            if ip.is_some() {
                ledger.meet(Relation::DeviceIp, false, acquaintance.device_ip, now_s);
            }
        }
        if let Some(party) = ip {
            let ledger = self.ledger_of(party);
            ledger.paid.add(now_s, cents);
            ledger.meet(Relation::AccountIp, false, acquaintance.account_ip, now_s);
            if device.is_some() {
                ledger.meet(Relation::DeviceIp, false, acquaintance.device_ip, now_s);
            }
        }
        if let Some(party) = merchant {
            let ledger = self.ledger_of(party);
            ledger.paid.add(now_s, cents);
            ledger.meet(Relation::AccountMerchant, false, acquaintance.account_merchant, now_s);
        }
        if let Some(party) = counterparty {
            let ledger = self.ledger_of(party);
            ledger.of_account().received.add(now_s, cents);
            ledger.meet(Relation::AccountAccount, true, acquaintance.account_account, now_s);
        }
        if large {
            for party in [account, device, ip, merchant].into_iter().flatten() {
                self.ledger_of(party).pay_large(now_s);
            }
        }
    }

    /// Takes in that a fraud report now counts (`delta` +1) or no longer does (-1).
    pub(crate) fn label(&mut self, parties: &Parties, delta: i8, reported_at_s: u32, now_s: u32) {
        if delta == 0 {
            return;
        }
        for party in all(parties) {
            let ledger = self.ledger_of(party);
            if delta > 0 { ledger.report(reported_at_s, now_s) } else { ledger.take_back(reported_at_s) }
        }
    }

    fn pulse_of(&mut self, party: EntityRef) -> &mut Pulse {
        let pulse = self.pulses.at(party.number);
        if pulse.stamp != stamp(party.generation) {
            *pulse = Pulse { stamp: stamp(party.generation), ..Pulse::default() };
        }
        pulse
    }

    fn ledger_of(&mut self, party: EntityRef) -> &mut Ledger {
        let ledger = self.ledgers.at(party.number);
        if ledger.stamp != stamp(party.generation) {
            *ledger = Ledger::new(stamp(party.generation));
        }
        ledger
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        for (number, pulse) in self.pulses.iter().filter(|(_, pulse)| pulse.stamp != 0) {
            hasher.update(&number.to_le_bytes());
            pulse.hash(hasher);
        }
        for (number, ledger) in self.ledgers.iter().filter(|(_, ledger)| ledger.stamp != 0) {
            hasher.update(&number.to_le_bytes());
            ledger.hash(hasher);
        }
    }
}

fn all(parties: &Parties) -> impl Iterator<Item = EntityRef> {
    [parties.account, parties.device, parties.ip, parties.merchant, parties.counterparty].into_iter().flatten()
}

/// A generation as records carry it: never 0, which marks an unused record.
fn stamp(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}
