//! A fit from histories to a published, verified artifact.
//!
//! Map: this file (what is asked for, and the order of steps), `judging` (scoring, calibration, ablations, parity: all from
//! the exported file), `publishing` (draft, facts, the artifact written and verified).
//!
//! Two passes a history after the survey: one to gather examples, one (with the network exported) to score the
//! calibration and test windows as they will be served. Everything after the export is computed from the ONNX file.

mod judging;
mod publishing;

use crate::data::examples::Examples;
use crate::data::source::Source;
use crate::data::split::{SplitSettings, Window, Windows};
use crate::data::survey::Survey;
use crate::export::onnx_bytes;
use crate::golden;
use crate::logistic::Logistic;
use crate::metrics::average_precision;
use crate::network::{self, Example, TrainConfig, TrainedNetwork};
use crate::points::PointGoals;
use crate::progress::{Progress, Told};
use crate::report::{self, Judged, Report, Resampling};
use crate::rules::candidates::CANDIDATES;
use crate::rules::tune::{RuleExamples, tune};
use crate::score::{Row, Scorer};
use anyhow::{Context, Result, bail, ensure};
use fraudnet_models::{Artifact, Precision, RuntimeConfig};
use judging::{ablate, parity, score, settle_tiers};
pub use publishing::{ARTIFACT_LIMIT_BYTES, source_facts};
use publishing::{draft, draft_manifest, facts, publish};
use std::path::{Path, PathBuf};

/// What to fit, on what, and where to put it.
#[derive(Debug, Clone)]
pub struct FitRequest {
    /// Histories; each is a world of its own, with its own graph and its own split.
    pub sources: Vec<Source>,
    /// Folder of the new artifact, `…/<name>/<version>`.
    pub out: PathBuf,
    /// Whether a folder that is there may be replaced.
    pub replace: bool,
    /// Version it succeeds, if any.
    pub parent_version: Option<String>,
    /// Decides samples, first weights and order.
    pub seed: u64,
    /// Windows in time.
    pub split: SplitSettings,
    /// Probability (0–1] with which a payment not known to be fraud becomes an example.
    pub negative_share: f64,
    /// Probability with which such a payment of the test window belongs to the sample of ablations and parity.
    pub ablation_share: f64,
    /// Settings of the network's fit; its seed is replaced by `seed`.
    pub train: TrainConfig,
    /// What the operating points are to give.
    pub goals: PointGoals,
    /// ONNX Runtime.
    pub runtime: RuntimeConfig,
    /// Threads that score.
    pub threads: usize,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Whether progress is told.
    pub told: Told,
}

/// Ridge of the logistic regression.
const LOGISTIC_RIDGE: f64 = 1.0;

/// A history with what the survey found.
struct Surveyed<'a> {
    source: &'a Source,
    survey: Survey,
    windows: Windows,
}

/// Fits, evaluates, publishes and verifies a model; returns the artifact as loaded back, and its report.
///
/// # Errors
/// Unusable settings or histories, a fit that diverges, no ONNX Runtime, or an artifact that does not verify. Nothing is
/// left at `out` then (or what was there before).
pub fn fit(request: &FitRequest) -> Result<(Artifact, Report)> {
    let (name, version) = name_and_version(&request.out)?;
    check(request)?;
    let surveyed = survey(request)?;
    let (examples, negative_share) = gather(request, &surveyed)?;

    let tabular: Vec<&Example> = examples.fit.iter().chain(&examples.stop).collect();
    let tabular = rule_examples(&tabular, negative_share);
    let rule_set = step(request.told, "tuning rules", || tune(CANDIDATES, &tabular))?;
    let logistic = step(request.told, "fitting the logistic regression", || {
        Logistic::fit(&tabular.rows, &tabular.positive, &tabular.weights, LOGISTIC_RIDGE)
    })?;
    drop(tabular);

    let mut trained = train(request, &examples)?;
    // The examples hold every fraud but few of the rest: odds among them are 1/share times the true ones.
    trained.weights.shift_logit(negative_share.ln() as f32);
    let (single, half) =
        (onnx_bytes(&trained.weights, Precision::Single), onnx_bytes(&trained.weights, Precision::Half));

    let mut manifest = draft_manifest(name, version, request, rule_set);
    let draft = draft(&manifest, &single, &half, &examples.fit[0].tensor, &request.out)?;
    let mut facts = facts(request, &surveyed, &examples, negative_share, &trained);
    drop(examples);

    let mut scorer = Scorer::new(&draft, Some(&logistic), &request.runtime, request.threads)?;
    let (rows, sample) = score(request, &surveyed, &mut scorer)?;
    let logistic_settings = settle_tiers(request, &surveyed, &rows, &mut manifest, &mut facts)?;

    let test: Vec<Row> = rows.into_iter().filter(|row| row.window == Window::Test).collect();
    let resampling = Resampling { replicates: request.replicates, seed: request.seed };
    let tiers = [
        Judged { tier: "hybrid", logits: test.iter().map(|row| row.hybrid).collect(), settings: &manifest.hybrid },
        Judged { tier: "rules", logits: test.iter().map(|row| row.rules).collect(), settings: &manifest.rules },
        Judged {
            tier: "logistic regression",
            logits: test.iter().map(|row| row.logistic).collect(),
            settings: &logistic_settings,
        },
    ];
    let mut report = step(request.told, "judging the test window", || report::judge(&test, &tiers, resampling))?;
    drop(test);
    report.ablations = Some(ablate(request, &sample, &mut scorer)?);

    let golden = golden::choose(&trained.weights, &sample)?;
    report.parity = Some(parity(request, &draft, &manifest, &sample, &golden, &mut scorer)?);
    drop(scorer);
    manifest.data = serde_json::to_value(&facts).context("the facts of the fit are plain data")?;
    manifest.metrics = serde_json::to_value(&report).context("the report is plain data")?;
    let artifact = publish(request, manifest, &facts, &report, single, half, &golden)?;
    Ok((artifact, report))
}

/// The last two parts of the path are name and version.
fn name_and_version(out: &Path) -> Result<(String, String)> {
    let part = |path: Option<&Path>| path.and_then(Path::file_name).map(|part| part.to_string_lossy().into_owned());
    match (part(out.parent()), part(Some(out))) {
        (Some(name), Some(version)) => Ok((name, version)),
        _ => bail!("--out {} must end in <name>/<version>, e.g. models/hybrid/2026.11.22-1", out.display()),
    }
}

fn check(request: &FitRequest) -> Result<()> {
    ensure!(!request.sources.is_empty(), "name at least one history (--history), written by `fraudnet simulate`");
    ensure!(
        request.replace || !request.out.exists(),
        "{} exists; published versions never change, choose another version or pass --replace",
        request.out.display()
    );
    for (flag, share) in [("--negative-share", request.negative_share), ("--ablation-share", request.ablation_share)] {
        ensure!(share > 0.0 && share <= 1.0, "{flag} must lie above 0 and at most 1, not {share}");
    }
    // An hour of fitting must not end in a missing library.
    fraudnet_models::initialise_runtime(&request.runtime)?;
    Ok(())
}

fn survey<'a>(request: &'a FitRequest) -> Result<Vec<Surveyed<'a>>> {
    let mut surveyed = Vec::new();
    for source in &request.sources {
        let mut progress = Progress::start(request.told, &format!("surveying {}", source.name()), "events", None);
        let survey = Survey::take(source, &mut progress)?;
        progress.finish();
        let windows = request
            .split
            .windows(survey.first_ms, survey.last_ms)
            .with_context(|| format!("history {}", source.name()))?;
        surveyed.push(Surveyed { source, survey, windows });
    }
    Ok(surveyed)
}

/// Examples of all histories, and the share of negatives that were actually kept.
fn gather(request: &FitRequest, surveyed: &[Surveyed<'_>]) -> Result<(Examples, f64)> {
    let mut examples = Examples::default();
    for history in surveyed {
        let mut progress = Progress::start(
            request.told,
            &format!("gathering examples of {}", history.source.name()),
            "events",
            Some(history.survey.events),
        );
        examples.gather(
            history.source,
            &history.survey,
            &history.windows,
            request.negative_share,
            request.seed,
            &mut progress,
        )?;
        progress.note(&format!(
            "{} examples, {} frauds, {} MB",
            examples.fit.len() + examples.stop.len(),
            examples.fit_positives() + examples.stop_positives(),
            examples.bytes >> 20
        ));
        progress.finish();
    }
    let positives = examples.fit_positives();
    ensure!(
        positives > 0 && examples.fit.len() > positives,
        "the fit window holds {positives} known frauds among {} examples; use a longer history or a larger --negative-share",
        examples.fit.len()
    );
    let share = (examples.fit.len() - positives) as f64 / (examples.fit_payments as f64 - positives as f64);
    Ok((examples, share))
}

fn rule_examples<'a>(examples: &[&'a Example], negative_share: f64) -> RuleExamples<'a> {
    let positive: Vec<bool> = examples.iter().map(|example| example.label > 0.5).collect();
    RuleExamples {
        rows: examples.iter().map(|example| example.tensor.payment.as_slice()).collect(),
        weights: positive.iter().map(|&is| if is { 1.0 } else { 1.0 / negative_share }).collect(),
        positive,
    }
}

fn train(request: &FitRequest, examples: &Examples) -> Result<TrainedNetwork> {
    let config = TrainConfig { seed: request.seed, ..request.train.clone() };
    let total = (config.epochs * examples.fit.len()) as u64;
    let mut progress = Progress::start(request.told, "fitting the network", "examples", Some(total));
    let mut before = 0;
    let trained = network::train(&config, &examples.fit, &examples.stop, average_precision, &mut |told| match told {
        network::Progress::Step { done, .. } => progress.advance((before + done) as u64),
        network::Progress::Epoch(epoch) => {
            before += epoch.examples;
            let best = if epoch.best { " (best so far)" } else { "" };
            progress.note(&format!(
                "epoch {}: loss {:.4}, early-stop average precision {:.4}{best}",
                epoch.epoch, epoch.loss, epoch.validation_average_precision
            ));
        }
    })?;
    progress.finish();
    Ok(trained)
}

/// Runs a step that has no inner progress.
fn step<T>(told: Told, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut progress = Progress::start(told, name, "steps", None);
    let result = work()?;
    progress.advance(1);
    progress.finish();
    Ok(result)
}
