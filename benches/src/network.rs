//! The released model on the processor, network and trees as it is served: one thread, batches of 1 and of 8 in turns, padding included.

use crate::Quantiles;
use crate::figures::{Figures, Target};
use anyhow::ensure;
use fraudnet_features::Tensor;
use fraudnet_models::{Artifact, ModelSession, Provider, RuntimeConfig};
use fraudnet_scoring::clock::monotonic;
use std::hint::black_box;
use std::path::{Path, PathBuf};

const GROUP: &str = "network";

/// Payments of the larger batch.
pub const BATCH: usize = 8;

/// Measures.
///
/// # Errors
/// A model that cannot be loaded or run.
pub fn measure(model: &Path, tensors: &[Tensor], small: bool, figures: &mut Figures) -> anyhow::Result<()> {
    let (artifact, mut session) = session(model)?;
    ensure!(tensors.len() >= BATCH, "{} tensors are too few to measure on", tensors.len());
    let golden = artifact.verify_golden(&mut session)?;
    let rounds = if small { 40 } else { 250 };
    let (mut single, mut batched) = (Quantiles::default(), Quantiles::default());
    for group in tensors.chunks_exact(BATCH).cycle().take(rounds) {
        for tensor in group {
            let started = monotonic();
            black_box(session.run(&[tensor])?);
            single.record(started.elapsed());
        }
        let group: Vec<&Tensor> = group.iter().collect();
        let started = monotonic();
        black_box(session.run(&group)?);
        batched.record(started.elapsed() / BATCH as u32);
    }
    let note = |times: &Quantiles| {
        let at = |share| times.microseconds(share) / 1e3;
        format!("p10 {:.3}, p99 {:.3} ms; {} {}", at(0.1), at(0.99), artifact.manifest.name, artifact.manifest.version)
    };
    figures.aim(
        GROUP,
        "a payment at batch 1, p50",
        single.microseconds(0.5) / 1e3,
        "ms",
        Target::AtMost(0.6),
        note(&single),
    );
    figures.aim(
        GROUP,
        "a payment at batch 8, p50",
        batched.microseconds(0.5) / 1e3,
        "ms",
        Target::AtMost(0.45),
        note(&batched),
    );
    let note = format!("largest difference of a logit over {} golden vectors", golden.vectors);
    figures.tell(GROUP, "golden vectors", f64::from(golden.logit_difference), "", note);
    Ok(())
}

/// The model and a session over it, on the processor.
///
/// # Errors
/// A model that cannot be loaded or run.
pub fn session(model: &Path) -> anyhow::Result<(Artifact, ModelSession)> {
    let artifact = Artifact::load(model)?;
    let config = RuntimeConfig {
        library: PathBuf::new(),
        providers: vec![Provider::Cpu],
        require_gpu: false,
        max_batch: BATCH,
        engine_cache: None,
    };
    let session = ModelSession::new(&artifact, &config)?;
    Ok((artifact, session))
}
