//! Two folds of one log. The head reads everything at once: what was decided, how fast, by whom. The tail follows as far behind as payments
//! take to mature, and settles each of them once, with every label that was told in between. So what waits for maturity waits in the log:
//! in memory are labels alone, whatever the volume.
//!
//! A fraud that an analyst or the bank confirms is counted at once while the head still knows the payment; else when it is mature.

use super::figures::ExperimentFigures;
use super::ledger::{Ledger, ShadowNote, Terms, VerdictRead, transaction_key};
use super::state::{ExperimentChange, ExperimentsState};
use crate::control::Meta;
use fraudnet_graph::{Label, LabelSource, Payment};
use std::collections::HashMap;

/// Labels that wait for their payments to mature at most (about 50 bytes each); beyond, new ones are dropped and counted.
pub const MOST_LABELS: usize = 1_000_000;
/// Entries that the tail reads on before it settles a payment: what shadows said of it stands a little after its verdict.
const NOTES_WITHIN: u64 = 1_000;
/// The same by the events' times, where the tail has reached the end of the log.
const NOTES_WITHIN_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// An entry of the log, as far as experiments are concerned.
#[derive(Debug)]
pub enum Item<'a> {
    /// A payment that asks for a verdict.
    Payment {
        /// Whose.
        tenant: String,
        /// When, UTC milliseconds since the epoch.
        occurred_at_ms: i64,
        /// The payment.
        payment: Payment,
    },
    /// The verdict on a payment.
    Verdict {
        /// Log position of the payment.
        payment: u64,
        /// What is read of it.
        verdict: VerdictRead<'a>,
    },
    /// What a shadow said.
    Note(ShadowNote),
    /// A label.
    Label {
        /// Whose payment.
        tenant: String,
        /// The label.
        label: Label,
        /// When it became known, UTC milliseconds since the epoch.
        known_at_ms: i64,
    },
    /// A change of an experiment.
    Change(Meta, ExperimentChange),
}

/// Both folds.
pub struct Books {
    terms: Terms,
    head: Ledger,
    tail: Ledger,
    labels: Labels,
    clock_ms: i64,
    /// When labels that nothing waits for are next let go.
    purge_ms: i64,
}

impl Books {
    /// Empty ones.
    pub fn new(terms: Terms) -> Books {
        let (head, tail) = (Ledger::new(terms, true), Ledger::new(terms, false));
        Books { terms, head, tail, labels: Labels::default(), clock_ms: i64::MIN, purge_ms: i64::MIN }
    }

    /// The experiments as of what the head has read.
    pub fn state(&self) -> &ExperimentsState {
        self.head.state()
    }

    /// Labels that wait for their payments to mature.
    pub fn waiting(&self) -> usize {
        self.labels.standing.len()
    }

    /// Labels that were dropped for want of room.
    pub fn dropped(&self) -> u64 {
        self.labels.dropped
    }

    /// Takes the next entry at the end of the log.
    pub fn head(&mut self, position: u64, item: &Item<'_>) {
        match item {
            Item::Payment { tenant, occurred_at_ms, payment } => {
                self.clock_ms = self.clock_ms.max(*occurred_at_ms);
                self.head.payment(position, tenant, *occurred_at_ms, payment.clone());
            }
            Item::Verdict { payment, verdict } => drop(self.head.verdict(*payment, verdict)),
            Item::Note(note) => self.head.note(note),
            Item::Label { tenant, label, known_at_ms } => {
                self.clock_ms = self.clock_ms.max(*known_at_ms);
                if !self.state().is_empty() {
                    self.label(transaction_key(tenant, &label.transaction_id), label, *known_at_ms);
                }
            }
            Item::Change(meta, change) => {
                self.head.change(meta, change);
                for name in ended(self.head.state(), u64::MAX) {
                    self.head.close(&name);
                }
            }
        }
    }

    fn label(&mut self, key: u64, label: &Label, known_at_ms: i64) {
        let Some(standing) = self.labels.replace(key, label, known_at_ms) else { return };
        if label.source >= LabelSource::Analyst && standing.confirmed != Some(label.fraud) {
            let counted = self.head.confirmed(key, standing.confirmed, label.fraud);
            if counted {
                self.labels.confirm(key, label.fraud);
            }
        }
    }

    /// Takes the next entry in the tail; false, and nothing taken, where it is a payment that is not mature yet.
    pub fn tail(&mut self, position: u64, item: &Item<'_>) -> bool {
        match item {
            Item::Payment { tenant, occurred_at_ms, payment } => {
                if self.due_ms(*occurred_at_ms) > self.clock_ms {
                    return false;
                }
                self.tail.payment(position, tenant, *occurred_at_ms, payment.clone());
            }
            Item::Verdict { payment, verdict } => {
                if let Some(key) = self.tail.verdict(*payment, verdict) {
                    self.labels.take(key);
                }
            }
            Item::Note(note) => self.tail.note(note),
            Item::Label { .. } => {}
            Item::Change(meta, change) => self.tail.change(meta, change),
        }
        true
    }

    /// When a payment is mature.
    fn due_ms(&self, occurred_at_ms: i64) -> i64 {
        occurred_at_ms.saturating_add(self.terms.maturity_ms)
    }

    /// Settles what the tail has read, up to `next`, but for the latest; `at_end`: the log goes no further.
    pub fn settle(&mut self, next: u64, at_end: bool) {
        self.tail.settle(next.saturating_sub(NOTES_WITHIN), i64::MAX, &mut self.labels);
        // Where payments are few, notes are not far in time.
        let patience_ms = if at_end { NOTES_WITHIN_MS } else { HOUR_MS.max(self.terms.maturity_ms / 30) };
        let before_ms = self.clock_ms.saturating_sub(self.terms.maturity_ms).saturating_sub(patience_ms);
        self.tail.settle(next, before_ms, &mut self.labels);
        for name in ended(self.tail.state(), next.saturating_sub(NOTES_WITHIN)) {
            self.tail.close(&name);
        }
        // Labels of payments that were settled before, or are in no experiment's time: nothing takes them.
        if self.clock_ms >= self.purge_ms {
            let patience_ms = self.terms.maturity_ms.saturating_mul(2).saturating_add(DAY_MS);
            self.purge_ms = self.clock_ms.saturating_add(patience_ms / 4);
            self.labels.purge(self.clock_ms.saturating_sub(patience_ms));
        }
    }

    /// Everything counted of an experiment: what is known at once from the head, what is mature from the tail.
    pub fn figures(&self, name: &str) -> Option<ExperimentFigures> {
        let mut figures = self.head.figures(name)?.clone();
        let Some(settled) = self.tail.figures(name) else { return Some(figures) };
        for (stage, settled) in figures.stages.iter_mut().zip(&settled.stages) {
            stage.control.settled(&settled.control);
            stage.arms.iter_mut().zip(&settled.arms).for_each(|(arm, settled)| arm.settled(settled));
            for (pairs, settled) in stage.pairs.iter_mut().zip(&settled.pairs) {
                (pairs.recall, pairs.saved) = (settled.recall, settled.saved);
            }
        }
        Some(figures)
    }
}

/// Experiments that ended before that position.
fn ended(state: &ExperimentsState, position: u64) -> Vec<String> {
    let all = state.in_order().into_iter().filter(|experiment| !experiment.status.is_active());
    let before = all.filter(|experiment| experiment.history.last().is_some_and(|step| step.position < position));
    before.map(|experiment| experiment.spec.name.clone()).collect()
}

/// The standing label of each payment that is not mature yet.
#[derive(Debug, Default)]
pub struct Labels {
    standing: HashMap<u64, Standing>,
    dropped: u64,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    fraud: bool,
    source: LabelSource,
    /// What was counted as confirmed.
    confirmed: Option<bool>,
    /// When the first of them became known: no earlier than the payment.
    known_at_ms: i64,
}

impl Labels {
    /// Puts a label in the place of a standing one whose source is not stronger; what stood before, none where it stays.
    fn replace(&mut self, key: u64, label: &Label, known_at_ms: i64) -> Option<Standing> {
        let Label { fraud, source, .. } = *label;
        let full = self.standing.len() >= MOST_LABELS;
        match self.standing.get_mut(&key) {
            Some(standing) if standing.source > source => None,
            Some(standing) => {
                let before = *standing;
                (standing.fraud, standing.source) = (fraud, source);
                Some(before)
            }
            None if full => {
                self.dropped += 1;
                None
            }
            None => {
                let standing = Standing { fraud, source, confirmed: None, known_at_ms };
                self.standing.insert(key, standing);
                Some(standing)
            }
        }
    }

    fn confirm(&mut self, key: u64, fraud: bool) {
        if let Some(standing) = self.standing.get_mut(&key) {
            standing.confirmed = Some(fraud);
        }
    }

    /// Lets go of what was known before that time.
    fn purge(&mut self, before_ms: i64) {
        self.standing.retain(|_, standing| standing.known_at_ms >= before_ms);
    }

    /// What a mature payment was: fraud or not, and whether it was counted as confirmed before.
    pub(super) fn take(&mut self, key: u64) -> (bool, bool) {
        self.standing.remove(&key).map_or((false, false), |standing| (standing.fraud, standing.confirmed.is_some()))
    }
}

#[cfg(test)]
mod tests;
