//! Why an artifact is refused: one sentence a cause, which names the place and says what to do.

use crate::golden::GoldenError;
use crate::onnx::OnnxError;
use crate::rules::RuleError;
use crate::signature::SignatureError;
use crate::{CalibrationError, ModelRef, RuntimeError, ScorerError};

/// Why an artifact was refused.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file could not be read or written.
    #[error("cannot access `{file}` of the model: {source}; check the path and its permissions")]
    Io {
        /// The file or folder.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder is neither a version nor a family with a champion.
    #[error(
        "`{folder}` holds neither manifest.json (a model version) nor a file `champion` that names one of its versions; set model.folder to a version's folder, or run `make model`"
    )]
    NoChampion {
        /// The folder.
        folder: String,
    },
    /// A listed or required file is not there, or is no plain file.
    #[error("the model has no file `{0}`; publish the whole folder again")]
    Missing(String),
    /// The folder holds a file that the manifest does not list.
    #[error("`{0}` lies in the model's folder but the manifest does not list it; remove it or publish the model again")]
    Unlisted(String),
    /// The manifest lists a path instead of a name.
    #[error("the manifest lists `{0}`, which is not a plain file name; publish the model again")]
    FileName(String),
    /// A file is larger than any model's.
    #[error("`{file}` is larger than {limit} bytes, the most a model's file may have; publish a smaller model")]
    TooLarge {
        /// The file.
        file: String,
        /// Most bytes allowed.
        limit: u64,
    },
    /// A file is longer or shorter than the manifest says.
    #[error("`{file}` has {found} bytes, the manifest says {expected}; copy the model again")]
    Size {
        /// The file.
        file: String,
        /// Bytes listed.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// A file's bytes are not those that were published.
    #[error("`{file}` has sha256 {found}, the manifest says {expected}; copy the model again")]
    Hash {
        /// The file.
        file: String,
        /// Digest listed.
        expected: String,
        /// Digest found.
        found: String,
    },
    /// The manifest is no JSON of the expected shape, or has unknown keys.
    #[error("`manifest.json` cannot be read: {0}; publish the model with this build")]
    ManifestSyntax(String),
    /// The manifest has another layout.
    #[error(
        "`manifest.json` has layout {found}, this build reads layout {expected}; use the build the model was published with, or publish it again"
    )]
    ManifestVersion {
        /// Layout this build reads.
        expected: u32,
        /// Layout found.
        found: u32,
    },
    /// Name or version cannot be shown in paths and metrics.
    #[error("the model's {field} `{value}` is not 1 to 64 letters, digits, `.`, `_` or `-`; publish it under another")]
    Name {
        /// `name` or `version`.
        field: &'static str,
        /// What it is.
        value: String,
    },
    /// Trained on other features than this build computes.
    #[error(
        "the model reads feature schema {model}, this build computes {build}; retrain the model with this build, or run the build it was trained with"
    )]
    Fingerprint {
        /// Fingerprint in the manifest.
        model: String,
        /// Fingerprint of this build.
        build: String,
    },
    /// Operating points are out of order or out of range.
    #[error(
        "operating points of tier {tier} are {challenge} challenge, {review} review, {decline} decline; they must ascend within 0 to 1, tune them again"
    )]
    OperatingPoints {
        /// `trees-v1`, `trees-v2`, `hybrid` or `rules`.
        tier: &'static str,
        /// Probability from which a payment is challenged.
        challenge: f32,
        /// Probability from which it is held for review.
        review: f32,
        /// Probability from which it is declined.
        decline: f32,
    },
    /// What is to score cannot.
    #[error(transparent)]
    Scorer(#[from] ScorerError),
    /// A calibration is no monotone map.
    #[error("tier {tier}: {source}")]
    Calibration {
        /// `trees-v1`, `trees-v2`, `hybrid` or `rules`.
        tier: &'static str,
        /// Why.
        source: CalibrationError,
    },
    /// A rule cannot be evaluated.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// A network or tree file contains what it must not.
    #[error("`{file}`: {source}")]
    Onnx {
        /// The file.
        file: &'static str,
        /// Why.
        source: OnnxError,
    },
    /// The golden vectors cannot be read.
    #[error("`golden.arrow`: {0}")]
    Golden(#[from] GoldenError),
    /// The model does not say what it said when it was published.
    #[error(
        "golden vector {vector}: {output} is {found}, expected {expected} within {tolerance}; the model and its golden vectors do not belong together, publish the model again"
    )]
    GoldenMismatch {
        /// Which vector.
        vector: usize,
        /// `logit` or `embedding[i]`.
        output: String,
        /// Value in `golden.arrow`.
        expected: f32,
        /// Value of the session.
        found: f32,
        /// Largest difference allowed.
        tolerance: f32,
    },
    /// The runtime could not run the model.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Nobody who is trusted vouches for it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A registry's folder is none.
    #[error("`{0}` is no folder of models; give the one that holds a folder a model, e.g. models")]
    NoRegistry(String),
    /// A registry does not hold the version.
    #[error("there is no model {model} in `{registry}`; fraudnet models list shows those there are")]
    Unknown {
        /// The version asked for.
        model: ModelRef,
        /// The registry's folder.
        registry: String,
    },
    /// A version lies in a folder of another name.
    #[error("the folder of {expected} holds {found}; publish it under its own name")]
    Misplaced {
        /// The version that the folder's name says.
        expected: ModelRef,
        /// The version that its manifest says.
        found: ModelRef,
    },
    /// The folder to publish to is there already.
    #[error("`{0}` exists; published versions never change, publish under another version")]
    Exists(String),
}
