//! The fold of all case events.

use super::act::Acting;
use super::case::{Case, Stage};
use super::effects::{BulkResult, Effects, Preview};
use super::event::{CaseAction, CaseChange, CaseEvent, CaseTarget};
use super::list::{CaseFigures, CaseFilter, Cursor, Page};
use super::queue::Person;
use super::refusal::Refusal;
use super::settings::CaseSettings;
use super::tenant::TenantCases;
use crate::wire::bounds;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Most cases of a page.
const MAX_PAGE: usize = 200;

/// All cases. Equal events in equal order give equal cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cases {
    settings: CaseSettings,
    tenants: BTreeMap<String, TenantCases>,
}

impl Cases {
    /// The cases that a snapshot held, with the settings that held then. They answer and go on as those that it was taken of.
    pub fn restored(settings: CaseSettings, cases: impl IntoIterator<Item = Case>) -> Cases {
        let mut restored = Cases { settings, tenants: BTreeMap::new() };
        for case in cases {
            restored.tenants.entry(case.tenant.clone()).or_default().put(case);
        }
        restored
    }

    /// Applies the event that stands at `position`. [`CaseChange::Labelled`] changes no case: whoever tells labels follows it.
    ///
    /// # Errors
    /// Why it has no effect; nothing was changed then.
    pub fn apply(&mut self, position: u64, event: &CaseEvent) -> Result<Effects, Refusal> {
        match &event.change {
            CaseChange::Configured { settings } => {
                settings.check().map_err(Refusal::Invalid)?;
                self.settings = settings.clone();
                return Ok(Effects::default());
            }
            CaseChange::Labelled { .. } => return Ok(Effects::default()),
            _ => {}
        }
        bounds::tenant(&event.tenant).map_err(|reason| Refusal::Invalid(format!("the tenant {reason}")))?;
        bounds::identifier(&event.actor).map_err(|reason| Refusal::Invalid(format!("the actor {reason}")))?;
        let by = Acting {
            actor: &event.actor,
            is_lead: event.is_lead,
            at_ms: event.at_ms,
            position,
            settings: &self.settings,
        };
        if let CaseChange::Review { payment } = &event.change {
            // A refused payment must not leave a tenant behind.
            let Some(cases) = self.tenants.get_mut(&event.tenant) else {
                let mut cases = TenantCases::default();
                let effects = cases.review(&event.tenant, payment, &by)?;
                self.tenants.insert(event.tenant.clone(), cases);
                return Ok(effects);
            };
            return cases.review(&event.tenant, payment, &by);
        }
        let mut none = TenantCases::default();
        let cases = self.tenants.get_mut(&event.tenant).unwrap_or(&mut none);
        match &event.change {
            CaseChange::TakeNext { filter } => take_next(cases, filter, &by),
            CaseChange::Acted { target, action } => cases.act(target, action, &by),
            CaseChange::Bulk { targets, action } => bulk(cases, targets, action, &by),
            CaseChange::Configured { .. } | CaseChange::Labelled { .. } | CaseChange::Review { .. } => {
                Ok(Effects::default())
            }
        }
    }

    /// What a bulk action would do if it were applied now. Exact: it is tried on a copy of the cases that it names.
    ///
    /// # Errors
    /// Where the event is no bulk action, or is refused as a whole.
    pub fn preview(&self, event: &CaseEvent) -> Result<Preview, Refusal> {
        let CaseChange::Bulk { targets, .. } = &event.change else {
            return Err(Refusal::Invalid("only a bulk action has a preview".to_owned()));
        };
        let mut trial = Cases { settings: self.settings.clone(), tenants: BTreeMap::new() };
        if let Some(cases) = self.tenants.get(&event.tenant) {
            let excerpt = cases.excerpt(targets.iter().map(|target| target.case_id.as_str()));
            trial.tenants.insert(event.tenant.clone(), excerpt);
        }
        Ok(Preview::of(&trial.apply(0, event)?))
    }

    /// The settings that hold.
    pub fn settings(&self) -> &CaseSettings {
        &self.settings
    }

    /// A tenant's case of that id.
    pub fn get(&self, tenant: &str, case_id: &str) -> Option<&Arc<Case>> {
        self.tenants.get(tenant)?.get(case_id)
    }

    /// The open case of a tenant's account.
    pub fn open_case_of(&self, tenant: &str, account: &str) -> Option<&Arc<Case>> {
        self.tenants.get(tenant)?.open_case_of(account)
    }

    /// A tenant's open cases, one an account at most.
    pub fn open_cases(&self, tenant: &str) -> impl Iterator<Item = &Arc<Case>> {
        self.tenants.get(tenant).into_iter().flat_map(TenantCases::open_cases)
    }

    /// The case that lists a tenant's payment.
    pub fn case_of(&self, tenant: &str, transaction_id: &str) -> Option<&Arc<Case>> {
        self.tenants.get(tenant)?.case_of(transaction_id)
    }

    /// The case that a person would take next: pending where the filter says nothing else, neither held nor put off, nor somebody else's
    /// work, nor beyond what they may decide. [`CaseChange::TakeNext`] takes it.
    pub fn next(&self, tenant: &str, person: Person<'_>, now_ms: i64, filter: &CaseFilter) -> Option<&Arc<Case>> {
        self.tenants.get(tenant)?.next(person, now_ms, filter)
    }

    /// A tenant's cases that pass the filter, at most `limit` (from 1 to 200): open ones in the order of the queue or, where the filter asks
    /// for them, closed ones, the latest first. Looks at every case before the last that it finds: below a millisecond for 10,000.
    pub fn list(&self, tenant: &str, now_ms: i64, filter: &CaseFilter, after: Option<&Cursor>, limit: usize) -> Page {
        let limit = limit.clamp(1, MAX_PAGE);
        let Some(cases) = self.tenants.get(tenant) else { return Page { cases: Vec::new(), next: None } };
        match filter.status {
            Some(super::case::Status::Closed) => cases.closed_after(now_ms, filter, after, limit),
            _ => cases.open_after(now_ms, filter, after, limit),
        }
    }

    /// A tenant's cases in numbers. Looks at every open case.
    pub fn figures(&self, tenant: &str, now_ms: i64) -> CaseFigures {
        self.tenants.get(tenant).map(|cases| cases.figures(now_ms)).unwrap_or_default()
    }

    /// Tenants that have or had a case.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        self.tenants.keys().map(String::as_str)
    }

    /// Every case of every tenant, for a snapshot.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Case>> {
        self.tenants.values().flat_map(TenantCases::iter)
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        self.tenants.values().for_each(TenantCases::check);
    }
}

fn take_next(cases: &mut TenantCases, filter: &CaseFilter, by: &Acting<'_>) -> Result<Effects, Refusal> {
    filter.check().map_err(Refusal::Invalid)?;
    let person = Person { name: by.actor, is_lead: by.is_lead };
    let next = cases.next(person, by.at_ms, filter).ok_or(Refusal::NothingToTake)?;
    let target = CaseTarget { case_id: next.case_id.clone(), version: next.version };
    cases.act(&target, &CaseAction::Take, by)
}

fn bulk(
    cases: &mut TenantCases,
    targets: &[CaseTarget],
    action: &CaseAction,
    by: &Acting<'_>,
) -> Result<Effects, Refusal> {
    let most = by.settings.bounds.bulk;
    if targets.is_empty() || targets.len() > most {
        return Err(Refusal::Invalid(format!("a bulk action names 1 to {most} cases; name fewer, or send several")));
    }
    let mut named = HashSet::new();
    if !targets.iter().all(|target| named.insert(target.case_id.as_str())) {
        return Err(Refusal::Invalid("a bulk action names no case twice".to_owned()));
    }
    let mut effects = Effects::default();
    for target in targets {
        let result = cases.act(target, action, by).map(|more| {
            let version = more.changed.first().map_or(target.version, |case| case.version);
            effects.and(more);
            version
        });
        effects.bulk.push(BulkResult { case_id: target.case_id.clone(), result });
    }
    Ok(effects)
}

impl Preview {
    /// What came of the trial.
    fn of(effects: &Effects) -> Preview {
        let mut preview = Preview { labels: effects.labels.len(), ..Preview::default() };
        for told in &effects.bulk {
            match &told.result {
                Ok(_) => preview.accepted += 1,
                Err(refusal) => *preview.refused.entry(refusal.code()).or_default() += 1,
            }
        }
        let awaiting = |case: &&Arc<Case>| case.standing.stage == Stage::AwaitingApproval;
        preview.awaiting_approval = effects.changed.iter().filter(awaiting).count();
        preview
    }
}
