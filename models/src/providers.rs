//! Execution providers: their options, and which of the configured ones can be used here.

use crate::onnx::signature_inputs;
use crate::runtime::{Provider, RuntimeConfig};
use ort::ep::{ArbitrarilyConfigurableExecutionProvider, CUDA, ExecutionProvider, TensorRT};
use ort::session::builder::SessionBuilder;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

/// Memory TensorRT may use while it builds an engine.
pub const TENSORRT_WORKSPACE_BYTES: usize = 1 << 30;
/// Batch size TensorRT optimises for, where the largest batch is not smaller.
pub const TENSORRT_BATCH: usize = 8;

/// TensorRT's options as key and value, in the order they are set.
///
/// The profiles bound every input: a batch of 1, of [`TENSORRT_BATCH`] and of the configured maximum, 128 × 64 nodes each, so
/// one engine serves every micro-batch. `engine_cache` must be the network's own folder: TensorRT names engines by the graph,
/// not by the weights, so a retrained network would be served by its predecessor's engine.
pub fn tensorrt_options(max_batch: usize, engine_cache: Option<&Path>) -> Vec<(&'static str, String)> {
    let profile = |batch: usize| {
        let shapes = signature_inputs().map(|port| {
            let dims: Vec<String> = port.shape(batch).iter().map(usize::to_string).collect();
            format!("{}:{}", port.name, dims.join("x"))
        });
        shapes.join(",")
    };
    let mut options = vec![
        ("device_id", "0".to_owned()),
        ("trt_fp16_enable", "1".to_owned()),
        ("trt_layer_norm_fp32_fallback", "1".to_owned()),
        ("trt_max_workspace_size", TENSORRT_WORKSPACE_BYTES.to_string()),
        ("trt_profile_min_shapes", profile(1)),
        ("trt_profile_opt_shapes", profile(TENSORRT_BATCH.min(max_batch))),
        ("trt_profile_max_shapes", profile(max_batch)),
    ];
    if let Some(folder) = engine_cache {
        let folder = folder.display().to_string();
        options.extend([
            ("trt_engine_cache_enable", "1".to_owned()),
            ("trt_engine_cache_path", folder.clone()),
            ("trt_timing_cache_enable", "1".to_owned()),
            ("trt_timing_cache_path", folder),
        ]);
    }
    options
}

/// The providers to try, in order. The processor is always the last resort, unless a GPU is required.
pub(crate) fn candidates(config: &RuntimeConfig) -> Vec<Provider> {
    let mut candidates: Vec<Provider> = Vec::new();
    for &provider in config.providers.iter().chain(&[Provider::Cpu]) {
        let usable = provider != Provider::Cpu || !config.require_gpu;
        if usable && !candidates.contains(&provider) {
            candidates.push(provider);
        }
    }
    candidates
}

/// Adds a provider to a session, or says why it is not there.
pub(crate) fn register(
    provider: Provider,
    builder: &mut SessionBuilder,
    max_batch: usize,
    engine_cache: Option<&Path>,
) -> Result<(), String> {
    match provider {
        Provider::Cpu => Ok(()),
        Provider::Cuda => register_cuda(builder),
        Provider::TensorRt => {
            let options = tensorrt_options(max_batch, engine_cache);
            let tensorrt =
                options.into_iter().fold(TensorRT::default(), |ep, (key, value)| ep.with_arbitrary_config(key, value));
            try_register(&tensorrt, builder)?;
            // What TensorRT leaves over should stay on the card; without CUDA it falls to the processor, which is right but slower.
            let _ = register_cuda(builder);
            Ok(())
        }
    }
}

fn register_cuda(builder: &mut SessionBuilder) -> Result<(), String> {
    // TF32 would round f32 products to 10 bits and miss the golden vectors.
    try_register(&CUDA::default().with_device_id(0).with_tf32(false), builder)
}

fn try_register<P: ExecutionProvider>(provider: &P, builder: &mut SessionBuilder) -> Result<(), String> {
    match P::is_available() {
        Ok(true) => provider.register(builder).map_err(|error| first_line(&error.to_string())),
        Ok(false) => Err("not part of this build of onnx runtime".to_owned()),
        Err(error) => Err(first_line(&error.to_string())),
    }
}

/// The runtime's messages carry source paths and several lines; one is enough for a log line.
pub(crate) fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim().to_owned()
}

/// Says once per process what was missing and what is used instead; every worker builds a session and would say the same.
pub(crate) fn report_fallback(used: Provider, missing: &[(Provider, String)]) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if missing.is_empty() {
        return;
    }
    let missing = describe(missing);
    let line = format!("{missing}; {used} is used instead");
    if SAID.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(line) {
        tracing::warn!(%missing, provider = %used, "preferred execution provider is not there, another is used");
    }
}

/// `tensorrt (not part of this build of onnx runtime), cuda (…)`.
pub(crate) fn describe(missing: &[(Provider, String)]) -> String {
    missing.iter().map(|(provider, reason)| format!("{provider} ({reason})")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_features::schema::payment_features;
    use std::path::PathBuf;

    fn config(providers: &[Provider], require_gpu: bool) -> RuntimeConfig {
        RuntimeConfig {
            library: PathBuf::new(),
            providers: providers.to_vec(),
            require_gpu,
            max_batch: 32,
            engine_cache: None,
        }
    }

    #[test]
    fn tensorrt_profiles_bound_every_input() {
        let t = payment_features().len();
        let profile = |batch: usize| {
            format!(
                "node_features:{batch}x128x64,neighbour_index:{batch}x41x10,edge_features:{batch}x41x10x16,\
                 neighbour_mask:{batch}x41x10,transaction_features:{batch}x{t}"
            )
        };
        let plain = vec![
            ("device_id", "0".to_owned()),
            ("trt_fp16_enable", "1".to_owned()),
            ("trt_layer_norm_fp32_fallback", "1".to_owned()),
            ("trt_max_workspace_size", "1073741824".to_owned()),
            ("trt_profile_min_shapes", profile(1)),
            ("trt_profile_opt_shapes", profile(8)),
            ("trt_profile_max_shapes", profile(32)),
        ];
        assert_eq!(tensorrt_options(32, None), plain);

        let mut cached = plain;
        for (key, value) in [
            ("trt_engine_cache_enable", "1"),
            ("trt_engine_cache_path", "cache/abc"),
            ("trt_timing_cache_enable", "1"),
            ("trt_timing_cache_path", "cache/abc"),
        ] {
            cached.push((key, value.to_owned()));
        }
        assert_eq!(tensorrt_options(32, Some(Path::new("cache/abc"))), cached);
        assert!(tensorrt_options(4, None).contains(&("trt_profile_opt_shapes", profile(4))));
    }

    #[test]
    fn the_processor_is_the_last_resort_unless_a_gpu_is_required() {
        use Provider::{Cpu, Cuda, TensorRt};
        assert_eq!(candidates(&config(&[TensorRt, Cuda, Cpu], false)), [TensorRt, Cuda, Cpu]);
        assert_eq!(candidates(&config(&[Cuda, Cuda], false)), [Cuda, Cpu]);
        assert_eq!(candidates(&config(&[Cpu, Cuda], false)), [Cpu, Cuda]);
        assert_eq!(candidates(&config(&[], false)), [Cpu]);
        assert_eq!(candidates(&config(&[TensorRt, Cuda, Cpu], true)), [TensorRt, Cuda]);
    }
}
