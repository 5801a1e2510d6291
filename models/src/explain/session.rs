//! Sessions over parts of a network.

use crate::artifact::NETWORK_FILE;
use crate::{Provider, RuntimeConfig, RuntimeError};
use crate::{providers::first_line, runtime::builder, runtime_library::environment};
use ort::session::{Session, SessionOutputs};

/// A session on the processor. Batches are of many sizes here, so no memory is planned for each of them.
pub fn open(onnx: &[u8], config: &RuntimeConfig) -> Result<Session, RuntimeError> {
    let environment = environment(&config.library)?;
    let session = || -> Result<Session, ort::Error> {
        builder(&environment)?.with_memory_pattern(false)?.commit_from_memory(onnx)
    };
    session().map_err(|error| RuntimeError::Session {
        file: NETWORK_FILE,
        provider: Provider::Cpu,
        reason: first_line(&error.to_string()),
    })
}

/// Shape and values of an output.
pub fn floats<'a>(outputs: &'a SessionOutputs<'_>, name: &str) -> Result<(Vec<usize>, &'a [f32]), RuntimeError> {
    let value = outputs.get(name).ok_or_else(|| RuntimeError::Run(format!("it has no output `{name}`")))?;
    let (shape, values) = value.try_extract_tensor::<f32>().map_err(failed)?;
    Ok((shape.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect(), values))
}

/// A run that failed.
pub fn failed(error: ort::Error) -> RuntimeError {
    RuntimeError::Run(first_line(&error.to_string()))
}
