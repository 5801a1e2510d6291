//! The part of the ONNX format this workspace reads and writes.
//!
//! Derived by hand from the published schema, so that neither Python nor a protobuf compiler is needed. The trainer writes
//! network files with it, loading inspects them with it before a runtime ever sees them.
//!
//! Reading order: [`schema`] (the messages, tags as in `onnx.proto3`), [`build`] (short constructors for those who write),
//! [`signature`] (the inputs and outputs every network has), [`mod@inspect`] (what a file must not contain).
//!
//! It knows nothing of artifacts, hashes or sessions.

pub mod build;
pub mod inspect;
pub mod schema;
pub mod signature;

pub use inspect::{ALLOWED_OPERATORS, OnnxError, inspect};
pub use schema::*;
pub use signature::{Dimension, Port, signature_inputs, signature_outputs};
