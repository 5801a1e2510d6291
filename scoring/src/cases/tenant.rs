//! The cases of one tenant and everything they are found by. All indexes follow from the cases, so that they can be made anew.

use super::act::{Acting, act};
use super::case::Case;
use super::effects::Effects;
use super::event::{CaseAction, CaseTarget, ReviewedPayment};
use super::intake::Reviewed;
use super::list::{CaseFigures, CaseFilter, Cursor, Page};
use super::queue::{InOrder, Person, Place, Queue};
use super::refusal::Refusal;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// The cases of one tenant.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TenantCases {
    cases: BTreeMap<Arc<str>, Arc<Case>>,
    /// The open case of an account.
    by_account: HashMap<String, Arc<str>>,
    /// The case that lists a payment.
    by_transaction: HashMap<String, Arc<str>>,
    queue: Queue,
    /// Open cases by turn, whoever may take them.
    open: InOrder,
    /// Closed cases by when they were closed.
    closed: InOrder,
}

impl TenantCases {
    /// A payment joins the open case of its account, or opens one.
    pub(super) fn review(&mut self, tenant: &str, told: &ReviewedPayment, by: &Acting<'_>) -> Result<Effects, Refusal> {
        let reviewed = Reviewed::read(told, by)?;
        let known = self.by_transaction.get(&told.transaction_id).map(|case_id| case_id.to_string());
        // Its own case may have been merged into another, and list it no more.
        if let Some(case_id) = known.or_else(|| self.get(&told.case_id).map(|case| case.case_id.clone())) {
            return Err(Refusal::Known { case_id });
        }
        let case = match self.open_case_of(&told.account) {
            Some(open) => {
                let mut case = Case::clone(open);
                case.join(reviewed, by);
                case
            }
            None if self.open.len() >= by.settings.bounds.open => return Err(Refusal::Full { open: self.open.len() }),
            None => Case::opened(told, reviewed, tenant, by),
        };
        let effects = Effects { changed: vec![self.put(case)], ..Effects::default() };
        self.queue.wake(by.at_ms);
        Ok(effects)
    }

    /// Somebody acts on a case.
    pub(super) fn act(
        &mut self,
        target: &CaseTarget,
        action: &CaseAction,
        by: &Acting<'_>,
    ) -> Result<Effects, Refusal> {
        let before = Arc::clone(self.get(&target.case_id).ok_or(Refusal::NoSuchCase)?);
        if before.version != target.version {
            return Err(Refusal::Stale { newer: before });
        }
        let mut after = Case::clone(&before);
        act(&mut after, by, action)?;
        let mut effects = Effects::known(&before, &after, by);
        let is_open_again = before.is_closed() && !after.is_closed();
        let other = if is_open_again { self.open_case_of(&after.account).map(|open| Case::clone(open)) } else { None };
        if let Some(mut other) = other {
            // One open case an account: a payment opened another one since.
            other.absorb(&mut after, by);
            effects.changed.push(self.put(after));
            effects.changed.push(self.put(other));
        } else {
            effects.changed.push(self.put(after));
        }
        self.forget_closed(by.settings.bounds.closed);
        self.queue.wake(by.at_ms);
        Ok(effects)
    }

    /// The case of that id.
    pub(super) fn get(&self, case_id: &str) -> Option<&Arc<Case>> {
        self.cases.get(case_id)
    }

    /// The case whose turn it is among those that a person may take.
    pub(super) fn next(&self, person: Person<'_>, now_ms: i64, filter: &CaseFilter) -> Option<&Arc<Case>> {
        self.queue.next(person, now_ms, filter)
    }

    /// The open case of an account.
    pub(super) fn open_case_of(&self, account: &str) -> Option<&Arc<Case>> {
        self.get(self.by_account.get(account)?)
    }

    /// The open case of each account that has one.
    pub(super) fn open_cases(&self) -> impl Iterator<Item = &Arc<Case>> {
        self.by_account.values().filter_map(|case_id| self.get(case_id))
    }

    /// The case that lists a payment.
    pub(super) fn case_of(&self, transaction_id: &str) -> Option<&Arc<Case>> {
        self.get(self.by_transaction.get(transaction_id)?)
    }

    /// Open cases in the order of the queue.
    pub(super) fn open_after(&self, now_ms: i64, filter: &CaseFilter, after: Option<&Cursor>, limit: usize) -> Page {
        let after = after.map(place);
        let rest = (after.as_ref().map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        page(self.open.range(rest), now_ms, filter, limit)
    }

    /// Closed cases, the latest first.
    pub(super) fn closed_after(&self, now_ms: i64, filter: &CaseFilter, after: Option<&Cursor>, limit: usize) -> Page {
        let after = after.map(place);
        let rest = (Bound::Unbounded, after.as_ref().map_or(Bound::Unbounded, Bound::Excluded));
        page(self.closed.range(rest).rev(), now_ms, filter, limit)
    }

    /// All of them in numbers.
    pub(super) fn figures(&self, now_ms: i64) -> CaseFigures {
        let mut figures = CaseFigures { closed: self.closed.len(), ..CaseFigures::default() };
        for case in self.open.values() {
            figures.count(case, now_ms);
        }
        figures
    }

    /// Every case, in the order of ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Case>> {
        self.cases.values()
    }

    /// Those cases alone, and the open ones of their accounts: all that an action on them can change.
    pub(super) fn excerpt<'a>(&self, case_ids: impl Iterator<Item = &'a str>) -> TenantCases {
        let mut excerpt = TenantCases::default();
        for case in case_ids.filter_map(|case_id| self.get(case_id)) {
            for case in [Some(case), self.open_case_of(&case.account)].into_iter().flatten() {
                excerpt.put_shared(Arc::clone(case));
            }
        }
        excerpt
    }

    /// Puts a case in the place of its older version.
    pub(super) fn put(&mut self, case: Case) -> Arc<Case> {
        let case = Arc::new(case);
        self.put_shared(Arc::clone(&case));
        case
    }

    fn put_shared(&mut self, case: Arc<Case>) {
        self.take_out(&case.case_id);
        let id: Arc<str> = Arc::from(case.case_id.as_str());
        match case.standing.closed_at_ms {
            Some(at_ms) => {
                self.closed.insert((at_ms, Arc::clone(&id)), Arc::clone(&case));
            }
            None => {
                self.open.insert((case.rank_ms, Arc::clone(&id)), Arc::clone(&case));
                self.by_account.insert(case.account.clone(), Arc::clone(&id));
                self.queue.insert(Arc::clone(&id), Arc::clone(&case));
            }
        }
        for payment in &case.payments {
            self.by_transaction.insert(payment.transaction_id.clone(), Arc::clone(&id));
        }
        self.cases.insert(id, case);
    }

    fn take_out(&mut self, case_id: &str) {
        let Some((id, case)) = self.cases.remove_entry(case_id) else { return };
        match case.standing.closed_at_ms {
            Some(at_ms) => {
                self.closed.remove(&(at_ms, id));
            }
            None => {
                self.queue.remove(&id, &case);
                self.by_account.remove(&case.account);
                self.open.remove(&(case.rank_ms, id));
            }
        }
        for payment in &case.payments {
            self.by_transaction.remove(&payment.transaction_id);
        }
    }

    fn forget_closed(&mut self, most: usize) {
        while self.closed.len() > most {
            let Some(((_, first), _)) = self.closed.pop_first() else { return };
            self.take_out(&first);
        }
    }

    /// Whether every index says what the cases say; for tests.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let mut anew = TenantCases::default();
        for case in self.iter() {
            assert_eq!(case.is_closed(), case.standing.closed_at_ms.is_some());
            assert!(case.is_closed() || anew.open_case_of(&case.account).is_none(), "one open case an account");
            anew.put_shared(Arc::clone(case));
        }
        let mut queue = self.queue.clone();
        for ((_, id), case) in &self.open {
            let before = queue.len();
            queue.remove(id, case);
            assert_eq!(queue.len() + 1, before, "an open case waits in one place");
        }
        assert_eq!(queue, Queue::default(), "nothing else waits");
        // What is away comes back with an event, which the copy has not seen.
        anew.queue = self.queue.clone();
        assert_eq!(*self, anew);
    }
}

fn page<'a>(
    order: impl Iterator<Item = (&'a Place, &'a Arc<Case>)>,
    now_ms: i64,
    filter: &CaseFilter,
    limit: usize,
) -> Page {
    let mut page = Page { cases: Vec::new(), next: None };
    let mut last = None;
    for ((at_ms, _), case) in order.filter(|(_, case)| filter.passes(case, now_ms)) {
        if page.cases.len() >= limit {
            page.next = last.map(|at_ms: i64| Cursor { at_ms, case_id: page.cases[limit - 1].case_id.clone() });
            break;
        }
        last = Some(*at_ms);
        page.cases.push(Arc::clone(case));
    }
    page
}

fn place(cursor: &Cursor) -> Place {
    (cursor.at_ms, Arc::from(cursor.case_id.as_str()))
}
