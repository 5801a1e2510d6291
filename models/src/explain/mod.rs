//! Why a model says what it says of a payment: what each figure and each entity adds, and what it would say without a piece of evidence.
//!
//! In reading order: `attribution` (what an explanation says), `explainer` (a model opened for explaining), `ask` (one payment:
//! the questions and their order), `budget` (how long it may take); then what it asks: `tree_shap` (trees, exactly), `permutation`
//! (anything else, by walks), `split`, `session` and `halves` (a network in two parts, so that asking is cheap), `mask` (a payment without a piece of
//! evidence), `background` (what is compared with); and how it is told: `party` (whom a column speaks of), `features` (columns that
//! belong together), `wording` (columns and values in words).
//!
//! ```text
//! tensor ─► body ─► hidden ─┬─► head ─► logit, embedding ─► trees ─► raw logit ─► calibration
//!             ▲             │     ▲                           │
//!   one entity less    of ordinary payments                exact shares
//!                                 └─ columns of ordinary payments, one after the other
//! ```
//!
//! Contributions are raw log-odds against the mean of ordinary payments: base and contributions add up to the raw logit, whatever the
//! scorer, and whatever the time left; what could not be told apart is a figure of its own.
//!
//! It knows tensors and the feature schema. It never knows identifiers, the graph, or a clock.

mod ask;
mod attribution;
mod background;
mod budget;
mod explainer;
mod features;
mod halves;
mod mask;
mod party;
mod permutation;
mod session;
mod split;
mod tree_shap;
mod wording;

pub use attribution::{Attribution, EntityShare, Evidence, FeatureShare, LeftOut, Most, NodeAttention, Without};
pub use budget::Budget;
pub use explainer::{ExplainError, Explainer};
pub use features::NEIGHBOURHOOD;
pub use halves::HalvesError;
pub use party::Party;
pub use split::SplitError;
pub use tree_shap::{TreeShares, tree_shares};
pub use wording::group_text;

#[cfg(test)]
pub(crate) mod testing;
