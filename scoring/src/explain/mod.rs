//! Why a verdict is what it is, in words: what the model says of a payment ([`fraudnet_models::explain`]), with the names and times of the
//! graph.
//!
//! In reading order: `scene` (the subgraph that the verdict saw, with names and reports), `paths` (ways to reported fraud), `words` (a way
//! as a sentence), `explanation` (all of it as it goes out), `desk` (the thread that asks models).
//!
//! Everything is read off the sample at the verdict's cut and the tensor that the model saw: no later report, and no other event, changes
//! an explanation. The same verdict gets the same words.
//!
//! It never knows HTTP or the log.

mod desk;
mod explanation;
mod paths;
mod scene;
mod words;

pub(crate) use desk::ExplainDesk;
pub use explanation::{Attention, EntityReason, Explained, Explanation, FeatureReason, WithoutEvidence, explanation};
pub use paths::{EvidencePath, evidence_paths};
pub use scene::{Reports, Scene, SceneError, identifiers, reports};
pub use words::path_text;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
