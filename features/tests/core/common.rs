//! Small random streams: payments, labels and corrections, outcomes; late, tied and repeated events. And small logs by hand.

use fraudnet_features::{State, Tensor, schema};
use fraudnet_graph::{
    Applied, Body, Channel, Event, Label, LabelSource, Limits, OutcomeStatus, Payment, PaymentOutcome, SCHEMA_VERSION,
};

/// Where the streams start: a Tuesday in November 2023.
pub const START_S: i64 = 1_700_000_000;

/// Limits that evict nothing in these streams.
pub const AMPLE: Limits =
    Limits { max_entities: 100_000, max_edges: 200_000, max_transactions: 100_000, max_age_s: 120 * 86_400 };
/// Limits that evict all the time.
pub const TIGHT: Limits = Limits { max_entities: 24, max_edges: 40, max_transactions: 60, max_age_s: 3 * 86_400 };

/// SplitMix64: seeded, no dependency.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Small numbers are likelier.
    fn skewed(&mut self, bound: u64) -> u64 {
        let draw = self.below(bound * bound);
        bound - 1 - draw.isqrt().min(bound - 1)
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

/// How a stream is drawn.
pub struct Stream {
    pub seed: u64,
    pub events: usize,
    /// Entities: accounts; other kinds are fewer.
    pub accounts: u64,
    /// Mean gap between payments.
    pub gap_s: u64,
}

pub fn event(position: usize, occurred_at_ms: i64, ingested_at_ms: i64, body: Body) -> Event {
    Event {
        event_id: format!("e{position}"),
        tenant: "t".to_owned(),
        schema_version: SCHEMA_VERSION,
        occurred_at_ms,
        ingested_at_ms,
        source: "test".to_owned(),
        actor: String::new(),
        body,
    }
}

pub fn payment(transaction_id: &str, account: &str) -> Payment {
    Payment {
        transaction_id: transaction_id.to_owned(),
        account: account.to_owned(),
        device: None,
        ip: None,
        merchant: None,
        counterparty: None,
        amount_minor: 1_234,
        currency: *b"EUR",
        channel: Channel::Ecommerce,
        merchant_category: None,
        account_country: None,
        ip_country: None,
        merchant_country: None,
    }
}

fn random_payment(dice: &mut Dice, number: usize, accounts: u64) -> Payment {
    let who = dice.skewed(accounts);
    let channel = dice.pick(&[
        Channel::Ecommerce,
        Channel::Ecommerce,
        Channel::CardPresent,
        Channel::Transfer,
        Channel::Wallet,
        Channel::Atm,
    ]);
    let online = matches!(channel, Channel::Ecommerce | Channel::Wallet | Channel::Transfer);
    let countries: [[u8; 2]; 4] = [*b"DE", *b"DE", *b"FR", *b"NL"];
    // Entities near the account's own number are usual, others happen.
    let near = |dice: &mut Dice, bound: u64| if dice.chance(75) { who * bound / accounts } else { dice.skewed(bound) };
    let device = (online && dice.chance(90)).then(|| format!("d{}", near(dice, accounts / 2 + 1)));
    let ip = (online && dice.chance(85)).then(|| format!("i{}", near(dice, accounts / 3 + 1)));
    let transfer = channel == Channel::Transfer;
    let merchant = (!transfer || dice.chance(5)).then(|| format!("m{}", dice.skewed(accounts / 4 + 2)));
    let counterparty = (transfer && dice.chance(97)).then(|| format!("a{}", dice.skewed(accounts)));
    let amount_minor = match dice.below(6) {
        0 => 100 * (1 + dice.below(300)),
        1 => 1_000 * (1 + dice.below(30)),
        2 => 1 + dice.below(500),
        _ => 500 + dice.below(20_000) * (1 + who % 7),
    };
    Payment {
        transaction_id: format!("x{number}"),
        account: format!("a{who}"),
        device,
        ip,
        merchant_category: merchant
            .is_some()
            .then(|| dice.pick(&[5411, 5812, 4511, 7011, 5816, 4814, 6011, 7995, 5732, 5651, 8099])),
        merchant,
        counterparty,
        amount_minor,
        currency: if dice.chance(90) { *b"EUR" } else { dice.pick(&[*b"USD", *b"JPY", *b"KWD"]) },
        channel,
        account_country: dice.chance(95).then(|| countries[(who % 4) as usize]),
        ip_country: online.then(|| if dice.chance(85) { countries[(who % 4) as usize] } else { dice.pick(&countries) }),
        merchant_country: (!transfer && dice.chance(90)).then(|| dice.pick(&countries)),
    }
}

impl Stream {
    pub fn draw(&self) -> Vec<Event> {
        let mut dice = Dice(self.seed);
        let mut now_ms = START_S * 1_000;
        let mut payments = 0;
        let mut events: Vec<Event> = Vec::with_capacity(self.events);
        for position in 0..self.events {
            // Ties, bursts, and every now and then a long gap.
            now_ms += match dice.below(10) {
                0..=2 => 0,
                3..=8 => dice.below(self.gap_s * 1_500 + 1) as i64,
                _ => dice.below(self.gap_s * 6_000 + 1) as i64,
            };
            let occurred_at_ms = if dice.chance(5) { now_ms - dice.below(7_200_000) as i64 } else { now_ms };
            let body = match dice.below(100) {
                0..=11 if payments > 0 => Body::Label(Label {
                    transaction_id: format!("x{}", payments - 1 - dice.skewed(payments as u64) as usize),
                    fraud: dice.chance(70),
                    source: dice.pick(&[
                        LabelSource::CustomerReport,
                        LabelSource::EarlyFraudWarning,
                        LabelSource::Analyst,
                        LabelSource::Chargeback,
                    ]),
                }),
                12..=13 if payments > 0 => Body::Outcome(PaymentOutcome {
                    transaction_id: format!("x{}", dice.below(payments as u64)),
                    status: dice.pick(&[
                        OutcomeStatus::Authorised,
                        OutcomeStatus::Refused,
                        OutcomeStatus::Reversed,
                        OutcomeStatus::Refunded,
                    ]),
                }),
                14..=15 if payments > 0 => Body::Payment(random_payment(&mut dice, payments - 1, self.accounts)),
                drawn => {
                    payments += 1;
                    let mut payment = random_payment(&mut dice, payments - 1, self.accounts);
                    // Bursts: the payer before this one pays again, mostly from the same place.
                    if drawn >= 75
                        && let Some(Body::Payment(earlier)) =
                            events.iter().rev().map(|event| &event.body).find(|body| matches!(body, Body::Payment(_)))
                    {
                        payment = Payment {
                            account: earlier.account.clone(),
                            account_country: earlier.account_country,
                            ..payment
                        };
                        if dice.chance(70) {
                            payment = Payment {
                                device: earlier.device.clone(),
                                ip: earlier.ip.clone(),
                                ip_country: earlier.ip_country,
                                ..payment
                            };
                        }
                        if dice.chance(40) {
                            payment = Payment { merchant: earlier.merchant.clone(), ..payment };
                        }
                    }
                    Body::Payment(payment)
                }
            };
            events.push(event(position, occurred_at_ms, now_ms + 40, body));
        }
        events
    }
}

/// Every bit of a tensor, list after list: `PartialEq` on floats would let -0.0 pass for 0.0.
pub fn bits(tensor: &Tensor) -> [Vec<u32>; 6] {
    [
        tensor.nodes.iter().map(|x| u32::from(x.to_bits())).collect(),
        tensor.edges.iter().map(|x| u32::from(x.to_bits())).collect(),
        tensor.payment.iter().map(|x| x.to_bits()).collect(),
        tensor.row_ends.iter().map(|x| u32::from(*x)).collect(),
        tensor.neighbours.iter().map(|x| u32::from(*x)).collect(),
        tensor.hop_counts.iter().map(|x| u32::from(*x)).collect(),
    ]
}

pub fn replay(limits: Limits, events: &[Event]) -> State {
    let mut state = State::new(limits);
    for (position, event) in events.iter().enumerate() {
        state.apply(position as u64, event);
    }
    state
}

/// Tensor and digest of one more payment on top of a log.
pub fn tensor_after(limits: Limits, events: &[Event], next: &Event) -> (Tensor, [u8; 16]) {
    let mut state = replay(limits, events);
    let mut tensor = Tensor::default();
    let observed = state.observe(events.len() as u64, next, &mut tensor);
    assert!(matches!(observed.applied, Applied::Payment { .. }), "{observed:?}");
    (tensor, observed.subgraph_digest)
}

pub fn column(tensor: &Tensor, name: &str) -> f32 {
    tensor.payment[schema::payment_feature_index(name).unwrap_or_else(|| panic!("no column {name}"))]
}

pub fn ms(seconds: i64) -> i64 {
    (START_S + seconds) * 1_000
}

pub fn pay(seconds: i64, body: Payment) -> Event {
    event(0, ms(seconds), ms(seconds), Body::Payment(body))
}

pub fn label(seconds: i64, transaction_id: &str, fraud: bool, source: LabelSource) -> Event {
    event(0, ms(seconds), ms(seconds), Body::Label(Label { transaction_id: transaction_id.to_owned(), fraud, source }))
}
