//! A candidate as an artifact: staged in the state folder, judged as it will be served, and only then signed and copied into the registry.

use super::candidate::{Candidate, Making};
use super::champion::Champion;
use super::config::OnlineConfig;
use super::gate::{Evidence, GateReport, judge, tier_report};
use super::material::{Material, MaterialFacts, Piece};
use super::step::Plan;
use crate::ablate::AblationSample;
use crate::export::onnx_bytes;
use crate::facts::{GoldenFacts, TreeFacts};
use crate::golden;
use crate::metrics::rounded;
use crate::report::{TierReport, blocks};
use crate::trees::TreeConfig;
use anyhow::{Context, Result, bail};
use fraudnet_features::schema;
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, HALF_NETWORK_FILE, NETWORK_FILE, TREES_FILE};
use fraudnet_models::{
    ArtifactBuilder, MANIFEST_VERSION, Manifest, Precision, Registry, RuntimeConfig, SecretKey, Trust,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The `data` of an online version's manifest: everything it was made from. Deterministic: no time of day, no speed, no path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnlineFacts {
    /// The step that made it.
    pub plan: Plan,
    /// What it was fitted, tuned and judged on.
    pub material: MaterialFacts,
    /// How it was made.
    pub making: Making,
    /// Its trees; absent where it has none or took the champion's.
    pub trees: Option<TreeFacts>,
    /// The golden vectors.
    pub golden: GoldenFacts,
}

/// The `metrics` of an online version's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnlineMetrics {
    /// What it was held to.
    pub gate: GateReport,
    /// Its figures on the payments it was judged by, against the labels known then, at true prevalence.
    pub against_labels: Vec<TierReport>,
}

/// What became of a candidate.
#[derive(Debug)]
pub struct Judged {
    /// The gate's report.
    pub report: GateReport,
    /// Its folder, with the report in its manifest.
    pub staged: PathBuf,
}

/// Stages a candidate in `folder`, holds it against the champion, and writes the outcome into its manifest.
///
/// # Errors
/// An artifact that does not verify, what the runtime says, or a disk that does not take it.
pub fn stage(
    plan: &Plan,
    champion: &Champion,
    candidate: &Candidate,
    material: &Material,
    config: &OnlineConfig,
    runtime: &RuntimeConfig,
    folder: &Path,
) -> Result<Judged> {
    let golden = golden::choose(&candidate.hybrid, &sample(&material.gate), &mut |_| {
        bail!("a candidate's trees do not read the embedding")
    })?;
    let staged = folder.join(&plan.version.version);
    let mut facts = OnlineFacts {
        plan: plan.clone(),
        material: material.facts.clone(),
        making: candidate.making.clone(),
        trees: tree_facts(plan, candidate, config),
        golden: GoldenFacts { vectors: golden.vectors.len() as u64, logit: 0.0 },
    };
    let hybrid = &candidate.hybrid;
    let mut files: Vec<(&str, Vec<u8>)> = vec![
        (GOLDEN_FILE, golden.to_bytes()?),
        (NETWORK_FILE, onnx_bytes(&hybrid.network.weights, Precision::Single)),
        (HALF_NETWORK_FILE, onnx_bytes(&hybrid.network.weights, Precision::Half)),
    ];
    if let Some(trees) = &hybrid.trees {
        files.push((TREES_FILE, trees.ensemble.to_onnx("hybrid")));
    }
    let manifest = |facts: &OnlineFacts, metrics: serde_json::Value| -> Result<Manifest> {
        Ok(Manifest {
            manifest_version: MANIFEST_VERSION,
            name: plan.version.name.clone(),
            version: plan.version.version.clone(),
            parent_version: Some(plan.champion.version.clone()),
            feature_fingerprint: schema::fingerprint().to_owned(),
            seed: plan.seed,
            data: serde_json::to_value(facts)?,
            metrics,
            scorer: hybrid.scorer,
            settings: candidate.settings.clone(),
            rules: candidate.rules.clone(),
            rule_set: candidate.rule_set.clone(),
            files: BTreeMap::new(),
        })
    };
    let build = |manifest: Manifest, card: String| {
        let builder = files
            .iter()
            .fold(ArtifactBuilder::new(manifest), |builder, (name, bytes)| builder.file(*name, bytes.clone()));
        builder.file(CARD_FILE, card.into_bytes()).replace(&staged)
    };
    // First without a report, to be judged as what will be served; then the same files with it.
    let unjudged =
        build(manifest(&facts, serde_json::Value::Null)?, format!("# {}\n\nNot judged yet.\n", plan.version))?;
    let judged: Vec<Piece> = material.gate.iter().filter(|piece| piece.weight > 0.0).cloned().collect();
    let evidence = Evidence::gather(&champion.artifact, &unjudged, &judged, runtime, config.threads)?;
    facts.golden.logit = rounded(evidence.golden);
    let report = judge(&evidence, &config.gate, config.goals.review_rate, plan.seed)?;
    let metrics = OnlineMetrics {
        gate: report.clone(),
        against_labels: vec![tier_report(&evidence, config.gate.replicates, plan.seed)],
    };
    let manifest = manifest(&facts, serde_json::to_value(&metrics)?)?;
    let card = card(&manifest, &facts, &metrics);
    build(manifest, card)?;
    Ok(Judged { report, staged })
}

/// Copies a staged version into the registry, signed where there is a key. A version that is there already is taken for done where it
/// comes from the same step.
///
/// # Errors
/// A version of that name that is another, or a copy that does not verify.
pub fn publish(
    plan: &Plan,
    staged: &Path,
    registry: &Registry,
    key: Option<&SecretKey>,
    runtime: &RuntimeConfig,
) -> Result<()> {
    if registry.holds(&plan.version) {
        return if is_of(plan, registry)? {
            Ok(())
        } else {
            bail!("{} is in the registry already and is another model; move it away", plan.version)
        };
    }
    registry.publish(staged, &Trust::none(), key, runtime).with_context(|| format!("publishing {}", plan.version))?;
    Ok(())
}

/// Whether the version in the registry is the one that this step makes.
///
/// # Errors
/// A version that does not verify.
pub fn is_of(plan: &Plan, registry: &Registry) -> Result<bool> {
    let verified = registry.verify(&plan.version, &Trust::none())?;
    let facts: Option<OnlineFacts> = serde_json::from_value(verified.artifact.manifest.data.clone()).ok();
    Ok(facts.is_some_and(|facts| facts.plan == *plan))
}

/// What golden vectors are chosen from.
fn sample(gate: &[Piece]) -> AblationSample {
    let day = |piece: &Piece| (0, piece.occurred_ms.div_euclid(crate::data::split::DAY_MS) as u32);
    AblationSample {
        tensors: gate.iter().map(|piece| piece.example.tensor.clone()).collect(),
        logits: Vec::new(),
        positive: gate.iter().map(Piece::is_fraud).collect(),
        weights: gate.iter().map(|piece| piece.weight).collect(),
        blocks: blocks(gate.iter().map(day)).0,
    }
}

fn tree_facts(plan: &Plan, candidate: &Candidate, config: &OnlineConfig) -> Option<TreeFacts> {
    let trees = candidate.hybrid.trees.as_ref().filter(|trees| trees.gain.iter().any(|gain| *gain > 0.0))?;
    let set = candidate.hybrid.scorer.trees()?;
    let rounds = match plan.kind {
        super::step::Kind::FineTune => config.fine_tune.rounds,
        super::step::Kind::Retrain => config.retrain.rounds,
    };
    Some(TreeFacts::of(trees, set, &TreeConfig { rounds, ..TreeConfig::default() }, plan.seed & 0x7fff_ffff))
}

/// The model card: every number in it stands in the manifest beside it.
fn card(manifest: &Manifest, facts: &OnlineFacts, metrics: &OnlineMetrics) -> String {
    let mut card = String::new();
    let mut say = |text: &str| writeln!(card, "{text}").expect("a string takes any text");
    let day = |at_ms: i64| {
        time::OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000))
            .map_or_else(|_| format!("{at_ms} ms"), |at| at.date().to_string())
    };
    let material = &facts.material;
    say(&format!("# {} {}\n", manifest.name, manifest.version));
    say(&format!(
        "Made by the online trainer ({}), because: {}. It succeeds {} and gives the probability that the payment is fraud. `manifest.json` holds \
         every number below.\n",
        facts.plan.kind.name(),
        facts.plan.reason,
        facts.plan.champion
    ));
    say("## Limits\n");
    say(
        "- It was fitted, tuned and judged on payments of the running service, with the labels known by then: wrong and missing ones included.\n\
         - It was judged on accounts that nothing was fitted on, but on the same days. Frauds of a kind nobody has told of yet are outside \
         what was measured.\n\
         - Its rules tier and, unless trees were grown anew, its trees are its parent's.\n",
    );
    say("## Data\n");
    say(&format!(
        "Clock of the stream {}; payments before {} without a label count as honest; tuned and judged on payments from {} on.\n",
        day(material.clock_ms),
        day(material.mature_until_ms),
        day(material.window_from_ms)
    ));
    say("| part | examples | known frauds |\n|---|---|---|");
    for (part, (examples, frauds)) in ["fit", "tune", "gate"].iter().zip(material.examples.iter().zip(&material.frauds))
    {
        say(&format!("| {part} | {examples} | {frauds} |"));
    }
    say(&format!(
        "\n{} confident mistakes to learn from, {} copies of them moved towards looking like fraud; {} older frauds that must not be forgotten. \
         Declined payments are {}.\n",
        material.hard_negatives,
        facts.making.perturbed,
        material.memory,
        if material.control_group {
            "spoken for by the control group"
        } else {
            "judged by their own labels, where they have one"
        }
    ));
    say("## Form\n");
    say("| tried on the tuning part | average precision | |\n|---|---|---|");
    for tried in &facts.making.trials {
        say(&format!("| {} | {:.4} | {} |", tried.name, tried.average_precision, if tried.kept { "kept" } else { "" }));
    }
    say("\n## Gate\n");
    say("| check | | |\n|---|---|---|");
    for check in &metrics.gate.checks {
        say(&format!("| `{}` | {} | {} |", check.name, check.told, if check.passed { "passed" } else { "refused" }));
    }
    card
}
