//! The live temporal graph of accounts, devices, IPs and merchants, and the sampler that reads a payment's neighbourhood off it.
//!
//! A pure, synchronous, deterministic fold of events: the same events give the same state hash and the same samples, bit for bit.
//!
//! Map, in reading order:
//! - what goes in and comes out: [`event`](Event), [`entity`](Kind), [`parties`](Parties) (which entities a payment touches),
//!   [`subgraph`](Subgraph) (a sample) and its digest;
//! - the graph itself: `graph` (time, apply, labels, leaving), `sampler` (the hot path and its rule), `view` (a sample as a petgraph
//!   value, DOT and GraphML), `state` (hash over everything), `invariants`;
//! - what it keeps: `entities`, `edges`, `rings` (recent neighbours), `transactions`;
//! - how it is put away and brought back: `snapshot`, over [`column`](Column) and `parts` (large arrays);
//! - what that is made of: `pages` (arrays in huge pages, all the `unsafe`), `shards` (hash index), `list` (order of activity),
//!   `key` (stable hashes), `money` (amounts on one scale).
//!
//! Never knows: feature values, models, scores, policy, files, HTTP, Kafka, threads, randomness, the wall clock.

mod column;
mod digest;
mod edges;
mod entities;
mod entity;
mod event;
mod graph;
mod invariants;
mod key;
mod list;
mod money;
mod pages;
mod parties;
mod parts;
mod rings;
mod sampler;
mod shards;
mod snapshot;
mod state;
mod subgraph;
mod transactions;
mod view;

pub use column::{Column, ColumnReader, ColumnWriter, PART_ROWS, RestoreError};
pub use entities::{EntityFacts, EntityRef};
pub use entity::{Kind, RELATION_COUNT, RELATIONS, Relation};
pub use event::{Body, Channel, Event, Label, LabelSource, OutcomeStatus, Payment, PaymentOutcome, SCHEMA_VERSION};
pub use graph::{Applied, Graph, GraphStats, Limits};
pub use key::entity_key;
pub use money::hundredths;
pub use parties::{PairTimes, Parties};
pub use parts::{PartReader, PartWriter, parts};
pub use subgraph::{EdgeFacts, HOP_BUDGET, Link, MAX_LINKS, MAX_NODES, MAX_ROWS, Node, Subgraph, UNSEEN};
pub use view::{EdgeView, NodeView, to_dot, to_graphml};
