//! Gradient checkpointing: the same gradients in less memory. A binary of its own, because its allocator counts.

mod drawn;

use drawn::{tensor, weights};
use fraudnet_training::network::checkpoint::{self, BLOCK};
use fraudnet_training::network::{Example, TrainConfig, Weights, gradient, score, train};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes held now, and the most since the mark was last set.
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// Tests of this binary take turns: the count is the process's.
static TURN: Mutex<()> = Mutex::new(());

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` gives, and the most bytes it held beyond those held before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let result = work();
    (result, MOST.load(Ordering::Relaxed) - before)
}

fn drawn_examples(count: u64) -> Vec<Example> {
    let label = |seed: u64| f32::from(u8::from(seed.is_multiple_of(3)));
    (0..count)
        .map(|seed| Example { tensor: tensor(seed), label: label(seed), weight: 1.0 + (seed % 2) as f32 })
        .collect()
}

/// Largest difference of two gradients in an array, over the length of the array's gradient, and which array that is.
fn largest(weights: &Weights, one: &[f32], other: &[f32]) -> (String, f64) {
    let mut start = 0;
    let arrays = weights.trained().map(|array| {
        let here = start..start + array.values.len();
        start = here.end;
        let length = one[here.clone()].iter().map(|&slope| f64::from(slope).powi(2)).sum::<f64>().sqrt();
        let apart =
            one[here.clone()].iter().zip(&other[here]).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        (array.name.clone(), if apart == 0.0 { 0.0 } else { apart / length })
    });
    arrays.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

#[test]
fn gradients_are_the_plain_ones_with_dropout_and_with_a_rest_that_fills_no_block() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let weights = weights(1);
    for count in [1, BLOCK, BLOCK + 3] {
        let examples = drawn_examples(count as u64);
        let all: Vec<&Example> = examples.iter().collect();
        let dropout: Vec<f32> = (0..all.len() * 128).map(|at| [0.0, 1.25, 1.25][at % 3]).collect();
        let plain = gradient::gradient(&weights, &all, 3.0, Some(dropout.clone()));
        let checkpointed = checkpoint::gradient(&weights, &all, 3.0, Some(dropout));
        assert!((plain.0 - checkpointed.0).abs() <= 1e-6 * plain.0, "{} {}", plain.0, checkpointed.0);
        let (array, difference) = largest(&weights, &plain.1, &checkpointed.1);
        assert!(difference <= 1e-6, "{count} payments, {array}: {difference}");
    }
}

#[test]
#[expect(clippy::disallowed_macros, reason = "a figure, seen with --nocapture")]
fn a_batch_of_1024_takes_less_than_63_percent_of_the_memory() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (weights, examples) = (weights(2), drawn_examples(1_024));
    let all: Vec<&Example> = examples.iter().collect();
    let (plain, plain_peak) = peak(|| gradient::gradient(&weights, &all, 1.0, None));
    let (checkpointed, checkpointed_peak) = peak(|| checkpoint::gradient(&weights, &all, 1.0, None));
    let share = checkpointed_peak as f64 / plain_peak as f64;
    let megabytes = |bytes: usize| bytes >> 20;
    let (array, difference) = largest(&weights, &plain.1, &checkpointed.1);
    eprintln!(
        "peak memory: plain {} MiB, checkpointed {} MiB, {:.1} %; largest difference {difference:.1e} in {array}",
        megabytes(plain_peak),
        megabytes(checkpointed_peak),
        100.0 * share
    );
    assert!(share <= 0.63, "{share}");
    assert!((plain.0 - checkpointed.0).abs() <= 1e-6 * plain.0.abs(), "{} {}", plain.0, checkpointed.0);
    let length =
        |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let apart = length(&mut plain.1.iter().zip(&checkpointed.1).map(|(a, b)| a - b));
    let whole = length(&mut plain.1.iter().copied());
    assert!(apart <= 1e-6 * whole, "{apart} of {whole}");
    // The plain pass adds the slopes of 420,000 links to one phase in a single running sum of f32.
    assert!(difference <= if array.starts_with("time.") { 5e-6 } else { 1e-6 }, "{array}: {difference}");
}

#[test]
fn a_fit_with_checkpoints_goes_the_same_way() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let examples: Vec<Example> = drawn::examples(0..32);
    let fit = |checkpoint| {
        let config = TrainConfig { epochs: 2, batch: 16, shard: 8, checkpoint, ..TrainConfig::default() };
        train(&config, &drawn::all(&examples), &[], drawn::average_precision, &mut |_| {}).unwrap().weights
    };
    // Where a gradient is next to nothing the optimiser takes its last bits for a direction: compare what comes of it.
    let tensors: Vec<_> = examples.iter().map(|example| &example.tensor).collect();
    let (plain, checkpointed) = (fit(false), fit(true));
    for (one, other) in score(&plain, &tensors, 8, 1).into_iter().zip(score(&checkpointed, &tensors, 8, 1)) {
        assert!((one - other).abs() < 1e-3, "{one} {other}");
    }
}
