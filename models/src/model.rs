//! A whole model that runs: whatever its artifact's scorer names, from tensors to one raw logit each.

use crate::artifact::Artifact;
use crate::batch::check_tensor;
use crate::network::{NetworkOutput, NetworkSession};
use crate::rows::RowSession;
use crate::runtime::{Precision, Provider, RuntimeConfig, RuntimeError};
use crate::scorer::Scorer;
use crate::trees::TreeSession;
use fraudnet_features::{FeatureSet, Tensor};

/// A model ready to run; one per worker thread.
///
/// Call [`Artifact::verify_golden`] with one session of an artifact before any of its sessions scores a payment.
#[derive(Debug)]
pub struct ModelSession {
    scorer: Scorer,
    network: Option<NetworkSession>,
    trees: Option<TreeSession>,
    foreign: Option<RowSession>,
    rows: Vec<f32>,
}

/// What a model said of one payment.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelOutput {
    /// Raw logit of the whole, before calibration.
    pub logit: f32,
    /// The payment's embedding, 64 values; empty where the model has no network.
    pub embedding: Vec<f32>,
}

impl ModelSession {
    /// Builds the sessions the artifact's scorer needs and warms them up: the network on the first provider that is there, of the precision
    /// that suits it, trees and models of rows on the processor.
    ///
    /// Where the trees read the embedding, the network runs in f32 on every provider: a tree tolerates no rounding, since a value a
    /// little off may fall on the other side of a threshold.
    ///
    /// # Errors
    /// No runtime, a file it cannot run, or `require_gpu` where no GPU can be used; without a network none can.
    pub fn new(artifact: &Artifact, config: &RuntimeConfig) -> Result<Self, RuntimeError> {
        let embeds = artifact.manifest.scorer.trees().is_some_and(FeatureSet::reads_embedding);
        Self::build(artifact, config, embeds.then_some(Precision::Single))
    }

    /// As [`ModelSession::new`], but runs the network file of this precision whatever the provider; to compare the two.
    ///
    /// # Errors
    /// As [`ModelSession::new`].
    pub fn with_precision(
        artifact: &Artifact,
        config: &RuntimeConfig,
        precision: Precision,
    ) -> Result<Self, RuntimeError> {
        Self::build(artifact, config, Some(precision))
    }

    fn build(artifact: &Artifact, config: &RuntimeConfig, precision: Option<Precision>) -> Result<Self, RuntimeError> {
        if config.max_batch == 0 {
            return Err(RuntimeError::MaxBatch);
        }
        let scorer = artifact.manifest.scorer;
        let network = match precision {
            _ if !scorer.has_network() => None,
            Some(precision) => Some(NetworkSession::with_precision(artifact, config, precision)?),
            None => Some(NetworkSession::new(artifact, config)?),
        };
        if network.is_none() && config.require_gpu {
            let what = if scorer.rows().is_some() { "a model of rows" } else { "boosted trees" };
            return Err(RuntimeError::GpuRequired(format!("this model is {what}, which run on the processor")));
        }
        let trees = match (scorer.trees(), artifact.trees()) {
            (Some(set), Some(onnx)) => Some(TreeSession::from_bytes(onnx, set, config)?),
            _ => None,
        };
        let foreign = match (scorer.rows(), artifact.rows_file()) {
            (Some((set, output)), Some((onnx, ports))) => {
                Some(RowSession::from_bytes(onnx, ports, set, output, config)?)
            }
            _ => None,
        };
        Ok(ModelSession { scorer, network, trees, foreign, rows: Vec::new() })
    }

    /// The provider that runs its network, or the processor where it has none.
    pub fn provider(&self) -> Provider {
        self.network.as_ref().map_or(Provider::Cpu, NetworkSession::provider)
    }

    /// The precision of its network; f32 where it has none.
    pub fn precision(&self) -> Precision {
        self.network.as_ref().map_or(Precision::Single, NetworkSession::precision)
    }

    /// Raw logits of these payments, in order. More than `max_batch` are run in several goes.
    ///
    /// # Errors
    /// An inconsistent tensor, a failed run, or an output that is not finite: no verdict comes from such a batch.
    pub fn run(&mut self, tensors: &[&Tensor]) -> Result<Vec<f32>, RuntimeError> {
        Ok(self.outputs(tensors)?.into_iter().map(|output| output.logit).collect())
    }

    /// As [`ModelSession::run`], with the embeddings.
    ///
    /// # Errors
    /// As [`ModelSession::run`].
    pub fn outputs(&mut self, tensors: &[&Tensor]) -> Result<Vec<ModelOutput>, RuntimeError> {
        let from_network: Vec<NetworkOutput> = match &mut self.network {
            Some(network) => network.run(tensors)?,
            None => {
                for (payment, tensor) in tensors.iter().enumerate() {
                    check_tensor(tensor).map_err(|source| RuntimeError::Tensor { payment, source })?;
                }
                Vec::new()
            }
        };
        self.rows.clear();
        let set =
            self.trees.as_ref().map(TreeSession::feature_set).or(self.foreign.as_ref().map(RowSession::feature_set));
        if let Some(set) = set {
            for (payment, tensor) in tensors.iter().enumerate() {
                let embedding = from_network.get(payment).map_or(&[][..], |output| &output.embedding);
                set.append(tensor, embedding, &mut self.rows);
            }
        }
        let from_rows = match (&mut self.trees, &mut self.foreign) {
            (Some(trees), _) => trees.run(&self.rows)?,
            (None, Some(foreign)) => foreign.run(&self.rows)?,
            (None, None) => Vec::new(),
        };
        let mut networks = from_network.into_iter();
        (0..tensors.len())
            .map(|payment| {
                let network = networks.next();
                let rows = from_rows.get(payment).copied().unwrap_or_default();
                let logit = self.scorer.combine(network.as_ref().map_or(0.0, |output| output.logit), rows);
                if !logit.is_finite() {
                    return Err(RuntimeError::NotFinite { payment, output: "blended logit" });
                }
                Ok(ModelOutput { logit, embedding: network.map(|output| output.embedding).unwrap_or_default() })
            })
            .collect()
    }
}
