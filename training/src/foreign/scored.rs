//! A foreign file that runs: its payments in, raw logits out, before there is an artifact around it.

use anyhow::{Context, Result};
use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::{
    EMBEDDING_WIDTH, GoldenVector, NetworkSession, Precision, RowSession, RowsOutput, RuntimeConfig, Scorer, onnx,
};

/// What a file reads and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A row of columns to a number.
    Rows {
        /// The columns.
        features: FeatureSet,
        /// What the number is.
        output: RowsOutput,
    },
    /// The padded neighbourhood to a logit and an embedding: the network signature.
    Network,
}

impl Form {
    /// As a manifest says it.
    pub fn scorer(self) -> Scorer {
        match self {
            Form::Rows { features, output } => Scorer::Rows { features, output },
            Form::Network => Scorer::Network,
        }
    }
}

/// A session over a foreign file.
#[derive(Debug)]
pub enum Foreign {
    /// A model of rows.
    Rows(RowSession),
    /// A network.
    Network(NetworkSession),
}

impl Foreign {
    /// Checks the file and opens it.
    ///
    /// # Errors
    /// It does not follow its signature, or does not run.
    pub fn open(onnx: &[u8], form: Form, runtime: &RuntimeConfig) -> Result<Foreign> {
        Ok(match form {
            Form::Rows { features, output } => {
                let ports = onnx::inspect_rows(onnx, features.width(), output)?;
                Foreign::Rows(RowSession::from_bytes(onnx, &ports, features, output, runtime)?)
            }
            Form::Network => {
                onnx::inspect(onnx)?;
                Foreign::Network(NetworkSession::from_bytes(onnx, Precision::Single, runtime)?)
            }
        })
    }

    /// Raw logits of these payments.
    ///
    /// # Errors
    /// A failed run, or a score that is not finite.
    pub fn logits(&mut self, tensors: &[&Tensor]) -> Result<Vec<f32>> {
        match self {
            Foreign::Rows(session) => {
                let mut rows = Vec::new();
                for tensor in tensors {
                    session.feature_set().append(tensor, &[], &mut rows);
                }
                session.run(&rows).context("the model does not score the payments of the examples")
            }
            Foreign::Network(session) => {
                let outputs = session.run(tensors).context("the model does not score the payments of the examples")?;
                Ok(outputs.into_iter().map(|output| output.logit).collect())
            }
        }
    }

    /// Golden vectors of these payments: what the file says now is what it must say wherever it is loaded.
    ///
    /// # Errors
    /// As [`Foreign::logits`].
    pub fn golden(&mut self, tensors: Vec<Tensor>) -> Result<Vec<GoldenVector>> {
        let all: Vec<&Tensor> = tensors.iter().collect();
        let said: Vec<(f32, Vec<f32>)> = match self {
            Foreign::Rows(_) => {
                self.logits(&all)?.into_iter().map(|logit| (logit, vec![0.0; EMBEDDING_WIDTH])).collect()
            }
            Foreign::Network(session) => {
                session.run(&all)?.into_iter().map(|output| (output.logit, output.embedding)).collect()
            }
        };
        let vectors = tensors.into_iter().zip(said);
        Ok(vectors.map(|(tensor, (logit, embedding))| GoldenVector { tensor, logit, embedding }).collect())
    }
}
