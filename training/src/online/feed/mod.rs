//! Where training examples, labels and control events come from: the service's Arrow stream, or the topics of a cluster.
//!
//! Map: this file (what a feed gives), `embedded` (Arrow over HTTP), `kafka` (three topics). A feed is asked with the cursor that the
//! store committed together with all that came before it, so that whatever dies, nothing is lost and nothing counts twice.
//! Never knows: the store, what an item is worth.

pub mod embedded;
pub mod kafka;

use fraudnet_graph::LabelSource;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One thing that was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// When the service accepted it, UTC milliseconds.
    pub at_ms: i64,
    /// What.
    pub item: Item,
}

/// What was told.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A training example, encoded.
    Example(Vec<u8>),
    /// A label.
    Label {
        /// Tenant of the payment.
        tenant: String,
        /// The payment.
        transaction_id: String,
        /// Whether it was fraud.
        fraud: bool,
        /// Who says so.
        source: LabelSource,
    },
    /// A control event's JSON.
    Control(String),
}

/// Up to where a feed was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cursor {
    /// Next position of the service's log.
    Position(u64),
    /// Next offset of each topic; -2: from the first message that is still there.
    Offsets {
        /// Of `training-examples`.
        examples: i64,
        /// Of `labels`.
        labels: i64,
        /// Of `model-events`.
        events: i64,
    },
}

/// What came at once, with the cursor to ask with next.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// In the order told.
    pub told: Vec<Told>,
    /// Cursor after it.
    pub next: Cursor,
    /// Rows or messages that could not be read at all.
    pub unreadable: u64,
}

/// Why a feed gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// Whoever should answer does not; ask again later.
    #[error("{0}")]
    Away(String),
    /// Asking again will not help.
    #[error("{0}")]
    Lost(String),
}

/// A source of items.
pub trait Feed {
    /// Where a new store begins.
    fn beginning(&self) -> Cursor;

    /// What follows `cursor`, at most a few thousand items; empty where nothing came within `wait`.
    ///
    /// # Errors
    /// [`FeedError`].
    fn next(&mut self, cursor: Cursor, wait: Duration) -> Result<Batch, FeedError>;
}
