//! The released model on the processor, batches of 1 and of 8, padding included.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fraudnet_benches::network::{BATCH, session};
use fraudnet_benches::{places, simulated};
use fraudnet_features::Tensor;
use std::hint::black_box;

fn run(criterion: &mut Criterion) {
    let model = places::newest_model().expect("`make model` has been run");
    let (_, mut session) = session(&model).expect("the released model can be run");
    let tensors = simulated::tensors(&simulated::events(true), BATCH);
    let mut group = criterion.benchmark_group("network");
    for size in [1, BATCH] {
        let batch: Vec<&Tensor> = tensors.iter().take(size).collect();
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(format!("batch {size}"), |bencher| {
            bencher.iter(|| black_box(session.run(&batch).expect("the model runs")));
        });
    }
    group.finish();
}

criterion_group!(benches, run);
criterion_main!(benches);
