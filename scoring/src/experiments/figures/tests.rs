use super::*;
use crate::experiments::arm::{Account, Said, Seen};
use crate::verdict::Decision;

fn said(probability: f32, decision: Decision) -> Said {
    Said { probability, decision }
}

fn seen(said: Said, latency_us: u64) -> Seen<'static> {
    Seen { said, tier: Some("hybrid"), cause: None, latency_us: Some(latency_us), spilled: false }
}

#[test]
fn shadows_are_compared_within_pairs() {
    let mut stage = StageFigures::new(StageKind::Shadow, 1);
    for index in 0..1_000 {
        // Both alert on every tenth payment, the shadow on one in a hundred more.
        let verdict = index % 10 == 0;
        let shadow = verdict || index % 100 == 5;
        stage.pairs[0].alerts.add_alone(f64::from(u8::from(shadow)) - f64::from(u8::from(verdict)));
        let of = |alert| said(0.5, if alert { Decision::Review } else { Decision::Approve });
        stage.control.add(seen(of(verdict), 1), &mut Account::default());
        stage.arms[0].add(seen(of(shadow), 1), &mut Account::default());
    }
    let paired = stage.difference(0, Metric::AlertRate);
    assert!((paired.estimate - 0.01).abs() < 1e-12);
    stage.kind = StageKind::Percent;
    let two_groups = stage.difference(0, Metric::AlertRate);
    assert!((two_groups.estimate - 0.01).abs() < 1e-12);
    assert!(paired.variance < two_groups.variance / 5.0);
    assert_eq!(stage.exposed(), 1_000);
}
