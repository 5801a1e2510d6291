//! A fit from histories to published, verified artifacts: one of each family asked for.
//!
//! Map: this file (what is asked for, and the order of steps), `command` (the same as typed), `judging` (scoring, calibration, ablations, parity: all from
//! the exported files), `publishing` (facts, and an artifact written and verified).
//!
//! Two passes a history after the survey: one to gather examples, one (with everything exported) to score the calibration and
//! test windows as they will be served. All contenders are fitted whatever is published: each model's card shows it beside
//! the others.

pub(crate) mod command;
mod judging;
mod publishing;

use crate::contender::Contender;
use crate::data::examples::{Examples, Shares};
use crate::data::source::Source;
use crate::data::split::{SplitSettings, Window, Windows};
use crate::data::survey::Survey;
use crate::generations::{GenerationSessions, GenerationSettings, fit_generations};
use crate::network::TrainConfig;
use crate::points::PointGoals;
use crate::progress::{Progress, Told};
use crate::report::{self, Judged, Report, Resampling};
use crate::score::Row;
use crate::trees::TreeConfig;
use anyhow::{Context, Result, ensure};
use fraudnet_models::{Artifact, RuntimeConfig};
use judging::{ablate, parity, score, settle};
pub use publishing::{ARTIFACT_LIMIT_BYTES, source_facts};
use publishing::{Fitted, publish, shared_facts};
use std::path::PathBuf;

/// What to fit, on what, and where to put it.
#[derive(Debug, Clone)]
pub struct FitRequest {
    /// Histories; each is a world of its own, with its own graph and its own split.
    pub sources: Vec<Source>,
    /// Folder of all models; a family's artifact is written to `<family>/<version>` in it.
    pub models: PathBuf,
    /// Families to publish, of [`Contender::FAMILIES`].
    pub families: Vec<Contender>,
    /// Version of the artifacts.
    pub version: String,
    /// Whether folders that are there may be replaced.
    pub replace: bool,
    /// Version each family's artifact succeeds, where it succeeds one.
    pub parents: Vec<(Contender, String)>,
    /// Decides samples, first weights and order.
    pub seed: u64,
    /// Windows in time.
    pub split: SplitSettings,
    /// Shares of the payments not known to be fraud that become examples.
    pub shares: Shares,
    /// Probability with which such a payment of the test window belongs to the sample of ablations and parity.
    pub ablation_share: f64,
    /// Settings of the network's fit; its seed is replaced by `seed`.
    pub train: TrainConfig,
    /// Settings of the trees' fits; their seed is replaced by `seed`.
    pub trees: TreeConfig,
    /// What the operating points are to give.
    pub goals: PointGoals,
    /// ONNX Runtime.
    pub runtime: RuntimeConfig,
    /// Threads that fit and score.
    pub threads: usize,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Whether progress is told.
    pub told: Told,
}

impl FitRequest {
    /// Folder of a family's artifact.
    pub fn out(&self, family: Contender) -> PathBuf {
        self.models.join(family.name()).join(&self.version)
    }
}

/// A history with what the survey found.
struct Surveyed<'a> {
    source: &'a Source,
    survey: Survey,
    windows: Windows,
}

/// Fits all contenders, evaluates them, publishes and verifies the families asked for; returns their artifacts as loaded
/// back, in the order asked for, and the report on all contenders.
///
/// # Errors
/// Unusable settings or histories, a fit that diverges, no ONNX Runtime, or an artifact that does not verify. Nothing of the
/// family it fails at is left then (or what was there before).
pub fn fit(request: &FitRequest) -> Result<(Vec<Artifact>, Report)> {
    check(request)?;
    let surveyed = survey(request)?;
    let examples = gather(request, &surveyed)?;
    let settings = GenerationSettings {
        seed: request.seed,
        trees: request.trees.clone(),
        train: request.train.clone(),
        // The calibration window follows the early stop: one fit, and everything after it is later than what it saw.
        refit: false,
        told: request.told,
        threads: request.threads,
        runtime: request.runtime.clone(),
        ..GenerationSettings::default()
    };
    let generations = fit_generations(&examples, &settings)?;
    let mut facts = shared_facts(request, &surveyed, &examples);
    drop(examples);

    let mut sessions = GenerationSessions::new(&generations, &request.runtime, request.threads)?;
    let (rows, sample) = score(request, &surveyed, &mut sessions)?;
    let tiers = settle(request, &surveyed, &rows, &mut facts)?;

    let test: Vec<Row> = rows.into_iter().filter(|row| row.window == Window::Test).collect();
    let resampling = Resampling { replicates: request.replicates, seed: request.seed };
    let judged = Contender::ALL.map(|contender| Judged { contender, settings: &tiers[contender.index()] });
    let mut report = step(request.told, "judging the test window", || report::judge(&test, &judged, resampling))?;
    drop(test);
    report.ablations = Some(ablate(request, &sample, &mut sessions)?);
    report.parity = parity(request, &generations, &tiers[Contender::Hybrid.index()], &sample)?;

    let fitted = Fitted { request, generations: &generations, tiers: &tiers, facts: &facts, sample: &sample };
    let artifacts = request
        .families
        .iter()
        .map(|&family| {
            publish(&fitted, family, &report, &mut sessions).with_context(|| format!("publishing {}", family.name()))
        })
        .collect::<Result<Vec<Artifact>>>()?;
    Ok((artifacts, report))
}

fn check(request: &FitRequest) -> Result<()> {
    ensure!(!request.sources.is_empty(), "name at least one history (--history), written by `fraudnet simulate`");
    for &family in &request.families {
        ensure!(
            Contender::FAMILIES.contains(&family),
            "{} is no family that can be published; the families are trees-v1, trees-v2 and hybrid",
            family.name()
        );
        let out = request.out(family);
        ensure!(
            request.replace || !out.exists(),
            "{} exists; published versions never change, choose another version or pass --replace",
            out.display()
        );
    }
    let shares = [
        ("--negative-share", request.shares.negative),
        ("--row-share", request.shares.tabular),
        ("--stop-share", request.shares.stop),
        ("--ablation-share", request.ablation_share),
    ];
    for (flag, share) in shares {
        ensure!(share > 0.0 && share <= 1.0, "{flag} must lie above 0 and at most 1, not {share}");
    }
    request.trees.check()?;
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

/// Examples of all histories.
fn gather(request: &FitRequest, surveyed: &[Surveyed<'_>]) -> Result<Examples> {
    let mut examples = Examples::default();
    for history in surveyed {
        let mut progress = Progress::start(
            request.told,
            &format!("gathering examples of {}", history.source.name()),
            "events",
            Some(history.survey.events),
        );
        let (survey, windows) = (&history.survey, &history.windows);
        examples.gather(history.source, survey, windows, request.shares, request.seed, &mut progress)?;
        progress.note(&format!(
            "{} examples, {} frauds, {} MB; {} further payment rows",
            examples.fit.len() + examples.stop.len(),
            examples.fit_positives() + examples.stop_positives(),
            examples.bytes >> 20,
            examples.rows.len()
        ));
        progress.finish();
    }
    Ok(examples)
}

/// Runs a step that has no inner progress.
fn step<T>(told: Told, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut progress = Progress::start(told, name, "steps", None);
    let result = work()?;
    progress.advance(1);
    progress.finish();
    Ok(result)
}
