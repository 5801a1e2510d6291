//! Models of rows that run: a session over a file that any tool may have exported.
//!
//! They run on the processor, whatever the configured providers: their operators are an open list, and rows are small.
//!
//! Cost sketch a payment, besides the model itself: the runtime's own call, a copy of the row (1 KB), and one logarithm where the model
//! gives a probability.

use crate::artifact::ROWS_FILE;
use crate::onnx::RowsPorts;
use crate::runtime::{self, Provider, RuntimeConfig, RuntimeError};
use crate::scorer::RowsOutput;
use crate::{providers, runtime_library};
use fraudnet_features::FeatureSet;
use ort::session::Session;
use ort::value::TensorRef;

/// Probabilities are kept this far from 0 and 1 before they become logits, so that none is infinite.
pub const PROBABILITY_MARGIN: f64 = 1e-6;
/// How far outside 0 to 1 a probability may lie by rounding.
const ROUNDING: f32 = 1e-4;
/// Rows that are answered alone and together, to see that a payment's score does not depend on its company.
const PROBES: usize = 3;

/// A model of rows ready to run; one per worker thread.
#[derive(Debug)]
pub struct RowSession {
    session: Session,
    ports: RowsPorts,
    set: FeatureSet,
    output: RowsOutput,
    max_batch: usize,
}

impl RowSession {
    /// Builds a session over a file that passed [`crate::onnx::inspect_rows()`], which found its ports, and tries it out.
    ///
    /// # Errors
    /// No runtime, a file that it refuses or that fails to run on such rows, or one whose answers depend on the other rows of a batch.
    pub fn from_bytes(
        onnx: &[u8],
        ports: &RowsPorts,
        set: FeatureSet,
        output: RowsOutput,
        config: &RuntimeConfig,
    ) -> Result<Self, RuntimeError> {
        if config.max_batch == 0 {
            return Err(RuntimeError::MaxBatch);
        }
        let environment = runtime_library::environment(&config.library)?;
        let session = runtime::builder(&environment).and_then(|mut builder| builder.commit_from_memory(onnx)).map_err(
            |error| RuntimeError::Session {
                file: ROWS_FILE,
                provider: Provider::Cpu,
                reason: providers::first_line(&error.to_string()),
            },
        )?;
        let mut rows = RowSession { session, ports: ports.clone(), set, output, max_batch: config.max_batch };
        rows.run(&vec![0.0; set.width()])?;
        rows.probe()?;
        Ok(rows)
    }

    /// The feature set its rows follow.
    pub fn feature_set(&self) -> FeatureSet {
        self.set
    }

    /// Raw logits of these rows, in order: row-major, [`FeatureSet::width`] columns each. More than `max_batch` are run in several goes.
    ///
    /// # Errors
    /// Values that fill no whole number of rows, a failed run, a score that is not finite, or a probability that is none.
    pub fn run(&mut self, rows: &[f32]) -> Result<Vec<f32>, RuntimeError> {
        let columns = self.set.width();
        if !rows.len().is_multiple_of(columns) {
            return Err(RuntimeError::Rows { values: rows.len(), columns });
        }
        let mut logits = Vec::with_capacity(rows.len() / columns);
        for chunk in rows.chunks(columns * self.max_batch) {
            self.run_batch(chunk, &mut logits)?;
        }
        Ok(logits)
    }

    fn run_batch(&mut self, rows: &[f32], logits: &mut Vec<f32>) -> Result<(), RuntimeError> {
        let columns = self.set.width();
        let (count, first) = (rows.len() / columns, logits.len());
        let failed = |error: ort::Error| RuntimeError::Run(providers::first_line(&error.to_string()));
        let rows = TensorRef::from_array_view(([count, columns], rows)).map_err(failed)?;
        let outputs = self.session.run(ort::inputs! { self.ports.input.as_str() => rows }).map_err(failed)?;
        let name = &self.ports.output;
        let value = outputs.get(name).ok_or_else(|| RuntimeError::Run(format!("it has no output `{name}`")))?;
        let (_, values) = value.try_extract_tensor::<f32>().map_err(failed)?;
        let width = values.len() / count;
        let widest = if self.output == RowsOutput::Probability { 2 } else { 1 };
        if values.len() != count * width || !(1..=widest).contains(&width) {
            return Err(RuntimeError::Run(format!(
                "output `{name}` has {} values for {count} rows instead of {}",
                values.len(),
                if widest == 2 { "one or two a row" } else { "one a row" }
            )));
        }
        for (row, scores) in values.chunks_exact(width).enumerate() {
            // Of two, the second is the class `fraud`.
            let score = scores[width - 1];
            if !score.is_finite() {
                return Err(RuntimeError::NotFinite { payment: first + row, output: self.output.name() });
            }
            logits.push(match self.output {
                RowsOutput::Logit => score,
                RowsOutput::Probability if (-ROUNDING..=1.0 + ROUNDING).contains(&score) => logit(score),
                RowsOutput::Probability => {
                    return Err(RuntimeError::Run(format!(
                        "output `{name}` is {score} for payment {}, which is no probability; publish it as a model of logits",
                        first + row
                    )));
                }
            });
        }
        Ok(())
    }

    /// Asks for a few rows alone and together. A model whose values mix along the batch would give a payment another score for being
    /// scored beside others, so that no verdict could be repeated.
    fn probe(&mut self) -> Result<(), RuntimeError> {
        let columns = self.set.width();
        let pattern = |at: usize| ((at * 17 + at / columns * 31) % 13) as f32 / 6.0;
        let rows: Vec<f32> = (0..PROBES * columns).map(pattern).collect();
        let max_batch = std::mem::replace(&mut self.max_batch, PROBES);
        let together = self.run(&rows);
        self.max_batch = 1;
        let alone = self.run(&rows);
        self.max_batch = max_batch;
        let (together, alone) = match (together, alone) {
            (Ok(together), Ok(alone)) => (together, alone),
            // Rows that no payment has need no score.
            (Err(RuntimeError::NotFinite { .. }), _) | (_, Err(RuntimeError::NotFinite { .. })) => return Ok(()),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let same = |(together, alone): (&f32, &f32)| (together - alone).abs() <= 1e-3 * alone.abs().max(1.0);
        if together.iter().zip(&alone).all(same) { Ok(()) } else { Err(RuntimeError::MixedRows) }
    }
}

/// The logit of a probability, clamped to [`PROBABILITY_MARGIN`] from 0 and 1.
fn logit(probability: f32) -> f32 {
    let probability = f64::from(probability).clamp(PROBABILITY_MARGIN, 1.0 - PROBABILITY_MARGIN);
    (probability / (1.0 - probability)).ln() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_becomes_its_logit() {
        for (probability, expected) in [(0.5, 0.0), (0.25, -(3f32.ln())), (0.0, -13.815_51), (1.0, 13.815_51)] {
            assert!((logit(probability) - expected).abs() < 1e-4, "{probability}: {}", logit(probability));
        }
    }
}
