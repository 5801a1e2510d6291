use super::*;

const COSTS: Costs = Costs { false_decline_share: 0.1, review: 500.0 };

fn said(probability: f32, decision: Decision) -> Said {
    Said { probability, decision }
}

fn seen(said: Said, latency_us: u64) -> Seen<'static> {
    Seen { said, tier: Some("hybrid"), cause: None, latency_us: Some(latency_us), spilled: false }
}

#[test]
fn money_follows_what_was_done() {
    let saved = |decision, fraud| said(0.5, decision).saved(fraud, 10_000.0, COSTS);
    assert_eq!(saved(Decision::Approve, true), 0.0);
    assert_eq!(saved(Decision::Challenge, true), 10_000.0);
    assert_eq!(saved(Decision::Review, true), 9_500.0);
    assert_eq!(saved(Decision::Decline, true), 10_000.0);
    assert_eq!(saved(Decision::Approve, false), 0.0);
    assert_eq!(saved(Decision::Challenge, false), 0.0);
    assert_eq!(saved(Decision::Review, false), -500.0);
    assert_eq!(saved(Decision::Decline, false), -1_000.0);
}

#[test]
fn an_arm_counts_everything_once() {
    let mut arm = ArmFigures::default();
    let mut account = Account::default();
    arm.add(seen(said(0.02, Decision::Approve), 1_000), &mut account);
    arm.add(seen(said(0.97, Decision::Decline), 3_000), &mut account);
    let failed = Seen {
        tier: Some("rules"),
        cause: Some("deadline"),
        spilled: true,
        ..seen(said(1.0, Decision::Review), 90_000)
    };
    arm.add(failed, &mut account);
    assert_eq!(arm.decisions, [1, 0, 1, 1]);
    assert_eq!((arm.tiers["hybrid"], arm.tiers["rules"], arm.causes["deadline"], arm.spilled), (2, 1, 1, 1));
    assert_eq!((arm.scores[0], arm.scores[19]), (1, 2));
    assert!((arm.operation.alerts.mean() - 2.0 / 3.0).abs() < 1e-12);
    assert!((arm.operation.errors.mean() - 1.0 / 3.0).abs() < 1e-12);

    arm.confirm(said(0.97, Decision::Decline), true, 1);
    arm.confirm(said(0.02, Decision::Approve), false, 1);
    arm.confirm(said(0.02, Decision::Approve), false, -1);
    arm.confirm(said(0.02, Decision::Approve), true, 1);
    assert_eq!(arm.confirmed, Confirmed { frauds: 2, alerted_frauds: 1, legitimate: 0, alerted_legitimate: 0 });

    arm.mature(said(0.97, Decision::Decline), true, 10_000.0, COSTS, &mut account);
    arm.mature(said(0.02, Decision::Approve), true, 4_000.0, COSTS, &mut account);
    arm.mature(said(1.0, Decision::Decline), false, 2_000.0, COSTS, &mut account);
    let mature = &arm.mature;
    assert_eq!((mature.recall.mean(), mature.precision.mean()), (0.5, 0.5));
    assert_eq!(
        (mature.fraud_amount, mature.stopped_amount, mature.falsely_declined_amount),
        (14_000.0, 10_000.0, 2_000.0)
    );
    assert_eq!(mature.saved.sum, 9_800.0);
    let mut twice = arm.clone();
    twice.merge(&arm);
    assert_eq!(twice.decisions, [2, 0, 2, 2]);
    assert_eq!(twice.mature.saved.sum, 19_600.0);
    assert_eq!(twice.tiers["hybrid"], 4);
}

#[test]
fn latencies_are_told_to_nine_per_cent() {
    let mut operation = Operation::default();
    for us in 1..=1_000 {
        operation.add(said(0.0, Decision::Approve), false, Some(us * 10), &mut Cluster::default());
    }
    let latency = &operation.latency;
    for (quantile, exact) in [(0.5, 5_000.0), (0.99, 9_900.0)] {
        let told = latency.quantile_us(quantile);
        assert!(told >= exact && told < exact * 1.1, "{quantile}: {told}");
    }
    assert_eq!(latency.mean_us(), 5_005.0);
    assert!((latency.share_above(5_000.0) - 0.5).abs() < 0.05);
    assert_eq!(latency.share_above(1e9), 0.0);
    assert_eq!(Latency::default().quantile_us(0.99), 0.0);
    operation.halve();
    assert_eq!(operation.payments, 500);
    assert!((operation.latency.mean_us() - 5_005.0).abs() < 1e-9);
    // The longest there is has a place.
    operation.add(said(0.0, Decision::Approve), false, Some(u64::from(u32::MAX) * 5), &mut Cluster::default());
}
