//! Observing: the whole core, graph and windows, applied only and with a tensor for each payment.

use crate::figures::{Figures, Target, grouped};
use crate::stream::LIMITS;
use crate::{Quantiles, Stream};
use fraudnet_features::{Compaction, State, Tensor};
use fraudnet_scoring::clock::monotonic;
use std::hint::black_box;
use std::time::Duration;

const GROUP: &str = "observe";

/// Measures.
pub fn measure(stream: &Stream, figures: &mut Figures) {
    let mut state = State::new(LIMITS);
    let mut applying = Duration::ZERO;
    for (first, events) in stream.chunks(stream.before_tail()) {
        let started = monotonic();
        for (position, event) in (first as u64..).zip(&events) {
            state.apply(position, event);
        }
        applying += started.elapsed();
    }
    let (mut times, mut compaction, mut tensor) =
        (Quantiles::with_capacity(stream.tail), Compaction::default(), Tensor::default());
    for (first, events) in stream.chunks(stream.tail()) {
        for (position, event) in (first as u64..).zip(&events) {
            let started = monotonic();
            state.observe(position, event, black_box(&mut tensor));
            times.record(started.elapsed());
            compaction.add(&tensor);
        }
    }

    let applied = stream.before_tail().len() as f64;
    figures.aim(
        GROUP,
        "payments applied only",
        applied / applying.as_secs_f64(),
        "/s",
        Target::AtLeast(200_000.0),
        format!("graph and windows, {} payments, one thread", grouped(applied)),
    );
    let note = format!("p99 {:.1} µs; sample, tensor, apply", times.microseconds(0.99));
    figures.aim(GROUP, "observe with tensor p50", times.microseconds(0.5), "µs", Target::AtMost(60.0), note);
    figures.aim(
        GROUP,
        "payments observed",
        times.len() as f64 / times.seconds(),
        "/s",
        Target::AtLeast(15_000.0),
        "one thread".to_owned(),
    );
    let bytes = |sum: u64| sum / compaction.tensors.max(1);
    let note = format!("{} bytes a tensor instead of {}", bytes(compaction.bytes), bytes(compaction.padded_f32_bytes));
    figures.aim(
        GROUP,
        "bytes saved against padded f32",
        100.0 * compaction.bytes_saved(),
        "%",
        Target::AtLeast(58.0),
        note,
    );
    let note = format!(
        "{} unique nodes a tensor instead of one row a link, {}",
        bytes(compaction.nodes),
        bytes(compaction.nodes_unshared)
    );
    figures.tell(GROUP, "node rows saved by compaction", 100.0 * compaction.nodes_saved(), "%", note);
}
