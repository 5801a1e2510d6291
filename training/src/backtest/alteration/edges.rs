//! Who meets whom, dealt out anew day by day. Holds one day of events.

use super::mixed;
use crate::data::source::EventStream;
use crate::data::split::DAY_MS;
use anyhow::{Error, Result};
use fraudnet_graph::{Body, Payment};
use fraudnet_scoring::history::HistoryEvent;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};

/// The altered pass.
pub(super) struct ShuffledEdges {
    events: EventStream,
    seed: u64,
    /// The day being given out.
    ready: VecDeque<HistoryEvent>,
    /// First event of the day after.
    next: Option<HistoryEvent>,
    /// Met while the day was read; told after its events.
    error: Option<Error>,
}

impl ShuffledEdges {
    pub(super) fn new(events: EventStream, seed: u64) -> ShuffledEdges {
        ShuffledEdges { events, seed, ready: VecDeque::new(), next: None, error: None }
    }

    fn read_day(&mut self) {
        let mut day: Vec<HistoryEvent> = self.next.take().into_iter().collect();
        for event in self.events.by_ref() {
            match event {
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
                Ok(event) if day.first().is_some_and(|first| day_of(first) != day_of(&event)) => {
                    self.next = Some(event);
                    break;
                }
                Ok(event) => day.push(event),
            }
        }
        if let Some(first) = day.first() {
            let seed = mixed(self.seed ^ mixed(day_of(first) as u64));
            deal_out(&mut day, seed);
        }
        self.ready = day.into();
    }
}

impl Iterator for ShuffledEdges {
    type Item = Result<HistoryEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && self.error.is_none() {
            self.read_day();
        }
        self.ready.pop_front().map(Ok).or_else(|| self.error.take().map(Err))
    }
}

fn day_of(event: &HistoryEvent) -> i64 {
    event.event.ingested_at_ms.div_euclid(DAY_MS)
}

fn deal_out(day: &mut [HistoryEvent], seed: u64) {
    // Tenants share no entity: what one of them has stays among its own payments.
    let mut tenants: BTreeMap<String, Vec<&mut Payment>> = BTreeMap::new();
    for event in day.iter_mut() {
        if let Body::Payment(payment) = &mut event.event.body {
            tenants.entry(event.event.tenant.clone()).or_default().push(payment);
        }
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for payments in tenants.values_mut() {
        // What describes a party goes with it.
        deal(
            payments,
            &mut random,
            |payment| {
                payment
                    .merchant
                    .take()
                    .map(|it| (it, payment.merchant_category.take(), payment.merchant_country.take()))
            },
            |payment, (merchant, category, country)| {
                (payment.merchant, payment.merchant_category, payment.merchant_country) =
                    (Some(merchant), category, country);
            },
        );
        deal(payments, &mut random, |payment| payment.device.take(), |payment, device| payment.device = Some(device));
        deal(
            payments,
            &mut random,
            |payment| payment.ip.take().map(|it| (it, payment.ip_country.take())),
            |payment, (ip, country)| {
                (payment.ip, payment.ip_country) = (Some(ip), country);
            },
        );
        deal(
            payments,
            &mut random,
            |payment| payment.counterparty.take(),
            |payment, other| payment.counterparty = Some(other),
        );
        part_from_oneself(payments);
    }
}

/// Takes a party from every payment that has one and gives them back in drawn order.
fn deal<T>(
    payments: &mut [&mut Payment],
    random: &mut ChaCha8Rng,
    mut take: impl FnMut(&mut Payment) -> Option<T>,
    mut give: impl FnMut(&mut Payment, T),
) {
    let (mut holders, mut parties) = (Vec::new(), Vec::new());
    for (index, payment) in payments.iter_mut().enumerate() {
        if let Some(party) = take(payment) {
            holders.push(index);
            parties.push(party);
        }
    }
    parties.shuffle(random);
    for (index, party) in holders.into_iter().zip(parties) {
        give(payments[index], party);
    }
}

/// A transfer to oneself links nobody: such a counterparty is swapped with that of the first payment both fit.
fn part_from_oneself(payments: &mut [&mut Payment]) {
    for index in 0..payments.len() {
        if payments[index].counterparty.as_ref() != Some(&payments[index].account) {
            continue;
        }
        let own = payments[index].account.clone();
        let fitting = (0..payments.len()).find(|&other| {
            payments[other].account != own && payments[other].counterparty.as_ref().is_some_and(|it| *it != own)
        });
        if let Some(other) = fitting {
            let theirs = payments[other].counterparty.take();
            let ours = std::mem::replace(&mut payments[index].counterparty, theirs);
            payments[other].counterparty = ours;
        }
    }
}
