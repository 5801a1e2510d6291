//! Sampling allocates nothing once its buffers have grown.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use fraudnet_graph::{Body, Channel, Event, Graph, Limits, Payment, Subgraph};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came; counting touches a plain thread-local cell only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`; the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn event(n: u64) -> Event {
    Event {
        event_id: format!("e{n}"),
        tenant: "t".into(),
        schema_version: 1,
        occurred_at_ms: 1_700_000_000_000 + n as i64 * 1000,
        ingested_at_ms: 1_700_000_000_000 + n as i64 * 1000,
        source: "test".into(),
        actor: String::new(),
        body: Body::Payment(Payment {
            transaction_id: format!("t{n}"),
            account: format!("a{}", n * 7919 % 300),
            device: Some(format!("d{}", n * 104_729 % 120)),
            ip: Some(format!("i{}", n * 1_299_709 % 90)),
            merchant: Some(format!("m{}", n % 17)),
            counterparty: n.is_multiple_of(3).then(|| format!("a{}", n % 50)),
            amount_minor: n,
            currency: *b"EUR",
            channel: Channel::Wallet,
            merchant_category: None,
            account_country: None,
            ip_country: None,
            merchant_country: None,
        }),
    }
}

#[test]
fn a_warm_sampler_allocates_nothing() {
    let limits = Limits { max_entities: 1000, max_edges: 10_000, max_transactions: 10_000, max_age_s: u32::MAX };
    let (mut graph, mut sample) = (Graph::new(limits), Subgraph::default());
    let events: Vec<Event> = (0..3000).map(event).collect();
    graph.sample(&events[0], &mut sample); // grows the buffers to their bound, on an empty graph
    let mut most = 0;
    for (position, event) in events.iter().enumerate() {
        let before = ALLOCATIONS.get();
        graph.sample(event, &mut sample);
        std::hint::black_box(sample.digest());
        assert_eq!(ALLOCATIONS.get(), before, "sample {position} allocated");
        most = most.max(sample.nodes.len());
        graph.apply(position as u64, event);
    }
    assert!(most > 120, "the largest sample has only {most} nodes");
}
