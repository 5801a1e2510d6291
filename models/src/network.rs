//! Networks that run: a session over a network file on the best provider there is.
//!
//! Cost sketch a payment at batch 1, besides the network itself: 0.1 µs to check, 7 µs to pad (development profile, one busy
//! core); a whole run of the tests' small network takes 32 µs. Outputs are small (75 values), so they are copied out.

use crate::artifact::{Artifact, sha256};
use crate::batch::{Batch, EMBEDDING_WIDTH, check_tensor, input};
use crate::runtime::{self, Precision, Provider, RuntimeConfig, RuntimeError, output};
use crate::{providers, runtime_library};
use fraudnet_features::{EDGE_WIDTH, MAX_LINKS, MAX_NODES, MAX_ROWS, NODE_WIDTH, Tensor, schema::payment_features};
use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;

/// What the network said of one payment.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkOutput {
    /// Raw logit, before calibration.
    pub logit: f32,
    /// The payment's embedding, 64 values.
    pub embedding: Vec<f32>,
    /// Attention of the centre over its links (row 0 of the tensor), 10 values.
    pub attention: Vec<f32>,
}

/// A network ready to run; one per worker thread.
#[derive(Debug)]
pub struct NetworkSession {
    session: Session,
    provider: Provider,
    precision: Precision,
    max_batch: usize,
    batch: Batch,
}

impl NetworkSession {
    /// Builds a session over the artifact's network file for the first provider that is there (fp16 file on a GPU, fp32 on the CPU) and warms it up.
    ///
    /// Call [`Artifact::verify_golden`] with one session of an artifact before any of its sessions scores a payment.
    ///
    /// # Errors
    /// No network in the artifact, no runtime, or a network that no provider allowed here can run.
    pub fn new(artifact: &Artifact, config: &RuntimeConfig) -> Result<Self, RuntimeError> {
        Self::build(|precision| artifact.network(precision).ok_or(RuntimeError::NoNetwork), config, None)
    }

    /// As [`NetworkSession::new`], but runs the file of this precision whatever the provider; to compare the two.
    ///
    /// # Errors
    /// As [`NetworkSession::new`].
    pub fn with_precision(
        artifact: &Artifact,
        config: &RuntimeConfig,
        precision: Precision,
    ) -> Result<Self, RuntimeError> {
        Self::build(|precision| artifact.network(precision).ok_or(RuntimeError::NoNetwork), config, Some(precision))
    }

    /// A session over the bytes of a network file of that precision, which passed [`crate::onnx::inspect()`]; for networks that lie in no
    /// artifact yet.
    ///
    /// # Errors
    /// As [`NetworkSession::new`].
    pub fn from_bytes(onnx: &[u8], precision: Precision, config: &RuntimeConfig) -> Result<Self, RuntimeError> {
        Self::build(|_| Ok(onnx), config, Some(precision))
    }

    fn build<'a>(
        file: impl Fn(Precision) -> Result<&'a [u8], RuntimeError>,
        config: &RuntimeConfig,
        precision: Option<Precision>,
    ) -> Result<Self, RuntimeError> {
        if config.max_batch == 0 {
            return Err(RuntimeError::MaxBatch);
        }
        let environment = runtime_library::environment(&config.library)?;
        let mut missing: Vec<(Provider, String)> = Vec::new();
        for provider in providers::candidates(config) {
            let precision = precision.unwrap_or(Precision::suited_to(provider));
            let session = match open(&environment, file(precision)?, config, provider, precision)? {
                Ok(session) => session,
                Err(reason) => {
                    missing.push((provider, reason));
                    continue;
                }
            };
            let mut network =
                NetworkSession { session, provider, precision, max_batch: config.max_batch, batch: Batch::default() };
            match network.warm_up() {
                // A driver or library that is missing often shows only when the first kernel runs.
                Err(RuntimeError::Run(reason)) if provider != Provider::Cpu => missing.push((provider, reason)),
                Err(error) => return Err(error),
                Ok(()) => {
                    providers::report_fallback(provider, &missing);
                    return Ok(network);
                }
            }
        }
        // Without require_gpu the processor is a candidate, and it either runs the network or fails for good above.
        let reasons = if missing.is_empty() { "none is configured".to_owned() } else { providers::describe(&missing) };
        Err(RuntimeError::GpuRequired(reasons))
    }

    /// The provider that runs it.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// The precision of the file it runs.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Scores a micro-batch, in order. More payments than `max_batch` are run in several goes.
    ///
    /// An output that is not finite fails the whole batch: no verdict comes from it, and the caller steps down a tier.
    pub fn run(&mut self, tensors: &[&Tensor]) -> Result<Vec<NetworkOutput>, RuntimeError> {
        for (payment, tensor) in tensors.iter().enumerate() {
            check_tensor(tensor).map_err(|source| RuntimeError::Tensor { payment, source })?;
        }
        let mut results = Vec::with_capacity(tensors.len());
        for (chunk, tensors) in tensors.chunks(self.max_batch).enumerate() {
            self.run_batch(tensors, chunk * self.max_batch, &mut results)?;
        }
        Ok(results)
    }

    fn run_batch(
        &mut self,
        tensors: &[&Tensor],
        first: usize,
        results: &mut Vec<NetworkOutput>,
    ) -> Result<(), RuntimeError> {
        self.batch.fill(tensors);
        let failed = |error: ort::Error| RuntimeError::Run(providers::first_line(&error.to_string()));
        let b = self.batch.size;
        let batch = &self.batch;
        let inputs = ort::inputs! {
            input::NODE_FEATURES => TensorRef::from_array_view(([b, MAX_NODES, NODE_WIDTH], &batch.node_features[..])).map_err(failed)?,
            input::NEIGHBOUR_INDEX => TensorRef::from_array_view(([b, MAX_ROWS, MAX_LINKS], &batch.neighbour_index[..])).map_err(failed)?,
            input::EDGE_FEATURES => TensorRef::from_array_view(([b, MAX_ROWS, MAX_LINKS, EDGE_WIDTH], &batch.edge_features[..])).map_err(failed)?,
            input::NEIGHBOUR_MASK => TensorRef::from_array_view(([b, MAX_ROWS, MAX_LINKS], &batch.neighbour_mask[..])).map_err(failed)?,
            input::TRANSACTION_FEATURES => TensorRef::from_array_view(([b, payment_features().len()], &batch.transaction_features[..])).map_err(failed)?,
        };
        let outputs = self.session.run(inputs).map_err(failed)?;
        let logits = output(&outputs, input::FRAUD_LOGIT, b, 1, first)?;
        let embeddings = output(&outputs, input::EMBEDDING, b, EMBEDDING_WIDTH, first)?;
        let attentions = output(&outputs, input::ATTENTION, b, MAX_LINKS, first)?;
        let rows = embeddings.chunks_exact(EMBEDDING_WIDTH).zip(attentions.chunks_exact(MAX_LINKS));
        results.extend(logits.iter().zip(rows).map(|(&logit, (embedding, attention))| NetworkOutput {
            logit,
            embedding: embedding.to_vec(),
            attention: attention.to_vec(),
        }));
        Ok(())
    }

    /// Runs the smallest and the largest batch once, so that the first payment finds memory planned and kernels chosen.
    fn warm_up(&mut self) -> Result<(), RuntimeError> {
        let empty = Tensor {
            hop_counts: [1, 0, 0, 0],
            nodes: vec![Default::default(); NODE_WIDTH],
            row_ends: vec![0],
            payment: vec![0.0; payment_features().len()],
            ..Default::default()
        };
        self.run(&[&empty])?;
        self.run(&vec![&empty; self.max_batch])?;
        Ok(())
    }
}

/// Opens a session. `Err` outside: the network or the configuration is at fault. `Err` inside: the provider is not there.
fn open(
    environment: &Environment,
    network: &[u8],
    config: &RuntimeConfig,
    provider: Provider,
    precision: Precision,
) -> Result<Result<Session, String>, RuntimeError> {
    let engine_cache = match &config.engine_cache {
        Some(folder) if provider == Provider::TensorRt => {
            // One folder a network, see `tensorrt_options`.
            let path = folder.join(&sha256(network)[..16]);
            std::fs::create_dir_all(&path)
                .map_err(|source| RuntimeError::EngineCache { path: path.clone(), source })?;
            Some(path)
        }
        _ => None,
    };
    let refused = |reason: String| RuntimeError::Session { file: precision.file(), provider, reason };
    let mut builder =
        runtime::builder(environment).map_err(|error| refused(providers::first_line(&error.to_string())))?;
    if let Err(reason) = providers::register(provider, &mut builder, config.max_batch, engine_cache.as_deref()) {
        return Ok(Err(reason));
    }
    match builder.commit_from_memory(network) {
        Ok(session) => Ok(Ok(session)),
        Err(error) if provider == Provider::Cpu => Err(refused(providers::first_line(&error.to_string()))),
        Err(error) => Ok(Err(providers::first_line(&error.to_string()))),
    }
}
