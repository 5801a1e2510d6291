//! ONNX Runtime as everything that runs sees it: providers and precisions, settings, what can go wrong, and the options all
//! sessions share.
//!
//! One session a worker thread, one thread a session: payments are scored in parallel by having several sessions, which
//! costs no synchronisation inside an operator and gives the same bits whatever the load.

use crate::artifact::{HALF_NETWORK_FILE, NETWORK_FILE};
use crate::batch::TensorError;
use crate::{providers, runtime_library};
use ort::environment::Environment;
use ort::session::{
    Session, SessionOutputs,
    builder::{GraphOptimizationLevel, SessionBuilder},
};
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

    pub(crate) fn file(self) -> &'static str {
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
    /// The runtime refused a file.
    #[error("`{file}` cannot be run on {provider}: {reason}; publish the model again")]
    Session {
        /// The network, tree or rows file.
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
    /// A network was asked of an artifact that has none.
    #[error("the model holds no network; open it as a whole model")]
    NoNetwork,
    /// Values that fill no whole number of rows.
    #[error(
        "{values} values are no whole number of rows of {columns} columns; assemble them with this build's feature set"
    )]
    Rows {
        /// Values given.
        values: usize,
        /// Columns of a row.
        columns: usize,
    },
    /// A row's score depends on the rows beside it.
    #[error(
        "the model gives a row another score when other rows are scored with it; export it so that it treats every row of the batch alone"
    )]
    MixedRows,
    /// The run failed.
    #[error("the model failed to run: {0}; answer from the next tier and check the model")]
    Run(String),
    /// An output is infinite or not a number.
    #[error(
        "the model's {output} for payment {payment} of the batch is not a finite number; answer from the next tier and check the model"
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

/// A session builder with the options of every session here.
pub(crate) fn builder(environment: &Environment) -> Result<SessionBuilder, ort::Error> {
    Ok(Session::builder(environment)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_memory_pattern(true)?)
}

/// The values of an output, checked for number and finiteness.
pub(crate) fn output<'a>(
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
