//! Windows recomputed for every payment from the raw log.

use crate::common::{AMPLE, Stream, column};
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Applied, Body, Payment, hundredths};
use std::collections::HashSet;

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
    let counts: [(&str, i64, Side, Side, Option<Side>); 29] = [
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
        ("device_payments_7d", 604_800, device, device, None),
        ("ip_payments_7d", 604_800, ip, ip, None),
        ("merchant_payments_7d", 604_800, merchant, merchant, None),
        ("counterparty_received_7d", 604_800, receiver, receiver, None),
        ("account_merchants_7d", 604_800, account, account, Some(merchant)),
        ("device_accounts_7d", 604_800, device, device, Some(account)),
        ("ip_accounts_7d", 604_800, ip, ip, Some(account)),
        ("merchant_accounts_7d", 604_800, merchant, merchant, Some(account)),
        ("merchant_accounts_30d", 2_592_000, merchant, merchant, Some(account)),
        ("device_payments_30d", 2_592_000, device, device, None),
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

/// Payments large for their payer, recomputed for every payment from the raw log.
#[test]
fn large_payments_equal_a_naive_count_over_the_log() {
    let counts: [(&str, i64, Side); 8] = [
        ("account_large_1d", 86_400, |payment| Some(&payment.account)),
        ("account_large_7d", 604_800, |payment| Some(&payment.account)),
        ("account_large_30d", 2_592_000, |payment| Some(&payment.account)),
        ("device_large_7d", 604_800, |payment| payment.device.as_ref()),
        ("ip_large_7d", 604_800, |payment| payment.ip.as_ref()),
        ("merchant_large_1d", 86_400, |payment| payment.merchant.as_ref()),
        ("merchant_large_7d", 604_800, |payment| payment.merchant.as_ref()),
        ("merchant_large_30d", 2_592_000, |payment| payment.merchant.as_ref()),
    ];
    let mut most = 0;
    for (seed, gap_s, drawn) in [(3, 40, 9_000), (4, 3_000, 1_500)] {
        // Few enough accounts that the busiest merchant's large payments turn into buckets.
        let events = Stream { seed, events: drawn, accounts: 14, gap_s }.draw();
        let mut state = State::new(AMPLE);
        let mut tensor = Tensor::default();
        let mut past: Vec<(i64, &Payment, f64, bool)> = Vec::new();
        for (position, event) in events.iter().enumerate() {
            let observed = state.observe(position as u64, event, &mut tensor);
            let (Applied::Payment { now_s, .. }, Body::Payment(payment)) = (observed.applied, &event.body) else {
                continue;
            };
            let cut_s = i64::from(now_s);
            for (name, width_s, asked) in counts {
                let bucket_s = width_s / 60;
                let naive = asked(payment).map_or(0, |who| {
                    let large = past.iter().filter(|(time_s, earlier, _, large)| {
                        *large && time_s / bucket_s > cut_s / bucket_s - 60 && asked(earlier) == Some(who)
                    });
                    large.count()
                });
                let expected = (1.0 + naive as f32).log2();
                let value = column(&tensor, name);
                assert!((value - expected).abs() < 1e-4, "{name} of payment {position}: {value} for {naive}");
                most = most.max(naive);
            }
            let amount = hundredths(payment.amount_minor, payment.currency) as f64 / 100.0;
            let own: Vec<(f64, f64)> = past
                .iter()
                .filter(|(_, earlier, _, _)| earlier.account == payment.account)
                .map(|(time_s, _, paid, _)| (0.5f64.powf((cut_s - time_s) as f64 / 2_592_000.0), *paid))
                .collect();
            let (weights, paid) = own.iter().fold((0.0, 0.0), |(w, p), (weight, paid)| (w + weight, p + weight * paid));
            let large = own.len() >= 5 && amount >= 3.0 * paid / weights;
            past.push((cut_s, payment, amount, large));
        }
    }
    assert!(most > 64, "no window turned into buckets: {most}");
}
