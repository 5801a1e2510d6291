//! A model version as it lies on disk, and everything that must hold before it may score a payment.
//!
//! ```text
//! <folder>/manifest.json     what it is, calibration, operating points, rules, sha256 of every other file
//!          model.onnx        the network, f32, for the processor
//!          model.fp16.onnx   the same weights, f16, for a GPU
//!          golden.arrow      inputs and expected outputs
//!          README.md         the model card
//! ```
//!
//! Every file is read once and checked as the bytes in memory; a session is built from those bytes, never from the path.

use crate::golden::{Golden, GoldenError};
use crate::onnx::{self, OnnxError};
use crate::rules::{ResolvedRules, RuleError};
use crate::{CalibrationError, Manifest, NetworkSession, Precision, RuntimeError};
use fraudnet_features::schema;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

/// The manifest's file name.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The f32 network's file name.
pub const NETWORK_FILE: &str = "model.onnx";
/// The f16 network's file name.
pub const HALF_NETWORK_FILE: &str = "model.fp16.onnx";
/// The golden vectors' file name.
pub const GOLDEN_FILE: &str = "golden.arrow";
/// The model card's file name.
pub const CARD_FILE: &str = "README.md";
/// Files every artifact has besides the manifest.
pub const REQUIRED_FILES: [&str; 4] = [NETWORK_FILE, HALF_NETWORK_FILE, GOLDEN_FILE, CARD_FILE];
/// Most bytes of a file: far above any network that answers within a payment, far below what would hurt the process.
pub const FILE_LIMIT_BYTES: u64 = 64 << 20;

/// Largest difference between golden outputs and a session on f32 weights.
pub const GOLDEN_TOLERANCE: f32 = 1e-4;
/// Largest difference between golden outputs and a session on f16 weights.
pub const GOLDEN_HALF_TOLERANCE: f32 = 2e-2;

/// A loaded model version: manifest and the checked bytes of its files.
#[derive(Debug)]
pub struct Artifact {
    /// Its manifest.
    pub manifest: Manifest,
    rules: ResolvedRules,
    golden: Golden,
    network: Vec<u8>,
    half_network: Vec<u8>,
}

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
        /// `hybrid` or `rules`.
        tier: &'static str,
        /// Probability from which a payment is challenged.
        challenge: f32,
        /// Probability from which it is held for review.
        review: f32,
        /// Probability from which it is declined.
        decline: f32,
    },
    /// A calibration is no monotone map.
    #[error("tier {tier}: {source}")]
    Calibration {
        /// `hybrid` or `rules`.
        tier: &'static str,
        /// Why.
        source: CalibrationError,
    },
    /// A rule cannot be evaluated.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// A network file contains what it must not.
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
    /// The network does not say what it said when it was published.
    #[error(
        "golden vector {vector}: {output} is {found}, expected {expected} within {tolerance}; the network and its golden vectors do not belong together, publish the model again"
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
    /// The runtime could not run the network.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The folder to publish to is there already.
    #[error("`{0}` exists; published versions never change, publish under another version")]
    Exists(String),
}

/// How close a session came to the golden vectors.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GoldenReport {
    /// Vectors run.
    pub vectors: usize,
    /// Largest difference of a raw logit.
    pub logit_difference: f32,
    /// Largest difference of a calibrated probability.
    pub probability_difference: f32,
    /// Largest difference of an embedding value, relative where the value is above 1.
    pub embedding_difference: f32,
}

impl Artifact {
    /// Reads a model folder once; checks hashes over the bytes read, schema fingerprint, signature, operators, rules.
    ///
    /// It does not run the network: build a [`NetworkSession`] and call [`Artifact::verify_golden`] before use.
    pub fn load(folder: &Path) -> Result<Artifact, ArtifactError> {
        let manifest = Manifest::parse(&read_file(folder, MANIFEST_FILE)?)?;
        manifest.check()?;
        if manifest.feature_fingerprint != schema::fingerprint() {
            let build = schema::fingerprint().to_owned();
            return Err(ArtifactError::Fingerprint { model: manifest.feature_fingerprint, build });
        }
        let rules = manifest.rule_set.resolve()?;
        check_names(&manifest)?;
        check_unlisted(folder, &manifest)?;

        let mut golden = Vec::new();
        let mut network = Vec::new();
        let mut half_network = Vec::new();
        for (name, entry) in &manifest.files {
            let bytes = read_file(folder, name)?;
            if bytes.len() as u64 != entry.bytes {
                return Err(ArtifactError::Size {
                    file: name.clone(),
                    expected: entry.bytes,
                    found: bytes.len() as u64,
                });
            }
            let found = sha256(&bytes);
            if found != entry.sha256 {
                return Err(ArtifactError::Hash { file: name.clone(), expected: entry.sha256.clone(), found });
            }
            match name.as_str() {
                NETWORK_FILE => network = bytes,
                HALF_NETWORK_FILE => half_network = bytes,
                GOLDEN_FILE => golden = bytes,
                _ => {}
            }
        }
        for (file, bytes) in [(NETWORK_FILE, &network), (HALF_NETWORK_FILE, &half_network)] {
            onnx::inspect(bytes).map_err(|source| ArtifactError::Onnx { file, source })?;
        }
        let golden = Golden::from_bytes(&golden)?;
        Ok(Artifact { manifest, rules, golden, network, half_network })
    }

    /// The velocity rules, resolved.
    pub fn rules(&self) -> &ResolvedRules {
        &self.rules
    }

    /// The golden vectors.
    pub fn golden(&self) -> &Golden {
        &self.golden
    }

    /// Bytes of the network file of a precision.
    pub fn network(&self, precision: Precision) -> &[u8] {
        match precision {
            Precision::Single => &self.network,
            Precision::Half => &self.half_network,
        }
    }

    /// Runs the golden vectors through a session of this artifact and refuses one that is further off than
    /// [`GOLDEN_TOLERANCE`] (f32) or [`GOLDEN_HALF_TOLERANCE`] (f16): absolute for logits, relative for embedding values above 1.
    pub fn verify_golden(&self, session: &mut NetworkSession) -> Result<GoldenReport, ArtifactError> {
        let tolerance = match session.precision() {
            Precision::Single => GOLDEN_TOLERANCE,
            Precision::Half => GOLDEN_HALF_TOLERANCE,
        };
        let tensors: Vec<_> = self.golden.vectors.iter().map(|vector| &vector.tensor).collect();
        let outputs = session.run(&tensors)?;
        let mut report = GoldenReport { vectors: outputs.len(), ..Default::default() };
        let calibration = &self.manifest.hybrid.calibration;
        for (vector, (golden, output)) in self.golden.vectors.iter().zip(&outputs).enumerate() {
            let mismatch = |output: String, expected: f32, found: f32| ArtifactError::GoldenMismatch {
                vector,
                output,
                expected,
                found,
                tolerance,
            };
            let difference = (output.logit - golden.logit).abs();
            if difference > tolerance {
                return Err(mismatch("logit".to_owned(), golden.logit, output.logit));
            }
            report.logit_difference = report.logit_difference.max(difference);
            let probabilities = calibration.probability(output.logit) - calibration.probability(golden.logit);
            report.probability_difference = report.probability_difference.max(probabilities.abs());
            for (index, (&found, &expected)) in output.embedding.iter().zip(&golden.embedding).enumerate() {
                let difference = (found - expected).abs() / expected.abs().max(1.0);
                if difference > tolerance {
                    return Err(mismatch(format!("embedding[{index}]"), expected, found));
                }
                report.embedding_difference = report.embedding_difference.max(difference);
            }
        }
        Ok(report)
    }
}

/// Lower-case hex sha256, as manifests hold it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
    }
    hex
}

/// Whether a name stays in the folder: no separator, no parent, no drive, nothing hidden.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(plain) && name != MANIFEST_FILE
}

fn check_names(manifest: &Manifest) -> Result<(), ArtifactError> {
    if let Some(name) = manifest.files.keys().find(|name| !is_plain_name(name)) {
        return Err(ArtifactError::FileName(name.clone()));
    }
    match REQUIRED_FILES.iter().find(|&&name| !manifest.files.contains_key(name)) {
        Some(missing) => Err(ArtifactError::Missing((*missing).to_owned())),
        None => Ok(()),
    }
}

/// Refuses what the manifest does not vouch for. Names with a leading dot are the file system's and the mount's own business
/// and never read.
fn check_unlisted(folder: &Path, manifest: &Manifest) -> Result<(), ArtifactError> {
    let io = |source| ArtifactError::Io { file: folder.display().to_string(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
        if name != MANIFEST_FILE && !name.starts_with('.') && !manifest.files.contains_key(&name) {
            return Err(ArtifactError::Unlisted(name));
        }
    }
    Ok(())
}

fn read_file(folder: &Path, name: &str) -> Result<Vec<u8>, ArtifactError> {
    let path = folder.join(name);
    let io = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ArtifactError::Missing(name.to_owned()),
        _ => ArtifactError::Io { file: path.display().to_string(), source },
    };
    // Asked before opening: opening a pipe would block.
    if !std::fs::metadata(&path).map_err(io)?.is_file() {
        return Err(ArtifactError::Missing(name.to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).map_err(io)?;
    file.take(FILE_LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > FILE_LIMIT_BYTES {
        return Err(ArtifactError::TooLarge { file: name.to_owned(), limit: FILE_LIMIT_BYTES });
    }
    Ok(bytes)
}
