//! Verdicts and labels as the log tells them, joined for [`super::outcomes`].
//!
//! It begins at the log's first entry at every start, so that after a kill the same log gives the same window. A label finds its verdict
//! through the log's table of transactions, however old it is; only honest payments are remembered here. A payment that was declined and
//! never spoken of is left out: nobody can have lost money on it, so its silence means nothing.

use super::outcomes::{OutcomeConfig, Outcomes, Scored};
use super::watch::OutcomeTurn;
use crate::log::{EventLog, Record, TransactionKey, VerdictPlace};
use crate::verdict::{Decision, TierCause};
use crate::wire;
use fraudnet_graph::{Body, Event, Label};
use serde::Deserialize;
use std::collections::VecDeque;

/// Entries read at a time.
const CHUNK: usize = 512;
/// Labels of payments without a verdict that are looked at again at most.
const EARLY_LABELS: usize = 1_000;
/// The graph's clock is moved by an event at most so far past its ingestion, milliseconds.
const AHEAD_MS: i64 = 300_000;

/// What of a verdict counts here.
#[derive(Deserialize)]
struct Told {
    fraud_probability: f32,
    decision: Decision,
    #[serde(default)]
    tier_cause: Option<TierCause>,
    model: String,
    model_version: String,
    as_of: ToldAsOf,
}

#[derive(Deserialize)]
struct ToldAsOf {
    time: String,
}

pub(super) struct Fold {
    log: EventLog,
    pub(super) next: u64,
    pub(super) outcomes: Outcomes,
    /// When the first event was, by the graph's clock, seconds since the epoch.
    pub(super) begun_s: Option<u32>,
    early: VecDeque<(TransactionKey, Label, i64)>,
}

impl Fold {
    pub(super) fn new(log: EventLog, config: OutcomeConfig) -> Fold {
        Fold { log, next: 0, outcomes: Outcomes::new(config), begun_s: None, early: VecDeque::new() }
    }

    /// Entries that are durable and not folded.
    pub(super) fn behind(&self) -> u64 {
        self.log.durable_end().saturating_sub(self.next)
    }

    /// Folds the next entries.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub(super) fn follow(&mut self) -> Result<Vec<OutcomeTurn>, String> {
        if self.behind() == 0 {
            return Ok(Vec::new());
        }
        let entries = self.log.read_from(self.next, CHUNK).map_err(|error| error.to_string())?;
        let mut turns = Vec::new();
        for entry in &entries {
            let at = |error: &dyn std::fmt::Display| format!("log position {}: {error}", entry.position);
            match entry.record().map_err(|error| error.to_string())? {
                Record::Verdict { payment, body } if self.outcomes.wants(payment) => {
                    if let Some((scored, decision)) = scored(body).map_err(|error| at(&error))?
                        && decision < Decision::Decline
                    {
                        turns.extend(self.outcomes.verdict(payment, scored));
                    }
                }
                Record::Event { event } => {
                    let event = wire::decode_event(event).map_err(|error| at(&error))?;
                    self.begin(&event);
                    if let Body::Label(label) = &event.body {
                        let key = TransactionKey::new(&event.tenant, &label.transaction_id);
                        turns.extend(self.label(key, label.clone(), clock_ms(&event))?);
                    }
                }
                record if self.begun_s.is_none() => {
                    if let Some(event) = record.event() {
                        self.begin(&wire::decode_event(event).map_err(|error| at(&error))?);
                    }
                }
                _ => {}
            }
            self.next = entry.position + 1;
        }
        if !entries.is_empty() {
            for _ in 0..self.early.len() {
                let Some((key, label, known_ms)) = self.early.pop_front() else { break };
                turns.extend(self.label(key, label, known_ms)?);
            }
        }
        Ok(turns)
    }

    fn begin(&mut self, event: &Event) {
        self.begun_s.get_or_insert_with(|| u32::try_from(clock_ms(event).div_euclid(1_000)).unwrap_or(0));
    }

    fn label(&mut self, key: TransactionKey, label: Label, known_ms: i64) -> Result<Vec<OutcomeTurn>, String> {
        let Some(row) = self.log.transaction(&key).map_err(|error| error.to_string())? else { return Ok(Vec::new()) };
        let position = match row.verdict {
            VerdictPlace::At(position) => position,
            VerdictPlace::Never => return Ok(Vec::new()),
            VerdictPlace::Undecided => {
                if self.early.len() < EARLY_LABELS {
                    self.early.push_back((key, label, known_ms));
                }
                return Ok(Vec::new());
            }
        };
        let body = self.log.verdict_body(position).map_err(|error| error.to_string())?;
        let mut turns = Vec::new();
        if let Some((scored, _)) = scored(&body).map_err(|error| format!("log position {position}: {error}"))? {
            turns.extend(self.outcomes.label(row.payment, label.fraud, label.source, scored));
        }
        turns.extend(self.outcomes.passes(known_ms));
        Ok(turns)
    }
}

/// When the graph's clock would put an event.
fn clock_ms(event: &Event) -> i64 {
    event.occurred_at_ms.min(event.ingested_at_ms.saturating_add(AHEAD_MS))
}

/// What a model said and what was decided; none where a lower tier had to answer.
fn scored(body: &[u8]) -> Result<Option<(Scored, Decision)>, String> {
    let told: Told = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let at_ms = wire::parse_timestamp(&told.as_of.time).ok_or("the verdict's as_of.time is no time")?;
    Ok(told.tier_cause.is_none().then(|| {
        let model = format!("{}/{}", told.model, told.model_version).into();
        let caught = told.decision >= Decision::Review;
        (Scored { at_ms, probability: told.fraud_probability, caught, model }, told.decision)
    }))
}
