use super::*;
use crate::data::split::DAY_MS;
use fraudnet_graph::Body;
use fraudnet_scoring::history::HistoryEvent;
use fraudnet_scoring::simulate::SimulationConfig;
use std::collections::BTreeMap;

/// A small simulated history: 12 days, all kinds of parties, labels with delays.
pub(in crate::backtest) fn world() -> Source {
    Source::Simulated(SimulationConfig {
        days: 12,
        accounts: 120,
        payments_per_day: 250,
        fraud_share: 0.03,
        ..SimulationConfig::demo(3, 1_767_571_200_000)
    })
}

fn read(source: &Source) -> Vec<HistoryEvent> {
    source.events().unwrap().collect::<Result<_>>().unwrap()
}

fn altered(alteration: Alteration) -> Vec<HistoryEvent> {
    read(&Source::Altered { base: Box::new(world()), alteration })
}

fn ascends(events: &[HistoryEvent]) -> bool {
    events.windows(2).all(|pair| pair[0].event.ingested_at_ms <= pair[1].event.ingested_at_ms)
}

/// Payments a day of every value of a role.
fn degrees(events: &[HistoryEvent], role: usize) -> BTreeMap<(i64, String), u32> {
    let mut degrees = BTreeMap::new();
    for event in events {
        if let Body::Payment(payment) = &event.event.body {
            let roles = [
                Some(&payment.account),
                payment.device.as_ref(),
                payment.ip.as_ref(),
                payment.merchant.as_ref(),
                payment.counterparty.as_ref(),
            ];
            if let Some(value) = roles[role] {
                *degrees.entry((event.event.ingested_at_ms / DAY_MS, value.clone())).or_default() += 1;
            }
        }
    }
    degrees
}

#[test]
fn shuffled_edges_keep_every_degree_and_break_the_pairs() {
    let (plain, shuffled) = (read(&world()), altered(Alteration::ShuffledEdges { seed: 1 }));
    assert_eq!(plain.len(), shuffled.len());
    for role in 0..5 {
        assert_eq!(degrees(&plain, role), degrees(&shuffled, role), "role {role}");
    }
    let (mut devices, mut moved) = (0, 0);
    for (before, after) in plain.iter().zip(&shuffled) {
        assert_eq!((&before.truth, before.event.ingested_at_ms), (&after.truth, after.event.ingested_at_ms));
        if let (Body::Payment(before), Body::Payment(after)) = (&before.event.body, &after.event.body) {
            assert_eq!(
                (&before.transaction_id, &before.account, before.amount_minor),
                (&after.transaction_id, &after.account, after.amount_minor)
            );
            assert_ne!(after.counterparty.as_ref(), Some(&after.account), "nobody pays themselves");
            devices += u32::from(before.device.is_some());
            moved += u32::from(before.device.is_some() && before.device != after.device);
        }
    }
    assert!(moved * 10 > devices * 9, "{moved} of {devices} devices moved");
    assert_eq!(shuffled, altered(Alteration::ShuffledEdges { seed: 1 }), "the seed decides");
}

#[test]
fn shuffled_labels_keep_their_number_and_delays_and_forget_their_payments() {
    let (plain, shuffled) = (read(&world()), altered(Alteration::ShuffledLabels { seed: 1 }));
    assert!(ascends(&shuffled));
    let look = |events: &[HistoryEvent]| {
        let mut paid = BTreeMap::new();
        let (mut frauds, mut delays) = (Vec::new(), Vec::new());
        for event in events {
            match &event.event.body {
                Body::Payment(payment) => {
                    paid.insert(payment.transaction_id.clone(), event.event.ingested_at_ms);
                    if event.truth.as_ref().unwrap().fraud {
                        frauds.push(payment.transaction_id.clone());
                    }
                }
                Body::Label(label) => {
                    let delay = event.event.ingested_at_ms - paid[&label.transaction_id];
                    delays.push((delay, label.fraud, event.event.event_id.clone()));
                }
                Body::Outcome(_) => {}
            }
        }
        delays.sort();
        (paid, frauds, delays)
    };
    let ((paid, frauds, delays), (paid_after, frauds_after, delays_after)) = (look(&plain), look(&shuffled));
    assert_eq!(paid, paid_after);
    assert_eq!(frauds.len(), frauds_after.len());
    assert_eq!(delays, delays_after);
    let same = frauds_after.iter().filter(|id| frauds.contains(id)).count();
    assert!(frauds.len() > 30 && same * 5 < frauds.len(), "{same} of {} stayed", frauds.len());
}

#[test]
fn an_altered_future_leaves_the_past_and_changes_the_rest() {
    let plain = read(&world());
    let from_ms = plain[plain.len() / 2].event.ingested_at_ms;
    let changed = altered(Alteration::AlteredFuture { from_ms, seed: 1 });
    let before = |events: &[HistoryEvent]| -> Vec<HistoryEvent> {
        events.iter().filter(|event| event.event.ingested_at_ms < from_ms).cloned().collect()
    };
    assert_eq!(before(&plain), before(&changed));
    assert!(changed.len() < plain.len() && ascends(&changed));
    let later: Vec<&HistoryEvent> = changed.iter().filter(|event| event.event.ingested_at_ms >= from_ms).collect();
    assert!(later.len() > 500 && later.iter().all(|event| !plain.contains(event)));
    let ended = altered(Alteration::Until { end_ms: from_ms });
    assert_eq!(ended, before(&plain));
}

#[test]
fn the_planted_leak_tells_labels_at_their_payments() {
    let planted = altered(Alteration::LabelsAtPayment);
    assert!(ascends(&planted));
    let mut previous = None;
    let mut labels = 0;
    for event in &planted {
        match &event.event.body {
            Body::Payment(payment) => previous = Some((payment.transaction_id.clone(), event.event.ingested_at_ms)),
            Body::Label(label) => {
                assert_eq!(previous, Some((label.transaction_id.clone(), event.event.ingested_at_ms)));
                labels += 1;
            }
            Body::Outcome(_) => {}
        }
    }
    assert!(labels > 15, "{labels}");
}
