//! Why the service did not answer.

use super::RETRY_AFTER_S;
use crate::log::{LogError, Refusal};

/// Why the service did not answer with a verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The id was used before with another body.
    #[error(
        "transaction_id was already used with a different body; a transaction id has one verdict for ever, so send the original body or a new id"
    )]
    ConflictingBody,
    /// The payment was loaded as history.
    #[error(
        "the payment with this transaction_id was loaded as history, from before this service took traffic, and has no verdict; send a new id for a new payment"
    )]
    KnownFromHistory,
    /// A queue is full.
    #[error("the {queue} queue is full; try again in {retry_after_s} s")]
    Overloaded {
        /// Which queue.
        queue: &'static str,
        /// When to try again.
        retry_after_s: u32,
    },
    /// The deadline passed before the verdict was durable.
    #[error("the verdict is not durable yet; ask again with GET /v1/verdicts/{{transaction_id}}")]
    NotDurableInTime,
    /// Starting up, shutting down, or without something it needs.
    #[error("the service is {state}; try again in {retry_after_s} s")]
    NotReady {
        /// Such as `replaying its log`, `shutting down` or `cut off from Kafka`.
        state: &'static str,
        /// When to try again.
        retry_after_s: u32,
    },
    /// Asked for what only the topics hold.
    #[error(
        "with Kafka as the log, training examples are read from the topics `training-examples`, `labels` and `model-events`"
    )]
    ElsewhereInCluster,
    /// Somebody new cannot be named.
    #[error(
        "the privacy vault holds as many people as it may, so that nobody new can be taken; people known already are served"
    )]
    VaultFull,
    /// The vault cannot be written or read.
    #[error("the privacy vault failed: {0}")]
    Vault(String),
    /// The log cannot be written or read.
    #[error("the event log failed: {0}")]
    Log(String),
}

impl From<Refusal> for ServiceError {
    fn from(refusal: Refusal) -> ServiceError {
        match refusal {
            Refusal::QueueFull => ServiceError::Overloaded { queue: "log", retry_after_s: RETRY_AFTER_S },
            Refusal::ReaderFull => ServiceError::Overloaded { queue: "engine", retry_after_s: RETRY_AFTER_S },
            Refusal::Failed(reason) => ServiceError::Log(reason.to_string()),
            Refusal::Closed => ServiceError::NotReady { state: "shutting down", retry_after_s: RETRY_AFTER_S },
        }
    }
}

/// A log that cannot be read, as callers hear of it.
pub(super) fn log_error(error: LogError) -> ServiceError {
    match error {
        LogError::Closed => ServiceError::NotReady { state: "shutting down", retry_after_s: RETRY_AFTER_S },
        error => ServiceError::Log(error.to_string()),
    }
}
