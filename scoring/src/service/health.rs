//! Health: which phase of its life the service is in.

use super::{Readiness, ServiceError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seconds after which a refused caller may try again.
const RETRY_AFTER_S: u32 = 1;

/// Phase of the service, shared by its threads.
#[derive(Debug)]
pub(crate) struct Health {
    phase: Mutex<Phase>,
    lag: AtomicU64,
    stopping: AtomicBool,
    ending: AtomicBool,
    caught_up: AtomicBool,
    warm: AtomicBool,
    /// Parts that do not work at present, and why.
    degraded: Mutex<BTreeMap<&'static str, String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Replaying,
    CatchingUp,
    Loading,
    Ready,
    Draining,
    Failed(Arc<str>),
}

impl Phase {
    fn gate(&self) -> Result<(), ServiceError> {
        let not_ready = |state| Err(ServiceError::NotReady { state, retry_after_s: RETRY_AFTER_S });
        match self {
            Phase::Ready => Ok(()),
            Phase::Replaying => not_ready("replaying its log"),
            Phase::CatchingUp => not_ready("catching up with Kafka"),
            Phase::Loading => not_ready("loading history"),
            Phase::Draining => not_ready("shutting down"),
            Phase::Failed(reason) => Err(ServiceError::Log(reason.to_string())),
        }
    }
}

impl Health {
    pub(crate) fn new(lag: u64) -> Health {
        Health {
            phase: Mutex::new(Phase::Replaying),
            lag: AtomicU64::new(lag),
            stopping: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            caught_up: AtomicBool::new(false),
            warm: AtomicBool::new(false),
            degraded: Mutex::new(BTreeMap::new()),
        }
    }

    /// Whether payments and labels are taken.
    pub(crate) fn gate(&self) -> Result<(), ServiceError> {
        self.lock().gate()?;
        if self.degraded().contains_key("kafka") {
            // Nothing could be made durable: said at once, not when the caller's time is up.
            return Err(ServiceError::NotReady { state: "cut off from Kafka", retry_after_s: RETRY_AFTER_S });
        }
        Ok(())
    }

    pub(crate) fn readiness(&self) -> Readiness {
        let phase = self.phase();
        let lag = self.lag.load(Ordering::Relaxed);
        let degraded: Vec<String> = self.degraded().iter().map(|(part, reason)| format!("{part}: {reason}")).collect();
        let state = match &phase {
            Phase::Replaying => format!("replaying: {lag} log entries to go"),
            Phase::CatchingUp => format!("catching up with Kafka: {lag} messages to go"),
            Phase::Loading => "loading history".to_owned(),
            Phase::Ready if degraded.iter().any(|part| part.starts_with("kafka")) => "cut off from Kafka".to_owned(),
            Phase::Ready => "ready".to_owned(),
            Phase::Draining => "draining: finishing the payments it has begun".to_owned(),
            Phase::Failed(reason) => format!("failed: {reason}"),
        };
        Readiness { ready: self.gate().is_ok(), state, lag, degraded }
    }

    /// The journal is replayed, and what the topics hold beyond it is next.
    pub(crate) fn catch_up(&self) {
        let mut phase = self.lock();
        if *phase == Phase::Replaying {
            *phase = Phase::CatchingUp;
        }
    }

    /// Everything there was at start is applied; false where the service is being stopped already.
    pub(crate) fn replayed(&self) -> bool {
        self.caught_up.store(true, Ordering::Release);
        let mut phase = self.lock();
        let ready = matches!(*phase, Phase::Replaying | Phase::CatchingUp);
        if ready {
            *phase = Phase::Ready;
            metrics::gauge!("fraudnet_ready").set(1.0);
        }
        ready
    }

    /// This replica may score: whatever was decided before is known here.
    pub(crate) fn warmed_up(&self) {
        self.warm.store(true, Ordering::Release);
    }

    /// Whether this replica may score.
    pub(crate) fn warm(&self) -> bool {
        self.warm.load(Ordering::Acquire)
    }

    /// Whether everything there was at start is applied.
    pub(crate) fn caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    /// A part does not work, for that reason, or works again.
    pub(crate) fn degrade(&self, part: &'static str, reason: Option<String>) {
        let mut degraded = self.degraded();
        let changed = degraded.get(part) != reason.as_ref();
        match reason {
            Some(reason) if changed => {
                tracing::warn!(part, reason, "degraded");
                degraded.insert(part, reason);
            }
            None if changed => {
                tracing::info!(part, "works again");
                degraded.remove(part);
            }
            _ => {}
        }
    }

    /// Takes no traffic from now on, until [`Health::loaded`].
    pub(crate) fn load(&self) -> Result<(), ServiceError> {
        let mut phase = self.lock();
        phase.gate()?;
        *phase = Phase::Loading;
        metrics::gauge!("fraudnet_ready").set(0.0);
        Ok(())
    }

    /// History is loaded.
    pub(crate) fn loaded(&self) {
        let mut phase = self.lock();
        if *phase == Phase::Loading {
            *phase = Phase::Ready;
            metrics::gauge!("fraudnet_ready").set(1.0);
        }
    }

    pub(crate) fn set_lag(&self, lag: u64) {
        self.lag.store(lag, Ordering::Relaxed);
        metrics::gauge!("fraudnet_replay_lag").set(lag as f64);
    }

    /// A failure stays: only a new start ends it.
    pub(crate) fn fail(&self, reason: &str) {
        let mut phase = self.lock();
        if !matches!(*phase, Phase::Failed(_)) {
            tracing::error!(reason, "the service failed and takes no more traffic; start it again");
            *phase = Phase::Failed(reason.into());
        }
        metrics::gauge!("fraudnet_ready").set(0.0);
    }

    pub(crate) fn drain(&self) {
        self.stopping.store(true, Ordering::Release);
        let mut phase = self.lock();
        if !matches!(*phase, Phase::Failed(_)) {
            *phase = Phase::Draining;
        }
        metrics::gauge!("fraudnet_ready").set(0.0);
    }

    /// Nothing that was begun is left: the threads that kept on working end.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Whether every thread should end.
    pub(crate) fn ending(&self) -> bool {
        self.ending.load(Ordering::Acquire) || self.failed()
    }

    fn failed(&self) -> bool {
        matches!(*self.lock(), Phase::Failed(_))
    }

    /// Whether long work should be broken off.
    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn degraded(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.degraded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> Phase {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
