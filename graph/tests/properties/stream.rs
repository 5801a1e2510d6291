//! Random event streams over few names, so that repeats, shared devices, ties, late events and (with tiny limits) evictions abound.

use fraudnet_graph::{Body, Channel, Event, Label, LabelSource, Limits, OutcomeStatus, Payment, PaymentOutcome};
use proptest::prelude::*;

/// Nothing leaves.
pub const ROOMY: Limits =
    Limits { max_entities: 10_000, max_edges: 100_000, max_transactions: 10_000, max_age_s: u32::MAX };
/// Nearly everything leaves, by cap and by age, and numbers are reused all the time.
pub const TINY: Limits = Limits { max_entities: 9, max_edges: 11, max_transactions: 7, max_age_s: 400 };

const START_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 10_000;

/// An event before it has its place in the stream.
#[derive(Debug, Clone)]
pub enum Step {
    /// Names are small numbers; `id` is one of few, so that ids repeat.
    Pay {
        tenant: u8,
        id: u8,
        account: u8,
        device: Option<u8>,
        ip: Option<u8>,
        merchant: Option<u8>,
        to: Option<u8>,
        late_s: i64,
    },
    /// A label for one of those ids.
    Tell { tenant: u8, id: u8, fraud: bool, source: LabelSource, late_s: i64 },
    /// An outcome, which changes nothing.
    End { tenant: u8, id: u8, late_s: i64 },
}

/// How far an event's time is off its place: mostly ties and lateness, sometimes absurd.
fn lateness() -> impl Strategy<Value = i64> {
    prop_oneof![6 => (-12i64..4).prop_map(|n| n * 10), 1 => Just(-100_000), 1 => Just(10_000_000), 1 => -500i64..500]
}

pub fn step() -> impl Strategy<Value = Step> {
    let names = (
        0u8..12,
        prop::option::of(0u8..6),
        prop::option::of(0u8..5),
        prop::option::of(0u8..4),
        prop::option::of(0u8..12),
    );
    let pay =
        (0u8..2, 0u8..120, names, lateness()).prop_map(|(tenant, id, (account, device, ip, merchant, to), late_s)| {
            Step::Pay { tenant: tenant / 2, id, account, device, ip, merchant, to, late_s }
        });
    let source = prop::sample::select(vec![LabelSource::CustomerReport, LabelSource::Analyst, LabelSource::Chargeback]);
    let tell = (0u8..120, any::<bool>(), source, lateness()).prop_map(|(id, fraud, source, late_s)| Step::Tell {
        tenant: 0,
        id,
        fraud,
        source,
        late_s,
    });
    let end = (0u8..120, lateness()).prop_map(|(id, late_s)| Step::End { tenant: 0, id, late_s });
    prop_oneof![8 => pay, 3 => tell, 1 => end]
}

pub fn steps(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), len)
}

/// The stream's events; their positions in the log are their indexes.
pub fn events(steps: &[Step]) -> Vec<Event> {
    steps.iter().enumerate().map(|(place, step)| event(place, step)).collect()
}

pub fn event(place: usize, step: &Step) -> Event {
    let (tenant, late_s, body) = match *step {
        Step::Pay { tenant, id, account, device, ip, merchant, to, late_s } => (
            tenant,
            late_s,
            Body::Payment(payment(&format!("t{id}"), account.into(), device, ip, merchant, to, u64::from(id) * 101)),
        ),
        Step::Tell { tenant, id, fraud, source, late_s } => {
            (tenant, late_s, Body::Label(Label { transaction_id: format!("t{id}"), fraud, source }))
        }
        Step::End { tenant, id, late_s } => (
            tenant,
            late_s,
            Body::Outcome(PaymentOutcome { transaction_id: format!("t{id}"), status: OutcomeStatus::Authorised }),
        ),
    };
    at(place, late_s, &format!("tenant{tenant}"), body)
}

/// An event at its place in the log.
pub fn at(place: usize, late_s: i64, tenant: &str, body: Body) -> Event {
    let now_ms = START_MS + place as i64 * STEP_MS;
    Event {
        event_id: format!("e{place}"),
        tenant: tenant.into(),
        schema_version: fraudnet_graph::SCHEMA_VERSION,
        occurred_at_ms: now_ms + late_s * 1000,
        ingested_at_ms: now_ms,
        source: "test".into(),
        actor: String::new(),
        body,
    }
}

pub fn payment(
    id: &str,
    account: u32,
    device: Option<u8>,
    ip: Option<u8>,
    merchant: Option<u8>,
    to: Option<u8>,
    amount_minor: u64,
) -> Payment {
    Payment {
        transaction_id: id.into(),
        account: format!("account{account}"),
        device: device.map(|n| format!("device{n}")),
        ip: ip.map(|n| format!("ip{n}")),
        merchant: merchant.map(|n| format!("a merchant with a name too long to be kept in place, number {n}")),
        counterparty: to.map(|n| format!("account{n}")),
        amount_minor,
        currency: *b"EUR",
        channel: Channel::Ecommerce,
        merchant_category: None,
        account_country: None,
        ip_country: None,
        merchant_country: None,
    }
}
