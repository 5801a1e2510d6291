//! Which accounts make a ring, and which never do.

use crate::rings::testing::{DAY_S, START_S, Story};

#[test]
fn a_device_farm_is_found_with_members_nobody_reported() {
    let mut story = Story::new();
    story.pay("a1 d1 ip1");
    story.pay("a2 d1 ip2");
    story.pay("a3 d2 ip2");
    story.fraud("a4 d1 ip2");
    assert_eq!(story.told(), [""; 0]);
    story.fraud("a3 d1 ip2");
    // Half of those on the device and the address are reported: so all on them are in. One alone on ip1 ties nobody.
    assert_eq!(story.told(), ["a1 a2 a3 a4 d1 ip2"]);
}

#[test]
fn held_payments_count_half_until_somebody_says_they_were_good() {
    let mut story = Story::new();
    let held: Vec<_> = ["a1 d1 -", "a2 d1 -", "a3 d1 -"].map(|words| story.pay(words)).into();
    for transaction in &held {
        story.verdict(transaction, 0.6, true);
    }
    assert_eq!(story.told(), ["a1 a2 a3 d1"]);
    story.label(&held[0], false);
    assert_eq!(story.told(), [""; 0], "two held of three tie only each other");
    story.label(&held[1], true);
    assert_eq!(story.told(), ["a1 a2 a3 d1"]);
    story.label(&held[1], false);
    story.label(&held[2], false);
    assert_eq!(story.told(), [""; 0]);
}

#[test]
fn an_office_or_a_gateway_glues_nobody() {
    let mut story = Story::new();
    for person in 0..400 {
        story.pay(&format!("p{person} own{person} office"));
        story.pay(&format!("p{person} own{person} gateway"));
    }
    // Two farms whose members also pass through, and a few others who were robbed there.
    for farm in ["x", "y"] {
        for account in 0..5 {
            story.fraud(&format!("{farm}{account} device-{farm} office"));
            story.fraud(&format!("{farm}{account} device-{farm} gateway"));
        }
    }
    for robbed in 0..20 {
        story.fraud(&format!("p{robbed} own{robbed} gateway"));
    }
    let mut told = story.told();
    told.sort();
    assert_eq!(told, ["x0 x1 x2 x3 x4 device-x", "y0 y1 y2 y3 y4 device-y"]);
}

#[test]
fn a_proxy_ties_its_victims_but_not_their_homes() {
    let mut story = Story::new();
    for victim in 0..6 {
        story.pay(&format!("v{victim} phone{victim} home{victim}"));
        story.pay(&format!("spouse{victim} phone{victim} home{victim}"));
        story.fraud(&format!("v{victim} spoofed{victim} proxy"));
    }
    assert_eq!(story.told(), ["v0 v1 v2 v3 v4 v5 proxy"]);
    // The line of a household serves as the proxy: those at risk are in, and of many who live there nobody else is.
    let mut story = Story::new();
    for member in 0..5 {
        story.pay(&format!("home{member} d{member} line"));
    }
    for victim in 0..3 {
        story.fraud(&format!("v{victim} spoofed{victim} line"));
    }
    assert_eq!(story.told(), ["v0 v1 v2 line"]);
}

#[test]
fn mules_are_in_the_ring_that_pays_them() {
    let mut story = Story::new();
    for victim in 0..4 {
        story.fraud(&format!("v{victim} d{victim} ip{victim} >mule"));
    }
    assert_eq!(story.told(), ["mule v0 v1 v2 v3"]);
    // A landlord is paid by many; one or two robbed tenants change nothing.
    for tenant in 0..40 {
        story.pay(&format!("t{tenant} x{tenant} y{tenant} >landlord"));
    }
    story.fraud("t1 x1 y1 >landlord");
    story.fraud("t2 x2 y2 >landlord");
    assert_eq!(story.told(), ["mule v0 v1 v2 v3"]);
    // Sending money to oneself links nobody.
    story.pay("self d ip >self");
    assert_eq!(story.rings.rings_of("bank", "self"), [""; 0]);
}

#[test]
fn one_payment_joins_what_it_uses_and_a_stolen_card_joins_nothing() {
    let mut story = Story::new();
    for account in 0..3 {
        story.fraud(&format!("a{account} d1 -"));
        story.fraud(&format!("b{account} d2 -"));
    }
    // Sold twice: on the other gang's device as well.
    story.fraud("a0 d2 -");
    let mut told = story.told();
    told.sort();
    assert_eq!(told, ["a0 a1 a2 d1", "a0 b0 b1 b2 d2"]);
    assert_eq!(story.rings.rings_of("bank", "a0").len(), 2);
    // One payment over the device of one and the address that the other uses too.
    story.fraud("b1 d2 ip");
    story.fraud("a1 d1 ip");
    assert_eq!(story.told(), ["a0 a1 a2 b0 b1 b2 d1 d2 ip"]);
}

#[test]
fn a_burst_of_new_accounts_needs_no_report() {
    let mut story = Story::new();
    // Whoever is there when the log begins is not new.
    story.known_since_s = story.at_s;
    (0..6).for_each(|account| drop(story.pay(&format!("early{account} shared -"))));
    assert_eq!(story.told(), [""; 0]);
    story.days_pass(20);
    story.known_since_s = story.at_s - DAY_S;
    (0..4).for_each(|account| drop(story.pay(&format!("n{account} d1 -"))));
    assert_eq!(story.told(), [""; 0], "a household of four");
    story.pay("n4 d1 -");
    assert_eq!(story.told(), ["n0 n1 n2 n3 n4 d1"]);
    // Among as many that were not, they are no burst.
    story.known_since_s = START_S;
    (0..6).for_each(|account| drop(story.pay(&format!("old{account} d1 -"))));
    assert_eq!(story.told(), [""; 0]);
}
