//! A case: the payments of one account that a person must judge, who works on it, what was decided, and what was done with it.

use super::event::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A case as it stands. Every change makes a new version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Case {
    /// Its id.
    pub case_id: String,
    /// Whose it is.
    pub tenant: String,
    /// Account whose payments it holds.
    pub account: String,
    /// Grows by one with every change; an action names the version it was decided on.
    pub version: u64,
    /// When its first payment came, UTC milliseconds since the epoch.
    pub opened_at_ms: i64,
    /// Since when it waits: since it was opened, or opened again.
    pub since_ms: i64,
    /// From when it is overdue.
    pub due_at_ms: i64,
    /// When its turn in the queue comes, UTC milliseconds since the epoch; the sooner, the more it is expected to lose.
    pub rank_ms: i64,
    /// Its payments, in the order they came; those with the least expected loss are left out where there are too many.
    pub payments: Vec<CasePayment>,
    /// How many payments it has, those left out included.
    pub payment_count: u64,
    /// What they add up to, hundredths of the reference currency.
    pub amount_hundredths: u64,
    /// Amount times probability of fraud, summed over them, hundredths of the reference currency.
    pub expected_loss_hundredths: u64,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// The case that its payments went to, where it was opened again while its account had another one open.
    pub merged_into: Option<String>,
    /// What people wrote down, oldest first.
    pub notes: Vec<Note>,
    /// What was done, oldest first.
    #[schema(value_type = Vec<Step>)]
    pub history: VecDeque<Step>,
    /// Steps before those that are remembered.
    pub history_forgotten: u64,
    /// The last action, while nobody did anything since.
    pub undo: Option<Undo>,
}

/// How a case stands: what undoing an action restores.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Standing {
    /// How far it is.
    pub stage: Stage,
    /// Whose work it is; nobody's in particular where absent.
    pub assignee: Option<String>,
    /// Who holds it.
    pub lease: Option<Lease>,
    /// Until when it is put off, UTC milliseconds since the epoch.
    pub snoozed_until_ms: Option<i64>,
    /// Only decided with a lead.
    pub escalated: bool,
    /// What was decided.
    pub decision: Option<CaseDecision>,
    /// When it was closed, UTC milliseconds since the epoch.
    pub closed_at_ms: Option<i64>,
}

/// How far a case is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// To be decided.
    #[default]
    Open,
    /// Decided, and somebody else must agree.
    AwaitingApproval,
    /// Done.
    Closed,
}

/// How a case stands at a time: a lease ends without an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody works on it.
    Pending,
    /// Somebody holds it.
    Investigating,
    /// Decided, and somebody else must agree.
    AwaitingApproval,
    /// Done.
    Closed,
}

/// Somebody holds a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Lease {
    /// Who.
    pub holder: String,
    /// Until when, UTC milliseconds since the epoch; at that time it is free.
    pub until_ms: i64,
}

/// A payment of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CasePayment {
    /// Log position of its verdict's event.
    pub position: u64,
    /// When that was, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// The payment's id.
    pub transaction_id: String,
    /// Amount in minor units of `currency`.
    pub amount_minor: u64,
    /// ISO 4217 code.
    pub currency: String,
    /// Calibrated probability of fraud, 0–1.
    pub fraud_probability: f32,
    /// The same for eyes, 0–100.
    pub risk_score: u8,
    /// Id of the verdict.
    pub decision_id: String,
    /// Amount times probability, hundredths of the reference currency.
    pub expected_loss_hundredths: u64,
    /// What the label says that stands by this case; none where it told none, or took it back.
    pub label: Option<bool>,
    /// The same before the case was closed.
    pub label_before: Option<bool>,
}

/// What was decided about a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CaseDecision {
    /// What its payments are.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// Whether as a lead.
    pub as_lead: bool,
    /// When, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Who agreed, where somebody had to.
    pub approved_by: Option<String>,
}

/// What somebody wrote down. Text and nothing else: whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Note {
    /// When, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Who.
    pub by: String,
    /// What.
    pub text: String,
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Step {
    /// Log position of its event.
    pub position: u64,
    /// When, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// By whom.
    pub actor: String,
    /// Version of the case after it.
    pub version: u64,
    /// What was done.
    pub deed: Deed,
}

/// What was done with a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Deed {
    /// A payment opened it.
    Opened {
        /// The payment.
        transaction_id: String,
    },
    /// A payment joined it; a decision that nobody had agreed with yet was set aside.
    Joined {
        /// The payment.
        transaction_id: String,
    },
    /// Somebody took it.
    Taken {
        /// Until when they hold it, UTC milliseconds since the epoch.
        until_ms: i64,
    },
    /// Somebody gave it back.
    Released,
    /// It became somebody's work, or nobody's in particular.
    Assigned {
        /// Whose.
        to: Option<String>,
    },
    /// It was put off.
    Snoozed {
        /// Until when, UTC milliseconds since the epoch.
        until_ms: i64,
    },
    /// Something was written down.
    Noted,
    /// It went to the leads.
    Escalated {
        /// Why.
        reason: String,
    },
    /// It was decided.
    Decided {
        /// What its payments are.
        outcome: Outcome,
        /// Why.
        reason: String,
        /// Somebody else must agree.
        awaits_approval: bool,
    },
    /// Somebody else agreed.
    Approved,
    /// Somebody disagreed.
    Rejected {
        /// Why.
        reason: String,
    },
    /// The last action was taken back.
    Undone,
    /// It was opened again.
    Reopened {
        /// Why.
        reason: String,
    },
    /// Its payments went to another case of its account.
    MergedInto {
        /// That case.
        case_id: String,
    },
    /// The payments of another case of its account came to it; a decision that nobody had agreed with yet was set aside.
    TookIn {
        /// That case.
        case_id: String,
    },
}

/// An action that can be taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Undo {
    /// By whom: whoever made it.
    pub by: String,
    /// Until when, UTC milliseconds since the epoch, inclusive.
    pub until_ms: i64,
    /// How the case stood before.
    pub before: Box<Standing>,
}

impl Case {
    /// How it stands at a time.
    pub fn status(&self, now_ms: i64) -> Status {
        match self.standing.stage {
            Stage::Closed => Status::Closed,
            Stage::AwaitingApproval => Status::AwaitingApproval,
            Stage::Open if self.holder(now_ms).is_some() => Status::Investigating,
            Stage::Open => Status::Pending,
        }
    }

    /// The same without notes and history.
    pub fn without_records(&self) -> Case {
        Case {
            case_id: self.case_id.clone(),
            tenant: self.tenant.clone(),
            account: self.account.clone(),
            payments: self.payments.clone(),
            standing: self.standing.clone(),
            merged_into: self.merged_into.clone(),
            notes: Vec::new(),
            history: VecDeque::new(),
            undo: self.undo.clone(),
            ..*self
        }
    }

    /// Whether it is done.
    pub fn is_closed(&self) -> bool {
        self.standing.stage == Stage::Closed
    }

    /// Who holds it at a time.
    pub fn holder(&self, now_ms: i64) -> Option<&str> {
        let lease = self.standing.lease.as_ref()?;
        (now_ms < lease.until_ms).then_some(lease.holder.as_str())
    }

    /// Whether it is put off at a time.
    pub fn is_snoozed(&self, now_ms: i64) -> bool {
        self.standing.snoozed_until_ms.is_some_and(|until_ms| now_ms < until_ms)
    }

    /// Whether it should have been closed by then.
    pub fn is_overdue(&self, now_ms: i64) -> bool {
        !self.is_closed() && now_ms >= self.due_at_ms
    }

    /// Whether only a lead may go on with it: it was escalated, and no lead has decided it yet.
    pub fn needs_lead(&self) -> bool {
        self.standing.escalated && self.standing.decision.as_ref().is_none_or(|decision| !decision.as_lead)
    }

    /// Payments that it does not list; they get no label from it.
    pub fn unlisted_payments(&self) -> u64 {
        self.payment_count.saturating_sub(self.payments.len() as u64)
    }

    /// Until when it is not in anybody's queue: held or put off. None where neither was said; the time may be past.
    pub(super) fn away_until_ms(&self) -> Option<i64> {
        let lease = self.standing.lease.as_ref().map(|lease| lease.until_ms);
        lease.max(self.standing.snoozed_until_ms)
    }

    /// Makes a new version and writes down why.
    pub(super) fn step(&mut self, position: u64, at_ms: i64, actor: &str, most: usize, deed: Deed) {
        self.version += 1;
        while self.history.len() >= most {
            self.history.pop_front();
            self.history_forgotten += 1;
        }
        self.history.push_back(Step { position, at_ms, actor: actor.to_owned(), version: self.version, deed });
    }
}
