//! What is told of a ring: numbers, rank, members, growth, drawing.

use crate::rings::testing::{DAY_S, START_S, Story, open_case};
use crate::rings::{GROWTH_DAYS, MAX_DRAWN, RingLink};
use fraudnet_graph::{Kind, Relation};

const DAY_MS: i64 = DAY_S as i64 * 1_000;
const START_MS: i64 = START_S as i64 * 1_000;

#[test]
fn a_ring_in_numbers() {
    let mut story = Story::new();
    story.fraud("a1 d1 ip1 @m1 100");
    story.days_pass(1);
    story.fraud("a2 d1 ip1 @m1 200");
    let unsure = story.pay("a3 d1 ip1 @m2 400");
    story.verdict(&unsure, 0.9, false);
    let good = story.pay("a3 d1 ip1 @m2 1000");
    story.label(&good, false);
    // Over nothing that ties anybody: not the ring's.
    story.fraud("a1 own home @m3 5000");
    story.rings.open_cases("bank", [("a2".to_owned(), open_case("case_2"))].into());
    story.rings.open_cases("bank", [("a3".to_owned(), open_case("case_3"))].into());

    let list = story.rings.list("bank", 10);
    let ring = &list[0];
    assert_eq!((list.len(), ring.rank, ring.accounts, ring.devices, ring.ips, ring.merchants), (1, 1, 3, 1, 1, 2));
    assert_eq!((ring.payments, ring.reported, ring.held, ring.amount_hundredths), (4, 2, 0, 170_000));
    // Two of three accounts and one unknown: a half. 100 + 200 reported, 0.9 of 400, nothing of what was good.
    assert_eq!((ring.score, ring.expected_loss_hundredths), (0.5, 66_000));
    assert_eq!((ring.first_at_ms, ring.last_at_ms), (START_MS, START_MS + DAY_MS));
    assert_eq!((ring.open_cases, ring.growth_accounts_7d, ring.is_whole), (1, 3, true));

    let whole = story.rings.ring("bank", &ring.ring_id).unwrap();
    assert_eq!(&whole.summary, ring);
    let told = |place: usize| {
        let member = &whole.members[place];
        (member.kind, &*member.id, member.payments, member.reported, member.since_ms, member.open_case.clone())
    };
    assert_eq!(told(0), (Kind::Account, "a1", 1, 1, START_MS, None));
    assert_eq!(told(1), (Kind::Account, "a2", 1, 1, START_MS + DAY_MS, None));
    assert_eq!(told(2), (Kind::Device, "d1", 4, 2, START_MS, None));
    assert_eq!(told(4), (Kind::Account, "a3", 2, 0, START_MS + DAY_MS, Some(open_case("case_3"))));
    assert_eq!((whole.members.len(), whole.members_left_out, whole.growth.len()), (5, 0, GROWTH_DAYS));
    let last: Vec<_> = whole.growth[28..].iter().map(|day| (day.at_ms, day.accounts, day.amount_hundredths)).collect();
    assert_eq!(last, [(START_MS, 1, 10_000), (START_MS + DAY_MS, 2, 160_000)]);

    let graph = &whole.graph;
    assert_eq!((graph.node_count(), graph.edge_count()), (7, 6 + 3));
    let place = |id: &str| graph.node_indices().find(|&node| graph[node].id == id).unwrap();
    let link = |from, to| graph.find_edge(place(from), place(to)).map(|edge| graph[edge]);
    let at_ms = START_MS + DAY_MS;
    let expected = RingLink {
        relation: Relation::AccountDevice,
        payments: 2,
        reported: 0,
        amount_hundredths: 140_000,
        first_at_ms: at_ms,
        last_at_ms: at_ms,
    };
    assert_eq!(link("a3", "d1"), Some(expected));
    assert_eq!(link("a3", "m2"), Some(RingLink { relation: Relation::AccountMerchant, ..expected }));
    assert!(graph.node_weights().all(|node| node.id != "m3" && node.id != "home"));
    assert_eq!(petgraph::algo::connected_components(graph), 1);
}

#[test]
fn rings_are_ranked_by_expected_loss() {
    let mut story = Story::new();
    for (ring, amount) in [("x", 10), ("y", 500), ("z", 90)] {
        (0..3).for_each(|account| drop(story.fraud(&format!("{ring}{account} d-{ring} - {amount}"))));
    }
    assert_eq!(story.told(), ["y0 y1 y2 d-y", "z0 z1 z2 d-z", "x0 x1 x2 d-x"]);
    let ranks: Vec<_> = story.rings.list("bank", 2).iter().map(|ring| ring.rank).collect();
    assert_eq!(ranks, [1, 2]);
    assert_eq!(story.rings.ring("bank", &story.id("x0")).unwrap().summary.rank, 3);
}

#[test]
fn a_large_ring_is_drawn_in_part_and_hangs_together() {
    let mut story = Story::new();
    for account in 0..300 {
        story.fraud(&format!("a{account} d{} ip{} @m{}", account % 60, account / 60, account % 20));
    }
    let ring = story.rings.ring("bank", &story.id("a0")).unwrap();
    assert_eq!((ring.summary.accounts, ring.summary.devices, ring.summary.ips), (300, 60, 5));
    assert_eq!(ring.graph.node_count(), MAX_DRAWN);
    let of = |kind| ring.graph.node_weights().filter(|node| node.kind == kind).count();
    assert_eq!((of(Kind::Account), of(Kind::Merchant), of(Kind::Ip), of(Kind::Device)), (76, 12, 5, 35));
    assert!(
        ring.graph
            .node_indices()
            .filter(|&node| ring.graph[node].kind == Kind::Account)
            .all(|node| { ring.graph.neighbors(node).count() > 0 })
    );
}
