//! What comes of an event: what the service must tell.

use super::act::Acting;
use super::case::Case;
use super::refusal::Refusal;
use fraudnet_graph::{Label, LabelSource};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What comes of an event that was accepted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// The cases that changed, as they stand after it.
    pub changed: Vec<Arc<Case>>,
    /// What becomes known of payments by it.
    pub labels: Vec<LabelEffect>,
    /// Payments that were decided and get no label, since their case does not list them.
    pub unlabelled: u64,
    /// What became of each case of a bulk action, in its order.
    pub bulk: Vec<BulkResult>,
}

/// What became of one case of a bulk action.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkResult {
    /// The case.
    pub case_id: String,
    /// Its new version, or why nothing was done.
    pub result: Result<u64, Refusal>,
}

/// What a bulk action would do now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Preview {
    /// Cases it would change.
    pub accepted: usize,
    /// Cases it would not change, by [`Refusal::code`].
    pub refused: BTreeMap<&'static str, usize>,
    /// Labels that would be told or taken back.
    pub labels: usize,
    /// Cases that would await approval after it.
    pub awaiting_approval: usize,
}

/// Something becomes known of a payment, or is known no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelEffect {
    /// Whose payment.
    pub tenant: String,
    /// The payment.
    pub transaction_id: String,
    /// When, UTC milliseconds since the epoch.
    pub known_at_ms: i64,
    /// Log position of the event it comes of: with the payment, what makes it the same effect after a replay.
    pub position: u64,
    /// What.
    pub says: Says,
}

/// What becomes known of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It was fraud.
    Fraud,
    /// It was the customer's own doing.
    Legitimate,
    /// A decision was taken back: nothing is known any more.
    ///
    /// A label cannot say that. One that said fraud is corrected by one that says legitimate, which takes every count in graph and windows
    /// back, but says more than anybody knows until the case is decided anew: training takes it for a cleared alarm. One that said
    /// legitimate counted nowhere in the graph, so nothing is said: the opposite would be a false report. Not taken back either way: a
    /// weaker label that stood before (the graph forgets what an analyst overrules, and takes no weaker one from then on), what a
    /// fine-tuning learnt in between, tensors of payments scored in between, and the fraud counted by the drift monitor.
    Withdrawn {
        /// What the label had said.
        said_fraud: bool,
    },
}

impl LabelEffect {
    /// The label that says it as far as one can; none where none can.
    pub fn label(&self) -> Option<Label> {
        let fraud = match self.says {
            Says::Fraud => true,
            Says::Legitimate | Says::Withdrawn { said_fraud: true } => false,
            Says::Withdrawn { said_fraud: false } => return None,
        };
        Some(Label { transaction_id: self.transaction_id.clone(), fraud, source: LabelSource::Analyst })
    }
}

impl Effects {
    /// What became known between two versions of a case; payments are the same in both.
    pub(super) fn known(before: &Case, after: &Case, by: &Acting<'_>) -> Effects {
        let mut effects = Effects::default();
        for (old, new) in before.payments.iter().zip(&after.payments) {
            let says = match (old.label, new.label) {
                (old, new) if old == new => continue,
                (_, Some(true)) => Says::Fraud,
                (_, Some(false)) => Says::Legitimate,
                (old, None) => Says::Withdrawn { said_fraud: old == Some(true) },
            };
            effects.labels.push(LabelEffect {
                tenant: after.tenant.clone(),
                transaction_id: new.transaction_id.clone(),
                known_at_ms: by.at_ms,
                position: by.position,
                says,
            });
        }
        if after.is_closed() && !effects.labels.is_empty() {
            effects.unlabelled = after.unlisted_payments();
        }
        effects
    }

    /// Of one of several cases.
    pub(super) fn and(&mut self, more: Effects) {
        self.changed.extend(more.changed);
        self.labels.extend(more.labels);
        self.unlabelled += more.unlabelled;
    }
}
