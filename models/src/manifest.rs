//! `manifest.json`: what is known about a model version besides its weights, and the checks on it.

use crate::model_ref::is_plain;
use crate::{ArtifactError, Calibration, RuleSet, Scorer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `manifest.json`: everything about a model version but its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Layout of this file; 2.
    pub manifest_version: u32,
    /// Model family: `trees-v1`, `trees-v2` or `hybrid`, or a name of your own.
    pub name: String,
    /// Version of the model, e.g. `2026.11.22-1`.
    pub version: String,
    /// Version it was trained on from, if any.
    pub parent_version: Option<String>,
    /// Fingerprint of the feature schema it reads.
    pub feature_fingerprint: String,
    /// Seed of the fit.
    pub seed: u64,
    /// What it was fitted on: history file digest, simulator version, seeds, time ranges; free-form but recorded.
    pub data: serde_json::Value,
    /// Metrics on the held-out window, as the evaluator printed them.
    pub metrics: serde_json::Value,
    /// What scores: trees, the network, both, or a model of rows.
    pub scorer: Scorer,
    /// Of the scorer's tier: `trees-v1`, `trees-v2`, `hybrid` or `custom`.
    pub settings: TierSettings,
    /// Tier `rules`: the velocity rules behind it.
    pub rules: TierSettings,
    /// The rules themselves.
    pub rule_set: RuleSet,
    /// Every other file of the folder.
    pub files: BTreeMap<String, FileEntry>,
}

/// Calibration and operating points of one tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierSettings {
    /// From raw logit to probability.
    pub calibration: Calibration,
    /// From probability to decision.
    pub operating_points: OperatingPoints,
}

/// Probabilities from which a decision applies; `challenge <= review <= decline`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoints {
    /// Ask the customer to authenticate.
    pub challenge: f32,
    /// Hold for an analyst.
    pub review: f32,
    /// Refuse.
    pub decline: f32,
}

/// A file of the artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Hex sha256 of its bytes.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// Layout of the manifest that this build reads and writes.
pub const MANIFEST_VERSION: u32 = 2;

impl Manifest {
    /// Parses a manifest; unknown keys are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        // The version first: a newer layout should be named as such rather than by the first key that is new in it.
        #[derive(Deserialize)]
        struct Version {
            manifest_version: u32,
        }
        let syntax = |error: serde_json::Error| ArtifactError::ManifestSyntax(error.to_string());
        let Version { manifest_version } = serde_json::from_slice(bytes).map_err(syntax)?;
        if manifest_version != MANIFEST_VERSION {
            return Err(ArtifactError::ManifestVersion { expected: MANIFEST_VERSION, found: manifest_version });
        }
        serde_json::from_slice(bytes).map_err(syntax)
    }

    /// The manifest as it is written: indented JSON with a newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has string keys only");
        bytes.push(b'\n');
        bytes
    }

    /// Checks everything that needs neither the other files nor the build: names, scorer, calibrations, operating points.
    pub fn check(&self) -> Result<(), ArtifactError> {
        for (field, value) in [("name", &self.name), ("version", &self.version)] {
            if !is_plain(value) {
                return Err(ArtifactError::Name { field, value: value.clone() });
            }
        }
        self.scorer.check()?;
        self.settings.check(self.scorer.tier_name())?;
        self.rules.check("rules")
    }
}

impl TierSettings {
    fn check(&self, tier: &'static str) -> Result<(), ArtifactError> {
        self.calibration.check().map_err(|source| ArtifactError::Calibration { tier, source })?;
        let OperatingPoints { challenge, review, decline } = self.operating_points;
        let ascending = 0.0 <= challenge && challenge <= review && review <= decline && decline <= 1.0;
        if ascending { Ok(()) } else { Err(ArtifactError::OperatingPoints { tier, challenge, review, decline }) }
    }
}
