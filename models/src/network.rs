//! Networks that run: a session over an artifact's network file on the best provider there is.
//!
//! One session a worker thread, one thread a session: payments are scored in parallel by having several sessions, which
//! costs no synchronisation inside an operator and gives the same bits whatever the load.
//!
//! Cost sketch a payment at batch 1, besides the network itself: 0.1 µs to check, 7 µs to pad (development profile, one busy
//! core); a whole run of the tests' small network takes 32 µs. Outputs are small (75 values), so they are copied out.

use crate::artifact::{Artifact, HALF_NETWORK_FILE, NETWORK_FILE, sha256};
use crate::batch::{Batch, EMBEDDING_WIDTH, TensorError, check_tensor, input};
use crate::{providers, runtime_library};
use fraudnet_features::{EDGE_WIDTH, MAX_LINKS, MAX_NODES, MAX_ROWS, NODE_WIDTH, Tensor, schema::payment_features};
use ort::environment::Environment;
use ort::session::{Session, SessionOutputs, builder::GraphOptimizationLevel};
use ort::value::TensorRef;
use std::fmt;
use std::path::PathBuf;

/// Execution provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// NVIDIA TensorRT.
    TensorRt,
    /// NVIDIA CUDA.
    Cuda,
    /// The processor.
    Cpu,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Provider::TensorRt => "tensorrt",
            Provider::Cuda => "cuda",
            Provider::Cpu => "cpu",
        })
    }
}

/// Which of the artifact's two network files is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// f32.
    Single,
    /// f16, with the last head in f32.
    Half,
}

impl Precision {
    /// What suits a provider: a GPU gains from f16, the processor would only cast back and forth.
    pub fn suited_to(provider: Provider) -> Self {
        if provider == Provider::Cpu { Precision::Single } else { Precision::Half }
    }

    fn file(self) -> &'static str {
        match self {
            Precision::Single => NETWORK_FILE,
            Precision::Half => HALF_NETWORK_FILE,
        }
    }
}

/// How networks are run.
#[derive(Debug, Clone, PartialEq)]
pub struct RuntimeConfig {
    /// ONNX Runtime's shared library; empty to look for it (see [`crate::locate_library`]).
    pub library: PathBuf,
    /// Providers in order of preference.
    pub providers: Vec<Provider>,
    /// Refuse to start without a GPU provider.
    pub require_gpu: bool,
    /// Largest micro-batch.
    pub max_batch: usize,
    /// Folder for TensorRT's engine cache.
    pub engine_cache: Option<PathBuf>,
}

/// Why the runtime could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The shared library is nowhere.
    #[error(
        "onnx runtime's shared library was not found (tried {}); run `make setup`, or name it in the configuration or in FRAUDNET_ONNXRUNTIME",
        list(tried)
    )]
    LibraryNotFound {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// The shared library is there but cannot be used.
    #[error("`{path}` cannot be used as onnx runtime: {reason}; run `make setup` to get the version this build expects", path = path.display())]
    LibraryUnusable {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A GPU is required and none can be used.
    #[error(
        "require_gpu is set but no gpu provider can be used: {0}; install the gpu build of onnx runtime with its cuda libraries, or set require_gpu = false"
    )]
    GpuRequired(String),
    /// The largest micro-batch is zero.
    #[error("max_batch is 0; set it to 1 or more")]
    MaxBatch,
    /// The engine cache cannot be written.
    #[error("the engine cache `{path}` cannot be used: {source}; name another folder", path = path.display())]
    EngineCache {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The runtime refused the network.
    #[error("`{file}` cannot be run on {provider}: {reason}; publish the model again")]
    Network {
        /// The network file.
        file: &'static str,
        /// The provider it was meant for.
        provider: Provider,
        /// What the runtime said.
        reason: String,
    },
    /// A payment's tensor is inconsistent.
    #[error("tensor of payment {payment} of the batch: {source}")]
    Tensor {
        /// Its place in the batch.
        payment: usize,
        /// Why.
        source: TensorError,
    },
    /// The run failed.
    #[error("the network failed to run: {0}; answer from the next tier and check the model")]
    Run(String),
    /// An output is infinite or not a number.
    #[error(
        "the network's {output} for payment {payment} of the batch is not a finite number; answer from the next tier and check the model"
    )]
    NotFinite {
        /// Its place in the batch.
        payment: usize,
        /// Name of the output.
        output: &'static str,
    },
}

/// Loads ONNX Runtime's shared library; once per process. Later calls do nothing, whatever library they name.
pub fn initialise_runtime(config: &RuntimeConfig) -> Result<(), RuntimeError> {
    runtime_library::environment(&config.library).map(|_| ())
}

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
    pub fn new(artifact: &Artifact, config: &RuntimeConfig) -> Result<Self, RuntimeError> {
        Self::build(artifact, config, None)
    }

    /// As [`NetworkSession::new`], but runs the file of this precision whatever the provider; to compare the two.
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
        let environment = runtime_library::environment(&config.library)?;
        let mut missing: Vec<(Provider, String)> = Vec::new();
        for provider in providers::candidates(config) {
            let precision = precision.unwrap_or(Precision::suited_to(provider));
            let session = match open(&environment, artifact, config, provider, precision)? {
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
    artifact: &Artifact,
    config: &RuntimeConfig,
    provider: Provider,
    precision: Precision,
) -> Result<Result<Session, String>, RuntimeError> {
    let network = artifact.network(precision);
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
    let refused = |reason: String| RuntimeError::Network { file: precision.file(), provider, reason };
    let options = || -> Result<_, ort::Error> {
        Ok(Session::builder(environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_memory_pattern(true)?)
    };
    let mut builder = options().map_err(|error| refused(providers::first_line(&error.to_string())))?;
    if let Err(reason) = providers::register(provider, &mut builder, config.max_batch, engine_cache.as_deref()) {
        return Ok(Err(reason));
    }
    match builder.commit_from_memory(network) {
        Ok(session) => Ok(Ok(session)),
        Err(error) if provider == Provider::Cpu => Err(refused(providers::first_line(&error.to_string()))),
        Err(error) => Ok(Err(providers::first_line(&error.to_string()))),
    }
}

/// The values of an output, checked for number and finiteness.
fn output<'a>(
    outputs: &'a SessionOutputs<'_>,
    name: &'static str,
    batch: usize,
    width: usize,
    first: usize,
) -> Result<&'a [f32], RuntimeError> {
    let value = outputs.get(name).ok_or_else(|| RuntimeError::Run(format!("it has no output `{name}`")))?;
    let (_, values) = value
        .try_extract_tensor::<f32>()
        .map_err(|error| RuntimeError::Run(providers::first_line(&error.to_string())))?;
    if values.len() != batch * width {
        return Err(RuntimeError::Run(format!(
            "output `{name}` has {} values instead of {}",
            values.len(),
            batch * width
        )));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(RuntimeError::NotFinite { payment: first + index / width, output: name }),
        None => Ok(values),
    }
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}
