//! Why an event had no effect.

use super::case::Case;
use std::sync::Arc;

/// Why an event had no effect; nothing was changed. Messages say what to do and never repeat what came in.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such case, or it is another tenant's, which is the same to whoever asks.
    #[error("there is no case of that id; list the cases to find it")]
    NoSuchCase,
    /// The case changed since the version that was seen.
    #[error("the case changed since: it has version {} now; look at it and act on that", newer.version)]
    Stale {
        /// The case as it stands.
        newer: Arc<Case>,
    },
    /// Somebody else holds it.
    #[error("somebody else works on the case; take another one, or wait until the lease ends")]
    Held {
        /// Who.
        holder: String,
        /// Until when, UTC milliseconds since the epoch.
        until_ms: i64,
    },
    /// It is somebody else's work.
    #[error("the case is assigned to somebody else; assign it to yourself first")]
    Assigned {
        /// Whose.
        to: String,
    },
    /// Nobody holds it.
    #[error("nobody holds the case any more; there is nothing to give back")]
    NotHeld,
    /// It was escalated.
    #[error("the case was escalated; ask a lead to decide it")]
    NeedsLead,
    /// Whoever decided cannot be who agrees.
    #[error("you decided this case; somebody else must agree")]
    SamePerson,
    /// It is closed.
    #[error("the case is closed; reopen it first")]
    Closed,
    /// It is not closed.
    #[error("the case is not closed, so there is nothing to reopen")]
    NotClosed,
    /// It is decided already.
    #[error("the case is decided and awaits approval; approve or reject it")]
    AwaitingApproval,
    /// Nothing waits for anybody's agreement.
    #[error("the case does not await approval; decide it first")]
    NotAwaitingApproval,
    /// It was escalated before.
    #[error("the case is escalated already; a lead will take it")]
    Escalated,
    /// Its payments went to another case.
    #[error("the payments of this case went to another open case of the account; go on there")]
    Merged {
        /// That case.
        into: String,
    },
    /// There is nothing to take back.
    #[error("there is nothing to undo: somebody acted since, or what was done last cannot be taken back")]
    NothingToUndo,
    /// Somebody else did it.
    #[error("somebody else did that; only they can undo it")]
    NotYours,
    /// It was too long ago.
    #[error("it is too late to undo that; reopen the case instead if it is closed")]
    TooLate,
    /// Nothing waits that this person may work on.
    #[error("no case waits that you may take; widen the filter, or ask again later")]
    NothingToTake,
    /// The payment is in a case already.
    #[error("the payment is in a case already")]
    Known {
        /// That case.
        case_id: String,
    },
    /// The tenant has as many open cases as it may have.
    #[error("{open} cases are open, which is the most there may be; close some, or raise bounds.open")]
    Full {
        /// How many.
        open: usize,
    },
    /// The case has as many notes as it may have.
    #[error("the case has {notes} notes, which is the most there may be")]
    TooManyNotes {
        /// How many.
        notes: usize,
    },
    /// The event cannot be.
    #[error("{0}")]
    Invalid(String),
}

impl Refusal {
    /// Stable name, for replies, metrics and the counts of a bulk action.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchCase => "no_such_case",
            Refusal::Stale { .. } => "stale",
            Refusal::Held { .. } => "held",
            Refusal::Assigned { .. } => "assigned",
            Refusal::NotHeld => "not_held",
            Refusal::NeedsLead => "needs_lead",
            Refusal::SamePerson => "same_person",
            Refusal::Closed => "closed",
            Refusal::NotClosed => "not_closed",
            Refusal::AwaitingApproval => "awaiting_approval",
            Refusal::NotAwaitingApproval => "not_awaiting_approval",
            Refusal::Escalated => "escalated",
            Refusal::Merged { .. } => "merged",
            Refusal::NothingToUndo => "nothing_to_undo",
            Refusal::NotYours => "not_yours",
            Refusal::TooLate => "too_late",
            Refusal::NothingToTake => "nothing_to_take",
            Refusal::Known { .. } => "known",
            Refusal::Full { .. } => "full",
            Refusal::TooManyNotes { .. } => "too_many_notes",
            Refusal::Invalid(_) => "invalid",
        }
    }
}
