//! A trial of a policy on the past: payments, verdicts and labels in the order of the log → what would have been done.
//!
//! A payment waits for its verdict, since rules ask for the score; then it is a row of 40 bytes, and of those for which a rule held the
//! rules. Labels find their row by the payment's position. What a policy says is what it would have said then: with the lists as they
//! stood at the verdict.

use super::report::{DayTally, DecisionTally, DryRunReport, DryRunTally, RuleTally, SampledPayment};
use crate::control::Meta;
use crate::log::TransactionKey;
use crate::policy::compile::CompiledPolicy;
use crate::policy::evaluate::{Asked, LIST_ALLOWED};
use crate::policy::facts::{Facts, Scored};
use crate::policy::lists::{ListChange, ListsState};
use crate::verdict::{Decision, Verdict};
use crate::wire::format_timestamp;
use fraudnet_graph::{Body, Event, Label, LabelSource, hundredths};
use fraudnet_models::ModelRef;
use std::collections::{BTreeMap, BinaryHeap};

const DAY_MS: i64 = 86_400_000;

/// What is tried, and on what.
pub(super) struct Trial {
    policy: CompiledPolicy,
    /// One rule on top of what was decided; else a policy in place of it.
    rule_alone: bool,
    /// Beginning and end (exclusive) of the window, UTC milliseconds.
    window_ms: (i64, i64),
    /// Most payments looked at.
    limit: usize,
    /// Most payments told one by one.
    samples: usize,
    lists: ListsState,
    /// In the order of positions.
    rows: Vec<Row>,
    waiting: BTreeMap<u64, Waiting>,
    errors: Vec<u64>,
    /// Two draws: of payments decided otherwise, and of the other hits.
    drawn: [BinaryHeap<Drawn>; 2],
    cut_short: bool,
}

/// A payment looked at.
struct Row {
    position: u64,
    amount_hundredths: u64,
    day: i32,
    was: Option<Decision>,
    would_be: Decision,
    /// Rules that held, by index.
    fired: Box<[u8]>,
    label: Option<(LabelSource, bool)>,
}

/// A payment whose verdict has not come.
struct Waiting {
    row: usize,
    event: Event,
    features: Vec<f32>,
}

/// A payment that may be told; the smallest digests stay.
struct Drawn {
    digest: [u8; 8],
    row: usize,
    told: Box<SampledPayment>,
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Drawn {}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.digest, self.row).cmp(&(other.digest, other.row))
    }
}

impl Trial {
    pub(super) fn new(
        policy: CompiledPolicy,
        rule_alone: bool,
        window_ms: (i64, i64),
        limit: usize,
        samples: usize,
    ) -> Trial {
        let errors = vec![0; policy.rules.len()];
        Trial {
            policy,
            rule_alone,
            window_ms,
            limit,
            samples,
            lists: ListsState::default(),
            rows: Vec::new(),
            waiting: BTreeMap::new(),
            errors,
            drawn: Default::default(),
            cut_short: false,
        }
    }

    /// Whether rules read features, which must then be rebuilt.
    pub(super) fn reads_features(&self) -> bool {
        self.policy.reads_features()
    }

    /// Whether this payment is looked at.
    pub(super) fn wants(&mut self, event: &Event) -> bool {
        let (from_ms, to_ms) = self.window_ms;
        if !matches!(event.body, Body::Payment(_)) || !(from_ms..to_ms).contains(&event.occurred_at_ms) {
            return false;
        }
        let has_room = self.rows.len() < self.limit;
        self.cut_short |= !has_room;
        has_room
    }

    /// A payment that is looked at; `decided` where a verdict on it is still to come. Positions ascend.
    pub(super) fn payment(&mut self, position: u64, event: Event, features: Vec<f32>, decided: bool) {
        let Body::Payment(payment) = &event.body else { return };
        let row = self.rows.len();
        self.rows.push(Row {
            position,
            amount_hundredths: hundredths(payment.amount_minor, payment.currency),
            day: event.occurred_at_ms.div_euclid(DAY_MS) as i32,
            was: None,
            would_be: Decision::Approve,
            fired: Box::default(),
            label: None,
        });
        let waiting = Waiting { row, event, features };
        if decided {
            self.waiting.insert(position, waiting);
        } else {
            self.judge(&waiting, None);
        }
    }

    /// The verdict on the payment at that position.
    pub(super) fn verdict(&mut self, payment: u64, verdict: &Verdict) {
        if let Some(waiting) = self.waiting.remove(&payment) {
            self.judge(&waiting, Some(verdict));
        }
    }

    /// A label on the payment at that position; a weaker source does not overrule.
    pub(super) fn label(&mut self, payment: u64, label: &Label) {
        let Ok(row) = self.rows.binary_search_by_key(&payment, |row| row.position) else { return };
        let standing = &mut self.rows[row].label;
        if standing.is_none_or(|(source, _)| label.source >= source) {
            *standing = Some((label.source, label.fraud));
        }
    }

    /// A change of a list, as it stood in the log.
    pub(super) fn list(&mut self, meta: &Meta, change: &ListChange) {
        // Refused then, refused now.
        let _ = self.lists.apply(meta, change);
    }

    fn judge(&mut self, waiting: &Waiting, verdict: Option<&Verdict>) {
        let model =
            verdict.map(|verdict| ModelRef { name: verdict.model.clone(), version: verdict.model_version.clone() });
        let scored = verdict.zip(model.as_ref()).map(|(verdict, model)| Scored {
            probability: verdict.fraud_probability,
            risk_score: verdict.risk_score,
            decision: score_decision(verdict),
            tier: verdict.tier,
            model,
        });
        let by_score = scored.map_or(Decision::Approve, |scored| scored.decision);
        let Some(facts) = Facts::new(&waiting.event, &waiting.features, scored) else { return };
        let mut asked = Asked::default();
        let outcome = self.policy.judge(&facts, by_score, &self.lists, &mut asked);
        for rule in &asked.failed {
            self.errors[usize::from(*rule)] += 1;
        }
        let was = verdict.map(|verdict| verdict.decision);
        let would_be = match (self.rule_alone, verdict) {
            (false, _) => outcome.decision,
            (true, _) if asked.fired.is_empty() => was.unwrap_or(Decision::Approve),
            (true, None) => outcome.decision,
            (true, Some(verdict)) => with_rule(verdict, &self.policy),
        };
        let row = &mut self.rows[waiting.row];
        (row.was, row.would_be) = (was, would_be);
        row.fired = asked.fired.into_boxed_slice();
        self.draw(waiting);
    }

    /// Keeps it for the samples where its digest is among the smallest: an even draw, the same every time.
    fn draw(&mut self, waiting: &Waiting) {
        let row = &self.rows[waiting.row];
        let Body::Payment(payment) = &waiting.event.body else { return };
        if row.fired.is_empty() && !row.changed() {
            return;
        }
        let key = TransactionKey::new(&waiting.event.tenant, &payment.transaction_id);
        let digest = *blake3::hash(key.as_bytes()).as_bytes().first_chunk::<8>().expect("a digest has 32 bytes");
        let drawn = &mut self.drawn[usize::from(!row.changed())];
        if drawn.len() == self.samples && drawn.peek().is_none_or(|most| most.digest <= digest) {
            return;
        }
        let told = SampledPayment {
            tenant: waiting.event.tenant.clone(),
            transaction_id: payment.transaction_id.clone(),
            occurred_at: format_timestamp(waiting.event.occurred_at_ms),
            amount_minor: payment.amount_minor,
            currency: String::from_utf8_lossy(&payment.currency).into_owned(),
            was: row.was,
            would_be: row.would_be,
            rules: row.fired.iter().map(|rule| self.policy.rules[usize::from(*rule)].rule.id.clone()).collect(),
            fraud: None,
        };
        drawn.push(Drawn { digest, row: waiting.row, told: Box::new(told) });
        if drawn.len() > self.samples {
            drawn.pop();
        }
    }

    /// What it came to. Payments still undecided are looked at as they are.
    pub(super) fn finish(mut self, position: u64, seconds: f64) -> DryRunReport {
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            self.judge(&waiting, None);
        }
        let (mut hits, mut changed) = (DryRunTally::default(), DryRunTally::default());
        let mut by_rule = vec![DryRunTally::default(); self.policy.rules.len()];
        let mut decisions: BTreeMap<(Option<Decision>, Decision), DryRunTally> = BTreeMap::new();
        let mut days: BTreeMap<i32, DayTally> = BTreeMap::new();
        let (mut known_frauds, mut without_verdict) = (0, 0);
        for row in &self.rows {
            let (amount, fraud) = (row.amount_hundredths, row.label.map(|(_, fraud)| fraud));
            known_frauds += u64::from(fraud == Some(true));
            without_verdict += u64::from(row.was.is_none());
            let day = days.entry(row.day).or_insert_with(|| DayTally {
                day: format_timestamp(i64::from(row.day) * DAY_MS)[..10].to_owned(),
                payments: 0,
                hits: 0,
                changed: 0,
                fraud_hits: 0,
            });
            day.payments += 1;
            decisions.entry((row.was, row.would_be)).or_default().add(amount, fraud);
            if !row.fired.is_empty() {
                hits.add(amount, fraud);
                day.hits += 1;
                day.fraud_hits += u64::from(fraud == Some(true));
            }
            for rule in &row.fired {
                by_rule[usize::from(*rule)].add(amount, fraud);
            }
            if row.changed() {
                changed.add(amount, fraud);
                day.changed += 1;
            }
        }
        let rules = self.policy.rules.iter().zip(by_rule).zip(&self.errors).map(|((compiled, hits), errors)| {
            RuleTally { id: compiled.rule.id.clone(), code: compiled.rule.code.clone(), hits, errors: *errors }
        });
        let tried = match self.policy.rules.first() {
            Some(compiled) if self.rule_alone => compiled.rule.id.clone(),
            _ => self.policy.version().to_owned(),
        };
        DryRunReport {
            tried,
            rule_alone: self.rule_alone,
            from: format_timestamp(self.window_ms.0),
            to: format_timestamp(self.window_ms.1),
            payments: self.rows.len() as u64,
            without_verdict,
            known_frauds,
            hits,
            changed,
            rules: rules.collect(),
            decisions: decisions
                .into_iter()
                .map(|((was, would_be), tally)| DecisionTally { was, would_be, tally })
                .collect(),
            days: days.into_values().collect(),
            samples: told(std::mem::take(&mut self.drawn), self.samples, &self.rows),
            features_rebuilt: self.policy.reads_features(),
            cut_short: self.cut_short,
            position,
            seconds,
        }
    }
}

impl Row {
    /// Whether it would have been decided otherwise.
    fn changed(&self) -> bool {
        self.was.unwrap_or(Decision::Approve) != self.would_be
    }
}

/// Payments decided otherwise first, in the order of the log.
fn told(drawn: [BinaryHeap<Drawn>; 2], most: usize, rows: &[Row]) -> Vec<SampledPayment> {
    let mut chosen: Vec<Drawn> = drawn.into_iter().flat_map(BinaryHeap::into_sorted_vec).take(most).collect();
    chosen.sort_by_key(|drawn| drawn.row);
    let fraud = |row: usize| rows[row].label.map(|(_, fraud)| fraud);
    chosen.into_iter().map(|drawn| SampledPayment { fraud: fraud(drawn.row), ..*drawn.told }).collect()
}

/// What the score alone decided.
fn score_decision(verdict: &Verdict) -> Decision {
    verdict.score_decision.unwrap_or(verdict.decision)
}

/// What would have been decided with the rule on top of the policy of then.
fn with_rule(verdict: &Verdict, policy: &CompiledPolicy) -> Decision {
    let Some(compiled) = policy.rules.first() else { return verdict.decision };
    let gave = |code: &str| verdict.reason_codes.iter().any(|given| given == code);
    if compiled.rule.overrides {
        // A block list entry is stronger.
        return if gave(super::super::LIST_BLOCKED) { verdict.decision } else { Decision::Approve };
    }
    let was_overruled = verdict.control_group.is_some()
        || gave(LIST_ALLOWED)
        || verdict.score_decision.is_some_and(|score| score > verdict.decision);
    if was_overruled { verdict.decision } else { verdict.decision.max(compiled.rule.then) }
}

#[cfg(test)]
mod tests;
