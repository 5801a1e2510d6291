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
    Ready,
    Draining,
    Failed(Arc<str>),
}

impl Health {
    pub(super) fn new(lag: u64) -> Health {
        Health { phase: Mutex::new(Phase::Replaying), lag: AtomicU64::new(lag), stopping: AtomicBool::new(false) }
    }

    /// Whether payments and labels are taken.
    pub(super) fn gate(&self) -> Result<(), ServiceError> {
        match self.phase() {
            Phase::Ready => Ok(()),
            Phase::Replaying => {
                Err(ServiceError::NotReady { state: "replaying its log", retry_after_s: RETRY_AFTER_S })
            }
            Phase::Draining => Err(ServiceError::NotReady { state: "shutting down", retry_after_s: RETRY_AFTER_S }),
            Phase::Failed(reason) => Err(ServiceError::Log(reason.to_string())),
        }
    }

    pub(super) fn readiness(&self) -> Readiness {
        let phase = self.phase();
        let lag = self.lag.load(Ordering::Relaxed);
        let state = match &phase {
            Phase::Replaying => format!("replaying: {lag} log entries to go"),
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
