//! Control: everything that changes what scores — models, experiments, policies, lists, drift alarms — and who may see what, as events.
//!
//! In reading order: `event` (what a change looks like), `state` (their fold, the same on every replica and after every restart), the
//! parts of that fold (models, experiments, policy, drift), `fold` (the thread that
//! applies what became durable and tells who listens), [`Control`] below (submitting a change and hearing what became of it).
//!
//! A change is appended to the log (in a cluster: to the topic `model-events`, from where every replica journals it), then applied in the
//! order of the log. Whether it is allowed is decided by the fold alone, from the changes before it; so two people who change the same
//! thing at once get the same answer everywhere: the first one wins and the second hears why not.
//!
//! It never knows HTTP, artifacts on disk, or how a payment is scored.

mod event;
mod fold;
pub mod models;
mod state;

pub use event::{Change, ControlEvent, Meta};
pub use state::ControlState;

use crate::cluster::Cluster;
use crate::log::EventLog;
use crate::service::ServiceError;
use crate::{clock, failpoint, ids};
use arc_swap::ArcSwap;
use fold::Fold;
use fraudnet_models::Trust;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long a thread waits for its change to become durable.
const PATIENCE: Duration = Duration::from_secs(30);

/// Checked settings of who may change what scores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlConfig {
    /// Folder of the public keys whose owners may; none where anybody may who reaches the API.
    pub trusted_keys: Option<PathBuf>,
    /// Load only model versions that are signed with one of them.
    pub require_signature: bool,
    /// Whoever signed a version may not make it champion.
    pub four_eyes: bool,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Its log position.
    pub position: u64,
    /// Revision of the state after it.
    pub revision: u64,
}

/// Why a change had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It contradicts what stands; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// It could not be made durable, or nobody knows yet.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// Told the state after each change, in order, before whoever submitted it hears of it.
pub type Listener = Box<dyn FnMut(&Arc<ControlState>) + Send>;

/// Handle to the control state; cheap to clone.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

type Waiting = HashMap<String, oneshot::Sender<Result<Applied, String>>>;

struct Inner {
    log: EventLog,
    state: ArcSwap<ControlState>,
    waiting: Mutex<Waiting>,
    listeners: Mutex<Vec<Listener>>,
    cluster: Option<Arc<Cluster>>,
    runtime: Option<tokio::runtime::Handle>,
    config: ControlConfig,
    trust: Trust,
}

/// The state as of everything durable in a log that no service follows.
///
/// # Errors
/// Where the log cannot be read, or holds a control event of a newer build.
pub(crate) fn state_of(log: &EventLog) -> Result<ControlState, String> {
    let mut fold = Fold::default();
    fold.follow(log, |_, _, _| {})?;
    Ok(fold.state)
}

impl Control {
    /// The state as of everything durable in the log. Changes made after this are applied once [`Control::spawn`] was called.
    ///
    /// # Errors
    /// Where the log cannot be read, or holds a control event of a newer build, or a trusted key cannot be read.
    pub(crate) fn open(
        log: EventLog,
        cluster: Option<Arc<Cluster>>,
        config: &ControlConfig,
    ) -> Result<(Control, ControlFold), String> {
        let trust = match &config.trusted_keys {
            Some(folder) => Trust::read(folder, config.require_signature).map_err(|error| error.to_string())?,
            None => Trust::none(),
        };
        let mut fold = Fold::default();
        fold.follow(&log, |_, _, _| {})?;
        let inner = Inner {
            log,
            state: ArcSwap::from_pointee(fold.state.clone()),
            waiting: Mutex::default(),
            listeners: Mutex::default(),
            cluster,
            runtime: tokio::runtime::Handle::try_current().ok(),
            config: config.clone(),
            trust,
        };
        Ok((Control { inner: Arc::new(inner) }, ControlFold(fold)))
    }

    /// Starts the thread that applies what becomes durable; it ends with the log's writer, or when `ending` says so.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn spawn(
        &self,
        ControlFold(mut fold): ControlFold,
        ending: impl Fn() -> bool + Send + 'static,
        failed: impl Fn(&str) + Send + 'static,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let control = self.clone();
        let commits = self.inner.log.commits();
        std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            while !ending() {
                if let Err(reason) =
                    fold.follow(&control.inner.log, |state, event, told| control.tell(state, event, told))
                {
                    tracing::error!(reason, "control events cannot be read; what scores stays as it is");
                    failed(&reason);
                    return;
                }
                // The timeout is there to look whether to end.
                let _ = commits.recv_timeout(fold::LOOK);
            }
        })
    }

    /// Who may change what scores.
    pub fn config(&self) -> &ControlConfig {
        &self.inner.config
    }

    /// The keys whose owners may, and whose signatures count on models.
    pub fn trust(&self) -> &Trust {
        &self.inner.trust
    }

    /// What stands now.
    pub fn state(&self) -> Arc<ControlState> {
        self.inner.state.load_full()
    }

    /// Makes a change and waits until it is durable and applied here, or refused.
    ///
    /// # Errors
    /// [`ControlError::Refused`] where it contradicts what stands; otherwise it may or may not take effect later.
    pub async fn submit(&self, actor: &str, change: Change, deadline: Instant) -> Result<Applied, ControlError> {
        let event = ControlEvent { control_id: control_id(), at_ms: clock::now_ms(), actor: actor.to_owned(), change };
        let (sender, applied) = oneshot::channel();
        self.waiting().insert(event.control_id.clone(), sender);
        let _forget = Forget { control: self, control_id: &event.control_id };
        self.append(&event, deadline).await?;
        match tokio::time::timeout_at(deadline.into(), applied).await {
            Ok(Ok(applied)) => applied.map_err(ControlError::Refused),
            Ok(Err(_)) => Err(ServiceError::NotReady { state: "shutting down", retry_after_s: 1 }.into()),
            Err(_) => Err(ServiceError::NotDurableInTime.into()),
        }
    }

    /// The same for a thread that is no task, with half a minute's patience.
    ///
    /// # Errors
    /// As [`Control::submit`].
    pub fn submit_blocking(&self, actor: &str, change: Change) -> Result<Applied, ControlError> {
        let runtime = self
            .inner
            .runtime
            .as_ref()
            .ok_or_else(|| ServiceError::Log("control events are submitted from within a runtime".to_owned()))?;
        runtime.block_on(self.submit(actor, change, clock::monotonic() + PATIENCE))
    }

    /// Control events at log position `from` and later, with their positions, at most `limit`; those refused by the fold among them.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, ControlEvent)>, ControlError> {
        fold::read(&self.inner.log, from, limit).map_err(|reason| ServiceError::Log(reason).into())
    }

    /// The newest control events with their positions, newest first, at most `limit`; those refused by the fold among them.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn newest(&self, limit: usize) -> Result<Vec<(u64, ControlEvent)>, ControlError> {
        fold::newest(&self.inner.log, limit).map_err(|reason| ServiceError::Log(reason).into())
    }

    /// Calls `listener` after each change that was applied.
    pub fn listen(&self, listener: Listener) {
        self.inner.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    async fn append(&self, event: &ControlEvent, deadline: Instant) -> Result<(), ControlError> {
        if let Some(cluster) = &self.inner.cluster {
            let appended = cluster.append_control(event);
            return match tokio::time::timeout_at(deadline.into(), appended).await {
                Ok(appended) => Ok(appended?),
                Err(_) => Err(ServiceError::NotDurableInTime.into()),
            };
        }
        failpoint::hit("before_control");
        let (sender, durable) = oneshot::channel();
        let done = Box::new(move |outcome: Result<(), Arc<str>>| drop(sender.send(outcome)));
        // A refusal reaches `durable` through `done`.
        let _ = self.inner.log.append_control(&event.encode(), done);
        match tokio::time::timeout_at(deadline.into(), durable).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(reason))) => Err(ServiceError::Log(reason.to_string()).into()),
            Ok(Err(_)) => Err(ServiceError::Log("its writer thread ended".to_owned()).into()),
            Err(_) => Err(ServiceError::NotDurableInTime.into()),
        }
    }

    fn tell(&self, state: &ControlState, event: &ControlEvent, told: Result<Applied, String>) {
        failpoint::hit("after_control_durable");
        match &told {
            Ok(applied) => {
                let state = Arc::new(state.clone());
                self.inner.state.store(Arc::clone(&state));
                for listener in self.inner.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
                    listener(&state);
                }
                tracing::info!(
                    position = applied.position,
                    actor = event.actor,
                    change = event.change.name(),
                    "a change was applied"
                );
            }
            Err(reason) => {
                tracing::warn!(actor = event.actor, change = event.change.name(), reason, "a change was refused")
            }
        }
        failpoint::hit("after_control_applied");
        if let Some(waiter) = self.waiting().remove(&event.control_id) {
            // It may have given up.
            let _ = waiter.send(told);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fold as far as it was read at the start; [`Control::spawn`] goes on with it.
pub(crate) struct ControlFold(Fold);

/// Whoever gives up waiting leaves nothing behind.
struct Forget<'a> {
    control: &'a Control,
    control_id: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.control.waiting().remove(self.control_id);
    }
}

/// An id that no other control event has.
pub(crate) fn control_id() -> String {
    format!("ctl_{:016x}", ids::next_u64())
}
