//! From the exported network to numbers: both later windows scored, tiers calibrated, what the neighbourhood is worth.

use super::{FitRequest, Surveyed};
use crate::ablate::{AblationSample, Cut};
use crate::calibrate::{self, Calibrant};
use crate::data::examples::kept;
use crate::data::split::Window;
use crate::facts::FitFacts;
use crate::metrics::{Ranking, rounded};
use crate::points;
use crate::progress::Progress;
use crate::report::{self, AblationReport, Parity};
use crate::score::{Row, Scorer};
use anyhow::{Context, Result, ensure};
use fraudnet_features::Tensor;
use fraudnet_models::{Artifact, Golden, Manifest, Precision, TierSettings};

/// Scores the calibration and test windows of all histories; keeps the sample for ablations.
pub(super) fn score(
    request: &FitRequest,
    surveyed: &[Surveyed<'_>],
    scorer: &mut Scorer<'_>,
) -> Result<(Vec<Row>, AblationSample)> {
    let mut rows: Vec<Row> = Vec::new();
    let mut sampled: Vec<(usize, Tensor, bool, f64)> = Vec::new();
    for (number, history) in surveyed.iter().enumerate() {
        let mut progress = Progress::start(
            request.told,
            &format!("scoring {}", history.source.name()),
            "events",
            Some(history.survey.events),
        );
        let wanted = [Window::Calibrate, Window::Test];
        scorer.history(
            number as u32,
            history.source,
            &history.survey,
            &history.windows,
            &wanted,
            &mut rows,
            &mut progress,
            |index, row, seen| {
                let positive = row.oracle.map_or(row.labelled_fraud, |oracle| oracle.fraud);
                // Another seed than the examples', so that the two samples have nothing to do with each other.
                let drawn = || {
                    kept(
                        request.seed ^ 0xab1a_7e00,
                        &seen.event.tenant,
                        &seen.payment.transaction_id,
                        request.ablation_share,
                    )
                };
                if row.window == Window::Test && (positive || drawn()) {
                    sampled.push((
                        index,
                        seen.tensor.clone(),
                        positive,
                        if positive { 1.0 } else { 1.0 / request.ablation_share },
                    ));
                }
            },
        )?;
        progress.finish();
    }
    let (blocks, _) = report::blocks(sampled.iter().map(|(index, ..)| (rows[*index].history, rows[*index].day)));
    let mut sample =
        AblationSample { tensors: Vec::new(), logits: Vec::new(), positive: Vec::new(), weights: Vec::new(), blocks };
    for (index, tensor, positive, weight) in sampled {
        sample.logits.push(rows[index].hybrid);
        sample.tensors.push(tensor);
        sample.positive.push(positive);
        sample.weights.push(weight);
    }
    ensure!(!sample.tensors.is_empty(), "the test window holds no payments; use a longer history or an earlier cut");
    Ok((rows, sample))
}

/// Calibrates both tiers and chooses their operating points on the calibration window; returns the settings of the
/// logistic regression, found the same way, which are for comparison only.
pub(super) fn settle_tiers(
    request: &FitRequest,
    surveyed: &[Surveyed<'_>],
    rows: &[Row],
    manifest: &mut Manifest,
    facts: &mut FitFacts,
) -> Result<TierSettings> {
    let delays: Vec<_> = surveyed.iter().map(|history| history.survey.report_delays(&history.windows)).collect();
    let window: Vec<&Row> = rows.iter().filter(|row| row.window == Window::Calibrate).collect();
    facts.delay_reports = delays.iter().map(|delays| delays.reports() as u64).sum();
    facts.calibration_payments = window.len() as u64;
    facts.calibration_frauds = window.iter().filter(|row| row.labelled_fraud).count() as u64;
    let positive: Vec<bool> = window.iter().map(|row| row.labelled_fraud).collect();
    let mut settle = |tier: &str, logit: fn(&Row) -> f32| -> Result<TierSettings> {
        let calibrants: Vec<Calibrant> = window
            .iter()
            .map(|row| {
                let stands_for =
                    if row.labelled_fraud { 1.0 / delays[row.history as usize].share_in(row.age_ms) } else { 0.0 };
                Calibrant { logit: logit(row), positive: stands_for }
            })
            .collect();
        let (calibration, form) = calibrate::fit(&calibrants).with_context(|| format!("calibrating the {tier}"))?;
        facts.calibration_forms.push((tier.to_owned(), form.name().to_owned()));
        let probabilities: Vec<f32> = window.iter().map(|row| calibration.probability(logit(row))).collect();
        Ok(TierSettings { operating_points: points::choose(&probabilities, &positive, &request.goals)?, calibration })
    };
    manifest.hybrid = settle("hybrid", |row| row.hybrid)?;
    manifest.rules = settle("rules", |row| row.rules)?;
    settle("logistic regression", |row| row.logistic)
}

/// Scores the sample again with parts of the neighbourhood taken away.
pub(super) fn ablate(request: &FitRequest, sample: &AblationSample, scorer: &mut Scorer<'_>) -> Result<AblationReport> {
    let mut cuts = Vec::new();
    for cut in Cut::ALL {
        let mut progress = Progress::start(
            request.told,
            &format!("scoring {}", cut.name()),
            "payments",
            Some(sample.tensors.len() as u64),
        );
        let mut logits = Vec::with_capacity(sample.tensors.len());
        for chunk in sample.tensors.chunks(1024) {
            let cut: Vec<Tensor> = chunk.iter().map(|tensor| cut.apply(tensor)).collect();
            logits.extend(scorer.logits(&cut.iter().collect::<Vec<_>>())?);
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

/// Holds the fp16 file to the fp32 one on the sample, and the fp32 one to the trainer's own forward pass on the golden vectors.
pub(super) fn parity(
    request: &FitRequest,
    draft: &Artifact,
    manifest: &Manifest,
    sample: &AblationSample,
    golden: &Golden,
    scorer: &mut Scorer<'_>,
) -> Result<Parity> {
    let mut half = Scorer::with_precision(draft, &request.runtime, request.threads, Precision::Half)?;
    let (calibration, points) = (&manifest.hybrid.calibration, &manifest.hybrid.operating_points);
    let mut parity = Parity {
        payments: sample.tensors.len() as u64,
        logit: 0.0,
        probability: 0.0,
        decisions: 0,
        golden_vectors: golden.vectors.len() as u64,
        golden_logit: 0.0,
    };
    let mut progress = Progress::start(request.told, "comparing fp16 with fp32", "payments", Some(parity.payments));
    for (number, (chunk, singles)) in sample.tensors.chunks(1024).zip(sample.logits.chunks(1024)).enumerate() {
        let halves = half.logits(&chunk.iter().collect::<Vec<_>>())?;
        for (&half, &single) in halves.iter().zip(singles) {
            let (p, q) = (calibration.probability(half), calibration.probability(single));
            parity.logit = parity.logit.max(f64::from((half - single).abs()));
            parity.probability = parity.probability.max(f64::from((p - q).abs()));
            parity.decisions += u64::from(report::decision_rank(points, p) != report::decision_rank(points, q));
        }
        progress.advance((number * 1024 + chunk.len()) as u64);
    }
    progress.finish();
    let tensors: Vec<&Tensor> = golden.vectors.iter().map(|vector| &vector.tensor).collect();
    for (vector, served) in golden.vectors.iter().zip(scorer.logits(&tensors)?) {
        parity.golden_logit = parity.golden_logit.max(f64::from((vector.logit - served).abs()));
    }
    (parity.logit, parity.probability, parity.golden_logit) =
        (rounded(parity.logit), rounded(parity.probability), rounded(parity.golden_logit));
    Ok(parity)
}
