//! Gradient-boosted trees, fitted by LightGBM and handed over as plain data.
//!
//! Map, in reading order:
//! - `table`: the settings, the rows, and what of either is refused
//! - `boosting`: round after round until the stop rows say that it is enough
//! - `convert`: LightGBM's text form → [`fraudnet_models::onnx::trees::TreeEnsemble`]
//! - `lightgbm`: its C API behind owned handles, the one file with unsafe code
//! - `library`: where its shared library is found
//!
//! Never knows what a column means, how examples were sampled, or how the trees are served: the service runs the ONNX
//! file made of the ensemble and never loads LightGBM. Deterministic: the same tables and seed give the same trees, bit
//! for bit, with the pinned version.

mod boosting;
mod convert;
mod library;
mod lightgbm;
mod table;
#[cfg(test)]
mod tests;

pub use boosting::{Trees, grow, train};
pub use library::{LIBRARY_VARIABLE, LIGHTGBM_VERSION};
pub use table::{Table, TreeConfig};
