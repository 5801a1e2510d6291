//! Whether any single column of a payment gives fraud away.
//!
//! Each column's area under the ROC curve, as a score of its own, the better way round (at least 0.5). A category counts as one 0/1
//! column for each of its values, so that nothing is fitted to the answers.

use std::collections::BTreeMap;

use fraudnet_graph::{Body, Channel, Payment};

use super::config::DAY_MS;
use super::geography::weekday;
use super::oracle::SimulatedEvent;

/// Name and AUC (0.5–1) of every column, the most telling first. Payments without an oracle are left out; without any fraud, or
/// nothing but fraud, every AUC is 0.5.
pub fn column_aucs<'a>(events: impl IntoIterator<Item = &'a SimulatedEvent>) -> Vec<(String, f64)> {
    let mut columns: BTreeMap<String, Vec<(f64, u32)>> = BTreeMap::new();
    let mut fraud = Vec::new();
    for simulated in events {
        let (Body::Payment(payment), Some(oracle)) = (&simulated.event.body, simulated.oracle) else { continue };
        let row = fraud.len() as u32;
        fraud.push(oracle.fraud);
        let mut put = |name: String, value: f64| columns.entry(name).or_default().push((value, row));
        numbers(simulated, payment, &mut put);
        indicators(payment, &mut put);
    }
    let mut aucs: Vec<(String, f64)> = columns.into_iter().map(|(name, values)| (name, auc(values, &fraud))).collect();
    aucs.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    aucs
}

/// Columns with a value for every payment. A value of 0 need not be put: that is what a missing one counts as.
fn numbers(simulated: &SimulatedEvent, payment: &Payment, put: &mut impl FnMut(String, f64)) {
    let event = &simulated.event;
    let amount = payment.amount_minor as f64;
    let at = event.occurred_at_ms;
    let currency = String::from_utf8_lossy(&payment.currency).into_owned();
    let hour = at.rem_euclid(DAY_MS) / 3_600_000;
    put("amount_minor".to_owned(), amount);
    put(format!("amount_minor[{currency}]"), amount);
    put("log_amount".to_owned(), (amount + 1.0).ln() - if &payment.currency == b"JPY" { 0.5 } else { 0.0 });
    put("amount_whole".to_owned(), f64::from(u8::from(payment.amount_minor.is_multiple_of(100))));
    put("amount_ends_99".to_owned(), f64::from(u8::from(payment.amount_minor % 100 == 99)));
    put("hour".to_owned(), hour as f64);
    put("hour_from_noon".to_owned(), (hour as f64 - 12.0).abs());
    put(format!("hour={hour:02}"), 1.0);
    put("second".to_owned(), (at.rem_euclid(60_000)) as f64);
    let day = weekday(at.div_euclid(DAY_MS));
    put("weekday".to_owned(), day as f64);
    put(format!("weekday={day}"), 1.0);
    put("ingest_delay".to_owned(), (event.ingested_at_ms - at) as f64);
    for (name, id) in [
        ("event_id", Some(&event.event_id)),
        ("transaction_id", Some(&payment.transaction_id)),
        ("account", Some(&payment.account)),
    ]
    .into_iter()
    .chain([("device", payment.device.as_ref()), ("ip", payment.ip.as_ref()), ("merchant", payment.merchant.as_ref())])
    .chain([("counterparty", payment.counterparty.as_ref())])
    {
        let Some(id) = id else { continue };
        put(format!("{name}.present"), 1.0);
        put(format!("{name}.length"), id.len() as f64);
        put(format!("{name}.order"), alphabetical(id));
    }
}

/// Place of an identifier in the alphabet: its first bytes behind the prefix as a number.
fn alphabetical(id: &str) -> f64 {
    let tail = id.split_once('_').map_or(id, |(_, tail)| tail);
    tail.bytes().take(6).fold(0.0, |sum, byte| sum * 256.0 + f64::from(byte))
}

fn indicators(payment: &Payment, put: &mut impl FnMut(String, f64)) {
    let channel = match payment.channel {
        Channel::Ecommerce => "ecommerce",
        Channel::CardPresent => "card_present",
        Channel::Transfer => "transfer",
        Channel::Wallet => "wallet",
        Channel::Atm => "atm",
    };
    put(format!("channel={channel}"), 1.0);
    put(format!("currency={}", String::from_utf8_lossy(&payment.currency)), 1.0);
    if let Some(category) = payment.merchant_category {
        put(format!("merchant_category={category}"), 1.0);
        put("merchant_category.present".to_owned(), 1.0);
    }
    let countries = [
        ("account_country", payment.account_country),
        ("ip_country", payment.ip_country),
        ("merchant_country", payment.merchant_country),
    ];
    for (name, country) in countries {
        if let Some(country) = country {
            put(format!("{name}={}", String::from_utf8_lossy(&country)), 1.0);
            put(format!("{name}.present"), 1.0);
        }
    }
    let differs = |a: Option<[u8; 2]>, b: Option<[u8; 2]>| a.zip(b).is_some_and(|(a, b)| a != b);
    if differs(payment.ip_country, payment.account_country) {
        put("ip_abroad".to_owned(), 1.0);
    }
    if differs(payment.merchant_country, payment.account_country) {
        put("merchant_abroad".to_owned(), 1.0);
    }
    if differs(payment.merchant_country, payment.ip_country) {
        put("ip_not_in_merchant_country".to_owned(), 1.0);
    }
}

/// Area under the ROC curve by ranks (Mann and Whitney), ties counted half; rows not listed have the value 0.
fn auc(mut values: Vec<(f64, u32)>, fraud: &[bool]) -> f64 {
    let all = fraud.len() as f64;
    let positives = fraud.iter().filter(|&&fraud| fraud).count() as f64;
    let negatives = all - positives;
    if positives == 0.0 || negatives == 0.0 {
        return 0.5;
    }
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let listed_positives = values.iter().filter(|&&(_, row)| fraud[row as usize]).count() as f64;
    // No value is negative, so the rows not listed are the lowest group, together with listed zeros.
    let mut below = 0.0;
    let mut group_positives = positives - listed_positives;
    let mut group = all - values.len() as f64;
    let mut current = 0.0;
    let mut rank_sum = 0.0;
    for (value, row) in values {
        if value > current {
            rank_sum += group_positives * (below + (group + 1.0) / 2.0);
            below += group;
            (group, group_positives, current) = (0.0, 0.0, value);
        }
        group += 1.0;
        group_positives += f64::from(u8::from(fraud[row as usize]));
    }
    rank_sum += group_positives * (below + (group + 1.0) / 2.0);
    let area = (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives);
    area.max(1.0 - area)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_agrees_with_counting_pairs() {
        let fraud = [true, false, true, false, false, true];
        let values = [3.0, 1.0, 0.0, 0.0, 2.0, 2.0];
        let listed: Vec<(f64, u32)> =
            (0u32..).zip(values).filter(|&(_, value)| value > 0.0).map(|(row, value)| (value, row)).collect();
        let mut pairs = 0.0;
        for (p, _) in fraud.iter().enumerate().filter(|(_, fraud)| **fraud) {
            for (n, _) in fraud.iter().enumerate().filter(|(_, fraud)| !**fraud) {
                pairs += if values[p] > values[n] {
                    1.0
                } else if values[p] == values[n] {
                    0.5
                } else {
                    0.0
                };
            }
        }
        let naive: f64 = pairs / 9.0;
        assert!((auc(listed, &fraud) - naive.max(1.0 - naive)).abs() < 1e-12);
        assert_eq!(auc(vec![(1.0, 0)], &[true]), 0.5);
    }
}
