//! A payment observed (sample, tensor, apply), and applied only, on the small stream.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use fraudnet_benches::Stream;
use fraudnet_benches::generator::{SMALL, generate};
use fraudnet_benches::stream::LIMITS;
use fraudnet_features::{State, Tensor};
use fraudnet_graph::Event;
use std::hint::black_box;

/// The stream again and again, each time by other ids and later, so that nothing is ever a repeat.
struct Endless<'a> {
    stream: &'a Stream,
    next: usize,
}

impl Endless<'_> {
    fn event(&mut self) -> (u64, Event) {
        let (round, payment) = (self.next / self.stream.len(), self.next % self.stream.len());
        let mut event = self.stream.event(payment);
        if let fraudnet_graph::Body::Payment(payment) = &mut event.body {
            payment.transaction_id.push_str(&format!("-{round}"));
        }
        let span_ms = self.stream.time_ms[self.stream.len() - 1] - self.stream.time_ms[0] + 1;
        event.occurred_at_ms += span_ms * round as i64;
        event.ingested_at_ms = event.occurred_at_ms;
        self.next += 1;
        (self.next as u64, event)
    }
}

fn observe(criterion: &mut Criterion) {
    let stream = generate(&SMALL);
    let (mut state, mut tensor) = (State::new(LIMITS), Tensor::default());
    let mut events = Endless { stream: &stream, next: 0 };
    for _ in 0..stream.len() {
        let (position, event) = events.event();
        state.apply(position, &event);
    }
    criterion.bench_function("observe", |bencher| {
        let run = |(position, event): (u64, Event)| state.observe(position, &event, black_box(&mut tensor));
        bencher.iter_batched(|| events.event(), run, BatchSize::SmallInput);
    });
    criterion.bench_function("apply", |bencher| {
        bencher.iter_batched(
            || events.event(),
            |(position, event)| state.apply(position, &event),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, observe);
criterion_main!(benches);
