//! A model version as it lies on disk, and everything that must hold before it may score a payment.
//!
//! ```text
//! <folder>/manifest.json     what it is, calibration, operating points, rules, sha256 of every other file
//!          model.onnx        where a network scores: the network, f32, for the processor
//!          model.fp16.onnx   the same weights, f16, for a GPU
//!          trees.onnx        where trees score: the trees
//!          rows.onnx         where a model of rows scores: whatever graph it is
//!          golden.arrow      inputs and expected outputs of the whole model
//!          README.md         the model card
//!          manifest.sig      who vouches for it, where somebody does; the one file that the manifest does not list
//! ```
//!
//! Every file is read once and checked as the bytes in memory; a session is built from those bytes, never from the path.

use crate::golden::Golden;
use crate::onnx::{self, RowsPorts};
use crate::rules::ResolvedRules;
use crate::signature::{SIGNATURE_FILE, Signer, Trust};
use crate::{Manifest, ModelSession, Precision, RowsOutput, Scorer};

pub use crate::refusal::ArtifactError;
use fraudnet_features::{FeatureSet, schema};
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
/// The trees' file name.
pub const TREES_FILE: &str = "trees.onnx";
/// The file name of a model of rows.
pub const ROWS_FILE: &str = "rows.onnx";
/// The golden vectors' file name.
pub const GOLDEN_FILE: &str = "golden.arrow";
/// The model card's file name.
pub const CARD_FILE: &str = "README.md";
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
    trees: Vec<u8>,
    rows: Vec<u8>,
    rows_ports: Option<RowsPorts>,
}

/// Files an artifact with this scorer has besides the manifest.
pub fn required_files(scorer: Scorer) -> Vec<&'static str> {
    let mut files = vec![CARD_FILE, GOLDEN_FILE];
    if scorer.has_network() {
        files.extend([HALF_NETWORK_FILE, NETWORK_FILE]);
    }
    if scorer.trees().is_some() {
        files.push(TREES_FILE);
    }
    if scorer.rows().is_some() {
        files.push(ROWS_FILE);
    }
    files
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
    /// It does not run the model: build a [`ModelSession`] and call [`Artifact::verify_golden`] before use. Signatures are not asked
    /// about, see [`Artifact::load_trusted`].
    pub fn load(folder: &Path) -> Result<Artifact, ArtifactError> {
        Artifact::load_trusted(folder, &Trust::none()).map(|(artifact, _)| artifact)
    }

    /// As [`Artifact::load`], after it checked the manifest's signature, which covers every other file by its sha256. Gives back the
    /// author with it: who signed it with a trusted key, if anybody.
    ///
    /// # Errors
    /// [`ArtifactError::Signature`], and as [`Artifact::load`].
    pub fn load_trusted(folder: &Path, trust: &Trust) -> Result<(Artifact, Option<String>), ArtifactError> {
        let bytes = read_file(folder, MANIFEST_FILE)?;
        let author = trust.signer(&bytes, read_signature(folder)?.as_deref())?.author().map(str::to_owned);
        Ok((Artifact::load_files(folder, &bytes)?, author))
    }

    /// As [`Artifact::load`], of a manifest whose bytes were read already, whatever its signature.
    pub(crate) fn load_files(folder: &Path, manifest: &[u8]) -> Result<Artifact, ArtifactError> {
        let manifest = Manifest::parse(manifest)?;
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
        let mut trees = Vec::new();
        let mut rows = Vec::new();
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
                TREES_FILE => trees = bytes,
                ROWS_FILE => rows = bytes,
                GOLDEN_FILE => golden = bytes,
                _ => {}
            }
        }
        if manifest.scorer.has_network() {
            for (file, bytes) in [(NETWORK_FILE, &network), (HALF_NETWORK_FILE, &half_network)] {
                onnx::inspect(bytes).map_err(|source| ArtifactError::Onnx { file, source })?;
            }
        }
        if let Some(set) = manifest.scorer.trees() {
            onnx::inspect_trees(&trees, set.width())
                .map_err(|source| ArtifactError::Onnx { file: TREES_FILE, source })?;
        }
        let rows_ports = match manifest.scorer.rows() {
            Some((set, output)) => Some(
                onnx::inspect_rows(&rows, set.width(), output)
                    .map_err(|source| ArtifactError::Onnx { file: ROWS_FILE, source })?,
            ),
            None => None,
        };
        let golden = Golden::from_bytes(&golden)?;
        Ok(Artifact { manifest, rules, golden, network, half_network, trees, rows, rows_ports })
    }

    /// The velocity rules, resolved.
    pub fn rules(&self) -> &ResolvedRules {
        &self.rules
    }

    /// The golden vectors.
    pub fn golden(&self) -> &Golden {
        &self.golden
    }

    /// Bytes of the network file of a precision; none where no network scores.
    pub fn network(&self, precision: Precision) -> Option<&[u8]> {
        let bytes = match precision {
            Precision::Single => &self.network,
            Precision::Half => &self.half_network,
        };
        self.manifest.scorer.has_network().then_some(bytes)
    }

    /// Bytes of the tree file; none where no trees score.
    pub fn trees(&self) -> Option<&[u8]> {
        self.manifest.scorer.trees().is_some().then_some(&self.trees)
    }

    /// Bytes of the model of rows and where a row goes in; none where no such model scores.
    pub fn rows_file(&self) -> Option<(&[u8], &RowsPorts)> {
        self.rows_ports.as_ref().map(|ports| (&self.rows[..], ports))
    }

    /// Runs the golden vectors through a session of this artifact and refuses one that is further off than
    /// [`GOLDEN_TOLERANCE`] (f32) or [`GOLDEN_HALF_TOLERANCE`] (f16): absolute for logits, relative for embedding values above 1. A model
    /// of rows that gives probabilities is allowed the rounding of f32 besides, which is coarse in logits where a probability is near 1.
    ///
    /// Where trees read the embedding, an f16 session is held to the embeddings alone: its rounding sends some values past a threshold,
    /// which is why [`ModelSession::new`] never opens one for such a model.
    ///
    /// # Errors
    /// [`ArtifactError::GoldenMismatch`], or what the runtime says.
    pub fn verify_golden(&self, session: &mut ModelSession) -> Result<GoldenReport, ArtifactError> {
        let tolerance = match session.precision() {
            Precision::Single => GOLDEN_TOLERANCE,
            Precision::Half => GOLDEN_HALF_TOLERANCE,
        };
        let embeds = self.manifest.scorer.trees().is_some_and(FeatureSet::reads_embedding);
        let holds_logit = session.precision() == Precision::Single || !embeds;
        let tensors: Vec<_> = self.golden.vectors.iter().map(|vector| &vector.tensor).collect();
        let outputs = session.outputs(&tensors)?;
        let mut report = GoldenReport { vectors: outputs.len(), ..Default::default() };
        let calibration = &self.manifest.settings.calibration;
        for (vector, (golden, output)) in self.golden.vectors.iter().zip(&outputs).enumerate() {
            let mismatch = |output: String, expected: f32, found: f32| ArtifactError::GoldenMismatch {
                vector,
                output,
                expected,
                found,
                tolerance,
            };
            // The embedding first: where the trees read it, it explains a logit that is off.
            for (index, (&found, &expected)) in output.embedding.iter().zip(&golden.embedding).enumerate() {
                let difference = (found - expected).abs() / expected.abs().max(1.0);
                if difference > tolerance {
                    return Err(mismatch(format!("embedding[{index}]"), expected, found));
                }
                report.embedding_difference = report.embedding_difference.max(difference);
            }
            let difference = (output.logit - golden.logit).abs();
            let tolerance = tolerance + self.rounding(golden.logit);
            if holds_logit && difference > tolerance {
                return Err(mismatch("logit".to_owned(), golden.logit, output.logit));
            }
            report.logit_difference = report.logit_difference.max(difference);
            let probabilities = calibration.probability(output.logit) - calibration.probability(golden.logit);
            report.probability_difference = report.probability_difference.max(probabilities.abs());
        }
        Ok(report)
    }

    /// What a few units of the last place of a probability are in logits; nothing for models that give logits.
    fn rounding(&self, logit: f32) -> f32 {
        match self.manifest.scorer.rows() {
            // d logit / d p = 1 / (p (1 - p)), and a unit of p is p · epsilon; 1 / (1 - p) = 1 + e^logit.
            Some((_, RowsOutput::Probability)) => 4.0 * f32::EPSILON * (1.0 + logit.exp()),
            _ => 0.0,
        }
    }
}

/// Who claims to have signed the artifact in a folder; whether it holds is what [`Artifact::load_trusted`] finds out.
///
/// # Errors
/// Files that cannot be read, and as [`Trust::signer`].
pub fn signer_of(folder: &Path, trust: &Trust) -> Result<Signer, ArtifactError> {
    Ok(trust.signer(&read_file(folder, MANIFEST_FILE)?, read_signature(folder)?.as_deref())?)
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
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && name.chars().all(plain)
        && name != MANIFEST_FILE
        && name != SIGNATURE_FILE
}

fn check_names(manifest: &Manifest) -> Result<(), ArtifactError> {
    if let Some(name) = manifest.files.keys().find(|name| !is_plain_name(name)) {
        return Err(ArtifactError::FileName(name.clone()));
    }
    match required_files(manifest.scorer).into_iter().find(|&name| !manifest.files.contains_key(name)) {
        Some(missing) => Err(ArtifactError::Missing(missing.to_owned())),
        None => Ok(()),
    }
}

/// Refuses what the manifest does not vouch for. Names with a leading dot are the file system's and the mount's own business
/// and never read.
fn check_unlisted(folder: &Path, manifest: &Manifest) -> Result<(), ArtifactError> {
    let io = |source| ArtifactError::Io { file: folder.display().to_string(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
        let own = name == MANIFEST_FILE || name == SIGNATURE_FILE;
        if !own && !name.starts_with('.') && !manifest.files.contains_key(&name) {
            return Err(ArtifactError::Unlisted(name));
        }
    }
    Ok(())
}

fn read_signature(folder: &Path) -> Result<Option<Vec<u8>>, ArtifactError> {
    // Asked of the name, not of what it leads to: a link that leads nowhere is no missing signature.
    match std::fs::symlink_metadata(folder.join(SIGNATURE_FILE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => read_file(folder, SIGNATURE_FILE).map(Some),
    }
}

pub(crate) fn read_file(folder: &Path, name: &str) -> Result<Vec<u8>, ArtifactError> {
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
