//! From a history to what a fit needs, in the order it is done.
//!
//! [`source`] (a history file, or the simulator in process) → [`survey`] (first look: extent, digest, every label) →
//! [`labels`] (which label stood when) → [`split`] (windows in time) → [`replay`] (the one path, `State::observe`) →
//! [`examples`] (what is kept of it in memory).
//! Never knows the network, a metric or an artifact.

pub mod examples;
pub mod labels;
pub mod replay;
pub mod source;
pub mod split;
pub mod survey;
