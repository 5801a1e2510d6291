//! Evaluating a published model on any history: the same pass, the same metrics.

use crate::contender::Contender;
use crate::data::source::Source;
use crate::data::split::{Window, Windows};
use crate::data::survey::Survey;
use crate::facts::SourceFacts;
use crate::fit::source_facts;
use crate::progress::{Progress, Told};
use crate::report::{self, Judged, Report, Resampling};
use crate::score::{ModelScorer, Scored, Wanted};
use anyhow::{Context, Result, ensure};
use fraudnet_models::{Artifact, RuntimeConfig};
use serde::Serialize;
use std::path::PathBuf;

/// What to evaluate, on what.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// Folder of the artifact.
    pub model: PathBuf,
    /// Histories.
    pub sources: Vec<Source>,
    /// Share (0–1) of each history's extent at which the test begins; what comes before only fills the graph.
    pub test_from: f64,
    /// ONNX Runtime.
    pub runtime: RuntimeConfig,
    /// Threads that score.
    pub threads: usize,
    /// Bootstrap replicates.
    pub replicates: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Whether progress is told.
    pub told: Told,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Model family.
    pub model: String,
    /// Its version.
    pub version: String,
    /// The histories.
    pub sources: Vec<SourceFacts>,
    /// Metrics of its tiers. Ablations and parity belong to the fit and are absent.
    pub report: Report,
}

/// Evaluates a model.
///
/// # Errors
/// An artifact that is refused or does not reproduce its golden vectors, an unusable history, or no ONNX Runtime.
pub fn evaluate(request: &EvaluateRequest) -> Result<Evaluation> {
    ensure!((0.0..1.0).contains(&request.test_from), "--test-from must lie between 0 and 1, not {}", request.test_from);
    ensure!(!request.sources.is_empty(), "name at least one history (--history), written by `fraudnet simulate`");
    let artifact = Artifact::load(&request.model).with_context(|| format!("model {}", request.model.display()))?;
    let mut scorer = ModelScorer::new(&artifact, &request.runtime, request.threads)?;
    let mut scored = Scored::default();
    let mut sources = Vec::new();
    for (number, source) in request.sources.iter().enumerate() {
        let mut progress = Progress::start(request.told, &format!("surveying {}", source.name()), "events", None);
        let survey = Survey::take(source, &mut progress)?;
        progress.finish();
        let windows = test_only(&survey, request.test_from);
        let mut progress =
            Progress::start(request.told, &format!("scoring {}", source.name()), "events", Some(survey.events));
        let wanted =
            Wanted { history: number as u32, source, survey: &survey, windows: &windows, scored: &[Window::Test] };
        scored.history(wanted, &mut progress, &mut |tensors| scorer.logits(tensors), |_, _, _| {})?;
        progress.finish();
        sources.push(source_facts(source, &survey, &windows));
    }
    let manifest = &artifact.manifest;
    let tiers = [
        Judged { contender: scorer.contender(), settings: &manifest.settings },
        Judged { contender: Contender::Rules, settings: &manifest.rules },
    ];
    let resampling = Resampling { replicates: request.replicates, seed: request.seed };
    let report = report::judge(&scored.rows, &tiers, resampling)?;
    Ok(Evaluation { model: manifest.name.clone(), version: manifest.version.clone(), sources, report })
}

/// Nothing is fitted: one warm-up, then the test.
fn test_only(survey: &Survey, from: f64) -> Windows {
    let cut_ms = survey.first_ms + (from * (survey.last_ms - survey.first_ms) as f64) as i64;
    Windows {
        first_ms: survey.first_ms,
        fit_ms: cut_ms,
        stop_ms: cut_ms,
        calibrate_ms: cut_ms,
        gap_ms: cut_ms,
        cut_ms,
        last_ms: survey.last_ms,
        end_ms: survey.last_ms + 1,
    }
}
