//! Looking cases up: filters, pages, figures.

use super::case::{Case, Status};
use crate::wire::bounds;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Which cases; what is absent passes everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CaseFilter {
    /// How they stand; in lists, every case that is not closed where absent.
    pub status: Option<Status>,
    /// Whose work they are; empty for those that are nobody's in particular.
    pub assignee: Option<String>,
    /// Who holds them.
    pub holder: Option<String>,
    /// Least expected loss, hundredths of the reference currency.
    pub min_loss_hundredths: Option<u64>,
    /// Whether they are overdue.
    pub overdue: Option<bool>,
    /// Whether they were escalated.
    pub escalated: Option<bool>,
    /// Part of the account or of the id of a payment that they list, as it is written.
    pub text: Option<String>,
}

/// Where a page ended: the case and its place in the order. It holds while other cases come and go. A case whose place changes meanwhile
/// (another payment joined it, or it was opened again) may be left out or told twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Turn of an open case, or when a closed one was closed, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// The case.
    pub case_id: String,
}

/// Some cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Open ones in the order of the queue, closed ones the latest first.
    pub cases: Vec<Arc<Case>>,
    /// Where the next page goes on; none where there is no more.
    pub next: Option<Cursor>,
}

/// A tenant's cases in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CaseFigures {
    /// Cases that nobody holds, those put off included.
    pub pending: usize,
    /// Cases that somebody holds.
    pub investigating: usize,
    /// Cases that are decided and need somebody's agreement.
    pub awaiting_approval: usize,
    /// Closed cases that are remembered.
    pub closed: usize,
    /// Pending cases that are put off.
    pub snoozed: usize,
    /// Open cases that were escalated.
    pub escalated: usize,
    /// Open cases that are overdue.
    pub overdue: usize,
    /// How long the one that waits longest has waited, milliseconds.
    pub oldest_ms: i64,
    /// What all open cases are expected to lose, hundredths of the reference currency.
    pub expected_loss_hundredths: u64,
}

impl CaseFilter {
    /// Whether a case is meant.
    pub fn passes(&self, case: &Case, now_ms: i64) -> bool {
        let standing = &case.standing;
        self.status.map_or(!case.is_closed(), |status| case.status(now_ms) == status)
            && self.assignee.as_ref().is_none_or(|who| standing.assignee.as_deref().unwrap_or_default() == who)
            && self.holder.as_ref().is_none_or(|who| case.holder(now_ms) == Some(who))
            && self.min_loss_hundredths.is_none_or(|least| case.expected_loss_hundredths >= least)
            && self.overdue.is_none_or(|overdue| case.is_overdue(now_ms) == overdue)
            && self.escalated.is_none_or(|escalated| standing.escalated == escalated)
            && self.text.as_ref().is_none_or(|text| mentions(case, text))
    }

    /// Whether it can be.
    ///
    /// # Errors
    /// Which part of it cannot.
    pub fn check(&self) -> Result<(), String> {
        for (what, value) in [("assignee", &self.assignee), ("holder", &self.holder), ("text", &self.text)] {
            if let Some(value) = value
                && !(value.is_empty() && what == "assignee")
            {
                bounds::identifier(value).map_err(|reason| format!("the {what} to look for {reason}"))?;
            }
        }
        Ok(())
    }
}

fn mentions(case: &Case, text: &str) -> bool {
    case.account.contains(text) || case.payments.iter().any(|payment| payment.transaction_id.contains(text))
}

impl CaseFigures {
    pub(super) fn count(&mut self, case: &Case, now_ms: i64) {
        match case.status(now_ms) {
            Status::Pending => self.pending += 1,
            Status::Investigating => self.investigating += 1,
            Status::AwaitingApproval => self.awaiting_approval += 1,
            Status::Closed => {
                self.closed += 1;
                return;
            }
        }
        self.snoozed += usize::from(case.is_snoozed(now_ms));
        self.escalated += usize::from(case.standing.escalated);
        self.overdue += usize::from(case.is_overdue(now_ms));
        self.oldest_ms = self.oldest_ms.max(now_ms.saturating_sub(case.since_ms));
        self.expected_loss_hundredths = self.expected_loss_hundredths.saturating_add(case.expected_loss_hundredths);
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.at_ms, self.case_id)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Cursor, &'static str> {
        let malformed = "must be the `next` of an answer";
        let (at_ms, case_id) = text.split_once('/').ok_or(malformed)?;
        bounds::identifier(case_id).map_err(|_| malformed)?;
        Ok(Cursor { at_ms: at_ms.parse().map_err(|_| malformed)?, case_id: case_id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_written_and_read() {
        let cursor = Cursor { at_ms: -7, case_id: "case_1/2".to_owned() };
        assert_eq!(cursor.to_string(), "-7/case_1/2");
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "7", "x/case_1", "7/", "7/\n", "99999999999999999999/a"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_filter_is_checked() {
        let named = |name: &str| CaseFilter { assignee: Some(name.to_owned()), ..CaseFilter::default() };
        assert!(CaseFilter::default().check().is_ok() && named("").check().is_ok() && named("ann").check().is_ok());
        assert!(named("a\nb").check().unwrap_err().starts_with("the assignee to look for must not"));
        assert!(CaseFilter { text: Some(String::new()), ..CaseFilter::default() }.check().is_err());
    }
}
