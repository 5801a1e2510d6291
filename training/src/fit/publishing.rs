//! What is written of each family: the facts of its fit, its golden vectors, and the artifact itself.

use super::judging::hybrid;
use super::{FitRequest, Surveyed};
use crate::ablate::AblationSample;
use crate::card;
use crate::contender::Contender;
use crate::data::examples::Examples;
use crate::data::source::Source;
use crate::data::split::Windows;
use crate::data::survey::Survey;
use crate::export::onnx_bytes;
use crate::facts::{FitFacts, GoldenFacts, NetworkFacts, SourceFacts, TreeFacts};
use crate::generations::{GenerationSessions, Generations};
use crate::golden;
use crate::metrics::rounded;
use crate::report::Report;
use crate::trees::Trees;
use anyhow::{Context, Result, ensure};
use fraudnet_features::{FeatureSet, schema};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, HALF_NETWORK_FILE, NETWORK_FILE, TREES_FILE};
use fraudnet_models::{
    Artifact, ArtifactBuilder, Golden, MANIFEST_VERSION, Manifest, ModelSession, Precision, Scorer, TierSettings,
};
use std::collections::BTreeMap;

/// Most bytes of an artifact: models that are cloned with the repository stay small.
pub const ARTIFACT_LIMIT_BYTES: u64 = 2_500_000;

/// Everything fitted and measured, from which any family is published.
pub(super) struct Fitted<'a> {
    pub request: &'a FitRequest,
    pub generations: &'a Generations,
    /// By [`Contender::index`].
    pub tiers: &'a [TierSettings],
    /// What all families share.
    pub facts: &'a FitFacts,
    pub sample: &'a AblationSample,
}

/// What went into the fit; what the calibration window adds is filled in when it is scored, what a family adds when it is
/// published.
pub(super) fn shared_facts(request: &FitRequest, surveyed: &[Surveyed<'_>], examples: &Examples) -> FitFacts {
    FitFacts {
        sources: surveyed
            .iter()
            .map(|history| source_facts(history.source, &history.survey, &history.windows))
            .collect(),
        split: request.split,
        fit_payments: examples.fit_payments,
        fit_examples: examples.fit.len() as u64,
        fit_frauds: examples.fit_positives() as u64,
        row_examples: examples.rows.len() as u64,
        shares: request.shares,
        stop_payments: examples.stop_payments,
        stop_examples: examples.stop.len() as u64,
        stop_frauds: examples.stop_positives() as u64,
        calibration_payments: 0,
        calibration_frauds: 0,
        delay_reports: 0,
        calibration_forms: Vec::new(),
        goals: request.goals,
        network: None,
        trees: None,
        trials: Vec::new(),
        golden: GoldenFacts { vectors: 0, logit: 0.0 },
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

/// Writes the artifact of a family, then loads and verifies it as the service will.
pub(super) fn publish(
    fitted: &Fitted<'_>,
    family: Contender,
    report: &Report,
    sessions: &mut GenerationSessions,
) -> Result<Artifact> {
    let Fitted { request, generations, tiers, facts, sample } = *fitted;
    let (scorer, trees) = scorer_and_trees(generations, family);
    let set = scorer.trees();
    let golden = match (family, set, trees) {
        (Contender::Hybrid, ..) => {
            golden::choose(&generations.hybrid, sample, &mut |tensors| hybrid(sessions, tensors))?
        }
        (_, Some(set), Some(trees)) => golden::choose_rows(trees, set, sample)?,
        _ => anyhow::bail!("{} has nothing that scores", family.name()),
    };
    let network = scorer.has_network().then_some(&generations.hybrid.network);
    let mut files: Vec<(&str, Vec<u8>)> = vec![(GOLDEN_FILE, golden.to_bytes()?)];
    if let Some(network) = network {
        files.push((NETWORK_FILE, onnx_bytes(&network.weights, Precision::Single)));
        files.push((HALF_NETWORK_FILE, onnx_bytes(&network.weights, Precision::Half)));
    }
    if let Some(trees) = trees {
        files.push((TREES_FILE, trees.ensemble.to_onnx(family.name())));
    }
    // The other contenders' ablations and parity are those of the hybrid.
    let mut report = report.clone();
    if family != Contender::Hybrid {
        (report.ablations, report.parity) = (None, None);
    }
    let facts = FitFacts {
        network: network.map(|network| NetworkFacts::of(network, &request.train)),
        trees: set.zip(trees).map(|(set, trees)| TreeFacts::of(trees, set, &request.trees, request.seed)),
        trials: if family == Contender::Hybrid { generations.trials.clone() } else { Vec::new() },
        golden: GoldenFacts {
            vectors: golden.vectors.len() as u64,
            logit: served_difference(&golden, family, sessions)?,
        },
        ..facts.clone()
    };
    let parent = request.parents.iter().find(|(of, _)| *of == family).map(|(_, version)| version.clone());
    let manifest = Manifest {
        manifest_version: MANIFEST_VERSION,
        name: family.name().to_owned(),
        version: request.version.clone(),
        parent_version: parent,
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: request.seed,
        data: serde_json::to_value(&facts).context("the facts of the fit are plain data")?,
        metrics: serde_json::to_value(&report).context("the report is plain data")?,
        scorer,
        settings: tiers[family.index()].clone(),
        rules: tiers[Contender::Rules.index()].clone(),
        rule_set: generations.rules.clone(),
        files: BTreeMap::new(),
    };
    files.push((CARD_FILE, card::write(&manifest, &facts, &report).into_bytes()));
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    ensure!(
        bytes as u64 <= ARTIFACT_LIMIT_BYTES,
        "the artifact would take {bytes} bytes, more than {ARTIFACT_LIMIT_BYTES}; grow fewer or smaller trees"
    );
    let out = request.out(family);
    let builder =
        files.into_iter().fold(ArtifactBuilder::new(manifest), |builder, (name, bytes)| builder.file(name, bytes));
    if request.replace { builder.replace(&out) } else { builder.write(&out) }?;
    // As the service will: load what lies there, and hold its files to the golden vectors.
    let artifact = Artifact::load(&out)?;
    artifact.verify_golden(&mut ModelSession::new(&artifact, &request.runtime)?)?;
    if network.is_some() && !set.is_some_and(FeatureSet::reads_embedding) {
        artifact.verify_golden(&mut ModelSession::with_precision(&artifact, &request.runtime, Precision::Half)?)?;
    }
    Ok(artifact)
}

/// What scores in a family, and its trees.
fn scorer_and_trees(generations: &Generations, family: Contender) -> (Scorer, Option<&Trees>) {
    match family {
        Contender::TreesV1 => (Scorer::Trees { features: FeatureSet::V1 }, Some(&generations.trees_v1)),
        Contender::TreesV2 => (Scorer::Trees { features: FeatureSet::V2 }, Some(&generations.trees_v2)),
        _ => (generations.hybrid.scorer, generations.hybrid.trees.as_ref()),
    }
}

/// Largest difference in raw logit between golden vectors and the exported files.
fn served_difference(golden: &Golden, family: Contender, sessions: &mut GenerationSessions) -> Result<f64> {
    let tensors: Vec<_> = golden.vectors.iter().map(|vector| &vector.tensor).collect();
    let served = sessions.logits(&tensors)?;
    let difference = golden
        .vectors
        .iter()
        .zip(served)
        .map(|(vector, served)| f64::from((vector.logit - served[family.index()]).abs()))
        .fold(0.0, f64::max);
    Ok(rounded(difference))
}
