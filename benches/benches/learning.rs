//! Learning on one core: examples a fine-tune takes a second, and what gradient checkpoints cost in time at a batch of 1,024.
//!
//! Promised: at least 200 examples a second; with checkpoints at most 1.4 times as long. What they save in memory is asserted by
//! `training/tests/checkpoint.rs`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fraudnet_benches::simulated;
use fraudnet_features::{Tensor, schema};
use fraudnet_training::network::{
    Example, FineTuneConfig, Standardisation, Weights, checkpoint, fine_tune, gradient::gradient,
};
use std::hint::black_box;

/// Payments of the gradient.
const BATCH: usize = 1_024;
/// Examples of a fine-tune.
const TUNED: usize = 256;

/// Payments of the simulated stream, every tenth taken for fraud.
fn examples() -> (Weights, Vec<Example>) {
    let tensors: Vec<Tensor> = simulated::tensors(&simulated::events(true), BATCH);
    let width = schema::payment_features().len();
    let weights = Weights::initial(width, &Standardisation::of(&tensors, width), 1);
    let label = |at: usize| f32::from(u8::from(at.is_multiple_of(10)));
    let examples =
        tensors.into_iter().enumerate().map(|(at, tensor)| Example { tensor, label: label(at), weight: 1.0 });
    (weights, examples.collect())
}

fn gradients(criterion: &mut Criterion) {
    let (weights, examples) = examples();
    let all: Vec<&Example> = examples.iter().collect();
    let mut group = criterion.benchmark_group("gradient");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(BenchmarkId::new("plain", BATCH), |bencher| {
        bencher.iter(|| black_box(gradient(&weights, &all, 1.0, None)));
    });
    group.bench_function(BenchmarkId::new("checkpointed", BATCH), |bencher| {
        bencher.iter(|| black_box(checkpoint::gradient(&weights, &all, 1.0, None)));
    });
    group.finish();
}

fn fine_tuning(criterion: &mut Criterion) {
    let (weights, examples) = examples();
    let all: Vec<&Example> = examples.iter().take(TUNED).collect();
    let config = FineTuneConfig { epochs: 1, threads: 1, ..FineTuneConfig::default() };
    let mut group = criterion.benchmark_group("fine-tune");
    group.sample_size(10).throughput(Throughput::Elements(TUNED as u64));
    group.bench_function("one core", |bencher| {
        bencher.iter(|| {
            // Without a validation set the measure is never asked.
            let tuned = fine_tune(&weights, &all, &config, &[], |_, _, _| 0.0, &mut |_| {});
            black_box(tuned.expect("both classes are there"))
        });
    });
    group.finish();
}

criterion_group!(benches, gradients, fine_tuning);
criterion_main!(benches);
