//! Training examples as a Parquet file, for whoever fits models with other tools.
//!
//! Map, in reading order: [`layout`] (the columns and the page about them), [`write`](mod@write) and [`read`](mod@read) (examples with their labels to a file
//! and back, bit for bit), [`mod@gather`] (the examples of a feed with their labels), `command`.
//!
//! It never knows what is fitted on them.

pub(crate) mod command;
pub mod gather;
pub mod layout;
pub mod read;
pub mod write;

use fraudnet_graph::LabelSource;
use fraudnet_scoring::example::Example;

/// A label that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingLabel {
    /// Whether the payment was fraud.
    pub fraud: bool,
    /// Who says so.
    pub source: LabelSource,
    /// When it was accepted, UTC milliseconds.
    pub known_at_ms: i64,
}

/// An example with what became of the payment.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledExample {
    /// The payment when it was decided. What was known in terms of a cluster's topics (`head.cut`) is not kept in a file.
    pub example: Example,
    /// Its label; none where there is none yet.
    pub label: Option<StandingLabel>,
}
