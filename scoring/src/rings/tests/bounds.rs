//! Every bound and its answer.

use crate::rings::testing::{Story, open_case, payment};
use crate::rings::{MAX_MEMBERS, RingPayment, RingSettings, RingVerdict, Rings};

#[test]
fn too_many_payments_shorten_the_window() {
    let mut story = Story::new();
    story.rings = Rings::new(RingSettings { window_days: 0, max_payments: 0 });
    for number in 0..1_200 {
        story.pay(&format!("a{number} d{number} -"));
        story.at_s += 1;
    }
    let stats = story.rings.stats();
    assert_eq!((stats.payments, stats.entities, stats.links, stats.shortened), (1_000, 2_000, 1_000, 200));
    assert_eq!(stats.since_s, story.at_s - 1_000);
}

#[test]
fn too_many_tenants_are_not_followed() {
    let mut story = Story::new();
    for tenant in 0..4_100 {
        story.tenant = format!("tenant-{tenant}");
        story.pay("a d ip");
        story.rings.open_cases(&story.tenant, [("a".to_owned(), open_case("case"))].into());
    }
    assert_eq!((story.rings.stats().payments, story.rings.stats().not_followed), (4_096, 4));
    assert!(story.rings.list("tenant-4099", 1).is_empty());
}

#[test]
fn more_accounts_than_a_hub_may_have_tie_nobody_and_members_are_told_in_part() {
    let mut story = Story::new();
    for account in 0..1_000 {
        story.fraud(&format!("a{account} d1 -"));
    }
    let ring = story.rings.ring("bank", &story.id("a0")).unwrap();
    assert_eq!((ring.members.len(), ring.members_left_out), (MAX_MEMBERS, 501));
    story.pay("one-more d1 -");
    assert!(story.rings.list("bank", 10).is_empty());
}

#[test]
fn odd_input_does_no_harm() {
    let mut story = Story::new();
    story.at_s = 0;
    story.pay("a - -");
    story.pay("a d ip >a");
    story.verdict("t1", f64::NAN, true);
    story.verdict("t1", f64::INFINITY, false);
    story.verdict("nobody's", -1.0, true);
    story.label("nobody's", true);
    // The same id again is the same payment; the position and the time may stand still or fall.
    let again = payment("t1", "b e f");
    let told = RingPayment { tenant: "bank", at_s: 0, known_since_s: u32::MAX, payment: &again };
    story.rings.payment(u64::MAX, told);
    assert_eq!(story.rings.stats().payments, 1);
    assert_eq!(story.rings.position(), u64::MAX);
    story.at_s = u32::MAX;
    let told = RingVerdict { tenant: "bank", transaction_id: "t1", fraud_probability: 0.5, is_held: true };
    story.rings.verdict(3, told);
    let mut huge = payment("huge", "b e f");
    huge.amount_minor = u64::MAX;
    for account in ["b", "c", "d"] {
        huge.account = account.to_owned();
        huge.transaction_id = format!("huge-{account}");
        let told = RingPayment { tenant: "bank", at_s: u32::MAX, known_since_s: 0, payment: &huge };
        story.rings.payment(7, told);
        story.label(&format!("huge-{account}"), true);
    }
    let ring = &story.rings.list("bank", 1)[0];
    assert_eq!((ring.amount_hundredths, ring.expected_loss_hundredths), (u64::MAX, u64::MAX));
}
