//! Measuring every promised figure beside its target, with the bare floor or the peer it is compared with in the same run.
//!
//! Map, in reading order:
//! - what is measured: [`sampler`], [`observe`], [`network`], [`http`], [`start`], [`review`], [`cluster`], each a function that adds to [`figures`];
//! - what it is measured on: [`Stream`] (`stream`, of [`generator`] or read from a folder), [`simulated`] payments, as [`messages`] too;
//! - what it is compared with: [`floor`] (sampling with nothing but topology), [`disk`] (a sync), [`peer`] (FastAPI and onnxruntime);
//! - with what: [`load`] (open and closed loop), [`process`] (the service, started and stopped), [`places`], [`Quantiles`], [`machine`].
//!
//! The binary `fraudnet-bench` prints the table; the criterion benches in `benches/` look at single functions.
//!
//! Never knows: how the service works inside. Nothing here asserts a time: the table says what was reached, and a machine may be busy.

pub mod cluster;
pub mod disk;
pub mod figures;
pub mod floor;
pub mod generator;
pub mod http;
pub mod load;
pub mod machine;
pub mod messages;
pub mod network;
pub mod observe;
pub mod peer;
pub mod places;
pub mod process;
mod quantiles;
pub mod review;
pub mod sampler;
pub mod simulated;
pub mod start;
pub mod stream;

pub use quantiles::Quantiles;
pub use stream::Stream;
