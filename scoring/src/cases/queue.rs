//! Whose turn it is.
//!
//! A case's turn comes at `since + service level × scale / (scale + expected loss)`, least first. So its urgency, its age times
//! `1 + loss / scale` as a share of the service level, grows as it waits and reaches one at that moment; with the defaults (4 hours, 500.00):
//!
//! | expected loss | its turn comes after |
//! |---|---|
//! | 0 | 4 h |
//! | 500.00 | 2 h |
//! | 5,000.00 | 22 min |
//! | 50,000.00 | 2 min 23 s |
//!
//! That moment never moves while a case waits, so an ordered set holds the order and nothing is sorted again as time passes; a score such
//! as `loss × (1 + age / level)` changes its order every minute. And no case starves: its turn is never later than when it is overdue, so
//! nothing that is opened after that can pass it, whatever it is worth. Only a further payment moves a turn, to an earlier moment.
//!
//! Cases wait in lanes: what a person may take is the best of at most four, whatever others hold. Cases that are held or put off lie aside
//! in the order in which they come back. Some 200 ns to find the next of 10,000; a filter costs a look at each case before the first that
//! passes, and a silence in which leases end a look at each of those, until the next event puts them back (0.3 ms for 8,000).

use super::case::{Case, Stage, Status};
use super::list::CaseFilter;
use super::settings::CaseSettings;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person<'a> {
    /// Name, as in events.
    pub name: &'a str,
    /// Whether as a lead.
    pub is_lead: bool,
}

/// A moment, UTC milliseconds since the epoch, and the id of the case whose moment it is.
pub(super) type Place = (i64, Arc<str>);
/// Cases in the order of their moments.
pub(super) type InOrder = BTreeMap<Place, Arc<Case>>;

/// Open cases of a tenant in the order of their turns.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Queue {
    lanes: BTreeMap<Lane, InOrder>,
    /// Held or put off, by when that ends.
    away: InOrder,
}

/// Cases that the same people may take.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    stage: Stage,
    needs_lead: bool,
    assignee: Option<String>,
}

impl Lane {
    fn of(case: &Case) -> Lane {
        Lane { stage: case.standing.stage, needs_lead: case.needs_lead(), assignee: case.standing.assignee.clone() }
    }
}

impl Case {
    /// When its turn comes, UTC milliseconds since the epoch.
    pub(super) fn rank(&self, settings: &CaseSettings) -> i64 {
        let scale = i128::from(settings.loss_scale_hundredths.max(1));
        let level = i128::from(self.due_at_ms) - i128::from(self.since_ms);
        let wait = level * scale / (scale + i128::from(self.expected_loss_hundredths));
        // Between since and due, both of which are.
        i64::try_from(i128::from(self.since_ms) + wait).unwrap_or(self.due_at_ms)
    }

    fn may_be_taken_by(&self, person: Person<'_>, now_ms: i64) -> bool {
        let standing = &self.standing;
        self.away_until_ms().is_none_or(|until_ms| until_ms <= now_ms)
            && standing.assignee.as_ref().is_none_or(|to| to == person.name)
            && standing.decision.as_ref().is_none_or(|decision| decision.by != person.name)
            && (person.is_lead || !self.needs_lead())
    }
}

impl Queue {
    /// An open case begins to wait.
    pub(super) fn insert(&mut self, id: Arc<str>, case: Arc<Case>) {
        match case.away_until_ms() {
            Some(until_ms) => drop(self.away.insert((until_ms, id), case)),
            None => self.line_up(id, case),
        }
    }

    /// A case waits no more, or changes; as it was when it was inserted.
    pub(super) fn remove(&mut self, id: &Arc<str>, case: &Case) {
        if let Some(until_ms) = case.away_until_ms()
            && self.away.remove(&(until_ms, Arc::clone(id))).is_some()
        {
            return;
        }
        let lane = Lane::of(case);
        if let Some(waiting) = self.lanes.get_mut(&lane) {
            waiting.remove(&(case.rank_ms, Arc::clone(id)));
            if waiting.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    /// Puts back what was held or put off until then. Called with the time of each event, so that little is left to look through between.
    pub(super) fn wake(&mut self, now_ms: i64) {
        while let Some(first) = self.away.first_entry().filter(|first| first.key().0 <= now_ms) {
            let ((_, id), case) = first.remove_entry();
            self.line_up(id, case);
        }
    }

    fn line_up(&mut self, id: Arc<str>, case: Arc<Case>) {
        self.lanes.entry(Lane::of(&case)).or_default().insert((case.rank_ms, id), case);
    }

    /// The case whose turn it is among those that a person may take.
    pub(super) fn next(&self, person: Person<'_>, now_ms: i64, filter: &CaseFilter) -> Option<&Arc<Case>> {
        let (stage, status) = match filter.status {
            None | Some(Status::Pending) => (Stage::Open, Status::Pending),
            Some(Status::AwaitingApproval) => (Stage::AwaitingApproval, Status::AwaitingApproval),
            // Nobody takes what is held or done.
            Some(Status::Investigating | Status::Closed) => return None,
        };
        let filter = CaseFilter { status: Some(status), ..filter.clone() };
        let fits = |case: &Case| case.may_be_taken_by(person, now_ms) && filter.passes(case, now_ms);
        let first_of = |needs_lead: bool, assignee: Option<&str>| {
            let lane = Lane { stage, needs_lead, assignee: assignee.map(str::to_owned) };
            self.lanes.get(&lane)?.values().find(|case| fits(case))
        };
        let back = self.away.iter().take_while(|((until_ms, _), _)| *until_ms <= now_ms).map(|(_, case)| case);
        [false, true]
            .into_iter()
            .filter(|needs_lead| person.is_lead || !needs_lead)
            .flat_map(|needs_lead| [first_of(needs_lead, None), first_of(needs_lead, Some(person.name))])
            .flatten()
            .chain(back.filter(|case| fits(case)))
            .min_by(|a, b| (a.rank_ms, &a.case_id).cmp(&(b.rank_ms, &b.case_id)))
    }

    /// How many wait, those that are held or put off included.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.away.len() + self.lanes.values().map(InOrder::len).sum::<usize>()
    }
}
