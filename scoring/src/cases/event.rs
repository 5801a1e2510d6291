//! What happens to cases, as the log and the topic `reviews` carry it.

use super::list::CaseFilter;
use super::settings::CaseSettings;
use serde::{Deserialize, Serialize};

/// Something that happened to cases, with who did it and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CaseEvent {
    /// Id of the event, by which whoever submitted it hears what became of it.
    pub event_id: String,
    /// When, UTC milliseconds since the epoch: when the verdict was made, or when the service took the action.
    pub at_ms: i64,
    /// Whose cases; empty where the settings change, which are everybody's.
    pub tenant: String,
    /// Who acted: a person, or `fraudnet` itself.
    pub actor: String,
    /// Whether that person acts as a lead; whoever submits the event has checked it.
    #[serde(default)]
    pub is_lead: bool,
    /// What happened.
    pub change: CaseChange,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CaseChange {
    /// Other settings hold from here on. What was settled under the old ones stays as it is.
    Configured {
        /// The settings.
        settings: CaseSettings,
    },
    /// A verdict of `review`: it joins the open case of its account, or opens one.
    Review {
        /// The payment.
        payment: ReviewedPayment,
    },
    /// Somebody takes whatever is next for them. The fold chooses, so that however many ask at once, each gets another case at the first
    /// try.
    TakeNext {
        /// What they want to work on.
        #[serde(default)]
        filter: CaseFilter,
    },
    /// Somebody acts on a case.
    Acted {
        /// The case, as it was seen.
        #[serde(flatten)]
        target: CaseTarget,
        /// What they do.
        action: CaseAction,
    },
    /// Somebody does the same with many cases. Each is accepted or refused by itself.
    Bulk {
        /// The cases, as they were seen; none twice.
        targets: Vec<CaseTarget>,
        /// What they do with each.
        action: CaseAction,
    },
    /// What became known by an earlier event is told to the log as labels, and need not be told again.
    Labelled {
        /// That event's id.
        by: String,
    },
}

/// A payment that a person must judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReviewedPayment {
    /// Id of the case that it opens where its account has none open; follows from tenant and transaction id.
    pub case_id: String,
    /// The payment's id.
    pub transaction_id: String,
    /// The paying account.
    pub account: String,
    /// Amount in minor units of `currency`.
    pub amount_minor: u64,
    /// ISO 4217 code, upper case.
    pub currency: String,
    /// Calibrated probability of fraud, 0–1.
    pub fraud_probability: f32,
    /// The same for eyes, 0–100.
    pub risk_score: u8,
    /// Id of the verdict.
    pub decision_id: String,
}

/// A case as somebody saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CaseTarget {
    /// Id of the case.
    pub case_id: String,
    /// Its version as they saw it. Where it has another by now, nothing is done.
    pub version: u64,
}

/// What a person does with a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CaseAction {
    /// Takes it: nobody else may work on it until the lease ends. Taken again, the lease begins anew.
    Take,
    /// Gives it back before the lease ends; a lead also somebody else's.
    Release,
    /// Makes it the work of one person, or of nobody in particular. A lead also while somebody else holds it.
    Assign {
        /// Whose.
        to: Option<String>,
    },
    /// Puts it off. Another payment of the account brings it back at once.
    Snooze {
        /// Until when, UTC milliseconds since the epoch.
        until_ms: i64,
    },
    /// Writes something down.
    Note {
        /// What.
        text: String,
    },
    /// Hands it to the leads: without one it is not decided any more.
    Escalate {
        /// Why.
        reason: String,
    },
    /// Says what its payments are. Above an amount somebody else must agree.
    Decide {
        /// What they are.
        outcome: Outcome,
        /// Why.
        reason: String,
        /// More to write down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Agrees with what somebody else decided.
    Approve,
    /// Disagrees with what was decided: the case is open again.
    Reject {
        /// Why.
        reason: String,
    },
    /// Takes back one's own last action (assign, snooze, escalate, decide, approve, reject), within seconds and if nobody acted since.
    Undo,
    /// Opens a closed case again. Labels stand until it is decided anew.
    Reopen {
        /// Why.
        reason: String,
    },
}

/// What the payments of a case turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Fraud.
    ConfirmedFraud,
    /// The customer's own doing.
    FalsePositive,
    /// Nobody can tell: no label comes of it.
    Inconclusive,
}

impl Outcome {
    /// What a label says of the payments; none where nobody can tell.
    pub const fn fraud(self) -> Option<bool> {
        match self {
            Outcome::ConfirmedFraud => Some(true),
            Outcome::FalsePositive => Some(false),
            Outcome::Inconclusive => None,
        }
    }
}

impl CaseChange {
    /// What it is about: a case or a payment, or the name of the change where it is about neither.
    pub fn subject(&self) -> &str {
        match self {
            CaseChange::Configured { .. } => "settings",
            CaseChange::Review { payment } => &payment.transaction_id,
            CaseChange::TakeNext { .. } => "next",
            CaseChange::Acted { target, .. } => &target.case_id,
            CaseChange::Bulk { .. } => "bulk",
            CaseChange::Labelled { .. } => "labels",
        }
    }
}

impl CaseAction {
    /// As events name it, for log lines and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            CaseAction::Take => "take",
            CaseAction::Release => "release",
            CaseAction::Assign { .. } => "assign",
            CaseAction::Snooze { .. } => "snooze",
            CaseAction::Note { .. } => "note",
            CaseAction::Escalate { .. } => "escalate",
            CaseAction::Decide { .. } => "decide",
            CaseAction::Approve => "approve",
            CaseAction::Reject { .. } => "reject",
            CaseAction::Undo => "undo",
            CaseAction::Reopen { .. } => "reopen",
        }
    }

    /// Whether [`CaseAction::Undo`] takes it back.
    pub const fn can_be_undone(&self) -> bool {
        match self {
            CaseAction::Assign { .. }
            | CaseAction::Snooze { .. }
            | CaseAction::Escalate { .. }
            | CaseAction::Decide { .. }
            | CaseAction::Approve
            | CaseAction::Reject { .. } => true,
            // A lease ends by itself, a note is a record, and what opens a case again is closed by deciding.
            CaseAction::Take
            | CaseAction::Release
            | CaseAction::Note { .. }
            | CaseAction::Undo
            | CaseAction::Reopen { .. } => false,
        }
    }
}
