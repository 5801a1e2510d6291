//! The payments tested: gathered in one replay, scored by every fit.
//!
//! Cost: a tensor takes 10–20 kB, so a week of 60,000 payments is held in about a gigabyte and scored without another replay; above
//! `MOST_BYTES` tensors are let go and each fit replays the history again. The columns beside them take some 20 bytes a payment.

use super::compromised::Removal;
use super::period::Period;
use super::protocol::Protocol;
use super::world::World;
use crate::contender::Contender;
use crate::data::replay::{Seen, replay};
use crate::generations::GenerationSessions;
use crate::progress::Progress;
use anyhow::{Context, Result, ensure};
use fraudnet_features::Tensor;
use fraudnet_scoring::clock;
use fraudnet_scoring::wire::currency_exponent;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Most bytes of tensors held between two fits.
const MOST_BYTES: usize = 4 << 30;
/// Payments scored at a time.
const CHUNK: usize = 512;
/// Payments latencies are measured on.
const SAMPLE: usize = 2_000;

/// The payments tested, column by column, in order of acceptance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tested {
    /// Day of the test, from 0.
    pub days: Vec<u32>,
    /// Days of the test.
    pub day_count: usize,
    /// The payer, numbered by first appearance.
    pub accounts: Vec<u32>,
    /// Amount in major units of its own currency.
    pub amounts: Vec<f32>,
    /// Whether it is fraud: by truth where the history tells it for every payment tested, else by the labels standing at the end.
    pub fraud: Vec<bool>,
    /// Number of its group among `groups`, for frauds that have one.
    pub group: Vec<Option<u16>>,
    /// Names of the groups, in order.
    pub groups: Vec<String>,
    /// Payments removed.
    pub removed: u64,
}

impl Tested {
    /// Payments.
    pub fn len(&self) -> usize {
        self.days.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Frauds.
    pub fn frauds(&self) -> u64 {
        self.fraud.iter().filter(|&&fraud| fraud).count() as u64
    }

    /// Share of fraud, 0–1.
    pub fn prevalence(&self) -> f64 {
        self.frauds() as f64 / self.len().max(1) as f64
    }
}

/// The payments tested with their tensors, and how fast they came.
pub struct TestSet {
    /// The payments.
    pub tested: Tested,
    /// All tensors, or a sample from the start where all are too many.
    tensors: Vec<Tensor>,
    /// Payments a second read and applied before the test, one core.
    pub applied_per_s: f64,
    /// Payments a second with their tensors, in the test, one core.
    pub observed_per_s: f64,
}

impl TestSet {
    /// Gathers the test of one period.
    ///
    /// # Errors
    /// What reading gives, or a test without payments, frauds or legitimate payments.
    pub fn gather(world: &World, protocol: &Protocol, period: Period, progress: &mut Progress) -> Result<TestSet> {
        let removal = world.removal(protocol, period);
        let mut columns =
            Columns { tested: Tested { day_count: period.test_days(), ..Tested::default() }, ..Columns::default() };
        let (mut tensors, mut bytes): (Vec<Tensor>, usize) = (Vec::new(), 0);
        let started = clock::monotonic();
        let (mut applied, mut observed, mut test_began) = (0u64, 0u64, None);
        replay(
            &world.source,
            period.end_ms,
            progress,
            |event, _| {
                let in_test = event.ingested_at_ms >= period.test_ms;
                if in_test {
                    test_began.get_or_insert_with(clock::monotonic);
                    observed += 1;
                } else {
                    applied += 1;
                }
                in_test
            },
            |seen| {
                if removal.removes(&seen.event.tenant, &seen.payment.account, seen.event.ingested_at_ms) {
                    columns.tested.removed += 1;
                    return Ok(());
                }
                columns.add(world, &removal, &seen);
                bytes += seen.tensor.bytes();
                if bytes <= MOST_BYTES || tensors.len() < SAMPLE {
                    tensors.push(seen.tensor.clone());
                } else {
                    tensors.truncate(SAMPLE);
                }
                Ok(())
            },
        )?;
        let ended = clock::monotonic();
        let test_began = test_began.unwrap_or(ended);
        let rate = |payments: u64, seconds: f64| payments as f64 / seconds.max(1e-9);
        let tested = columns.settle();
        let frauds = tested.frauds();
        ensure!(
            frauds > 0 && frauds < tested.len() as u64,
            "the test from {} holds {} payments, {frauds} of them fraud ({} removed): nothing can be measured there; choose other test days",
            super::period::date(period.test_ms),
            tested.len(),
            tested.removed
        );
        Ok(TestSet {
            tested,
            tensors,
            applied_per_s: rate(applied, (test_began - started).as_secs_f64()),
            observed_per_s: rate(observed, (ended - test_began).as_secs_f64()),
        })
    }

    /// Raw logits of every contender, in the order of the payments.
    ///
    /// # Errors
    /// What the runtime says, or what reading gives where the history is replayed again.
    pub fn score(
        &self,
        world: &World,
        protocol: &Protocol,
        period: Period,
        sessions: &mut GenerationSessions,
        progress: &mut Progress,
    ) -> Result<Vec<[f32; Contender::COUNT]>> {
        let mut logits = Vec::with_capacity(self.tested.len());
        if self.tensors.len() == self.tested.len() {
            for chunk in self.tensors.chunks(CHUNK) {
                logits.extend(sessions.logits(&chunk.iter().collect::<Vec<_>>())?);
                progress.advance(logits.len() as u64);
            }
            return Ok(logits);
        }
        let removal = world.removal(protocol, period);
        let mut pending: Vec<Tensor> = Vec::with_capacity(CHUNK);
        let mut quiet = Progress::start(crate::progress::Told::Quietly, "", "", None);
        replay(
            &world.source,
            period.end_ms,
            &mut quiet,
            |event, payment| {
                let at_ms = event.ingested_at_ms;
                at_ms >= period.test_ms && !removal.removes(&event.tenant, &payment.account, at_ms)
            },
            |seen| {
                pending.push(std::mem::take(seen.tensor));
                if pending.len() == CHUNK {
                    logits.extend(sessions.logits(&pending.iter().collect::<Vec<_>>())?);
                    pending.clear();
                    progress.advance(logits.len() as u64);
                }
                Ok(())
            },
        )
        .context("while scoring the test")?;
        logits.extend(sessions.logits(&pending.iter().collect::<Vec<_>>())?);
        progress.advance(logits.len() as u64);
        Ok(logits)
    }

    /// Tensors to measure latencies on.
    pub fn sample(&self) -> Vec<&Tensor> {
        self.tensors.iter().take(SAMPLE).collect()
    }
}

/// Columns under construction.
#[derive(Default)]
struct Columns {
    tested: Tested,
    truth: Vec<Option<bool>>,
    labelled: Vec<bool>,
    names: Vec<Option<Arc<str>>>,
    accounts: HashMap<String, u32>,
}

impl Columns {
    fn add(&mut self, world: &World, removal: &Removal<'_>, seen: &Seen<'_>) {
        let (tenant, payment) = (&seen.event.tenant, seen.payment);
        let next = self.accounts.len() as u32;
        let account = *self.accounts.entry(format!("{tenant}\0{}", payment.account)).or_insert(next);
        let minor = f64::from(10u32.pow(u32::from(currency_exponent(payment.currency).unwrap_or(2))));
        let labelled = world.survey.labels.standing(tenant, &payment.transaction_id, i64::MAX);
        self.tested.days.push(removal.period.day(seen.event.ingested_at_ms) as u32);
        self.tested.accounts.push(account);
        self.tested.amounts.push((payment.amount_minor as f64 / minor) as f32);
        self.truth.push(seen.truth.as_ref().map(|truth| truth.fraud));
        self.labelled.push(labelled.unwrap_or(false));
        self.names.push(seen.truth.as_ref().and_then(|truth| truth.group.clone()));
    }

    /// Truth counts where it is told for every payment, else the labels do; groups of what is not fraud are dropped.
    fn settle(self) -> Tested {
        let Columns { mut tested, truth, labelled, names, .. } = self;
        tested.fraud = truth.into_iter().collect::<Option<Vec<bool>>>().unwrap_or(labelled);
        let of_frauds = || names.iter().zip(&tested.fraud).map(|(name, &fraud)| name.as_deref().filter(|_| fraud));
        let groups: BTreeSet<&str> = of_frauds().flatten().collect();
        let groups: Vec<&str> = groups.into_iter().collect();
        tested.group = of_frauds()
            .map(|name| name.and_then(|name| groups.binary_search(&name).ok()).map(|number| number as u16))
            .collect();
        tested.groups = groups.into_iter().map(str::to_owned).collect();
        tested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_counts_only_where_all_of_it_is_told() {
        let columns = |truth: [Option<bool>; 3]| Columns {
            truth: truth.to_vec(),
            labelled: vec![true, true, false],
            names: vec![Some("b".into()), Some("a".into()), Some("c".into())],
            ..Columns::default()
        };
        let told = columns([Some(true), Some(false), Some(true)]).settle();
        assert_eq!((told.fraud, told.groups), (vec![true, false, true], vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!(told.group, [Some(0), None, Some(1)]);
        let half = columns([Some(false), None, Some(true)]).settle();
        assert_eq!((half.fraud, half.groups.len()), (vec![true, true, false], 2));
    }
}
