//! A model opened for explaining: its parts, taken so far apart that questions are cheap, and the payments it compares with.
//!
//! Cost a payment: see `ask`. Cost of opening: two sessions and a run of the golden vectors, 30 to 50 ms. Memory: the network's
//! weights once more, as sessions hold them.

use super::background::ordinary;
use super::halves::{Halves, HalvesError, Hidden};
use crate::artifact::GOLDEN_TOLERANCE;
use crate::onnx::trees::TreeEnsemble;
use crate::onnx::{OnnxError, inspect_trees};
use crate::{
    Artifact, Calibration, GoldenVector, Precision, RowSession, RuntimeConfig, RuntimeError, Scorer, TensorError,
    check_tensor,
};
use fraudnet_features::{FeatureSet, Tensor};
use std::time::Duration;

/// A model opened for explaining; one per thread. It explains the f32 weights on the processor, whatever serves.
#[derive(Debug)]
pub struct Explainer {
    pub(super) scorer: Scorer,
    pub(super) calibration: Calibration,
    pub(super) halves: Option<Halves>,
    pub(super) trees: Option<(FeatureSet, TreeEnsemble)>,
    pub(super) rows: Option<RowSession>,
    pub(super) background: Vec<Reference>,
    /// The quickest run on a payment so far. What one run took says little on a busy machine: it may have waited for others.
    pub(super) quickest: Option<Duration>,
}

/// A payment compared with.
#[derive(Debug)]
pub(super) struct Reference {
    /// Its payment columns.
    pub payment: Vec<f32>,
    /// Its neighbourhood, where the model reads it.
    pub hidden: Option<Hidden>,
    /// What the model says of it.
    pub scored: Scored,
}

/// What a model says of one payment, part by part.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scored {
    /// Raw logit of the network; 0 where there is none.
    pub network: f32,
    /// Raw logit of the trees or of the model of rows; 0 where there is none.
    pub rows: f32,
    /// Raw logit of the whole.
    pub logit: f32,
    /// The row that trees or a model of rows read; the payment columns where there are none.
    pub row: Vec<f32>,
}

/// Why a model cannot be explained, or a payment.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The network cannot be run in parts.
    #[error(transparent)]
    Halves(#[from] HalvesError),
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The trees cannot be read.
    #[error("the trees cannot be explained: {0}")]
    Trees(#[from] OnnxError),
    /// The payment's tensor is inconsistent.
    #[error("the payment cannot be explained: {0}")]
    Tensor(#[from] TensorError),
    /// Taken apart, the model says something else.
    #[error(
        "taken apart, the model gives golden vector {vector} the logit {found} where it should be {expected}; its network mixes payments, export it with this build"
    )]
    Golden {
        /// Which.
        vector: usize,
        /// What it should be.
        expected: f32,
        /// What it is.
        found: f32,
    },
}

impl Explainer {
    /// Opens an artifact for explaining and holds it to its golden vectors.
    ///
    /// # Errors
    /// A network that cannot be taken apart, a file that does not run, or parts that say something else than the whole.
    pub fn open(artifact: &Artifact, config: &RuntimeConfig) -> Result<Explainer, ExplainError> {
        let scorer = artifact.manifest.scorer;
        let halves = match artifact.network(Precision::Single) {
            Some(onnx) => Some(Halves::open(onnx, config)?),
            None => None,
        };
        let trees = match (scorer.trees(), artifact.trees()) {
            (Some(set), Some(onnx)) => Some((set, inspect_trees(onnx, set.width())?)),
            _ => None,
        };
        let rows = match (scorer.rows(), artifact.rows_file()) {
            (Some((set, output)), Some((onnx, ports))) => {
                Some(RowSession::from_bytes(onnx, ports, set, output, config)?)
            }
            _ => None,
        };
        let calibration = artifact.manifest.settings.calibration.clone();
        let mut explainer =
            Explainer { scorer, calibration, halves, trees, rows, background: Vec::new(), quickest: None };
        explainer.verify(&artifact.golden().vectors)?;
        explainer.background = explainer.references(&ordinary(artifact))?;
        Ok(explainer)
    }

    /// With how many ordinary payments it compares.
    pub fn compares_with(&self) -> usize {
        self.background.len()
    }

    /// The parts must say of the golden vectors what the whole does. A model of rows is run as it is served, and is held to them there.
    fn verify(&mut self, vectors: &[GoldenVector]) -> Result<(), ExplainError> {
        if self.rows.is_some() {
            return Ok(());
        }
        let found = self.references(&vectors.iter().collect::<Vec<_>>())?;
        for (vector, (reference, golden)) in found.iter().zip(vectors).enumerate() {
            let (found, expected) = (reference.scored.logit, golden.logit);
            if (found - expected).abs() > GOLDEN_TOLERANCE {
                return Err(ExplainError::Golden { vector, expected, found });
            }
        }
        Ok(())
    }

    fn references(&mut self, vectors: &[&GoldenVector]) -> Result<Vec<Reference>, ExplainError> {
        let tensors: Vec<&Tensor> = vectors.iter().map(|vector| &vector.tensor).collect();
        for tensor in &tensors {
            check_tensor(tensor)?;
        }
        let hidden = self.hidden(&tensors)?;
        let variants: Vec<(&Tensor, Option<&Hidden>)> =
            tensors.iter().enumerate().map(|(at, &tensor)| (tensor, hidden.get(at))).collect();
        let scored = self.score(&variants)?;
        let mut hidden = hidden.into_iter();
        let reference = |(tensor, scored): (&Tensor, Scored)| Reference {
            payment: tensor.payment.clone(),
            hidden: hidden.next(),
            scored,
        };
        Ok(tensors.into_iter().zip(scored).map(reference).collect())
    }

    /// The neighbourhoods of payments as the head reads them; none where there is no network.
    pub(super) fn hidden(&mut self, tensors: &[&Tensor]) -> Result<Vec<Hidden>, RuntimeError> {
        match &mut self.halves {
            Some(halves) => halves.hidden(tensors),
            None => Ok(Vec::new()),
        }
    }

    /// What the model says of these payments, each in a neighbourhood that was read before.
    pub(super) fn score(&mut self, variants: &[(&Tensor, Option<&Hidden>)]) -> Result<Vec<Scored>, RuntimeError> {
        let mut scored = vec![Scored::default(); variants.len()];
        let mut embeddings = Vec::new();
        if let Some(halves) = &mut self.halves {
            let rows: Vec<f32> = variants.iter().flat_map(|(tensor, _)| tensor.payment.iter().copied()).collect();
            let hidden: Vec<&Hidden> = variants.iter().filter_map(|(_, hidden)| *hidden).collect();
            let said = halves.head(&rows, &hidden)?;
            embeddings = said.embeddings;
            scored.iter_mut().zip(said.logits).for_each(|(scored, logit)| scored.network = logit);
        }
        let width = embeddings.len() / variants.len().max(1);
        for (at, (scored, (tensor, _))) in scored.iter_mut().zip(variants).enumerate() {
            let embedding = &embeddings[at * width..(at + 1) * width];
            scored.row = match (&self.trees, &self.rows) {
                (Some((set, _)), _) => row_of(*set, tensor, embedding),
                (None, Some(rows)) => row_of(rows.feature_set(), tensor, embedding),
                (None, None) => tensor.payment.clone(),
            };
            if let Some((_, ensemble)) = &self.trees {
                scored.rows = ensemble.logit(&scored.row);
            }
        }
        if let Some(rows) = &mut self.rows {
            let all: Vec<f32> = scored.iter().flat_map(|scored| scored.row.iter().copied()).collect();
            scored.iter_mut().zip(rows.run(&all)?).for_each(|(scored, logit)| scored.rows = logit);
        }
        for (payment, scored) in scored.iter_mut().enumerate() {
            scored.logit = self.scorer.combine(scored.network, scored.rows);
            if !scored.logit.is_finite() {
                return Err(RuntimeError::NotFinite { payment, output: "blended logit" });
            }
        }
        Ok(scored)
    }
}

fn row_of(set: FeatureSet, tensor: &Tensor, embedding: &[f32]) -> Vec<f32> {
    let mut row = Vec::with_capacity(set.width());
    set.append(tensor, embedding, &mut row);
    row
}
