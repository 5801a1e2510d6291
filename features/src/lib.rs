//! Events to tensors: what every number a model sees means, and the one path on which it is computed.
//!
//! Map, in reading order:
//! - [`State`] (`state`): the fold of the event log; `observe` = sample → assemble → apply.
//! - [`Tensor`] (`tensor`): what a model gets; [`schema`]: every column by name, and the fingerprint.
//! - [`FeatureSet`] (`sets`): the three rows that trees read off a tensor; `pooled`: node rows pooled by hop and kind.
//! - `assembly`: subgraph to tensor, by way of `surroundings` (sampled nodes), `node_features`, `edge_features`,
//!   `payment_cut` (what is known of the payment's own entities) and `payment_features` (its columns, group by group).
//! - `entity_facts`: facts by entity: `pulse` (compact, decayed, for nodes) and `ledger` (exact: `windows`, `times`, `latest`, `peaks`, `habit`),
//!   both in a `slab`; `rings` define a window; `memory` hides their cache misses.
//! - `snapshot`: the whole state as columns, and back.
//! - [`Compaction`] (`compaction`): what compact tensors save. `columns`, `math`: how a table is written, logarithms.
//!
//! Nothing here looks ahead: a tensor depends on the events applied before it and on the payment itself, bit for bit.
//!
//! Never knows: model runtimes, thresholds, verdicts (ours or anybody's outcome), HTTP, Kafka, files, threads, the clock.

mod assembly;
mod columns;
mod compaction;
mod edge_features;
mod entity_facts;
mod habit;
mod latest;
mod ledger;
mod math;
mod memory;
mod node_features;
mod payment_cut;
mod payment_features;
mod peaks;
mod pooled;
mod pulse;
mod rings;
pub mod schema;
mod sets;
mod slab;
mod snapshot;
mod state;
mod surroundings;
mod tensor;
mod times;
mod windows;

pub use compaction::Compaction;
pub use fraudnet_graph::{Column, ColumnReader, ColumnWriter, PART_ROWS, RestoreError};
pub use fraudnet_graph::{HOP_BUDGET, MAX_LINKS, MAX_NODES, MAX_ROWS};
pub use sets::{EMBEDDING_WIDTH, FeatureSet};
pub use state::{Observed, State};
pub use tensor::{EDGE_WIDTH, NODE_WIDTH, Tensor};
