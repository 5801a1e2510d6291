//! Properties of the whole path from events to tensors.

mod common;

use common::{AMPLE, Dice, START_S, Stream, TIGHT, event, payment};
use fraudnet_features::{Compaction, EDGE_WIDTH, NODE_WIDTH, State, Tensor, schema};
use fraudnet_graph::{Applied, Body, Event, Label, LabelSource, Limits, Payment};
use proptest::prelude::*;
use std::collections::HashSet;

/// Every bit of a tensor, list after list: `PartialEq` on floats would let -0.0 pass for 0.0.
fn bits(tensor: &Tensor) -> [Vec<u32>; 6] {
    [
        tensor.nodes.iter().map(|x| u32::from(x.to_bits())).collect(),
        tensor.edges.iter().map(|x| u32::from(x.to_bits())).collect(),
        tensor.payment.iter().map(|x| x.to_bits()).collect(),
        tensor.row_ends.iter().map(|x| u32::from(*x)).collect(),
        tensor.neighbours.iter().map(|x| u32::from(*x)).collect(),
        tensor.hop_counts.iter().map(|x| u32::from(*x)).collect(),
    ]
}

fn replay(limits: Limits, events: &[Event]) -> State {
    let mut state = State::new(limits);
    for (position, event) in events.iter().enumerate() {
        state.apply(position as u64, event);
    }
    state
}

/// Tensor and digest of one more payment on top of a log.
fn tensor_after(limits: Limits, events: &[Event], next: &Event) -> (Tensor, [u8; 16]) {
    let mut state = replay(limits, events);
    let mut tensor = Tensor::default();
    let observed = state.observe(events.len() as u64, next, &mut tensor);
    assert!(matches!(observed.applied, Applied::Payment { .. }), "{observed:?}");
    (tensor, observed.subgraph_digest)
}

fn column(tensor: &Tensor, name: &str) -> f32 {
    tensor.payment[schema::payment_feature_index(name).unwrap_or_else(|| panic!("no column {name}"))]
}

fn ms(seconds: i64) -> i64 {
    (START_S + seconds) * 1_000
}

fn pay(seconds: i64, body: Payment) -> Event {
    event(0, ms(seconds), ms(seconds), Body::Payment(body))
}

fn label(seconds: i64, transaction_id: &str, fraud: bool, source: LabelSource) -> Event {
    event(0, ms(seconds), ms(seconds), Body::Label(Label { transaction_id: transaction_id.to_owned(), fraud, source }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is deleted, added or changed after the cut, the tensor of every payment up to the cut stays as it was.
    #[test]
    fn tensors_know_nothing_of_the_future(seed in any::<u64>(), cut in 20usize..280, tight in any::<bool>(), gap_s in prop_oneof![Just(5u64), Just(600), Just(20_000)]) {
        let limits = if tight { TIGHT } else { AMPLE };
        let events = Stream { seed, events: 300, accounts: 14, gap_s }.draw();
        let other = Stream { seed: seed ^ 1, events: 300, accounts: 14, gap_s }.draw();
        let mut dice = Dice(seed);
        let mut changed = events[..=cut].to_vec();
        for (position, event) in events.iter().enumerate().skip(cut + 1) {
            match dice.below(4) {
                0 => {}
                1 => changed.push(other[position].clone()),
                2 => changed.extend([other[position].clone(), event.clone()]),
                _ => changed.push(event.clone()),
            }
        }
        let mut seen = Vec::new();
        for log in [&events, &changed] {
            let mut state = State::new(limits);
            let mut tensor = Tensor::default();
            let mut tensors = Vec::new();
            for (position, event) in log.iter().enumerate() {
                let observed = state.observe(position as u64, event, &mut tensor);
                if position <= cut && matches!(observed.applied, Applied::Payment { .. }) {
                    tensors.push((observed.subgraph_digest, bits(&tensor)));
                }
            }
            seen.push(tensors);
        }
        prop_assert!(seen[0].len() > cut / 2);
        prop_assert!(seen[0] == seen[1], "a tensor at or before the cut changed");
    }

    /// Serving, replay and training data come from one path: scoring leaves no trace in the state.
    #[test]
    fn same_log_same_state_whether_observed_or_applied(seed in any::<u64>(), tight in any::<bool>()) {
        let limits = if tight { TIGHT } else { AMPLE };
        let events = Stream { seed, events: 250, accounts: 12, gap_s: 900 }.draw();
        let mut observed = State::new(limits);
        let mut dice = Dice(seed);
        let mut tensor = Tensor::default();
        for (position, event) in events.iter().enumerate() {
            if dice.chance(60) {
                observed.observe(position as u64, event, &mut tensor);
            } else {
                observed.apply(position as u64, event);
            }
        }
        prop_assert_eq!(observed.state_hash(), replay(limits, &events).state_hash());
        prop_assert_ne!(observed.state_hash(), replay(limits, &events[..events.len() / 2]).state_hash());
    }

    /// A report that is corrected without time passing leaves every later tensor as if it had never been made.
    #[test]
    fn a_corrected_label_takes_its_counts_back(seed in any::<u64>(), labelled in 0usize..40) {
        let events: Vec<Event> = Stream { seed, events: 160, accounts: 10, gap_s: 600 }.draw();
        let paid: Vec<&str> = events.iter().filter_map(|event| match &event.body { Body::Payment(payment) => Some(payment.transaction_id.as_str()), _ => None }).collect();
        let spoken_of: HashSet<&str> = events.iter().filter_map(|event| match &event.body { Body::Label(label) => Some(label.transaction_id.as_str()), _ => None }).collect();
        let Some(transaction_id) = paid.iter().skip(labelled).find(|id| !spoken_of.contains(*id)) else { return Ok(()); };
        // Long past, so that the clock does not move.
        let mut corrected = events.clone();
        corrected.push(label(-86_400, transaction_id, true, LabelSource::CustomerReport));
        let reported = corrected.clone();
        corrected.push(label(-86_400, transaction_id, false, LabelSource::Analyst));
        let Some(Event { body: Body::Payment(again), .. }) = events.iter().find(|event| matches!(&event.body, Body::Payment(payment) if payment.transaction_id == **transaction_id)) else { unreachable!() };
        let mut next = pay(10_000_000, Payment { transaction_id: "next".to_owned(), ..again.clone() });
        next.occurred_at_ms = ms(0);
        // One position for all three, as the position is part of an edge's facts.
        let tensors = [&events, &reported, &corrected].map(|log| bits(&tensor_after(AMPLE, log, &next).0));
        prop_assert!(tensors[0] == tensors[2], "the correction left a trace");
        prop_assert!(tensors[0] != tensors[1], "the report left no trace");
    }

    /// No input makes a value that is not finite or that f16 cannot hold.
    #[test]
    fn every_value_is_finite_on_extreme_inputs(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let times = [0, -1, i64::MIN, i64::MAX, ms(0), ms(86_400), ms(86_401), 1, 4_294_967_295_000, 4_294_967_296_000];
        let amounts = [0, 1, 1 << 53, (1 << 53) - 1, u64::MAX, 99];
        let mut state = State::new(AMPLE);
        let mut tensor = Tensor::default();
        let mut events = Stream { seed, events: 120, accounts: 6, gap_s: 60 }.draw();
        for (position, event) in events.iter_mut().enumerate() {
            if dice.chance(30) {
                event.occurred_at_ms = times[dice.below(times.len() as u64) as usize];
            }
            if dice.chance(30) {
                event.ingested_at_ms = times[dice.below(times.len() as u64) as usize];
            }
            if let Body::Payment(payment) = &mut event.body {
                if dice.chance(50) {
                    payment.amount_minor = amounts[dice.below(amounts.len() as u64) as usize];
                }
                if dice.chance(30) {
                    payment.counterparty = Some(payment.account.clone());
                }
            }
            state.observe(position as u64, event, &mut tensor);
            let values = tensor.nodes.iter().chain(&tensor.edges).map(|x| x.to_f32()).chain(tensor.payment.iter().copied());
            for value in values {
                prop_assert!(value.is_finite() && value.abs() <= 64.0, "{value}");
            }
        }
    }
}

#[test]
fn duplicates_and_outcomes_leave_no_trace() {
    let events = Stream { seed: 5, events: 1_200, accounts: 20, gap_s: 300 }.draw();
    let mut state = State::new(AMPLE);
    let mut tensor = Tensor::default();
    let (mut duplicates, mut known) = (0, HashSet::new());
    for (position, event) in events.iter().enumerate() {
        if let Body::Payment(payment) = &event.body
            && !known.insert(&payment.transaction_id)
        {
            let (hash, before) = (state.state_hash(), bits(&tensor));
            let observed = state.observe(position as u64, event, &mut tensor);
            assert_eq!((observed.applied, observed.subgraph_digest), (Applied::Duplicate, [0; 16]));
            assert!(hash == state.state_hash() && before == bits(&tensor), "the duplicate left a trace");
            duplicates += 1;
        } else {
            state.observe(position as u64, event, &mut tensor);
        }
    }
    assert!(duplicates > 3);
}

#[test]
fn an_earlier_event_does_change_the_tensor() {
    let mut log: Vec<Event> = Vec::new();
    for (number, account) in ["a", "b", "c"].into_iter().enumerate() {
        log.push(pay(
            number as i64 * 100,
            Payment { device: Some("d".into()), merchant: Some("m".into()), ..payment(&format!("x{number}"), account) },
        ));
    }
    let next = pay(1_000, Payment { device: Some("d".into()), merchant: Some("m2".into()), ..payment("next", "d") });
    let (before, digest) = tensor_after(AMPLE, &log, &next);
    log.push(label(500, "x1", true, LabelSource::Chargeback));
    let (after, digest_after) = tensor_after(AMPLE, &log, &next);
    assert_ne!(digest, digest_after);
    assert_ne!(bits(&before), bits(&after));
    // The device carries the report, and so does the account two steps away.
    for name in ["device_reported", "device_reported_7d", "device_reported_30d", "hop_1_reported", "hop_2_reported"] {
        assert_eq!((column(&before, name), column(&after, name)), (0.0, 1.0), "{name}");
    }
    assert!((column(&after, "device_accounts_reported_share") - 1.0 / 3.0).abs() < 1e-6);
    assert!((column(&after, "device_accounts_1h") - 2.0).abs() < 1e-4, "three accounts");
    assert_eq!(
        (column(&after, "device_new"), column(&after, "merchant_new"), column(&after, "ip_new")),
        (1.0, 1.0, 0.0)
    );
}

#[test]
fn pairs_remember_when_they_met() {
    let shop = |id: &str| Payment {
        device: Some("d".into()),
        ip: Some("i".into()),
        merchant: Some("m".into()),
        ..payment(id, "a")
    };
    let transfer = |id: &str| Payment {
        counterparty: Some("b".into()),
        channel: fraudnet_graph::Channel::Transfer,
        ..payment(id, "a")
    };
    let log = [pay(0, shop("x0")), pay(10, transfer("x1"))];
    let (tensor, _) = tensor_after(AMPLE, &log, &pay(1_023, shop("x2")));
    for pair in ["account_device", "account_ip", "account_merchant", "device_ip"] {
        assert!((column(&tensor, &format!("{pair}_payments")) - 1.0).abs() < 1e-4, "{pair}");
        assert!((column(&tensor, &format!("{pair}_age_s")) - 10.0).abs() < 1e-4, "{pair}");
    }
    for new in ["device_new", "ip_new", "merchant_new", "device_ip_new", "counterparty_new"] {
        assert_eq!(column(&tensor, new), 0.0, "{new}");
    }
    let (tensor, _) = tensor_after(AMPLE, &log, &pay(1_033, transfer("x2")));
    assert!((column(&tensor, "account_counterparty_payments") - 1.0).abs() < 1e-4);
    assert!((column(&tensor, "account_counterparty_age_s") - 10.0).abs() < 1e-4);
    assert!((column(&tensor, "counterparty_received_1h") - 1.0).abs() < 1e-4);
    assert!((column(&tensor, "counterparty_partners_1d") - 1.0).abs() < 1e-4);
    assert_eq!(column(&tensor, "counterparty_new"), 0.0);
}

#[test]
fn reports_leave_their_windows_but_stay_reported() {
    let own = |id: &str| Payment { device: Some("d".into()), ..payment(id, "a") };
    let log = [pay(0, own("x0")), label(100, "x0", true, LabelSource::Chargeback)];
    for (day, columns) in [(1, [1.0, 1.0, 1.0]), (8, [1.0, 0.0, 1.0]), (31, [1.0, 0.0, 0.0])] {
        let (tensor, _) = tensor_after(AMPLE, &log, &pay(day * 86_400, own("x1")));
        for (name, value) in ["device_reported", "device_reported_7d", "device_reported_30d"].into_iter().zip(columns) {
            assert_eq!(column(&tensor, name), value, "{name} on day {day}");
        }
        assert_eq!(column(&tensor, "account_reported_30d"), columns[2]);
    }
}

#[test]
fn a_first_payment_has_the_stated_defaults() {
    let (tensor, _) = tensor_after(AMPLE, &[], &pay(0, payment("x", "a")));
    for (feature, value) in schema::payment_features().iter().zip(&tensor.payment) {
        if feature.entity != "payment" {
            assert!((feature.default - value).abs() < 1e-6, "{} is {value}, stated {}", feature.name, feature.default);
        }
    }
    assert_eq!(tensor.node_count(), 1);
}

#[test]
fn the_payments_own_columns_say_what_they_mean() {
    let thursday_six_utc = 1_704_348_000; // 2024-01-04T06:00:00Z
    let own = Payment {
        amount_minor: 12_000,
        merchant_category: Some(4511),
        account_country: Some(*b"DE"),
        ip_country: Some(*b"FR"),
        merchant_country: Some(*b"DE"),
        ip: Some("i".into()),
        merchant: Some("m".into()),
        ..payment("x", "a")
    };
    let (tensor, _) =
        tensor_after(AMPLE, &[], &event(0, thursday_six_utc * 1_000, thursday_six_utc * 1_000, Body::Payment(own)));
    let expected = [
        ("amount", 121f32.log2()),
        ("hour_sin", 1.0),
        ("hour_cos", 0.0),
        ("weekday_sin", (std::f32::consts::TAU * 3.0 / 7.0).sin()),
        ("weekday_cos", (std::f32::consts::TAU * 3.0 / 7.0).cos()),
        ("channel_ecommerce", 1.0),
        ("amount_round_10", 1.0),
        ("ip_country_differs", 1.0),
        ("merchant_country_differs", 0.0),
        ("ip_merchant_country_differs", 1.0),
        ("countries_known_share", 1.0),
        ("category_travel", 1.0),
        ("has_ip", 1.0),
        ("has_device", 0.0),
        ("ip_new", 1.0),
    ];
    for (name, value) in expected {
        assert!((column(&tensor, name) - value).abs() < 1e-4, "{name} is {}, not {value}", column(&tensor, name));
    }
}

/// Entity a reference count is kept for, and what is counted.
type Side = fn(&Payment) -> Option<&String>;

/// Windows and distinct counts, recomputed for every payment from the raw log.
#[test]
fn windows_equal_a_naive_count_over_the_log() {
    let account: Side = |payment| Some(&payment.account);
    let device: Side = |payment| payment.device.as_ref();
    let ip: Side = |payment| payment.ip.as_ref();
    let merchant: Side = |payment| payment.merchant.as_ref();
    let receiver: Side = |payment| payment.counterparty.as_ref().filter(|other| **other != payment.account);
    let counts: [(&str, i64, Side, Side, Option<Side>); 19] = [
        ("account_payments_1m", 60, account, account, None),
        ("account_payments_1h", 3_600, account, account, None),
        ("account_payments_1d", 86_400, account, account, None),
        ("account_payments_7d", 604_800, account, account, None),
        ("account_payments_30d", 2_592_000, account, account, None),
        ("account_received_30d", 2_592_000, account, receiver, None),
        ("device_payments_1h", 3_600, device, device, None),
        ("ip_payments_30d", 2_592_000, ip, ip, None),
        ("merchant_payments_1h", 3_600, merchant, merchant, None),
        ("merchant_payments_30d", 2_592_000, merchant, merchant, None),
        ("counterparty_received_1d", 86_400, receiver, receiver, None),
        ("counterparty_payments_1d", 86_400, receiver, account, None),
        ("account_devices_30d", 2_592_000, account, account, Some(device)),
        ("account_ips_1d", 86_400, account, account, Some(ip)),
        ("account_merchants_1h", 3_600, account, account, Some(merchant)),
        ("device_accounts_1d", 86_400, device, device, Some(account)),
        ("device_ips_7d", 604_800, device, device, Some(ip)),
        ("ip_accounts_30d", 2_592_000, ip, ip, Some(account)),
        ("merchant_accounts_1d", 86_400, merchant, merchant, Some(account)),
    ];
    for (seed, gap_s) in [(1, 40), (2, 3_000)] {
        let events = Stream { seed, events: 900, accounts: 40, gap_s }.draw();
        let mut state = State::new(AMPLE);
        let mut tensor = Tensor::default();
        let mut past: Vec<(i64, &Payment)> = Vec::new();
        for (position, event) in events.iter().enumerate() {
            let observed = state.observe(position as u64, event, &mut tensor);
            let (Applied::Payment { now_s, .. }, Body::Payment(payment)) = (observed.applied, &event.body) else {
                continue;
            };
            let cut_s = i64::from(now_s);
            for (name, width_s, asked, counted, distinct) in counts {
                let bucket_s = width_s / 60;
                let naive = asked(payment).map_or(0, |who| {
                    let held = past.iter().filter(|(time_s, earlier)| {
                        time_s / bucket_s > cut_s / bucket_s - 60 && counted(earlier) == Some(who)
                    });
                    match distinct {
                        None => held.count(),
                        Some(other) => held.filter_map(|(_, earlier)| other(earlier)).collect::<HashSet<_>>().len(),
                    }
                });
                let expected = (1.0 + naive as f32).log2();
                assert!(
                    (column(&tensor, name) - expected).abs() < 1e-4,
                    "{name} of payment {position}: {} for {naive}",
                    column(&tensor, name)
                );
            }
            past.push((i64::from(now_s), payment));
        }
    }
}

/// Columns as vectors over a lively stream: none is constant, none a copy of another up to scale and offset.
#[test]
fn no_column_is_constant_or_a_copy_of_another() {
    let events = Stream { seed: 11, events: 9_000, accounts: 400, gap_s: 900 }.draw();
    let mut state = State::new(AMPLE);
    let mut tensor = Tensor::default();
    let mut compaction = Compaction::default();
    let (mut payments, mut nodes, mut edges) = (Vec::new(), Vec::new(), Vec::new());
    let mut observations = 0;
    for (position, event) in events.iter().enumerate() {
        if matches!(state.observe(position as u64, event, &mut tensor).applied, Applied::Payment { .. }) {
            compaction.add(&tensor);
            observations += 1;
            payments.extend_from_slice(&tensor.payment);
            if observations % 40 == 0 {
                nodes.extend(tensor.nodes.iter().map(|x| x.to_f32()));
                edges.extend(tensor.edges.iter().map(|x| x.to_f32()));
            }
        }
    }
    check_columns(schema::payment_features(), &payments);
    check_columns(schema::node_features(), &nodes);
    check_columns(schema::edge_features(), &edges);
    assert_eq!((nodes.len() % NODE_WIDTH, edges.len() % EDGE_WIDTH), (0, 0));
    assert!(compaction.bytes_saved() >= 0.5 && compaction.nodes_saved() > 0.0, "{compaction}");
}

fn check_columns(features: &[schema::Feature], rows: &[f32]) {
    let width = features.len();
    let count = (rows.len() / width) as f64;
    let mut standard: Vec<Vec<f32>> = Vec::new();
    for (index, feature) in features.iter().enumerate() {
        let column: Vec<f64> = rows.iter().skip(index).step_by(width).map(|x| f64::from(*x)).collect();
        let mean = column.iter().sum::<f64>() / count;
        let deviation = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        assert!(deviation > 1e-4, "{} is constant", feature.name);
        standard.push(column.iter().map(|x| ((x - mean) / deviation) as f32).collect());
    }
    for a in 0..width {
        for b in a + 1..width {
            let correlation = standard[a].iter().zip(&standard[b]).map(|(x, y)| f64::from(x * y)).sum::<f64>() / count;
            assert!(correlation.abs() < 0.9999, "{} is a copy of {}", features[b].name, features[a].name);
        }
    }
}
