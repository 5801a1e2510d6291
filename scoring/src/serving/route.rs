//! A route: by what one payment is decided. All of it is of one snapshot, so that a verdict never mixes two states of the service.

use super::loaded::LoadedModel;
use super::roster::Rungs;
use fraudnet_models::OperatingPoints;
use std::sync::Arc;
use std::time::Duration;

use crate::inference::ModelReply;
use crate::verdict::{ArmTold, TierCause};

/// By what a payment is decided.
#[derive(Debug, Clone)]
pub struct Route {
    /// The model that is asked first.
    pub model: Arc<LoadedModel>,
    /// The models below it, best first.
    pub rungs: Rungs,
    /// Thresholds in place of the model's own.
    pub points: Option<OperatingPoints>,
    /// The arms that the verdict names.
    pub arms: Vec<ArmTold>,
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
    pub(super) fn of(reply: ModelReply, cause: Option<TierCause>) -> Option<Answer> {
        match reply {
            ModelReply::Scored { by, logit, waited, ran } => Some(Answer::Model { by, logit, waited, ran, cause }),
            _ => None,
        }
    }
}
