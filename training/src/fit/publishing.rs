//! What is written: the draft that everything is measured on, the facts of the fit, and the artifact itself.

use super::{FitRequest, Surveyed};
use crate::card;
use crate::data::examples::Examples;
use crate::data::source::Source;
use crate::data::split::Windows;
use crate::data::survey::Survey;
use crate::facts::{EpochFacts, FitFacts, NetworkFacts, SourceFacts};
use crate::golden;
use crate::metrics::rounded;
use crate::network::TrainedNetwork;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use fraudnet_features::{Tensor, schema};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, HALF_NETWORK_FILE, NETWORK_FILE};
use fraudnet_models::{
    Artifact, ArtifactBuilder, Calibration, Golden, MANIFEST_VERSION, Manifest, NetworkSession, OperatingPoints,
    Precision, RuleSet, TierSettings,
};
use std::collections::BTreeMap;
use std::path::Path;

/// Most bytes of an artifact: a model that is cloned with the repository stays small.
pub const ARTIFACT_LIMIT_BYTES: u64 = 2 << 20;

/// A manifest of which all but calibration, points, data and metrics is final.
pub(super) fn draft_manifest(name: String, version: String, request: &FitRequest, rule_set: RuleSet) -> Manifest {
    // Replaced once the calibration window is scored; until then logits pass through.
    let settings = TierSettings {
        calibration: Calibration { knots: vec![(-30.0, -30.0), (30.0, 30.0)] },
        operating_points: OperatingPoints { challenge: 0.01, review: 0.05, decline: 0.5 },
    };
    Manifest {
        manifest_version: MANIFEST_VERSION,
        name,
        version,
        parent_version: request.parent_version.clone(),
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: request.seed,
        data: serde_json::Value::Null,
        metrics: serde_json::Value::Null,
        hybrid: settings.clone(),
        rules: settings,
        rule_set,
        files: BTreeMap::new(),
    }
}

/// The exported network as an artifact, loaded through every check a served one passes. Its folder is gone afterwards:
/// the artifact holds its bytes.
pub(super) fn draft(manifest: &Manifest, single: &[u8], half: &[u8], tensor: &Tensor, out: &Path) -> Result<Artifact> {
    let folder = out.with_file_name(format!(".{}.draft-{}", manifest.version, std::process::id()));
    if let Some(parent) = out.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}; check --out", parent.display()))?;
    }
    let golden = golden::placeholder(tensor)?;
    let artifact = ArtifactBuilder::new(manifest.clone())
        .file(NETWORK_FILE, single.to_vec())
        .file(HALF_NETWORK_FILE, half.to_vec())
        .file(GOLDEN_FILE, golden)
        .file(CARD_FILE, b"draft\n".to_vec())
        .replace(&folder)
        .context("the exported network was refused")?;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(artifact)
}

/// What went into the fit; what the calibration window adds is filled in when it is scored.
pub(super) fn facts(
    request: &FitRequest,
    surveyed: &[Surveyed<'_>],
    examples: &Examples,
    negative_share: f64,
    trained: &TrainedNetwork,
) -> FitFacts {
    let train = &request.train;
    FitFacts {
        sources: surveyed
            .iter()
            .map(|history| source_facts(history.source, &history.survey, &history.windows))
            .collect(),
        split: request.split,
        fit_payments: examples.fit_payments,
        fit_examples: examples.fit.len() as u64,
        fit_frauds: examples.fit_positives() as u64,
        negative_share: rounded(negative_share),
        stop_payments: examples.stop_payments,
        stop_examples: examples.stop.len() as u64,
        stop_frauds: examples.stop_positives() as u64,
        calibration_payments: 0,
        calibration_frauds: 0,
        delay_reports: 0,
        calibration_forms: Vec::new(),
        goals: request.goals,
        network: NetworkFacts {
            parameters: trained.weights.trained_count() as u64,
            best_epoch: trained.best_epoch,
            epochs: trained
                .epochs
                .iter()
                .map(|epoch| EpochFacts {
                    loss: rounded(f64::from(epoch.loss)),
                    average_precision: rounded(epoch.validation_average_precision),
                })
                .collect(),
            batch: train.batch,
            learning_rate: rounded(f64::from(train.learning_rate)),
            positive_weight: rounded(f64::from(train.positive_weight)),
            weight_decay: rounded(f64::from(train.weight_decay)),
            dropout: rounded(f64::from(train.dropout)),
        },
        compact_share: rounded(examples.bytes as f64 / examples.padded_bytes as f64),
    }
}

/// What a manifest or a report says of a history.
pub fn source_facts(source: &Source, survey: &Survey, windows: &Windows) -> SourceFacts {
    SourceFacts {
        name: source.name(),
        made: source.describe(),
        sha256: survey.sha256.clone(),
        events: survey.events,
        payments: survey.payments,
        frauds: (survey.with_truth == survey.payments).then_some(survey.frauds),
        windows: *windows,
    }
}

/// Writes the artifact, then loads and verifies it as the service will.
pub(super) fn publish(
    request: &FitRequest,
    manifest: Manifest,
    facts: &FitFacts,
    report: &Report,
    single: Vec<u8>,
    half: Vec<u8>,
    golden: &Golden,
) -> Result<Artifact> {
    let card = card::write(&manifest, facts, report);
    let golden = golden.to_bytes()?;
    let bytes = (single.len() + half.len() + golden.len() + card.len()) as u64;
    ensure!(
        bytes <= ARTIFACT_LIMIT_BYTES,
        "the artifact would take {bytes} bytes, more than {ARTIFACT_LIMIT_BYTES}; publish fewer golden vectors"
    );
    let builder = ArtifactBuilder::new(manifest)
        .file(NETWORK_FILE, single)
        .file(HALF_NETWORK_FILE, half)
        .file(GOLDEN_FILE, golden)
        .file(CARD_FILE, card.into_bytes());
    if request.replace { builder.replace(&request.out) } else { builder.write(&request.out) }?;
    // As the service will: load what lies there, and hold both files to the golden vectors.
    let artifact = Artifact::load(&request.out)?;
    for precision in [Precision::Single, Precision::Half] {
        artifact.verify_golden(&mut NetworkSession::with_precision(&artifact, &request.runtime, precision)?)?;
    }
    Ok(artifact)
}
