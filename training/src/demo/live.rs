//! A live day: payments over HTTP, and what becomes known of them. Analysts look at what was held, within hours; cardholders report what
//! went through, within a day and a half; some customers who were declined complain.

use super::world::{DAY_MS, HOUR_MS, LivePayment, World};
use anyhow::{Context, Result, ensure};
use fraudnet_graph::{Label, LabelSource};
use fraudnet_scoring::client::FraudnetClient;
use fraudnet_scoring::simulate::Typology;
use fraudnet_scoring::verdict::{Decision, Verdict};
use fraudnet_scoring::wire::LabelRequest;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinSet;

/// Requests under way at once.
const CONNECTIONS: usize = 12;

/// What a day came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DayFigures {
    /// Payments, and frauds of the kinds that were known and of the new one: all, and held or declined.
    pub(super) payments: u64,
    pub(super) known: [u64; 2],
    pub(super) novel: [u64; 2],
    /// Honest payments held or declined.
    pub(super) false_alarms: u64,
    /// Payments decided by each model version.
    pub(super) versions: BTreeMap<String, u64>,
}

impl DayFigures {
    /// Share of frauds held or declined; none where there were none.
    pub(super) fn recall([all, caught]: [u64; 2]) -> Option<f64> {
        (all > 0).then(|| caught as f64 / all as f64)
    }
}

/// Labels that are on their way, earliest first.
pub(super) struct Mailbox {
    waiting: BinaryHeap<Reverse<(i64, u64)>>,
    labels: BTreeMap<u64, LabelRequest>,
    next: u64,
    dice: ChaCha8Rng,
}

impl Mailbox {
    pub(super) fn new(world: &mut World, seed: u64) -> Mailbox {
        let dice = ChaCha8Rng::seed_from_u64(seed);
        let mut mailbox = Mailbox { waiting: BinaryHeap::new(), labels: BTreeMap::new(), next: 0, dice };
        for (at_ms, label) in std::mem::take(&mut world.late) {
            mailbox.post(at_ms, label);
        }
        mailbox
    }

    fn post(&mut self, at_ms: i64, label: LabelRequest) {
        self.waiting.push(Reverse((at_ms, self.next)));
        self.labels.insert(self.next, label);
        self.next += 1;
    }

    /// Between `from` and `to`, drawn.
    fn hours(&mut self, from: f64, to: f64) -> i64 {
        let unit = (self.dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        ((from + unit * (to - from)) * HOUR_MS as f64) as i64
    }

    /// What people will say of a payment, and when.
    fn decided(&mut self, payment: &LivePayment, decision: Decision) {
        let fraud = payment.oracle.fraud;
        let told = match (decision, fraud) {
            (Decision::Review, _) => Some((self.hours(2.0, 6.0), LabelSource::Analyst)),
            (_, true) => Some((self.hours(8.0, 36.0), LabelSource::Chargeback)),
            (Decision::Decline, false) => Some((self.hours(4.0, 12.0), LabelSource::Analyst)),
            (Decision::Approve | Decision::Challenge, false) => None,
        };
        if let Some((delay_ms, source)) = told {
            let known_ms = payment.at_ms + delay_ms;
            let label = Label { transaction_id: payment.request.transaction_id.clone(), fraud, source };
            self.post(known_ms, LabelRequest::new(&label, Some(known_ms)));
        }
    }

    fn due(&mut self, now_ms: i64) -> Vec<LabelRequest> {
        let mut due = Vec::new();
        while let Some(&Reverse((at_ms, number))) = self.waiting.peek()
            && at_ms <= now_ms
        {
            self.waiting.pop();
            due.extend(self.labels.remove(&number));
        }
        due
    }
}

/// Streams a day, hour by hour: labels that became known, then the hour's payments.
pub(super) async fn day(
    client: &FraudnetClient,
    payments: Vec<LivePayment>,
    day_ms: i64,
    novelty: Typology,
    mailbox: &mut Mailbox,
) -> Result<DayFigures> {
    let mut figures = DayFigures::default();
    let mut payments = payments.into_iter().peekable();
    let mut hour_ms = day_ms;
    while hour_ms < day_ms + DAY_MS || payments.peek().is_some() {
        for label in mailbox.due(hour_ms) {
            let known = client.label_patiently(&label).await.map_err(anyhow::Error::msg)?;
            ensure!(known, "the service does not know the payment {} that a label speaks of", label.transaction_id);
        }
        let end_ms = hour_ms + HOUR_MS;
        let mut hour = Vec::new();
        while let Some(payment) = payments.next_if(|payment| payment.at_ms < end_ms) {
            hour.push(payment);
        }
        let hour = Arc::new(hour);
        let verdicts = score(client, &hour).await?;
        for (payment, verdict) in hour.iter().zip(&verdicts) {
            mailbox.decided(payment, verdict.decision);
            figures.payments += 1;
            *figures.versions.entry(verdict.model_version.clone()).or_default() += 1;
            let caught = u64::from(verdict.decision >= Decision::Review);
            if payment.oracle.fraud {
                let kind =
                    if payment.oracle.typology == Some(novelty) { &mut figures.novel } else { &mut figures.known };
                kind[0] += 1;
                kind[1] += caught;
            } else {
                figures.false_alarms += caught;
            }
        }
        hour_ms = end_ms;
    }
    Ok(figures)
}

async fn score(client: &FraudnetClient, hour: &Arc<Vec<LivePayment>>) -> Result<Vec<Verdict>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for _ in 0..CONNECTIONS.min(hour.len()) {
        let (client, hour, next) = (client.clone(), Arc::clone(hour), Arc::clone(&next));
        lanes.spawn(async move {
            let mut verdicts = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(payment) = hour.get(number) else { return Ok(verdicts) };
                let reply = client.score_patiently(&payment.request).await?;
                let verdict: Verdict = reply.json().map_err(|error| error.to_string())?;
                verdicts.push((number, verdict));
            }
        });
    }
    let mut verdicts = Vec::with_capacity(hour.len());
    while let Some(lane) = lanes.join_next().await {
        let scored: Result<Vec<(usize, Verdict)>, String> = lane.context("a connection broke off")?;
        verdicts.extend(scored.map_err(anyhow::Error::msg)?);
    }
    verdicts.sort_by_key(|(number, _)| *number);
    Ok(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
}
