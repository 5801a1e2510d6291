//! The velocity rules: the tier that answers when the network cannot, and a baseline beside it.
//!
//! Map: [`candidates`] (what a rule may look at, with its reason code and sentence) and [`tune`] (which of them, at which
//! thresholds and weights). No candidate reads the neighbourhood: these are rules as payment teams write them.

pub mod candidates;
pub mod tune;
