//! A sample by the graph and by the bare floor, warm: 1,000 payments of the small stream in a row.

use criterion::{Criterion, criterion_group, criterion_main};
use fraudnet_benches::floor::{Floor, FloorSample};
use fraudnet_benches::generator::{SMALL, generate};
use fraudnet_benches::sampler::apply;
use fraudnet_benches::stream::LIMITS;
use fraudnet_graph::{Event, Graph, Subgraph};
use std::hint::black_box;

fn sample(criterion: &mut Criterion) {
    let stream = generate(&SMALL);
    let (mut floor, mut graph) = (Floor::new(stream.entity_count()), Graph::new(LIMITS));
    for (first, events) in stream.chunks(stream.before_tail()) {
        apply(&mut graph, first, &events);
        (first..first + events.len()).for_each(|payment| floor.insert(&stream, payment));
    }
    let queries: Vec<usize> = stream.queries.iter().take(1_000).map(|&query| query as usize).collect();
    let events: Vec<Event> = queries.iter().map(|&query| stream.event(query)).collect();

    let (mut subgraph, mut next) = (Subgraph::default(), events.iter().cycle());
    criterion.bench_function("sample/graph", |bencher| {
        bencher.iter(|| graph.sample(next.next().expect("there are events"), black_box(&mut subgraph)));
    });
    let (mut sample, mut next) = (FloorSample::default(), queries.iter().cycle());
    criterion.bench_function("sample/floor", |bencher| {
        bencher.iter(|| floor.sample(&stream, *next.next().expect("there are queries"), black_box(&mut sample)));
    });
}

criterion_group!(benches, sample);
criterion_main!(benches);
