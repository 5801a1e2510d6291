//! Both models on the same payments, as they are served: through ONNX Runtime, from the bytes that are published.
//!
//! Cost: a payment takes each model 0.5 ms whole, and as much again without its neighbourhood.

use crate::ablate::Cut;
use crate::online::champion::logits;
use crate::online::material::Piece;
use crate::report::decision_rank;
use anyhow::Result;
use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::{Artifact, ModelSession, Precision, RuntimeConfig, TierSettings};
use fraudnet_scoring::clock;

/// Payments that are timed.
const TIMED: usize = 200;
/// Rounds of timing; the quickest counts, since whatever else the machine does only adds.
const ROUNDS: usize = 3;

/// What the gate goes by. Pairs are of the champion and the candidate, in this order.
pub struct Evidence<'a> {
    /// The payments.
    pub pieces: &'a [Piece],
    /// Calibration and operating points.
    pub settings: [&'a TierSettings; 2],
    /// Raw logits.
    pub logits: [Vec<f32>; 2],
    /// Raw logits with all links cut.
    pub alone: [Vec<f32>; 2],
    /// Mean time of a payment, microseconds.
    pub latency_us: [f64; 2],
    /// Bytes of the candidate's files.
    pub bytes: u64,
    /// Largest difference of the candidate to its golden vectors, in raw logit.
    pub golden: f64,
    /// Share of payments that the candidate's fp16 file decides otherwise.
    pub half_decisions: f64,
}

impl<'a> Evidence<'a> {
    /// Scores the payments by both.
    ///
    /// # Errors
    /// What the runtime says, or golden vectors that do not hold.
    pub fn gather(
        champion: &'a Artifact,
        candidate: &'a Artifact,
        pieces: &'a [Piece],
        runtime: &RuntimeConfig,
        threads: usize,
    ) -> Result<Evidence<'a>> {
        let whole: Vec<&Tensor> = pieces.iter().map(|piece| &piece.example.tensor).collect();
        let cut: Vec<Tensor> = whole.iter().map(|tensor| Cut::AllEdges.apply(tensor)).collect();
        let cut: Vec<&Tensor> = cut.iter().collect();
        let score = |artifact: &Artifact, tensors: &[&Tensor]| logits(artifact, tensors, runtime, None, threads);
        let both =
            |tensors: &[&Tensor]| Ok::<_, anyhow::Error>([score(champion, tensors)?, score(candidate, tensors)?]);
        let settings = [&champion.manifest.settings, &candidate.manifest.settings];
        let scored = both(&whole)?;

        let mut sessions = [ModelSession::new(champion, runtime)?, ModelSession::new(candidate, runtime)?];
        let golden = candidate.verify_golden(&mut sessions[1])?;
        let latency_us = latency(&mut sessions, &whole[..whole.len().min(TIMED)])?;
        let embeds = candidate.manifest.scorer.trees().is_some_and(FeatureSet::reads_embedding);
        let half_decisions = if candidate.manifest.scorer.has_network() && !embeds {
            let mut half = ModelSession::with_precision(candidate, runtime, Precision::Half)?;
            candidate.verify_golden(&mut half)?;
            let halves = logits(candidate, &whole, runtime, Some(Precision::Half), threads)?;
            let decide =
                |logit: f32| decision_rank(&settings[1].operating_points, settings[1].calibration.probability(logit));
            let differ = halves.iter().zip(&scored[1]).filter(|(half, single)| decide(**half) != decide(**single));
            differ.count() as f64 / pieces.len().max(1) as f64
        } else {
            0.0
        };
        Ok(Evidence {
            pieces,
            settings,
            logits: scored,
            alone: both(&cut)?,
            latency_us,
            bytes: candidate.manifest.files.values().map(|file| file.bytes).sum(),
            golden: f64::from(golden.logit_difference),
            half_decisions,
        })
    }
}

/// Mean time of a payment by each, one at a time and in turn, so that whatever slows the machine slows both.
fn latency(sessions: &mut [ModelSession; 2], tensors: &[&Tensor]) -> Result<[f64; 2]> {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        let mut sums = [0.0; 2];
        for tensor in tensors {
            for (session, sum) in sessions.iter_mut().zip(&mut sums) {
                let start = clock::monotonic();
                session.run(&[tensor])?;
                *sum += (clock::monotonic() - start).as_secs_f64();
            }
        }
        for (best, sum) in best.iter_mut().zip(sums) {
            *best = best.min(1e6 * sum / tensors.len().max(1) as f64);
        }
    }
    Ok(best)
}
