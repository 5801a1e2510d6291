//! Policy: what a tier said of a payment → what to do, and why.
//!
//! Map: [`core`] (what belongs to a model: its operating points, its rules, the reasons given).
//!
//! Never knows: how a score came about, HTTP, the log.

pub mod core;

pub use self::core::{MAX_REASONS, Outcome, Policy, PolicyError, Ruling};
