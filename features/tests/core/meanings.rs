//! Single columns say what their tables say, by small logs.

use crate::common::{AMPLE, bits, column, event, label, pay, payment, tensor_after};
use fraudnet_features::{EMBEDDING_WIDTH, FeatureSet, schema};
use fraudnet_graph::{Body, Event, LabelSource, Payment};

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

#[test]
fn levels_and_rates_say_what_they_mean() {
    let own = |id: &str, amount_minor: u64| Payment { amount_minor, merchant: Some("m".into()), ..payment(id, "a") };
    let mut log: Vec<Event> = (0..8).map(|day| pay(day * 86_400, own(&format!("x{day}"), 700))).collect();
    log.push(pay(40 * 86_400, own("x8", 6_300)));
    log.push(label(41 * 86_400, "x0", true, LabelSource::Chargeback));
    let next = pay(41 * 86_400 + 50, own("next", 25_500));
    let (tensor, _) = tensor_after(AMPLE, &log, &next);
    // Eight payments of 7 and one of 63 are 3 and 6 doublings of 1 + amount.
    let mean = (8.0 * 3.0 + 6.0) / 9.0;
    let expected = [
        ("account_level_1d", 0.0),
        ("account_level_7d", 6.0 - mean),
        ("merchant_level_7d", 6.0 - mean),
        ("amount_to_account_7d", 2.0),
        ("amount_to_merchant_7d", 2.0),
        ("account_large_7d", 1.0),
        ("account_large_share_7d", 1.0),
        ("merchant_large_share_7d", 1.0),
        // One report among one payment: late ones may outnumber the payments.
        ("merchant_reported_rate_7d", 0.505),
        ("account_reported_rate_30d", 0.505),
        ("merchant_reported_1d", 1.0),
        ("merchant_report_last_s", 51f32.log2()),
        ("merchant_report_first_30d_s", 51f32.log2()),
        ("hop_1_reported_7d", 1.0),
        ("hop_1_reported_30d_max", 1.0),
        ("hop_1_merchants_reported_30d_share", 1.0),
    ];
    for (name, value) in expected {
        // What lies an hour back is known to the minute, a day back to 24 minutes.
        let tolerance = if name.ends_with("_s") { 1.2 } else { 1e-4 };
        assert!((column(&tensor, name) - value).abs() < tolerance, "{name} is {}, not {value}", column(&tensor, name));
    }
    let idle = column(&tensor, "account_large_idle_s");
    assert!((idle - (86_450f32).log2()).abs() < 0.2, "{idle}");
}

/// A compromise lasts weeks: the first report within the window says how long it has been known, the last whether it goes on.
#[test]
fn reports_are_dated_and_a_correction_dates_them_anew() {
    let own = |id: &str| Payment { merchant: Some("m".into()), ..payment(id, "a") };
    let day = 86_400;
    let mut log: Vec<Event> = (0..4).map(|at| pay(at, own(&format!("x{at}")))).collect();
    let never = 2_592_001f32.log2();
    let ages = |log: &[Event]| {
        let (tensor, _) = tensor_after(AMPLE, log, &pay(30 * day, own("next")));
        ["merchant_report_first_30d_s", "merchant_report_last_s"].map(|name| column(&tensor, name))
    };
    let days = |[first, last]: [f32; 2]| [first, last].map(|age| (age.exp2() / day as f32 * 2.0).round() / 2.0);
    assert!(ages(&log).iter().all(|age| (age - never).abs() < 1e-4));
    for (id, at) in [("x0", 5), ("x1", 12), ("x2", 26)] {
        log.push(label(at * day, id, true, LabelSource::CustomerReport));
    }
    assert_eq!(days(ages(&log)), [25.5, 4.0]);
    log.push(label(27 * day, "x0", false, LabelSource::Analyst));
    assert_eq!(days(ages(&log)), [18.5, 4.0]);
    log.push(label(28 * day, "x2", false, LabelSource::Analyst));
    assert_eq!(days(ages(&log)), [18.5, 18.5]);
    log.push(label(29 * day, "x1", false, LabelSource::Analyst));
    assert!(ages(&log).iter().all(|age| (age - never).abs() < 1e-4));
}

/// Two accounts behind one device and IP, one of them at the same merchant.
#[test]
fn company_is_counted_from_the_sampled_links() {
    let own = |id: &str, account: &str, merchant: &str| Payment {
        device: Some("d".into()),
        ip: Some("i".into()),
        merchant: Some(merchant.into()),
        ..payment(id, account)
    };
    let log = [pay(0, own("x0", "b", "m")), pay(1, own("x1", "c", "n"))];
    let (tensor, _) = tensor_after(AMPLE, &log, &pay(100, own("x2", "a", "m")));
    assert_eq!(column(&tensor, "shared_entities"), 2.0, "device and IP");
    assert!((column(&tensor, "accounts_sharing_two") - 3f32.log2()).abs() < 1e-4);
    assert!((column(&tensor, "merchant_degree") - 1.0).abs() < 1e-4);
    let mut row = Vec::new();
    FeatureSet::V3.append(&tensor, &[0.0; EMBEDDING_WIDTH], &mut row);
    let value = |name: &str| row[FeatureSet::V3.features().iter().position(|feature| feature.name == name).unwrap()];
    assert!((value("hop2_account_count") - 3f32.log2()).abs() < 1e-4);
    assert!((value("hop1_device_node_payments_max") - 3f32.log2()).abs() < 2e-3);
    assert_eq!(value("hop1_account_count"), 0.0);
}
