//! The history as a stream: lives the world day by day and hands events out in the order in which a system would accept them.
//!
//! Memory: the world, plus one day of payments, plus labels not yet told. Cost: about 2 µs a payment.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use fraudnet_graph::{Body, Channel, Event, Label, LabelSource, Payment, SCHEMA_VERSION};

use super::config::{DAY_MS, SimulationConfig};
use super::draft::{Agenda, Draft};
use super::geography::{COUNTRIES, CURRENCIES, day_and_month, weekday};
use super::identity::Speller;
use super::labels::{Told, labels_of, wrong_rate};
use super::life::{Customers, ordinary_day};
use super::oracle::{Oracle, SimulatedEvent};
use super::population::World;
use super::rings::{PRELUDE_DAYS, Underworld};
use super::sampling::Dice;
use super::{bursts, drift, recurring};

/// A history being made; see [`super::simulate`].
pub struct Simulation {
    config: SimulationConfig,
    world: World,
    underworld: Underworld,
    agenda: Agenda,
    life: Dice,
    change: Dice,
    crime: Dice,
    truth: Dice,
    post: Dice,
    speller: Speller,
    day: i32,
    payments: u64,
    sequence: u64,
    /// Labels to come and late payments, by when they are accepted; ties keep the order of making.
    pending: BinaryHeap<Reverse<Pending>>,
    ready: VecDeque<SimulatedEvent>,
}

struct Pending {
    ingested_at_ms: i64,
    sequence: u64,
    event: Box<SimulatedEvent>,
}

impl Pending {
    fn key(&self) -> (i64, u64) {
        (self.ingested_at_ms, self.sequence)
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Pending) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Pending) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Pending) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Payments by weekday, Monday first, and their mean.
const WEEK: [f64; 7] = [0.93, 0.95, 0.97, 1.0, 1.12, 1.15, 0.88];

impl Simulation {
    pub(crate) fn new(config: &SimulationConfig) -> Simulation {
        let config = config.bounded();
        let mut world = World::new(&config, &mut Dice::new(config.seed, 1));
        let mut crime = Dice::new(config.seed, 4);
        let frauds_per_day = config.fraud_share * f64::from(config.payments_per_day);
        let mut underworld = Underworld::new(&mut world, frauds_per_day, &config.newcomers, &mut crime);
        let mut agenda = Agenda::new(config.start_ms);
        if frauds_per_day > 0.0 {
            for day in -PRELUDE_DAYS..0 {
                underworld.live_on(&mut world, day, &mut crime, &mut agenda);
            }
        }
        Simulation {
            world,
            underworld,
            agenda,
            life: Dice::new(config.seed, 2),
            change: Dice::new(config.seed, 3),
            crime,
            truth: Dice::new(config.seed, 5),
            post: Dice::new(config.seed, 6),
            speller: Speller::new(config.seed),
            day: 0,
            payments: 0,
            sequence: 0,
            pending: BinaryHeap::new(),
            ready: VecDeque::new(),
            config,
        }
    }

    /// Days lived so far, for progress.
    pub fn days_done(&self) -> u32 {
        self.day.unsigned_abs()
    }

    /// Days in all.
    pub fn days(&self) -> u32 {
        self.config.days
    }

    /// Payments made so far, fraud included.
    pub fn payments(&self) -> u64 {
        self.payments
    }

    fn live_a_day(&mut self) {
        let (day, start_ms) = (self.day, self.config.start_ms);
        let expected = self.expected_payments();
        drift::live_on(&mut self.world, day, &mut self.change);
        let customers = Customers::of_day(&self.world, day);
        let volume = f64::from(self.config.payments_per_day) / 1_000.0;
        bursts::plan(&mut self.world, &customers, day, volume, &mut self.life, &mut self.agenda);
        if self.config.fraud_share > 0.0 {
            self.underworld.live_on(&mut self.world, day, &mut self.crime, &mut self.agenda);
        }
        let mut drafts = self.agenda.take(day);
        let recurring = (expected * 0.12) as usize;
        recurring::due(&self.world, &customers, start_ms, day, recurring, &mut self.life, &mut drafts);
        let count = self.life.poisson(expected).saturating_sub(drafts.len());
        ordinary_day(&self.world, &customers, start_ms, day, count, &mut self.life, &mut drafts);

        let mut told = Vec::new();
        for draft in drafts {
            self.send(&draft, &mut told);
        }
        self.day += 1;
    }

    fn expected_payments(&self) -> f64 {
        let epoch_day = self.config.start_ms.div_euclid(DAY_MS) + i64::from(self.day);
        let (month_day, month) = day_and_month(epoch_day);
        let week = WEEK[weekday(epoch_day)] * 7.0 / WEEK.iter().sum::<f64>();
        let month_end = if month_day >= 27 || month_day <= 2 { 1.08 } else { 0.985 };
        let season = [0.95, 0.94, 0.98, 0.99, 1.0, 1.0, 1.02, 0.98, 0.99, 1.0, 1.06, 1.09][usize::from(month - 1) % 12];
        // Business grows by a fifth over the history, around the mean asked for.
        let growth = 0.9 + 0.2 * (f64::from(self.day) + 0.5) / f64::from(self.config.days);
        f64::from(self.config.payments_per_day) * week * month_end * season * growth
    }

    fn send(&mut self, draft: &Draft, told: &mut Vec<Told>) {
        self.payments += 1;
        let transaction_id = self.speller.spell("txn_", self.payments);
        let late = self.post.chance(0.003);
        let delay_ms = if late {
            self.post.log_between(120_000.0, 21_600_000.0)
        } else {
            self.post.log_normal(90.0, 0.7).min(5_000.0)
        };
        let ingested_at_ms = draft.at_ms + delay_ms as i64;
        let payment = self.payment(draft, &transaction_id);
        let oracle = Oracle { fraud: draft.fraud.is_some(), typology: draft.fraud };
        self.queue(draft.at_ms, ingested_at_ms, String::new(), Body::Payment(payment), Some(oracle));

        labels_of(draft, wrong_rate(self.config.fraud_share), &mut self.truth, told);
        for &(known_ms, fraud, source) in told.iter() {
            let known_ms = known_ms.max(ingested_at_ms + 60_000);
            let actor = if source == LabelSource::Analyst {
                format!("analyst-{}", self.truth.whole(1, 8))
            } else {
                String::new()
            };
            let delay_ms = self.post.log_normal(400.0, 0.7).min(60_000.0) as i64;
            let label = Label { transaction_id: transaction_id.clone(), fraud, source };
            self.queue(known_ms, known_ms + delay_ms, actor, Body::Label(label), None);
        }
    }

    fn queue(&mut self, occurred_at_ms: i64, ingested_at_ms: i64, actor: String, body: Body, oracle: Option<Oracle>) {
        self.sequence += 1;
        let event = Event {
            event_id: self.speller.spell("evt_", self.sequence),
            tenant: self.config.tenant.clone(),
            schema_version: SCHEMA_VERSION,
            occurred_at_ms,
            ingested_at_ms,
            source: "simulator".to_owned(),
            actor,
            body,
        };
        let event = Box::new(SimulatedEvent { event, oracle });
        self.pending.push(Reverse(Pending { ingested_at_ms, sequence: self.sequence, event }));
    }

    /// Gives a draft its names. The same draws for every payment: nothing here may depend on fraud.
    fn payment(&mut self, draft: &Draft, transaction_id: &str) -> Payment {
        let account = &self.world.accounts[draft.account as usize];
        let country = &COUNTRIES[account.country as usize];
        let merchant = draft.merchant.map(|number| &self.world.merchants[number as usize]);
        let mut currency = country.currency;
        if let Some(shop) = merchant
            && COUNTRIES[shop.country as usize].currency != currency
            && self.post.chance(0.5)
        {
            currency = COUNTRIES[shop.country as usize].currency;
        }
        let (code, minor_per_euro) = CURRENCIES[usize::from(currency)];
        // Some browsers hide the device; some addresses are in no table; some acquirers leave the category out.
        let device = draft.device.filter(|_| !self.post.chance(0.02));
        let located = !self.post.chance(0.03);
        let categorised = !self.post.chance(0.01);
        let amount_minor = (draft.euros * minor_per_euro).round().clamp(1.0, 9.0e15) as u64;
        let amount_minor = if draft.exact { amount_minor } else { priced(amount_minor, draft.channel, &mut self.post) };
        // Every payment goes somewhere: whoever drew themselves as the receiver sends to the account next to theirs.
        let neighbour = || (draft.account + 1) % self.world.accounts.len() as u32;
        let counterparty = draft.counterparty.or_else(|| draft.merchant.is_none().then(neighbour));
        let names = &self.speller;
        let ip_country = draft.ip.map(|ip| &COUNTRIES[self.world.ips[ip as usize] as usize]);
        Payment {
            transaction_id: transaction_id.to_owned(),
            account: names.spell("acc_", u64::from(draft.account)),
            device: device.map(|device| names.spell("dev_", u64::from(device))),
            ip: draft.ip.zip(ip_country).map(|(ip, network)| names.ip(ip, network.blocks)),
            merchant: draft.merchant.map(|number| names.spell("mer_", u64::from(number))),
            counterparty: counterparty.map(|other| names.spell("acc_", u64::from(other))),
            amount_minor,
            currency: *code,
            channel: draft.channel,
            merchant_category: merchant.filter(|_| categorised).map(|shop| shop.category.code),
            account_country: Some(country.code),
            ip_country: ip_country.filter(|_| located).map(|network| network.code),
            merchant_country: merchant.map(|shop| COUNTRIES[shop.country as usize].code),
        }
    }
}

/// Amounts end as people make them end: prices in .99 and .00, transfers and cash in round sums.
fn priced(minor: u64, channel: Channel, dice: &mut Dice) -> u64 {
    let to = |step: u64| ((minor + step / 2) / step * step).max(step);
    match channel {
        Channel::Atm => to(1_000),
        Channel::Transfer => match dice.unit() {
            u if u < 0.35 => to(500),
            u if u < 0.60 => to(1_000),
            u if u < 0.72 && minor > 5_000 => to(5_000),
            _ => minor,
        },
        _ => match dice.unit() {
            u if u < 0.30 && minor > 150 => to(100) - 1,
            u if u < 0.45 && minor > 150 => to(100),
            u if u < 0.60 => to(10),
            _ => minor,
        },
    }
}

impl Iterator for Simulation {
    type Item = SimulatedEvent;

    fn next(&mut self) -> Option<SimulatedEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let over = self.day as u32 >= self.config.days;
            if over && self.pending.is_empty() {
                return None;
            }
            if !over {
                self.live_a_day();
            }
            // Whatever is made from tomorrow on is accepted tomorrow or later.
            let until_ms = self.config.start_ms + i64::from(self.day) * DAY_MS;
            let last = self.day as u32 >= self.config.days;
            while let Some(Reverse(next)) = self.pending.peek() {
                let payment = next.event.oracle.is_some();
                if next.ingested_at_ms >= until_ms && !last {
                    break;
                }
                let keep = payment || self.config.label_tail || next.ingested_at_ms < until_ms;
                if let Some(Reverse(next)) = self.pending.pop()
                    && keep
                {
                    self.ready.push_back(*next.event);
                }
            }
        }
    }
}
