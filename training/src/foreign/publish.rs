//! From a foreign file to a published version.

use super::judged::{JudgeSettings, Judged, Judges};
use super::page;
use super::scored::{Foreign, Form};
use crate::calibrate::{self, Calibrant};
use crate::metrics::{Ranking, rounded, weighted_calibration_error, weighted_top_decile_ratio};
use crate::points::{self, PointGoals};
use anyhow::{Context, Result};
use fraudnet_features::{Tensor, schema};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, HALF_NETWORK_FILE, NETWORK_FILE, ROWS_FILE};
use fraudnet_models::onnx::ModelProto;
use fraudnet_models::{
    Artifact, ArtifactBuilder, Golden, MANIFEST_VERSION, Manifest, ModelRef, Registry, RuntimeConfig, SecretKey,
    TierSettings, Trust, Verified, resolve_version,
};
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Golden vectors of rows, and of a network, whose tensors are larger.
const GOLDEN_ROWS: usize = 64;
const GOLDEN_NETWORK: usize = 24;
/// Share of payments at which alerts are compared.
const ALERT_RATE: f64 = 0.005;
/// Bins of the calibration error.
const BINS: usize = 20;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// The ONNX file.
    pub onnx: PathBuf,
    /// What it reads and gives.
    pub form: Form,
    /// Examples as `fraudnet-train export` writes them.
    pub examples: PathBuf,
    /// Which of them it is judged by.
    pub judge: JudgeSettings,
    /// What the operating points are to give.
    pub goals: PointGoals,
    /// Name and version.
    pub model: ModelRef,
    /// Model whose velocity rules stand behind it: a version's folder, or a family's with a champion.
    pub rules_from: PathBuf,
    /// Folder of all models.
    pub registry: PathBuf,
    /// Signs it.
    pub key: Option<SecretKey>,
    /// What runs it.
    pub runtime: RuntimeConfig,
}

/// Where a foreign model comes from: the `data` of its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForeignFacts {
    /// Tool that wrote the file, as the file says.
    pub producer: String,
    /// Hex sha256 of the file of examples.
    pub examples_sha256: String,
    /// Examples in it.
    pub examples: u64,
    /// Time of its first example, UTC milliseconds.
    pub first_ms: i64,
    /// The model was fitted on payments before this, as far as its makers say.
    pub cut_ms: i64,
    /// Payments from here on were too young to judge by.
    pub mature_until_ms: i64,
    /// Time of its last example.
    pub last_ms: i64,
    /// Days after which a payment without a label counted as legitimate.
    pub maturity_days: f64,
    /// Payments the calibration was fitted on, and the frauds among them.
    pub calibration: (u64, u64),
    /// Form of the calibration.
    pub calibration_form: String,
    /// Whether the control group stood for the declined.
    pub control_group: bool,
    /// What the operating points were to give.
    pub goals: PointGoals,
    /// Golden vectors.
    pub golden_vectors: u64,
}

/// What a foreign model is worth on the later half of what it was judged by: the `metrics` of its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForeignFigures {
    /// Examples tested on.
    pub examples: u64,
    /// Payments they stand for.
    pub payments: f64,
    /// Known frauds among the examples.
    pub frauds: u64,
    /// The model, and beside it the probabilities the payments were decided with.
    pub against_labels: Vec<Figures>,
}

/// Figures of one score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// `custom` or `hybrid` for the model, `served` for what decided the payments.
    pub tier: String,
    /// Average precision at true prevalence.
    pub average_precision: f64,
    /// Area under the ROC curve.
    pub roc_auc: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Predicted over observed share of fraud in the riskiest tenth; none where there is no fraud in it.
    pub top_decile_ratio: Option<f64>,
    /// Precision when half a percent of payments is flagged.
    pub precision_at_half_percent: f64,
    /// Recall then.
    pub recall_at_half_percent: f64,
}

/// Judges the model, writes its artifact and publishes it. Gives what was published with its figures.
///
/// # Errors
/// A file that follows no signature, too little to judge by, a version that is there already, or what writing gives.
pub fn publish(request: &PublishRequest) -> Result<(Verified, ForeignFigures)> {
    let onnx = std::fs::read(&request.onnx).with_context(|| format!("{} cannot be read", request.onnx.display()))?;
    let mut foreign = Foreign::open(&onnx, request.form, &request.runtime)
        .with_context(|| format!("{} cannot be published", request.onnx.display()))?;
    let rules = Artifact::load(&resolve_version(&request.rules_from)?)
        .with_context(|| format!("the rules of {}", request.rules_from.display()))?;
    let registry = Registry::open(&request.registry)?;

    let judges = Judges::read(&request.examples, &request.judge)?;
    let (earlier, later) = judges.halves()?;
    let (settings, calibration_form) = settle(earlier, &mut foreign, &request.goals)?;
    let scorer = request.form.scorer();
    let figures = figures(later, &mut foreign, &settings, scorer.tier_name())?;
    let most = if scorer.has_network() { GOLDEN_NETWORK } else { GOLDEN_ROWS };
    let golden = Golden { vectors: foreign.golden(chosen(&judges.payments, most))? };

    let frauds = |part: &[Judged]| part.iter().filter(|payment| payment.fraud).count() as u64;
    let facts = ForeignFacts {
        producer: producer(&onnx),
        examples_sha256: sha256(&request.examples)?,
        examples: judges.examples,
        first_ms: judges.first_ms,
        cut_ms: judges.cut_ms,
        mature_until_ms: judges.mature_until_ms,
        last_ms: judges.last_ms,
        maturity_days: request.judge.maturity_days,
        calibration: (earlier.len() as u64, frauds(earlier)),
        calibration_form,
        control_group: judges.control_group,
        goals: request.goals,
        golden_vectors: golden.vectors.len() as u64,
    };
    let manifest = Manifest {
        manifest_version: MANIFEST_VERSION,
        name: request.model.name.to_owned(),
        version: request.model.version.to_owned(),
        parent_version: None,
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: 0,
        data: serde_json::to_value(&facts).context("facts are plain data")?,
        metrics: serde_json::to_value(&figures).context("figures are plain data")?,
        scorer,
        settings,
        rules: rules.manifest.rules.clone(),
        rule_set: rules.manifest.rule_set.clone(),
        files: BTreeMap::new(),
    };
    let card = page::card(&manifest, &facts, &figures);
    let mut builder =
        ArtifactBuilder::new(manifest).file(GOLDEN_FILE, golden.to_bytes()?).file(CARD_FILE, card.into_bytes());
    builder = match request.form {
        Form::Rows { .. } => builder.file(ROWS_FILE, onnx),
        // One file for processor and GPU: only our own trainer writes a second one in half precision.
        Form::Network => builder.file(HALF_NETWORK_FILE, onnx.clone()).file(NETWORK_FILE, onnx),
    };
    let staged = Staged::new().context("no temporary folder can be made")?;
    let folder = staged.0.join("version");
    builder.write(&folder)?;
    let verified = registry.publish(&folder, &Trust::none(), request.key.as_ref(), &request.runtime)?;
    Ok((verified, figures))
}

/// A folder that goes when it is not needed any more, whatever happened.
struct Staged(PathBuf);

impl Staged {
    fn new() -> std::io::Result<Staged> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("fraudnet-publish-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Staged(folder))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Calibration and operating points on the earlier half.
fn settle(part: &[Judged], foreign: &mut Foreign, goals: &PointGoals) -> Result<(TierSettings, String)> {
    let logits = foreign.logits(&tensors(part))?;
    let calibrants: Vec<Calibrant> = part
        .iter()
        .zip(&logits)
        .map(|(payment, &logit)| Calibrant {
            logit,
            positive: if payment.fraud { payment.weight } else { 0.0 },
            weight: payment.weight,
        })
        .collect();
    let (calibration, form) = calibrate::fit(&calibrants).context("calibrating the model")?;
    let probabilities: Vec<f32> = logits.iter().map(|&logit| calibration.probability(logit)).collect();
    let (positive, weights) = truth(part);
    let operating_points = points::choose_weighted(&probabilities, &positive, &weights, goals)?;
    Ok((TierSettings { calibration, operating_points }, form.name().to_owned()))
}

/// The model beside what was served, on the later half.
fn figures(part: &[Judged], foreign: &mut Foreign, settings: &TierSettings, tier: &str) -> Result<ForeignFigures> {
    let logits = foreign.logits(&tensors(part))?;
    let probabilities: Vec<f32> = logits.iter().map(|&logit| settings.calibration.probability(logit)).collect();
    let served: Vec<f32> = part.iter().map(|payment| payment.served_probability).collect();
    let (positive, weights) = truth(part);
    let of = |tier: &str, order: &[f32], probabilities: &[f32]| {
        let ranking = Ranking::weighted(order, &positive, &weights);
        let alerts = ranking.at_alert_rate(ALERT_RATE);
        Figures {
            tier: tier.to_owned(),
            average_precision: rounded(ranking.average_precision()),
            roc_auc: rounded(ranking.roc_auc()),
            calibration_error: rounded(weighted_calibration_error(probabilities, &positive, &weights, BINS)),
            top_decile_ratio: weighted_top_decile_ratio(probabilities, &positive, &weights).map(rounded),
            precision_at_half_percent: rounded(alerts.precision),
            recall_at_half_percent: rounded(alerts.recall),
        }
    };
    Ok(ForeignFigures {
        examples: part.len() as u64,
        payments: rounded(weights.iter().sum()),
        frauds: positive.iter().filter(|&&fraud| fraud).count() as u64,
        against_labels: vec![of(tier, &logits, &probabilities), of("served", &served, &served)],
    })
}

fn tensors(part: &[Judged]) -> Vec<&Tensor> {
    part.iter().map(|payment| &payment.tensor).collect()
}

fn truth(part: &[Judged]) -> (Vec<bool>, Vec<f64>) {
    part.iter().map(|payment| (payment.fraud, payment.weight)).unzip()
}

/// Frauds and others in turn, spread over time, until there are enough.
fn chosen(payments: &[Judged], most: usize) -> Vec<Tensor> {
    let spread = |fraud: bool| {
        let members: Vec<&Judged> = payments.iter().filter(|payment| payment.fraud == fraud).collect();
        let step = (members.len() / (most / 2)).max(1);
        members.into_iter().step_by(step).collect::<Vec<_>>()
    };
    let (frauds, others) = (spread(true), spread(false));
    let in_turn = (0..most).flat_map(|at| [frauds.get(at), others.get(at)].into_iter().flatten());
    in_turn.take(most).map(|payment| payment.tensor.clone()).collect()
}

/// Who wrote the file, as it says.
fn producer(onnx: &[u8]) -> String {
    let told = ModelProto::decode(onnx).map(|model| format!("{} {}", model.producer_name, model.producer_version));
    told.unwrap_or_default().trim().to_owned()
}

fn sha256(path: &std::path::Path) -> Result<String> {
    let mut file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match std::io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => digest.update(&buffer[..count]),
        }
    }
}
