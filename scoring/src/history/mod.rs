//! Histories: what happened before, read from anybody's file as the events of the log.
//!
//! A mapping (a small TOML file) says which of their columns is our account, amount, time, label …; [`HistoryFile`] checks it against
//! the file and reads Parquet, CSV and JSON lines row by row into [`HistoryEvent`]s: payments in their order, and between them the
//! labels, each where it became known. Without a mapping a file is read as what `fraudnet simulate` writes.
//!
//! In reading order: `error` (what can be wrong, and what to do), `mapping` (as typed → checked), `cell` and `moment` (a value as
//! found, as a time), `table` (rows of cells: `csv`, `lines`, `columns` of Parquet), `row` (cells → payment, truth, label), `order`
//! (labels among payments, ascent, repeated ids), `file` (all of it).
//!
//! Never knows: the log, the graph, what is done with the events.

mod cell;
mod columns;
mod csv;
mod error;
mod file;
mod lines;
mod mapping;
mod moment;
mod order;
mod row;
mod table;
#[cfg(test)]
mod tests;

pub use error::{BadRow, HistoryError, LISTED, Skipped};
pub use file::{HistoryEvents, HistoryFile};

use crate::simulate::Oracle;
use fraudnet_graph::Event;
use std::sync::Arc;

/// What the history knows of a payment and nobody else does. Stands beside the event, never inside it: no feature sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Whether it is fraud.
    pub fraud: bool,
    /// What the figures are grouped by: the scenario of the file, the typology of the simulator. `None` where there is none.
    pub group: Option<Arc<str>>,
}

impl From<Oracle> for Truth {
    fn from(oracle: Oracle) -> Truth {
        Truth { fraud: oracle.fraud, group: oracle.typology.map(|typology| typology.name().into()) }
    }
}

/// An event of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    /// The event as the log holds it.
    pub event: Event,
    /// Truth, for payments only.
    pub truth: Option<Truth>,
}

/// What to do with a row that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadRows {
    /// End the read with its message.
    #[default]
    Refuse,
    /// Leave it out, count it, list the first ones.
    Skip,
}
