//! The rows of the store: what is kept of an example beside its bytes, and the one row that says how far everything is.

use crate::online::buffer::Strata;
use crate::online::class::{Circumstances, Class};
use crate::online::feed::Cursor;
use crate::online::step::Step;
use fraudnet_models::ModelRef;
use fraudnet_scoring::example::ExampleHead;
use fraudnet_scoring::verdict::Decision;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An example of the buffer, without its tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its class.
    pub class: Class,
    /// When the payment was made, UTC milliseconds.
    pub occurred_ms: i64,
    /// What was decided.
    pub decision: Decision,
    /// Calibrated probability it was decided by, 0–1.
    pub probability: f32,
    /// Probability with which such an example was kept by the service.
    pub inclusion: f32,
    /// Probability with which such a payment was let through; 1 where no draw decided.
    pub propensity: f32,
    /// Whether it was let through as part of the control group.
    pub control_group: bool,
    /// Who paid, where that is told; else empty. Decides which part of the data it belongs to.
    pub account: String,
    /// Examples of its former classes it stands for.
    pub carried: f64,
    /// Its number among its stratum, see [`crate::online::buffer`].
    pub draw: u64,
}

impl Kept {
    /// Of an example as it was read.
    pub fn of(head: &ExampleHead, class: Class, draw: u64) -> Kept {
        Kept {
            class,
            occurred_ms: head.occurred_at_ms,
            decision: head.decision,
            probability: head.fraud_probability,
            inclusion: usable(head.inclusion_probability),
            propensity: usable(head.propensity),
            control_group: head.control_group,
            account: head.account.clone().unwrap_or_default(),
            carried: 1.0,
            draw,
        }
    }

    /// What decides its class, at that time.
    pub fn circumstances(&self, clock_ms: i64) -> Circumstances {
        Circumstances {
            age_ms: clock_ms.saturating_sub(self.occurred_ms),
            decision: self.decision,
            probability: self.probability,
            control_group: self.control_group,
        }
    }
}

/// A probability that may divide: what a damaged or foreign example says must not make an infinite weight.
fn usable(probability: f32) -> f32 {
    if probability.is_finite() && probability > 0.0 { probability.clamp(1e-6, 1.0) } else { 1.0 }
}

/// What was seen so far, each item once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Examples taken.
    pub examples: u64,
    /// Examples that were there already.
    pub repeated: u64,
    /// Examples or rows that could not be read.
    pub unreadable: u64,
    /// Labels told.
    pub labels: u64,
    /// Payments that became known frauds with an example here, less those that were taken back.
    pub frauds: u64,
    /// Declined payments that matured in silence: never observed, let go.
    pub unobserved: u64,
    /// Examples let go because their class was full.
    pub evicted: u64,
    /// Control events told.
    pub control: u64,
    /// Drift alarms among them.
    pub alarms: u64,
}

/// How far everything is: committed together with what it speaks of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Layout of the store.
    pub layout: u32,
    /// Where the feed goes on.
    pub cursor: Cursor,
    /// The newest time a payment was made, UTC milliseconds: what ages are counted by. The machine's own clock plays no part, so that a
    /// stream gives the same whenever it is read.
    pub clock_ms: i64,
    /// What was seen.
    pub seen: Seen,
    /// Strata of the buffer.
    pub strata: Strata,
    /// Known frauds that the last fine-tuning began with.
    pub frauds_at_tuning: u64,
    /// Known frauds below which no other try is made: where the last one had too few to go by.
    pub not_before_frauds: u64,
    /// Drift alarms that stand, in words: `ks of all`.
    pub alarms: BTreeSet<String>,
    /// Clock of the last step begun while one stood, UTC milliseconds.
    pub alarmed_ms: i64,
    /// Clock up to which scheduled retrains are done, UTC milliseconds; the first payment's time until there was one.
    pub retrained_ms: i64,
    /// Steps begun so far; numbers versions.
    pub steps: u64,
    /// What is under way.
    pub step: Step,
    /// The last version that was announced.
    pub announced: Option<ModelRef>,
}

/// Layout that this build reads and writes.
pub const LAYOUT: u32 = 2;

impl Progress {
    /// Of a store that has seen nothing.
    pub fn new(cursor: Cursor) -> Progress {
        Progress {
            layout: LAYOUT,
            cursor,
            clock_ms: i64::MIN,
            seen: Seen::default(),
            strata: Strata::default(),
            frauds_at_tuning: 0,
            not_before_frauds: 0,
            alarms: BTreeSet::new(),
            alarmed_ms: i64::MIN,
            retrained_ms: i64::MIN,
            steps: 0,
            step: Step::Idle,
            announced: None,
        }
    }

    /// Known frauds since the last fine-tuning began.
    pub fn new_frauds(&self) -> u64 {
        self.seen.frauds.saturating_sub(self.frauds_at_tuning)
    }
}
