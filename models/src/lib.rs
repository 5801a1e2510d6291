//! Models of fraudnet: from the tensor of a payment to a raw logit, a calibrated probability and a risk score.
//!
//! In reading order:
//!
//! - `batch`: compact tensors of several payments, padded into the fixed shapes a network reads; names of inputs and outputs
//! - [`onnx`]: the part of the ONNX format that is written and read here, and what a network file must not contain
//! - `runtime_library`, `providers`, `network`: finding ONNX Runtime, choosing TensorRT, CUDA or the processor, running a network
//! - `calibration`, `rules`: from a logit to a probability; the velocity rules that answer where the network cannot
//! - `manifest`, [`artifact`], `golden`, `publish`: a model version on disk, the checks at load, the vectors it is held to, writing one
//! - `champion`: which version of a family scores
//!
//! It knows tensors and the feature schema. It never knows the graph, events, decisions, HTTP, or how a network is trained.

pub mod artifact;
mod batch;
mod calibration;
mod champion;
mod golden;
mod manifest;
mod network;
pub mod onnx;
mod providers;
mod publish;
mod rules;
mod runtime_library;

pub use artifact::{Artifact, ArtifactError, GoldenReport};
pub use batch::{Batch, EMBEDDING_WIDTH, HOP_OFFSET, TensorError, check_tensor, input};
pub use calibration::{Calibration, CalibrationError, risk_score};
pub use champion::{CHAMPION_FILE, name_champion, resolve_version};
pub use golden::{Golden, GoldenError, GoldenVector};
pub use manifest::{FileEntry, MANIFEST_VERSION, Manifest, OperatingPoints, TierSettings};
pub use network::{
    NetworkOutput, NetworkSession, Precision, Provider, RuntimeConfig, RuntimeError, initialise_runtime,
};
pub use providers::{TENSORRT_BATCH, TENSORRT_WORKSPACE_BYTES, tensorrt_options};
pub use publish::ArtifactBuilder;
pub use rules::{ResolvedRules, Rule, RuleError, RuleOutcome, RuleSet};
pub use runtime_library::{LIBRARY_VARIABLE, locate as locate_library};
