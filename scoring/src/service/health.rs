//! Health: which phase of its life the service is in.

use super::{Readiness, ServiceError};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Seconds after which a refused caller may try again.
const RETRY_AFTER_S: u32 = 1;

/// Phase of the service, shared by its threads.
#[derive(Debug)]
pub(super) struct Health {
    phase: Mutex<Phase>,
    lag: AtomicU64,
    stopping: AtomicBool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Replaying,
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
            Phase::Loading => not_ready("loading history"),
            Phase::Draining => not_ready("shutting down"),
            Phase::Failed(reason) => Err(ServiceError::Log(reason.to_string())),
        }
    }
}

impl Health {
    pub(super) fn new(lag: u64) -> Health {
        Health { phase: Mutex::new(Phase::Replaying), lag: AtomicU64::new(lag), stopping: AtomicBool::new(false) }
    }

    /// Whether payments and labels are taken.
    pub(super) fn gate(&self) -> Result<(), ServiceError> {
        self.lock().gate()
    }

    pub(super) fn readiness(&self) -> Readiness {
        let phase = self.phase();
        let lag = self.lag.load(Ordering::Relaxed);
        let state = match &phase {
            Phase::Replaying => format!("replaying: {lag} log entries to go"),
            Phase::Loading => "loading history".to_owned(),
            Phase::Ready => "ready".to_owned(),
            Phase::Draining => "draining: finishing the payments it has begun".to_owned(),
            Phase::Failed(reason) => format!("failed: {reason}"),
        };
        Readiness { ready: phase == Phase::Ready, state, lag }
    }

    /// The log is replayed; false where the service is being stopped already.
    pub(super) fn replayed(&self) -> bool {
        let mut phase = self.lock();
        let ready = *phase == Phase::Replaying;
        if ready {
            *phase = Phase::Ready;
            metrics::gauge!("fraudnet_ready").set(1.0);
        }
        ready
    }

    /// Takes no traffic from now on, until [`Health::loaded`].
    pub(super) fn load(&self) -> Result<(), ServiceError> {
        let mut phase = self.lock();
        phase.gate()?;
        *phase = Phase::Loading;
        metrics::gauge!("fraudnet_ready").set(0.0);
        Ok(())
    }

    /// History is loaded.
    pub(super) fn loaded(&self) {
        let mut phase = self.lock();
        if *phase == Phase::Loading {
            *phase = Phase::Ready;
            metrics::gauge!("fraudnet_ready").set(1.0);
        }
    }

    pub(super) fn set_lag(&self, lag: u64) {
        self.lag.store(lag, Ordering::Relaxed);
        metrics::gauge!("fraudnet_replay_lag").set(lag as f64);
    }

    /// A failure stays: only a new start ends it.
    pub(super) fn fail(&self, reason: &str) {
        let mut phase = self.lock();
        if !matches!(*phase, Phase::Failed(_)) {
            tracing::error!(reason, "the service failed and takes no more traffic; start it again");
            *phase = Phase::Failed(reason.into());
        }
        metrics::gauge!("fraudnet_ready").set(0.0);
    }

    pub(super) fn drain(&self) {
        self.stopping.store(true, Ordering::Release);
        let mut phase = self.lock();
        if !matches!(*phase, Phase::Failed(_)) {
            *phase = Phase::Draining;
        }
        metrics::gauge!("fraudnet_ready").set(0.0);
    }

    /// Whether long work should be broken off.
    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn phase(&self) -> Phase {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
