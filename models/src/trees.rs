//! Boosted trees that run: a session over an artifact's tree file.
//!
//! Trees run on the processor whatever the configured providers: no GPU provider has the operator, and it would not gain.
//!
//! Cost sketch, 400 trees of 10 splits, one busy core: 4 µs a row where one row is asked for again and again, 6 to 7 µs over different
//! rows, whatever the batch; assembling a row costs nothing for v1 and v2 (a copy of 1 KB) and 8 µs for v3, which pools the nodes.

use crate::artifact::TREES_FILE;
use crate::batch::input;
use crate::onnx::trees::FEATURES;
use crate::runtime::{self, Provider, RuntimeConfig, RuntimeError};
use crate::{providers, runtime_library};
use fraudnet_features::FeatureSet;
use ort::session::Session;
use ort::value::TensorRef;

/// Boosted trees ready to run; one per worker thread.
#[derive(Debug)]
pub struct TreeSession {
    session: Session,
    set: FeatureSet,
}

impl TreeSession {
    /// Builds a session over a tree file as [`crate::onnx::trees::TreeEnsemble::to_onnx`] writes it, for rows of this
    /// feature set, and warms it up.
    ///
    /// # Errors
    /// No runtime, or a file that it refuses or that fails to run on such rows.
    pub fn from_bytes(onnx: &[u8], set: FeatureSet, config: &RuntimeConfig) -> Result<Self, RuntimeError> {
        let environment = runtime_library::environment(&config.library)?;
        let builder = runtime::builder(&environment).and_then(|mut builder| builder.commit_from_memory(onnx));
        let session = builder.map_err(|error| RuntimeError::Session {
            file: TREES_FILE,
            provider: Provider::Cpu,
            reason: providers::first_line(&error.to_string()),
        })?;
        let mut trees = TreeSession { session, set };
        trees.run(&vec![0.0; set.width()])?;
        Ok(trees)
    }

    /// The feature set its rows follow.
    pub fn feature_set(&self) -> FeatureSet {
        self.set
    }

    /// Raw logits of these rows, in order: row-major, [`FeatureSet::width`] columns each, NaN where a value is missing.
    ///
    /// # Errors
    /// Values that fill no whole number of rows, a failed run, or a logit that is not finite.
    pub fn run(&mut self, rows: &[f32]) -> Result<Vec<f32>, RuntimeError> {
        let columns = self.set.width();
        if !rows.len().is_multiple_of(columns) {
            return Err(RuntimeError::Rows { values: rows.len(), columns });
        }
        let count = rows.len() / columns;
        if count == 0 {
            return Ok(Vec::new());
        }
        let failed = |error: ort::Error| RuntimeError::Run(providers::first_line(&error.to_string()));
        let rows = TensorRef::from_array_view(([count, columns], rows)).map_err(failed)?;
        let outputs = self.session.run(ort::inputs! { FEATURES => rows }).map_err(failed)?;
        Ok(runtime::output(&outputs, input::FRAUD_LOGIT, count, 1, 0)?.to_vec())
    }
}
