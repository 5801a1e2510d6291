//! The champion, taken apart: what a candidate starts from and is held against.

use crate::network::Weights;
use anyhow::{Context, Result};
use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::onnx::inspect_trees;
use fraudnet_models::onnx::trees::TreeEnsemble;
use fraudnet_models::{Artifact, ModelRef, ModelSession, Precision, Registry, RuntimeConfig, Trust};

/// A champion that was read from the registry.
#[derive(Debug)]
pub struct Champion {
    /// Which.
    pub model: ModelRef,
    /// The whole.
    pub artifact: Artifact,
    /// Its network; none where it has none, or one that this trainer did not write.
    pub weights: Option<Weights>,
    /// Its trees, where they read what a payment alone tells.
    pub trees: Option<(FeatureSet, TreeEnsemble)>,
}

impl Champion {
    /// Reads a version of the registry and proves it whole; who signed it is the service's business.
    ///
    /// # Errors
    /// A version that is not there or does not verify.
    pub fn read(registry: &Registry, model: &ModelRef) -> Result<Champion> {
        let verified = registry.verify(model, &Trust::none()).with_context(|| format!("the champion {model}"))?;
        let artifact = verified.artifact;
        let weights = artifact.network(Precision::Single).and_then(|bytes| Weights::from_onnx(bytes).ok());
        // Trees on the embedding belong to the very network they were grown on.
        let set = artifact.manifest.scorer.trees().filter(|set| !set.reads_embedding());
        let trees = match (set, artifact.trees()) {
            (Some(set), Some(bytes)) => Some((set, inspect_trees(bytes, set.width())?)),
            _ => None,
        };
        Ok(Champion { model: model.clone(), artifact, weights, trees })
    }
}

/// Raw logits of a whole artifact, as it is served, in the order of the payments.
///
/// # Errors
/// What the runtime says, e.g. a logit that is not finite.
pub fn logits(
    artifact: &Artifact,
    tensors: &[&Tensor],
    runtime: &RuntimeConfig,
    precision: Option<Precision>,
    threads: usize,
) -> Result<Vec<f32>> {
    let session = || match precision {
        Some(precision) => ModelSession::with_precision(artifact, runtime, precision),
        None => ModelSession::new(artifact, runtime),
    };
    let mut lanes = (0..threads.max(1)).map(|_| Ok(session()?)).collect::<Result<Vec<ModelSession>>>()?;
    crate::generations::in_lanes(&mut lanes, tensors, |session, batch| Ok(session.run(batch)?))
}
