//! Sampling: the graph and the bare floor, fed the same stream, each query sampled by both in turns.
//!
//! Besides taking turns the floor is also run alone, as it is when nothing else empties its caches; both are shown.

use crate::figures::{Figures, Target, grouped};
use crate::floor::{Floor, FloorSample, NodeCheck};
use crate::stream::LIMITS;
use crate::{Quantiles, Stream};
use fraudnet_graph::{Event, Graph, Subgraph};
use fraudnet_scoring::clock::monotonic;
use std::hint::black_box;
use std::time::Duration;

const GROUP: &str = "sampler";

/// What one run over the stream gave.
struct Run {
    floor: Quantiles,
    graph: Quantiles,
    floor_nodes: NodeCheck,
    hops: [u64; 4],
    links: u64,
}

/// Measures.
pub fn measure(stream: &Stream, figures: &mut Figures) {
    let alone = floor_alone(stream);
    let mut floor = Floor::new(stream.entity_count());
    let mut graph = Graph::new(LIMITS);
    let mut applying = Duration::ZERO;
    for (first, events) in stream.chunks(stream.before_tail()) {
        let started = monotonic();
        apply(&mut graph, first, &events);
        applying += started.elapsed();
        (first..first + events.len()).for_each(|payment| floor.insert(stream, payment));
    }
    let run = take_turns(stream, &mut floor, &mut graph);

    let ratio = |share| run.graph.microseconds(share) / run.floor.microseconds(share);
    let beside = |share| {
        let [graph, floor, alone] = [&run.graph, &run.floor, &alone.times].map(|times| times.microseconds(share));
        format!("graph {graph:.1} µs, floor {floor:.1} µs (alone {alone:.1} µs: {:.2} ×)", graph / alone)
    };
    figures.aim(GROUP, "sample p50, times the bare floor", ratio(0.5), "×", Target::AtMost(2.5), beside(0.5));
    figures.aim(GROUP, "sample p99, times the bare floor", ratio(0.99), "×", Target::AtMost(3.0), beside(0.99));
    let samples = run.graph.len().max(1) as f64;
    let hops = run.hops.map(|nodes| nodes as f64 / samples);
    let note = format!(
        "by hop {:.0} + {:.1} + {:.1} + {:.1}; {:.0} links",
        hops[0],
        hops[1],
        hops[2],
        hops[3],
        run.links as f64 / samples
    );
    figures.tell(GROUP, "nodes of a sample", hops.iter().sum(), "", note);

    let stats = graph.stats();
    let per_edge = stats.edge_bytes as f64 / f64::from(stats.edges.max(1));
    figures.aim(
        GROUP,
        "memory of a distinct edge",
        per_edge,
        "bytes",
        Target::AtMost(96.0),
        format!(
            "{} edges, {} entities, rings and index included",
            grouped(stats.edges.into()),
            grouped(stats.entities.into())
        ),
    );
    let payments = stream.before_tail().len() as f64;
    let note = format!(
        "floor {}/s, bare topology of {:.1} bytes an ingested edge",
        grouped(alone.inserted_per_second),
        alone.bytes as f64 / (3 * stream.len()) as f64
    );
    figures.tell(GROUP, "payments applied to the graph", payments / applying.as_secs_f64(), "/s", note);
    let same = if alone.nodes == run.floor_nodes { "both runs" } else { "DIFFERS between the runs" };
    figures.tell(
        GROUP,
        "payments sampled",
        samples,
        "",
        format!("of {} payments; floor's nodes {}, {same}", grouped(stream.len() as f64), alone.nodes),
    );
}

struct Alone {
    times: Quantiles,
    nodes: NodeCheck,
    inserted_per_second: f64,
    bytes: usize,
}

fn floor_alone(stream: &Stream) -> Alone {
    let mut floor = Floor::new(stream.entity_count());
    let started = monotonic();
    stream.before_tail().for_each(|payment| floor.insert(stream, payment));
    let inserted_per_second = stream.before_tail().len() as f64 / started.elapsed().as_secs_f64();
    let (mut times, mut nodes, mut sample) =
        (Quantiles::with_capacity(stream.queries.len()), NodeCheck::default(), FloorSample::default());
    let mut queries = stream.queries.iter().peekable();
    for payment in stream.tail() {
        if queries.next_if(|&&query| query as usize == payment).is_some() {
            sample_floor(&mut floor, stream, payment, &mut sample, &mut times);
            nodes.add(&sample);
        }
        floor.insert(stream, payment);
    }
    Alone { times, nodes, inserted_per_second, bytes: floor.bytes() }
}

fn take_turns(stream: &Stream, floor: &mut Floor, graph: &mut Graph) -> Run {
    let room = || Quantiles::with_capacity(stream.queries.len());
    let mut run = Run { floor: room(), graph: room(), floor_nodes: NodeCheck::default(), hops: [0; 4], links: 0 };
    let (mut sample, mut subgraph) = (FloorSample::default(), Subgraph::default());
    let mut queries = stream.queries.iter().peekable();
    for (first, events) in stream.chunks(stream.tail()) {
        for (payment, event) in (first..).zip(&events) {
            if queries.next_if(|&&query| query as usize == payment).is_some() {
                // Who samples second finds the other's lines in its caches' way; so they take turns.
                if run.graph.len().is_multiple_of(2) {
                    sample_floor(floor, stream, payment, &mut sample, &mut run.floor);
                    sample_graph(graph, event, &mut subgraph, &mut run.graph);
                } else {
                    sample_graph(graph, event, &mut subgraph, &mut run.graph);
                    sample_floor(floor, stream, payment, &mut sample, &mut run.floor);
                }
                run.floor_nodes.add(&sample);
                run.hops.iter_mut().zip(subgraph.hop_counts).for_each(|(sum, nodes)| *sum += u64::from(nodes));
                run.links += subgraph.links.len() as u64;
            }
            floor.insert(stream, payment);
            graph.apply(payment as u64, event);
        }
    }
    run
}

/// Applies events that stand at `first` and after.
pub fn apply(graph: &mut Graph, first: usize, events: &[Event]) {
    for (position, event) in (first as u64..).zip(events) {
        graph.apply(position, event);
    }
}

fn sample_floor(floor: &mut Floor, stream: &Stream, payment: usize, sample: &mut FloorSample, times: &mut Quantiles) {
    let started = monotonic();
    floor.sample(stream, payment, black_box(sample));
    times.record(started.elapsed());
}

fn sample_graph(graph: &mut Graph, event: &Event, subgraph: &mut Subgraph, times: &mut Quantiles) {
    let started = monotonic();
    graph.sample(event, black_box(subgraph));
    times.record(started.elapsed());
}
