//! Models of fraudnet: from the tensor of a payment to a raw logit, a calibrated probability and a risk score.
//!
//! In reading order:
//!
//! - `batch`: compact tensors of several payments, padded into the fixed shapes a network reads; names of inputs and outputs
//! - [`onnx`]: the part of the ONNX format that is written and read here, and what a network or tree file must not contain
//! - `runtime`, `runtime_library`, `providers`: settings and errors of what runs, finding ONNX Runtime, choosing TensorRT, CUDA or the
//!   processor
//! - `network`, `trees`, `rows`, `scorer`, `model`: running a network, boosted trees, a model of rows from elsewhere, which of them score,
//!   running the whole
//! - `calibration`, `rules`: from a logit to a probability; the velocity rules that answer where the model cannot
//! - `manifest`, `headline`, [`artifact`], `refusal`, `golden`, `publish`: a model version on disk, its best-known figures, the checks at load
//!   and why they refuse, the vectors it is held to, writing one
//! - [`explain`]: what each figure and each entity adds to what a model says of a payment
//! - `model_ref`, `signature`, `champion`, [`registry`]: how versions are named, who vouches for them, which one of a family a service
//!   begins with, all versions of a folder
//!
//! It knows tensors and the feature schema. It never knows the graph, events, decisions, HTTP, or how a network is trained.

pub mod artifact;
mod batch;
mod calibration;
mod champion;
pub mod explain;
mod golden;
mod headline;
mod manifest;
mod model;
mod model_ref;
mod network;
pub mod onnx;
mod providers;
mod publish;
mod refusal;
pub mod registry;
mod rows;
mod rules;
mod runtime;
mod runtime_library;
mod scorer;
pub mod signature;
mod trees;

pub use artifact::{Artifact, ArtifactError, GoldenReport};
pub use batch::{Batch, EMBEDDING_WIDTH, HOP_OFFSET, TensorError, check_tensor, input};
pub use calibration::{Calibration, CalibrationError, risk_score};
pub use champion::{CHAMPION_FILE, name_champion, resolve_version};
pub use golden::{Golden, GoldenError, GoldenVector};
pub use manifest::{FileEntry, MANIFEST_VERSION, Manifest, OperatingPoints, TierSettings};
pub use model::{ModelOutput, ModelSession};
pub use model_ref::{ModelRef, ModelRefError};
pub use network::{NetworkOutput, NetworkSession};
pub use providers::{TENSORRT_BATCH, TENSORRT_WORKSPACE_BYTES, tensorrt_options};
pub use publish::ArtifactBuilder;
pub use registry::{Listed, Registry, Verified};
pub use rows::{PROBABILITY_MARGIN, RowSession};
pub use rules::{ResolvedRules, Rule, RuleError, RuleOutcome, RuleSet};
pub use runtime::{Precision, Provider, RuntimeConfig, RuntimeError, initialise_runtime};
pub use runtime_library::{LIBRARY_VARIABLE, locate as locate_library};
pub use scorer::{RowsOutput, Scorer, ScorerError};
pub use signature::{KeyError, ManifestSignature, SIGNATURE_FILE, SecretKey, SignatureError, Signer, Trust};
pub use trees::TreeSession;
