//! The part of the ONNX format this workspace reads and writes.
//!
//! Derived by hand from the published schema, so that neither Python nor a protobuf compiler is needed. The trainer writes
//! network and tree files with it, loading inspects them with it before a runtime ever sees them.
//!
//! Reading order: [`schema`] (the messages, tags as in `onnx.proto3`), [`build`] (short constructors for those who write),
//! [`signature`] (the inputs and outputs every file has), [`trees`] (boosted trees as plain data and as a file), [`mod@inspect`] (what a
//! network file must not contain), [`mod@inspect_trees`] (what a tree file must be), [`mod@inspect_rows`] (what a model of rows may be).
//!
//! It knows nothing of artifacts, hashes or sessions.

pub mod build;
pub mod inspect;
pub mod inspect_rows;
pub mod inspect_trees;
pub mod schema;
pub mod signature;
pub mod trees;

pub use inspect::{ALLOWED_OPERATORS, OnnxError, inspect};
pub use inspect_rows::{RowsPorts, inspect_rows};
pub use inspect_trees::inspect_trees;
pub use schema::*;
pub use signature::{Dimension, Port, signature_inputs, signature_outputs, trees_inputs, trees_outputs};
pub use trees::{Tree, TreeEnsemble, TreeError, TreeNode};
