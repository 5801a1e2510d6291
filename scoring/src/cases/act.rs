//! What a person may do with a case. Works on a copy: where an action is refused half-way, the copy is thrown away.

use super::case::{Case, CaseDecision, Deed, Lease, Note, Stage, Standing, Undo};
use super::event::{CaseAction, Outcome};
use super::refusal::Refusal;
use super::settings::CaseSettings;
use super::text;
use crate::wire::bounds;

/// Who acts, when, and under which settings.
#[derive(Clone, Copy)]
pub(super) struct Acting<'a> {
    pub(super) actor: &'a str,
    pub(super) is_lead: bool,
    pub(super) at_ms: i64,
    pub(super) position: u64,
    pub(super) settings: &'a CaseSettings,
}

impl Acting<'_> {
    /// Makes a new version of the case and writes down why.
    pub(super) fn step(&self, case: &mut Case, deed: Deed) {
        case.step(self.position, self.at_ms, self.actor, self.settings.bounds.history, deed);
    }
}

/// Does it.
pub(super) fn act(case: &mut Case, by: &Acting<'_>, action: &CaseAction) -> Result<(), Refusal> {
    let before = case.standing.clone();
    let deed = match action {
        CaseAction::Take => take(case, by)?,
        CaseAction::Release => release(case, by)?,
        CaseAction::Assign { to } => assign(case, by, to.as_deref())?,
        CaseAction::Snooze { until_ms } => snooze(case, by, *until_ms)?,
        CaseAction::Note { text } => note(case, by, text)?,
        CaseAction::Escalate { reason } => escalate(case, by, reason)?,
        CaseAction::Decide { outcome, reason, note } => decide(case, by, *outcome, reason, note.as_deref())?,
        CaseAction::Approve => approve(case, by)?,
        CaseAction::Reject { reason } => reject(case, by, reason)?,
        CaseAction::Undo => undo(case, by)?,
        CaseAction::Reopen { reason } => reopen(case, by, reason)?,
    };
    if action.can_be_undone() {
        let until_ms = by.at_ms.saturating_add(by.settings.undo_ms());
        case.undo = Some(Undo { by: by.actor.to_owned(), until_ms, before: Box::new(before) });
    } else if !matches!(action, CaseAction::Note { .. }) {
        case.undo = None;
    }
    by.step(case, deed);
    Ok(())
}

fn take(case: &mut Case, by: &Acting<'_>) -> Result<Deed, Refusal> {
    not_closed(case)?;
    free(case, by)?;
    if case.needs_lead() && !by.is_lead {
        return Err(Refusal::NeedsLead);
    }
    somebody_else(case, by.actor)?;
    let until_ms = by.at_ms.saturating_add(by.settings.lease_ms());
    case.standing.lease = Some(Lease { holder: by.actor.to_owned(), until_ms });
    case.standing.snoozed_until_ms = None;
    Ok(Deed::Taken { until_ms })
}

fn release(case: &mut Case, by: &Acting<'_>) -> Result<Deed, Refusal> {
    if case.holder(by.at_ms).is_none() {
        return Err(Refusal::NotHeld);
    }
    if !by.is_lead {
        not_held_by_another(case, by)?;
    }
    case.standing.lease = None;
    Ok(Deed::Released)
}

fn assign(case: &mut Case, by: &Acting<'_>, to: Option<&str>) -> Result<Deed, Refusal> {
    not_closed(case)?;
    if !by.is_lead {
        not_held_by_another(case, by)?;
    }
    if let Some(to) = to {
        bounds::identifier(to).map_err(|reason| Refusal::Invalid(format!("the assignee {reason}")))?;
        somebody_else(case, to)?;
    }
    // Whoever else holds it loses it by that.
    if to.is_some_and(|to| case.standing.lease.as_ref().is_some_and(|lease| lease.holder != to)) {
        case.standing.lease = None;
    }
    case.standing.assignee = to.map(str::to_owned);
    Ok(Deed::Assigned { to: to.map(str::to_owned) })
}

fn snooze(case: &mut Case, by: &Acting<'_>, until_ms: i64) -> Result<Deed, Refusal> {
    undecided(case)?;
    free(case, by)?;
    let latest_ms = by.at_ms.saturating_add(by.settings.max_snooze_ms());
    if until_ms <= by.at_ms || until_ms > latest_ms {
        let days = by.settings.max_snooze_days;
        return Err(Refusal::Invalid(format!("a case is put off to a time to come, at most {days} days ahead")));
    }
    case.standing.snoozed_until_ms = Some(until_ms);
    case.standing.lease = None;
    Ok(Deed::Snoozed { until_ms })
}

fn note(case: &mut Case, by: &Acting<'_>, text: &str) -> Result<Deed, Refusal> {
    let bounds = &by.settings.bounds;
    text::note(text, bounds.note_chars).map_err(Refusal::Invalid)?;
    if case.notes.len() >= bounds.notes {
        return Err(Refusal::TooManyNotes { notes: case.notes.len() });
    }
    case.notes.push(Note { at_ms: by.at_ms, by: by.actor.to_owned(), text: text.to_owned() });
    Ok(Deed::Noted)
}

fn escalate(case: &mut Case, by: &Acting<'_>, reason: &str) -> Result<Deed, Refusal> {
    not_closed(case)?;
    free(case, by)?;
    text::reason(reason).map_err(Refusal::Invalid)?;
    if case.standing.escalated {
        return Err(Refusal::Escalated);
    }
    case.standing.escalated = true;
    back_to_queue(&mut case.standing);
    Ok(Deed::Escalated { reason: reason.to_owned() })
}

fn decide(
    case: &mut Case,
    by: &Acting<'_>,
    outcome: Outcome,
    reason: &str,
    more: Option<&str>,
) -> Result<Deed, Refusal> {
    undecided(case)?;
    free(case, by)?;
    if case.needs_lead() && !by.is_lead {
        return Err(Refusal::NeedsLead);
    }
    text::reason(reason).map_err(Refusal::Invalid)?;
    if let Some(more) = more {
        note(case, by, more)?;
    }
    case.standing.decision = Some(CaseDecision {
        outcome,
        reason: reason.to_owned(),
        by: by.actor.to_owned(),
        as_lead: by.is_lead,
        at_ms: by.at_ms,
        approved_by: None,
    });
    back_to_queue(&mut case.standing);
    let awaits_approval = by.settings.needs_four_eyes(case.amount_hundredths);
    if awaits_approval {
        case.standing.stage = Stage::AwaitingApproval;
    } else {
        close(case, by, outcome);
    }
    Ok(Deed::Decided { outcome, reason: reason.to_owned(), awaits_approval })
}

fn approve(case: &mut Case, by: &Acting<'_>) -> Result<Deed, Refusal> {
    awaiting(case)?;
    free(case, by)?;
    somebody_else(case, by.actor)?;
    if case.needs_lead() && !by.is_lead {
        return Err(Refusal::NeedsLead);
    }
    let decision = case.standing.decision.as_mut().ok_or(Refusal::NotAwaitingApproval)?;
    decision.approved_by = Some(by.actor.to_owned());
    let outcome = decision.outcome;
    back_to_queue(&mut case.standing);
    close(case, by, outcome);
    Ok(Deed::Approved)
}

fn reject(case: &mut Case, by: &Acting<'_>, reason: &str) -> Result<Deed, Refusal> {
    awaiting(case)?;
    free(case, by)?;
    text::reason(reason).map_err(Refusal::Invalid)?;
    set_aside(&mut case.standing);
    Ok(Deed::Rejected { reason: reason.to_owned() })
}

fn undo(case: &mut Case, by: &Acting<'_>) -> Result<Deed, Refusal> {
    let undo = case.undo.as_ref().ok_or(Refusal::NothingToUndo)?;
    if undo.by != by.actor {
        return Err(Refusal::NotYours);
    }
    if by.at_ms > undo.until_ms {
        return Err(Refusal::TooLate);
    }
    let before = Standing::clone(&undo.before);
    if case.is_closed() {
        for payment in &mut case.payments {
            payment.label = payment.label_before;
        }
    }
    case.standing = before;
    Ok(Deed::Undone)
}

fn reopen(case: &mut Case, by: &Acting<'_>, reason: &str) -> Result<Deed, Refusal> {
    if let Some(into) = &case.merged_into {
        return Err(Refusal::Merged { into: into.clone() });
    }
    if !case.is_closed() {
        return Err(Refusal::NotClosed);
    }
    text::reason(reason).map_err(Refusal::Invalid)?;
    case.standing = Standing { escalated: case.standing.escalated, ..Standing::default() };
    case.waits_from(by.at_ms, by.settings);
    Ok(Deed::Reopened { reason: reason.to_owned() })
}

/// Closes it: what was decided is what its labels say.
fn close(case: &mut Case, by: &Acting<'_>, outcome: Outcome) {
    case.standing.stage = Stage::Closed;
    case.standing.closed_at_ms = Some(by.at_ms);
    for payment in &mut case.payments {
        payment.label_before = payment.label;
        payment.label = outcome.fraud();
    }
}

/// Nobody's in particular.
fn back_to_queue(standing: &mut Standing) {
    standing.assignee = None;
    standing.lease = None;
    standing.snoozed_until_ms = None;
}

/// A decision that nobody agreed with yet no longer counts.
pub(super) fn set_aside(standing: &mut Standing) {
    if standing.stage == Stage::AwaitingApproval {
        standing.stage = Stage::Open;
        standing.decision = None;
        back_to_queue(standing);
    }
}

fn not_closed(case: &Case) -> Result<(), Refusal> {
    if case.is_closed() { Err(Refusal::Closed) } else { Ok(()) }
}

fn undecided(case: &Case) -> Result<(), Refusal> {
    match case.standing.stage {
        Stage::Open => Ok(()),
        Stage::AwaitingApproval => Err(Refusal::AwaitingApproval),
        Stage::Closed => Err(Refusal::Closed),
    }
}

fn awaiting(case: &Case) -> Result<(), Refusal> {
    match case.standing.stage {
        Stage::Open => Err(Refusal::NotAwaitingApproval),
        Stage::AwaitingApproval => Ok(()),
        Stage::Closed => Err(Refusal::Closed),
    }
}

/// Neither held by somebody else nor somebody else's work.
fn free(case: &Case, by: &Acting<'_>) -> Result<(), Refusal> {
    not_held_by_another(case, by)?;
    match &case.standing.assignee {
        Some(to) if to != by.actor => Err(Refusal::Assigned { to: to.clone() }),
        _ => Ok(()),
    }
}

fn not_held_by_another(case: &Case, by: &Acting<'_>) -> Result<(), Refusal> {
    match &case.standing.lease {
        Some(lease) if by.at_ms < lease.until_ms && lease.holder != by.actor => {
            Err(Refusal::Held { holder: lease.holder.clone(), until_ms: lease.until_ms })
        }
        _ => Ok(()),
    }
}

/// Whoever decided may not agree, nor hold or be given what awaits agreement.
fn somebody_else(case: &Case, person: &str) -> Result<(), Refusal> {
    match &case.standing.decision {
        Some(decision) if decision.by == person => Err(Refusal::SamePerson),
        _ => Ok(()),
    }
}
