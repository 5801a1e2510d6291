//! Tests of the models crate through its public interface: real files, the real runtime; no trained model is needed but by `explain_released`.
//!
//! `common` writes a small network that follows the signature, and small trees, and says in plain Rust what they should answer;
//! `batch` holds padding to its definition, `artifact` is the matrix of what must be refused,
//! `network` runs networks, `trees` boosted trees, `rows` models made elsewhere, `model` whole models; `explain` explains them, `explain_rows`
//! those made elsewhere, `explain_released` the released one; `signature` and `registry` are about
//! who vouches for versions and where they lie.

mod artifact;
mod batch;
mod common;
mod explain;
mod explain_released;
mod explain_rows;
mod model;
mod network;
mod registry;
mod rows;
mod signature;
mod trees;
