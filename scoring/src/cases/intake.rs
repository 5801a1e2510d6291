//! Payments come to a case, and two cases of one account become one.

use super::act::{Acting, set_aside};
use super::case::{Case, CasePayment, Deed, Stage, Standing};
use super::event::ReviewedPayment;
use super::refusal::Refusal;
use super::settings::CaseSettings;
use crate::wire::bounds;
use std::collections::VecDeque;

/// A probability of one.
const MILLION: u128 = 1_000_000;

/// A payment that was checked, with what it is worth.
pub(super) struct Reviewed {
    payment: CasePayment,
    amount_hundredths: u64,
}

impl Reviewed {
    /// Checks what a verdict said.
    pub(super) fn read(told: &ReviewedPayment, by: &Acting<'_>) -> Result<Reviewed, Refusal> {
        let fault = |what: &str, reason: &str| Refusal::Invalid(format!("the {what} {reason}"));
        for (what, id) in [
            ("case id", &told.case_id),
            ("transaction id", &told.transaction_id),
            ("account", &told.account),
            ("decision id", &told.decision_id),
        ] {
            bounds::identifier(id).map_err(|reason| fault(what, &reason))?;
        }
        let amount_minor = bounds::amount(told.amount_minor).map_err(|reason| fault("amount", &reason))?;
        let currency = bounds::currency(&told.currency).map_err(|reason| fault("currency", &reason))?;
        if !(0.0..=1.0).contains(&told.fraud_probability) {
            return Err(fault("probability", "must be from 0 to 1"));
        }
        let amount_hundredths = by.settings.worth_hundredths(amount_minor, currency);
        // In whole millionths, so that a sum is the same whatever machine adds it up.
        let millionths = (f64::from(told.fraud_probability) * 1e6).round() as u128;
        let expected_loss = u128::from(amount_hundredths) * millionths / MILLION;
        let payment = CasePayment {
            position: by.position,
            at_ms: by.at_ms,
            transaction_id: told.transaction_id.clone(),
            amount_minor,
            currency: told.currency.clone(),
            fraud_probability: told.fraud_probability,
            risk_score: told.risk_score,
            decision_id: told.decision_id.clone(),
            expected_loss_hundredths: u64::try_from(expected_loss).unwrap_or(u64::MAX),
            label: None,
            label_before: None,
        };
        Ok(Reviewed { payment, amount_hundredths })
    }
}

impl Case {
    /// The case that a payment opens.
    pub(super) fn opened(told: &ReviewedPayment, reviewed: Reviewed, tenant: &str, by: &Acting<'_>) -> Case {
        let mut case = Case {
            case_id: told.case_id.clone(),
            tenant: tenant.to_owned(),
            account: told.account.clone(),
            version: 0,
            opened_at_ms: by.at_ms,
            since_ms: by.at_ms,
            due_at_ms: by.at_ms,
            rank_ms: by.at_ms,
            payments: Vec::new(),
            payment_count: 0,
            amount_hundredths: 0,
            expected_loss_hundredths: 0,
            standing: Standing::default(),
            merged_into: None,
            notes: Vec::new(),
            history: VecDeque::new(),
            history_forgotten: 0,
            undo: None,
        };
        case.add(reviewed, by.settings);
        case.waits_from(by.at_ms, by.settings);
        by.step(&mut case, Deed::Opened { transaction_id: told.transaction_id.clone() });
        case
    }

    /// Another payment of the account: whoever decides must see it, so the case is neither put off nor decided any more, and nothing done
    /// before can be undone.
    pub(super) fn join(&mut self, reviewed: Reviewed, by: &Acting<'_>) {
        let transaction_id = reviewed.payment.transaction_id.clone();
        self.add(reviewed, by.settings);
        self.disturb(by);
        by.step(self, Deed::Joined { transaction_id });
    }

    /// Takes over the payments of another case of the account, which is closed by that. It is due when the earlier of the two was.
    pub(super) fn absorb(&mut self, other: &mut Case, by: &Acting<'_>) {
        self.payments.append(&mut other.payments);
        self.payments.sort_by_key(|payment| payment.position);
        self.payment_count += std::mem::take(&mut other.payment_count);
        add_up(&mut self.amount_hundredths, std::mem::take(&mut other.amount_hundredths));
        add_up(&mut self.expected_loss_hundredths, std::mem::take(&mut other.expected_loss_hundredths));
        self.keep_most(by.settings);
        self.standing.escalated |= other.standing.escalated;
        if other.due_at_ms < self.due_at_ms {
            (self.since_ms, self.due_at_ms) = (other.since_ms, other.due_at_ms);
        }
        self.disturb(by);
        by.step(self, Deed::TookIn { case_id: other.case_id.clone() });

        other.standing = Standing {
            stage: Stage::Closed,
            closed_at_ms: Some(by.at_ms),
            escalated: other.standing.escalated,
            ..Standing::default()
        };
        other.merged_into = Some(self.case_id.clone());
        other.undo = None;
        by.step(other, Deed::MergedInto { case_id: self.case_id.clone() });
    }

    /// From then on it waits to be decided.
    pub(super) fn waits_from(&mut self, since_ms: i64, settings: &CaseSettings) {
        self.since_ms = since_ms;
        self.due_at_ms = since_ms.saturating_add(settings.service_level_ms());
        self.rank_ms = self.rank(settings);
    }

    fn disturb(&mut self, by: &Acting<'_>) {
        set_aside(&mut self.standing);
        self.standing.snoozed_until_ms = None;
        self.undo = None;
        self.rank_ms = self.rank(by.settings);
    }

    fn add(&mut self, Reviewed { payment, amount_hundredths }: Reviewed, settings: &CaseSettings) {
        self.payment_count += 1;
        add_up(&mut self.amount_hundredths, amount_hundredths);
        add_up(&mut self.expected_loss_hundredths, payment.expected_loss_hundredths);
        self.payments.push(payment);
        self.keep_most(settings);
    }

    /// Leaves out those with the least expected loss, of equals the oldest: many small payments do not push out a large one.
    fn keep_most(&mut self, settings: &CaseSettings) {
        while self.payments.len() > settings.bounds.payments {
            let least = self.payments.iter().enumerate().min_by_key(|(_, payment)| payment.expected_loss_hundredths);
            let Some((least, _)) = least else { return };
            self.payments.remove(least);
        }
    }
}

fn add_up(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}
