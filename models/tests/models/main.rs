//! Tests of the models crate through its public interface: real files, the real runtime, no trained model needed.
//!
//! `common` writes a small network that follows the signature and says in plain Rust what it should answer;
//! `batch` holds padding to its definition, `artifact` is the matrix of what must be refused, `network` runs sessions.

mod artifact;
mod batch;
mod common;
mod network;
