//! The thread `reviews`: applies case events as they become durable, tells whoever waits, and sees to it that labels are told.
//!
//! Cost: some 20 µs an event, on a thread of its own; a decision is a label in the log one further sync later.

use super::fold::Untold;
use super::{By, Done, Reviews, intake};
use crate::cases::{CaseChange, CaseFigures, CaseSettings};
use crate::{clock, failpoint};
use crossbeam_channel::Receiver;
use fraudnet_graph::Event;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use std::sync::PoisonError;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is looked at least whether to end.
const LOOK: Duration = Duration::from_millis(100);
/// How often figures are made.
const FIGURES: Duration = Duration::from_secs(2);
/// Labels that are told at a time: they share a sync, and leave room in the queues.
const TOGETHER: usize = 64;
/// Pause after something that could not be submitted.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the thread waits for an event of its own to become durable.
const PATIENCE: Duration = Duration::from_secs(10);

/// Puts labels into a log.
pub(crate) type Tell = Box<dyn Fn(&[Event]) -> Result<(), String> + Send>;

/// What the thread asks of the service around it.
pub(crate) struct Links {
    /// The settings that are to hold.
    pub(crate) settings: CaseSettings,
    /// Whether this process tells labels and settings now: it takes traffic and, in a cluster, is the replica that scores.
    pub(crate) acts: Box<dyn Fn() -> bool + Send>,
    /// Puts labels into the log; blocks until all of them are durable.
    pub(crate) tell: Tell,
    /// Says that reviews do not work, or work again.
    pub(crate) degrade: Box<dyn Fn(Option<String>) + Send>,
    /// Whether the service ends.
    pub(crate) ending: Box<dyn Fn() -> bool + Send>,
    /// Where its own events are submitted.
    pub(crate) runtime: Option<tokio::runtime::Handle>,
}

struct Keeper {
    reviews: Reviews,
    links: Links,
    commits: Receiver<()>,
    /// Not before this moment is anything submitted again.
    rests_until: Instant,
    figures_due: Instant,
}

/// Starts the thread.
///
/// # Errors
/// Where the system gives no thread.
pub(crate) fn spawn(reviews: &Reviews, links: Links) -> std::io::Result<JoinHandle<()>> {
    describe_gauge!("fraudnet_cases", "Cases by how they stand, of all tenants");
    describe_gauge!("fraudnet_cases_overdue", "Open cases that should have been decided by now");
    describe_gauge!("fraudnet_case_oldest_seconds", "How long the case has waited that waits longest");
    describe_counter!("fraudnet_case_events_total", "Case events by what came of them");
    describe_counter!("fraudnet_case_labels_total", "Labels told because of what people decided");
    let now = clock::monotonic();
    let commits = reviews.inner.log.commits();
    let mut keeper = Keeper { reviews: reviews.clone(), links, commits, rests_until: now, figures_due: now };
    Builder::new().name("reviews".to_owned()).spawn(move || {
        if let Err(reason) = keeper.run() {
            tracing::error!(reason, "cases are kept no more; start the service again");
            (keeper.links.degrade)(Some(format!("cases are kept no more: {reason}")));
        }
    })
}

impl Keeper {
    fn run(&mut self) -> Result<(), String> {
        while !(self.links.ending)() {
            self.follow()?;
            if (self.links.acts)() && clock::monotonic() >= self.rests_until {
                self.act();
            }
            self.figures();
            // The timeout is there to look whether to end.
            let _ = self.commits.recv_timeout(LOOK);
        }
        Ok(())
    }

    /// Applies what became durable.
    fn follow(&self) -> Result<(), String> {
        let inner = &self.reviews.inner;
        loop {
            // Other readers go on meanwhile; only this thread writes.
            let read = self.reviews.read().read(&inner.log)?;
            let Some(events) = read else { return Ok(()) };
            for (position, event) in events {
                let applied = inner.fold.write().unwrap_or_else(PoisonError::into_inner).apply(position, &event);
                let result = applied.as_ref().map_or_else(|refusal| refusal.code(), |_| "applied");
                counter!("fraudnet_case_events_total", "result" => result).increment(1);
                match &applied {
                    Ok(effects) if effects.unlabelled > 0 => {
                        tracing::warn!(
                            position,
                            payments = effects.unlabelled,
                            "payments beyond what a case lists get no label"
                        );
                    }
                    Ok(_) => {}
                    Err(refusal) if matches!(event.change, CaseChange::Review { .. }) => {
                        tracing::warn!(position, %refusal, "a payment to be reviewed came to no case");
                    }
                    Err(_) => {}
                }
                if let Some(waiter) = self.reviews.waiting().remove(&event.event_id) {
                    // It may have given up.
                    let _ = waiter.send(applied.map(|effects| Done { changed: effects.changed, bulk: effects.bulk }));
                }
            }
        }
    }

    /// Tells labels that are not told yet, and settings that do not hold yet.
    fn act(&mut self) {
        if let Err(reason) = self.try_to_act() {
            tracing::warn!(reason, "labels or settings of cases could not be told; trying again");
            self.rests_until = clock::monotonic() + RETRY_AFTER;
        }
    }

    fn try_to_act(&self) -> Result<(), String> {
        let settings = &self.links.settings;
        let other = self.reviews.look(|cases| cases.settings() != settings);
        if other {
            self.submit("", CaseChange::Configured { settings: settings.clone() })?;
        }
        loop {
            let first = self.reviews.read().untold.front().cloned();
            let Some(Untold { by, labels }) = first else { return Ok(()) };
            let tenant = labels.first().map(|label| label.tenant.clone()).unwrap_or_default();
            for labels in labels.chunks(TOGETHER) {
                (self.links.tell)(labels)?;
                counter!("fraudnet_case_labels_total").increment(labels.len() as u64);
            }
            failpoint::hit("after_case_labels");
            self.submit(&tenant, CaseChange::Labelled { by })?;
        }
    }

    /// Puts an event of this thread's own into the log and applies it.
    fn submit(&self, tenant: &str, change: CaseChange) -> Result<(), String> {
        let runtime = self.links.runtime.as_ref().ok_or("cases are kept from within a runtime")?;
        let by = By { tenant, actor: intake::ACTOR, is_lead: false };
        let event = by.event(change);
        let deadline = clock::monotonic() + PATIENCE;
        runtime.block_on(self.reviews.append(&event, deadline)).map_err(|error| error.to_string())?;
        // In a cluster it comes back through the topic; until it does, nothing may be told twice.
        while clock::monotonic() < deadline && !(self.links.ending)() {
            self.follow()?;
            let stands = self.reviews.read().holds(&event.change);
            if stands {
                return Ok(());
            }
            let _ = self.commits.recv_timeout(LOOK);
        }
        Err("an event of cases did not come back from the log".to_owned())
    }

    fn figures(&mut self) {
        let now = clock::monotonic();
        if now < self.figures_due {
            return;
        }
        self.figures_due = now + FIGURES;
        let now_ms = clock::now_ms();
        let all =
            self.reviews.look(|cases| cases.tenants().map(|tenant| cases.figures(tenant, now_ms)).collect::<Vec<_>>());
        let sum = |of: fn(&CaseFigures) -> usize| all.iter().map(of).sum::<usize>() as f64;
        gauge!("fraudnet_cases", "status" => "pending").set(sum(|figures| figures.pending));
        gauge!("fraudnet_cases", "status" => "investigating").set(sum(|figures| figures.investigating));
        gauge!("fraudnet_cases", "status" => "awaiting_approval").set(sum(|figures| figures.awaiting_approval));
        gauge!("fraudnet_cases", "status" => "closed").set(sum(|figures| figures.closed));
        gauge!("fraudnet_cases_overdue").set(sum(|figures| figures.overdue));
        let oldest_ms = all.iter().map(|figures| figures.oldest_ms).max().unwrap_or(0);
        gauge!("fraudnet_case_oldest_seconds").set(oldest_ms as f64 / 1000.0);
    }
}
