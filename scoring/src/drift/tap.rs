//! What each decided payment leaves for the drift monitor.
//!
//! Cost for whoever decides: a copy of one row (1 KB) and two short texts, below 1 µs; where the monitor is behind, one counter.

use crate::engine::Evidence;
use crate::verdict::{Decision, Verdict};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use fraudnet_graph::{Body, Channel};
use metrics::{Counter, counter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Payments waiting for the monitor; beyond, they are dropped and counted.
const BOUND: usize = 4_096;

/// A payment as the monitor gets it.
pub(super) struct Tapped {
    /// The graph's clock, seconds since the epoch.
    pub(super) at_s: u32,
    /// The payment row.
    pub(super) row: Vec<f32>,
    /// Its channel.
    pub(super) channel: Channel,
    /// Who scored it; none where a lower tier answered.
    pub(super) scored_by: Option<(String, String)>,
    /// Calibrated probability.
    pub(super) probability: f32,
    /// Whether somebody is to look at it.
    pub(super) flagged: bool,
}

/// Where decided payments are left.
#[derive(Clone)]
pub(crate) struct DriftTap {
    sender: Sender<Tapped>,
    dropped: Arc<AtomicU64>,
    dropped_total: Counter,
}

/// The other end.
pub(crate) struct Tap {
    pub(super) payments: Receiver<Tapped>,
    pub(super) dropped: Arc<AtomicU64>,
}

/// A tap and its other end; where that is let go, what is offered is let go too.
pub(crate) fn tap() -> (DriftTap, Tap) {
    let (sender, payments) = crossbeam_channel::bounded(BOUND);
    let dropped = Arc::new(AtomicU64::new(0));
    let tap =
        DriftTap { sender, dropped: Arc::clone(&dropped), dropped_total: counter!("fraudnet_drift_dropped_total") };
    (tap, Tap { payments, dropped })
}

impl DriftTap {
    /// Leaves a decided payment. Never waits.
    pub(crate) fn offer(&self, evidence: &Evidence, verdict: &Verdict) {
        let Body::Payment(payment) = &evidence.event.body else { return };
        let tapped = Tapped {
            at_s: evidence.now_s,
            row: evidence.tensor().payment.clone(),
            channel: payment.channel,
            scored_by: verdict.tier_cause.is_none().then(|| (verdict.model.clone(), verdict.model_version.clone())),
            probability: verdict.fraud_probability,
            flagged: verdict.decision >= Decision::Review,
        };
        if let Err(TrySendError::Full(_)) = self.sender.try_send(tapped) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.dropped_total.increment(1);
        }
    }
}
