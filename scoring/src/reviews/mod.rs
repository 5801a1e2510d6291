//! Reviews: the cases of everybody, kept up with the log, and the labels that come of what people decide.
//!
//! In reading order: `intake` (the case event of a verdict), `fold` (case events of the log in their order), `keeper` (the thread that
//! follows them and tells labels), [`Reviews`] below (what the rim asks).
//!
//! ```text
//! verdict `review` ─┬─► one group of the log ─► fold ─► whoever waits hears what came of it
//! action of a person┘                            └────► labels ─► log ─► graph, training queue
//! ```
//!
//! An action is appended, then applied in the order of the log: who acts on a case that somebody else changed in between hears so, with the
//! case as it stands. In a cluster verdicts and actions meet in one topic, `reviews`, so every replica folds them in the same order.
//!
//! A label is told at least once: what was decided and not yet told stands in the fold until [`CaseChange::Labelled`] follows. After a crash
//! between the two it is told again with the same event id, which changes nothing.
//!
//! It never knows HTTP, or who may do what: the caller says who acts and whether as a lead.

mod fold;
mod intake;
mod keeper;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use crate::cases::{BulkResult, Case, CaseChange, CaseEvent, CaseSettings, Cases, Preview, Refusal};
use crate::cluster::Cluster;
use crate::log::EventLog;
use crate::service::ServiceError;
use crate::{clock, failpoint, ids};
use fold::Fold;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;
use tokio::sync::oneshot;

pub(crate) use intake::{decode, encode, opened};
pub(crate) use keeper::{Links, spawn};

/// What came of an event that was accepted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// The cases that changed, as they stand after it.
    pub changed: Vec<Arc<Case>>,
    /// What became of each case of a bulk action, in its order.
    pub bulk: Vec<BulkResult>,
}

/// Why nothing came of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReviewError {
    /// The cases as they stand do not allow it; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be made durable, or nobody knows yet.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// Whose cases.
    pub tenant: &'a str,
    /// Name of the person.
    pub actor: &'a str,
    /// Whether as a lead.
    pub is_lead: bool,
}

/// Handle to the cases; cheap to clone.
#[derive(Clone)]
pub struct Reviews {
    inner: Arc<Inner>,
}

type Waiting = HashMap<String, oneshot::Sender<Result<Done, Refusal>>>;

struct Inner {
    log: EventLog,
    cluster: Option<Arc<Cluster>>,
    fold: RwLock<Fold>,
    waiting: Mutex<Waiting>,
}

impl Reviews {
    /// The cases as of everything durable in the log.
    ///
    /// # Errors
    /// Where the log cannot be read, or holds a case event of a newer build.
    pub(crate) fn open(log: EventLog, cluster: Option<Arc<Cluster>>) -> Result<Reviews, String> {
        let mut fold = Fold::default();
        while let Some(read) = fold.read(&log)? {
            for (position, event) in read {
                // Nobody waits for what happened before.
                let _ = fold.apply(position, &event);
            }
        }
        Ok(Reviews { inner: Arc::new(Inner { log, cluster, fold: RwLock::new(fold), waiting: Mutex::default() }) })
    }

    /// Looks at the cases; nothing is applied meanwhile, so be brief.
    pub fn look<T>(&self, at: impl FnOnce(&Cases) -> T) -> T {
        at(&self.read().cases)
    }

    /// Has something happen to cases and waits until it is durable and applied here, or refused.
    ///
    /// # Errors
    /// [`ReviewError::Refused`] where nothing was changed; otherwise it may or may not take effect later.
    pub async fn submit(&self, by: By<'_>, change: CaseChange, deadline: Instant) -> Result<Done, ReviewError> {
        let event = by.event(change);
        let (sender, applied) = oneshot::channel();
        self.waiting().insert(event.event_id.clone(), sender);
        let _forget = Forget { reviews: self, event_id: &event.event_id };
        self.append(&event, deadline).await?;
        match tokio::time::timeout_at(deadline.into(), applied).await {
            Ok(Ok(done)) => done.map_err(ReviewError::Refused),
            Ok(Err(_)) => Err(ServiceError::NotReady { state: "shutting down", retry_after_s: 1 }.into()),
            Err(_) => Err(ServiceError::NotDurableInTime.into()),
        }
    }

    /// What a bulk action would do now.
    ///
    /// # Errors
    /// Where the change is no bulk action, or is refused as a whole.
    pub fn preview(&self, by: By<'_>, change: CaseChange) -> Result<Preview, Refusal> {
        self.read().cases.preview(&by.event(change))
    }

    /// The settings that hold.
    pub fn settings(&self) -> CaseSettings {
        self.read().cases.settings().clone()
    }

    async fn append(&self, event: &CaseEvent, deadline: Instant) -> Result<(), ServiceError> {
        let durable = async {
            if let Some(cluster) = &self.inner.cluster {
                return cluster.append_case(event).await;
            }
            let (sender, durable) = oneshot::channel();
            let done = Box::new(move |outcome: Result<(), Arc<str>>| drop(sender.send(outcome)));
            self.inner.log.append_case(&intake::encode(event), done).map_err(ServiceError::from)?;
            failpoint::hit("after_case_append");
            match durable.await {
                Ok(outcome) => outcome.map_err(|reason| ServiceError::Log(reason.to_string())),
                Err(_) => Err(ServiceError::Log("its writer thread ended".to_owned())),
            }
        };
        tokio::time::timeout_at(deadline.into(), durable).await.unwrap_or(Err(ServiceError::NotDurableInTime))
    }

    fn read(&self) -> RwLockReadGuard<'_, Fold> {
        self.inner.fold.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl By<'_> {
    /// The event of what this person does now.
    fn event(self, change: CaseChange) -> CaseEvent {
        CaseEvent {
            event_id: format!("cse_{:016x}", ids::next_u64()),
            at_ms: clock::now_ms(),
            tenant: self.tenant.to_owned(),
            actor: self.actor.to_owned(),
            is_lead: self.is_lead,
            change,
        }
    }
}

/// Whoever gives up waiting leaves nothing behind.
struct Forget<'a> {
    reviews: &'a Reviews,
    event_id: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.reviews.waiting().remove(self.event_id);
    }
}
