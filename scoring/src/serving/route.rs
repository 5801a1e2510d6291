//! A route: by what one payment is decided. All of it is of one snapshot, so that a verdict never mixes two states of the service.

use super::loaded::LoadedModel;
use super::roster::Rungs;
use super::ruling::{Book, Ruled};
use super::shadow::Shadow;
use crate::inference::ModelReply;
use crate::policy::{CompiledPolicy, ListsState, Outcome, Ruling};
use crate::verdict::{ArmTold, Decision, Reason, Tier, TierCause};
use fraudnet_graph::Event;
use fraudnet_models::OperatingPoints;
use std::sync::Arc;
use std::time::Duration;

/// Reason code of the configured decision.
const DEFAULT_DECISION: &str = "DEFAULT_DECISION";

/// By what a payment is decided.
#[derive(Clone)]
pub struct Route {
    /// The model that is asked first.
    pub model: Arc<LoadedModel>,
    /// The models below it, best first.
    pub rungs: Rungs,
    /// The operator's policy.
    pub policy: Arc<CompiledPolicy>,
    /// The operator's lists.
    pub lists: Arc<ListsState>,
    /// Thresholds in place of the model's own.
    pub points: Option<OperatingPoints>,
    /// The arms that the verdict names.
    pub arms: Vec<ArmTold>,
    /// Who is asked afterwards without being heard.
    pub shadows: Vec<Shadow>,
}

impl Route {
    /// Rules on a payment: by the model that answered, or by the rules of the one that was asked first.
    pub(crate) fn rule(&self, answer: &Answer, event: &Event, features: &[f32]) -> Ruled {
        let (by, outcome) = match answer {
            Answer::Model { by, logit, .. } => (by, Outcome::Model { logit: *logit }),
            Answer::Rules { cause } => (&self.model, Outcome::Rules { cause: *cause }),
        };
        // They are for the scores of one model; those of a rung below lie elsewhere.
        let is_own = matches!(answer, Answer::Model { .. }) && Arc::ptr_eq(by, &self.model);
        Book { points: self.points.as_ref().filter(|_| is_own), ..self.book() }.rule(by, outcome, event, features)
    }

    /// The configured decision on a payment of which nothing was seen: policy and lists count all the same.
    pub(crate) fn rule_unseen(&self, decision: Decision, event: &Event) -> Ruled {
        let text = "nothing was known of the payment in time; this is the configured default".to_owned();
        let ruling = Ruling {
            decision,
            probability: 0.0,
            risk_score: 0,
            reasons: vec![Reason { code: DEFAULT_DECISION.to_owned(), text }],
            tier: Tier::Default,
            tier_cause: Some(TierCause::Deadline),
        };
        let model = &self.model;
        Book { points: None, ..self.book() }.weigh(&model.model, model.policy.version(), ruling, event, &[])
    }

    fn book(&self) -> Book<'_> {
        Book { policy: &self.policy, lists: &self.lists, points: self.points.as_ref() }
    }
}

/// Who answered a payment.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A model.
    Model {
        /// Which.
        by: Arc<LoadedModel>,
        /// Its raw logit, finite.
        logit: f32,
        /// Time the payment waited for its batch.
        waited: Duration,
        /// Time the batch ran.
        ran: Duration,
        /// Why it was not the first; none where it was.
        cause: Option<TierCause>,
    },
    /// The velocity rules of the model that was asked first.
    Rules {
        /// Why no model did.
        cause: TierCause,
    },
}

impl Answer {
    /// What a model told, where it told a score.
    pub(crate) fn of(reply: ModelReply, cause: Option<TierCause>) -> Option<Answer> {
        match reply {
            ModelReply::Scored { by, logit, waited, ran } => Some(Answer::Model { by, logit, waited, ran, cause }),
            _ => None,
        }
    }
}
