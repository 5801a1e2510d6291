//! From the exported files to numbers: both later windows scored, contenders calibrated, what the neighbourhood is worth.

use super::{FitRequest, Surveyed};
use crate::ablate::{AblationSample, Cut};
use crate::calibrate::{self, Calibrant};
use crate::contender::Contender;
use crate::data::examples::kept;
use crate::data::split::Window;
use crate::facts::FitFacts;
use crate::generations::{GenerationSessions, Generations};
use crate::metrics::{Ranking, rounded};
use crate::points;
use crate::progress::Progress;
use crate::report::{self, AblationReport, Parity};
use crate::score::{Row, Scored, Wanted};
use anyhow::{Context, Result, ensure};
use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::{Precision, TierSettings};

/// Payments scored at once where there is no replay to keep up with.
const CHUNK: usize = 1024;

/// Scores the calibration and test windows of all histories; keeps the sample for ablations.
pub(super) fn score(
    request: &FitRequest,
    surveyed: &[Surveyed<'_>],
    sessions: &mut GenerationSessions,
) -> Result<(Vec<Row>, AblationSample)> {
    let mut scored = Scored::default();
    let mut sampled: Vec<(usize, Tensor, bool, f64)> = Vec::new();
    for (number, history) in surveyed.iter().enumerate() {
        let name = format!("scoring {}", history.source.name());
        let mut progress = Progress::start(request.told, &name, "events", Some(history.survey.events));
        let wanted = Wanted {
            history: number as u32,
            source: history.source,
            survey: &history.survey,
            windows: &history.windows,
            scored: &[Window::Calibrate, Window::Test],
        };
        scored.history(wanted, &mut progress, &mut |tensors| sessions.logits(tensors), |index, row, seen| {
            let positive = row.truth.as_ref().map_or(row.labelled_fraud, |truth| truth.fraud);
            // Another seed than the examples', so that the two samples have nothing to do with each other.
            let seed = request.seed ^ 0xab1a_7e00;
            let drawn = || kept(seed, &seen.event.tenant, &seen.payment.transaction_id, request.ablation_share);
            if row.window == Window::Test && (positive || drawn()) {
                let weight = if positive { 1.0 } else { 1.0 / request.ablation_share };
                sampled.push((index, seen.tensor.clone(), positive, weight));
            }
        })?;
        progress.finish();
    }
    let rows = scored.rows;
    let (blocks, _) = report::blocks(sampled.iter().map(|(index, ..)| (rows[*index].history, rows[*index].day)));
    let mut sample =
        AblationSample { tensors: Vec::new(), logits: Vec::new(), positive: Vec::new(), weights: Vec::new(), blocks };
    for (index, tensor, positive, weight) in sampled {
        sample.logits.push(rows[index].logit(Contender::Hybrid));
        sample.tensors.push(tensor);
        sample.positive.push(positive);
        sample.weights.push(weight);
    }
    ensure!(!sample.tensors.is_empty(), "the test window holds no payments; use a longer history or an earlier cut");
    Ok((rows, sample))
}

/// Calibrates every contender and chooses its operating points on the calibration window, all of which is scored.
pub(super) fn settle(
    request: &FitRequest,
    surveyed: &[Surveyed<'_>],
    rows: &[Row],
    facts: &mut FitFacts,
) -> Result<Vec<TierSettings>> {
    let delays: Vec<_> = surveyed.iter().map(|history| history.survey.report_delays(&history.windows)).collect();
    let window: Vec<&Row> = rows.iter().filter(|row| row.window == Window::Calibrate).collect();
    facts.delay_reports = delays.iter().map(|delays| delays.reports() as u64).sum();
    facts.calibration_payments = window.len() as u64;
    facts.calibration_frauds = window.iter().filter(|row| row.labelled_fraud).count() as u64;
    let positive: Vec<bool> = window.iter().map(|row| row.labelled_fraud).collect();
    let settle = |contender: Contender| -> Result<TierSettings> {
        let calibrants: Vec<Calibrant> = window
            .iter()
            .map(|row| {
                let stands_for =
                    if row.labelled_fraud { 1.0 / delays[row.history as usize].share_in(row.age_ms) } else { 0.0 };
                Calibrant { logit: row.logit(contender), positive: stands_for, weight: 1.0 }
            })
            .collect();
        let (calibration, form) =
            calibrate::fit(&calibrants).with_context(|| format!("calibrating {}", contender.name()))?;
        facts.calibration_forms.push((contender.name().to_owned(), form.name().to_owned()));
        let probabilities: Vec<f32> = window.iter().map(|row| calibration.probability(row.logit(contender))).collect();
        Ok(TierSettings { operating_points: points::choose(&probabilities, &positive, &request.goals)?, calibration })
    };
    Contender::ALL.into_iter().map(settle).collect()
}

/// Scores the sample by the hybrid again with parts of the neighbourhood taken away.
pub(super) fn ablate(
    request: &FitRequest,
    sample: &AblationSample,
    sessions: &mut GenerationSessions,
) -> Result<AblationReport> {
    let mut cuts = Vec::new();
    for cut in Cut::ALL {
        let payments = sample.tensors.len() as u64;
        let mut progress =
            Progress::start(request.told, &format!("scoring {}", cut.name()), "payments", Some(payments));
        let mut logits = Vec::with_capacity(sample.tensors.len());
        for chunk in sample.tensors.chunks(CHUNK) {
            let cut: Vec<Tensor> = chunk.iter().map(|tensor| cut.apply(tensor)).collect();
            logits.extend(hybrid(sessions, &cut.iter().collect::<Vec<_>>())?);
            progress.advance(logits.len() as u64);
        }
        progress.finish();
        cuts.push(sample.compare(cut, &logits, request.replicates, request.seed));
    }
    let whole = Ranking::weighted(&sample.logits, &sample.positive, &sample.weights).average_precision();
    Ok(AblationReport {
        payments: sample.tensors.len() as u64,
        negative_share: request.ablation_share,
        average_precision: rounded(whole),
        cuts,
    })
}

/// Logits of the hybrid alone.
pub(super) fn hybrid(sessions: &mut GenerationSessions, tensors: &[&Tensor]) -> Result<Vec<f32>> {
    Ok(sessions.logits(tensors)?.into_iter().map(|logits| logits[Contender::Hybrid.index()]).collect())
}

/// Holds the hybrid with its fp16 file to the one with its fp32 file on the sample. None where its trees read the embedding:
/// such a network always runs in fp32.
pub(super) fn parity(
    request: &FitRequest,
    generations: &Generations,
    tier: &TierSettings,
    sample: &AblationSample,
) -> Result<Option<Parity>> {
    if generations.hybrid.scorer.trees().is_some_and(FeatureSet::reads_embedding) {
        return Ok(None);
    }
    let mut half = GenerationSessions::with_precision(generations, &request.runtime, request.threads, Precision::Half)?;
    let (calibration, points) = (&tier.calibration, &tier.operating_points);
    let payments = sample.tensors.len() as u64;
    let mut parity = Parity { payments, logit: 0.0, probability: 0.0, decisions: 0 };
    let mut progress = Progress::start(request.told, "comparing fp16 with fp32", "payments", Some(payments));
    for (number, (chunk, singles)) in sample.tensors.chunks(CHUNK).zip(sample.logits.chunks(CHUNK)).enumerate() {
        let halves = hybrid(&mut half, &chunk.iter().collect::<Vec<_>>())?;
        for (&half, &single) in halves.iter().zip(singles) {
            let (p, q) = (calibration.probability(half), calibration.probability(single));
            parity.logit = parity.logit.max(f64::from((half - single).abs()));
            parity.probability = parity.probability.max(f64::from((p - q).abs()));
            parity.decisions += u64::from(report::decision_rank(points, p) != report::decision_rank(points, q));
        }
        progress.advance((number * CHUNK + chunk.len()) as u64);
    }
    progress.finish();
    (parity.logit, parity.probability) = (rounded(parity.logit), rounded(parity.probability));
    Ok(Some(parity))
}
