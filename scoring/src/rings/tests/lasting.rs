//! What becomes of a ring with time: its id, ageing, merging, falling apart; and that tenants are apart.

use crate::rings::testing::{Story, open_case};

#[test]
fn a_ring_shrinks_with_age_and_ends() {
    let mut story = Story::new();
    for account in 0..3 {
        story.fraud(&format!("a{account} d1 -"));
    }
    story.days_pass(10);
    story.fraud("a3 d1 -");
    story.fraud("a4 d1 -");
    let id = story.id("a0");
    assert_eq!(story.told(), ["a0 a1 a2 a3 a4 d1"]);
    story.days_pass(10);
    story.fraud("a0 d1 -");
    story.days_pass(10);
    story.pay("z z z");
    assert_eq!(story.told(), ["a0 a3 a4 d1"]);
    assert_eq!(story.id("a0"), id, "it moved on, and is the same");
    story.days_pass(10);
    story.pay("z z z");
    assert_eq!(story.told(), [""; 0]);
    assert_eq!(story.members(&id), "none");
    // Comes back while some of it is still there: as the same.
    story.fraud("a3 d1 -");
    story.fraud("a4 d1 -");
    assert_eq!(story.id("a4"), id);
    // Nothing is left when everything is past.
    story.days_pass(31);
    story.rings.label(story.position, "bank", "unknown", true, story.at_s);
    let stats = story.rings.stats();
    assert_eq!((stats.payments, stats.entities, stats.links, stats.rings), (0, 0, 0, 0));
}

#[test]
fn a_ring_splits_when_what_held_it_together_leaves() {
    let mut story = Story::new();
    let join = |story: &mut Story| {
        story.fraud("a0 d1 ip");
        story.fraud("b0 d2 ip");
    };
    join(&mut story);
    story.days_pass(5);
    for account in 0..5 {
        story.fraud(&format!("a{account} d1 -"));
    }
    for account in 0..3 {
        story.fraud(&format!("b{account} d2 -"));
    }
    assert_eq!(story.told(), ["a0 a1 a2 a3 a4 b0 b1 b2 d1 d2 ip"]);
    let whole = story.id("a0");
    story.days_pass(26);
    story.pay("z z z");
    let mut told = story.told();
    told.sort();
    assert_eq!(told, ["a0 a1 a2 a3 a4 d1", "b0 b1 b2 d2"]);
    assert_eq!(story.id("a1"), whole, "the larger part goes on");
    let part = story.id("b1");
    assert_ne!(part, whole);
    // They come together again: the larger one's id stays.
    join(&mut story);
    assert_eq!(story.told(), ["a0 a1 a2 a3 a4 b0 b1 b2 d1 d2 ip"]);
    assert_eq!((story.id("a1"), story.id("b1")), (whole.clone(), whole));
    assert_eq!(story.members(&part), "none");
}

#[test]
fn what_left_a_ring_does_not_take_its_id() {
    let mut story = Story::new();
    for words in ["x0 d1 ip1", "w d9 ip1", "x4 d1 -"] {
        story.fraud(words);
    }
    let id = story.id("x0");
    assert_eq!(story.told(), ["w x0 x4 d1 ip1"]);
    (0..20).for_each(|passer_by| drop(story.pay(&format!("z{passer_by} - ip1"))));
    story.days_pass(1);
    (0..4).for_each(|account| drop(story.fraud(&format!("x{account} d1 -"))));
    (0..4).for_each(|account| drop(story.fraud(&format!("y{account} - ip1"))));
    (4..8).for_each(|account| drop(story.pay(&format!("y{account} - ip1"))));
    assert_eq!(story.told(), ["x0 x1 x2 x3 x4 d1"]);
    // At once the passers-by are past, so that the address ties more accounts than the device, and the device loses one.
    story.days_pass(29);
    story.pay("q q q");
    let mut told = story.told();
    told.sort();
    assert_eq!(told, ["x0 x1 x2 x3 d1", "y0 y1 y2 y3 y4 y5 y6 y7 ip1"]);
    assert_eq!(story.id("x0"), id);
    assert_ne!(story.id("y0"), id);
}

#[test]
fn a_growing_ring_keeps_its_id() {
    let mut story = Story::new();
    for account in 0..3 {
        story.fraud(&format!("a{account} d0 ip0"));
    }
    let id = story.id("a0");
    for device in 1..30 {
        story.fraud(&format!("b{device} d{} ip{device}", device - 1));
        story.fraud(&format!("c{device} d{device} ip{device}"));
        story.fraud(&format!("b{device} d{device} ip{device}"));
        assert_eq!(story.id("a0"), id);
        story.days_pass(1);
    }
    assert_eq!(story.rings.list("bank", 10).len(), 1);
    // After weeks nobody of the first days is left.
    for device in 30..60 {
        story.fraud(&format!("b{device} d{} ip{device}", device - 1));
        story.fraud(&format!("c{device} d{device} ip{device}"));
        story.fraud(&format!("b{device} d{device} ip{device}"));
        story.days_pass(1);
    }
    assert_eq!(story.id("a0"), "");
    assert_eq!(story.id("c59"), id);
}

#[test]
fn tenants_share_nothing() {
    let mut story = Story::new();
    for (tenant, account) in [("bank", "a0"), ("shop", "a1"), ("bank", "a2"), ("shop", "a3")] {
        story.tenant = tenant.to_owned();
        story.fraud(&format!("{account} d1 ip1"));
    }
    for tenant in ["bank", "shop"] {
        assert!(story.rings.list(tenant, 10).is_empty(), "two accounts of one tenant are no ring");
    }
    story.tenant = "bank".to_owned();
    story.fraud("a4 d1 ip1");
    let id = story.id("a4");
    assert_eq!(story.told(), ["a0 a2 a4 d1 ip1"]);
    assert!(story.rings.ring("shop", &id).is_none() && story.rings.list("shop", 10).is_empty());
    assert!(story.rings.rings_of("shop", "a4").is_empty() && story.rings.rings_of("nobody", "a4").is_empty());
    // What another tenant knows of the same transaction id says nothing here.
    let mine = story.pay("a5 d9 ip9");
    story.rings.label(story.position, "shop", &mine, true, story.at_s);
    story.rings.open_cases("shop", [("a0".to_owned(), open_case("case_shop"))].into());
    assert_eq!(story.rings.list("bank", 10)[0].open_cases, 0);
}
