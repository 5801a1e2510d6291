//! Card precision: of the accounts investigators are sent each day, how many are truly compromised.
//!
//! As in "Reproducible Machine Learning for Credit Card Fraud Detection", chapter 4 (Le Borgne, Siblini, Lebichot, Bontempi,
//! 2022): every day the `k` accounts with the highest score are looked at, an account scoring as its highest payment of that day;
//! one found compromised is blocked and no longer looked at on later days; what is told is the share compromised, mean over days.
//! A payment system has some hundred investigators' visits a day whatever the number of payments, so this is the figure they feel.

use std::collections::{BTreeMap, HashSet};

/// Card precision of one score.
#[derive(Debug, Clone, PartialEq)]
pub struct CardPrecision {
    /// By day: share of the `k` accounts that is compromised; `None` for a day without payments.
    pub by_day: Vec<Option<f64>>,
    /// Mean over the days that have payments; zero where none has.
    pub mean: f64,
}

/// Card precision at `k` accounts a day. `days[row]` counts from 0, `count` days in all; `accounts[row]` is the payer's number.
///
/// Accounts that tie are taken in an order drawn from their numbers, the same every time and nothing to do with when they first
/// paid: a model of few distinct scores (rules) is neither favoured nor punished. A day with fewer than `k` accounts is divided by
/// `k` all the same, as in the book.
pub fn card_precision(
    days: &[u32],
    count: usize,
    accounts: &[u32],
    scores: &[f32],
    positive: &[bool],
    k: u32,
) -> CardPrecision {
    assert!(
        days.len() == accounts.len() && days.len() == scores.len() && days.len() == positive.len(),
        "one day, one account, one score and one label a payment"
    );
    let mut by_day: Vec<BTreeMap<u32, (f32, bool)>> = vec![BTreeMap::new(); count];
    for row in 0..days.len() {
        let account = by_day[days[row] as usize].entry(accounts[row]).or_insert((scores[row], positive[row]));
        account.0 = if scores[row].total_cmp(&account.0).is_gt() { scores[row] } else { account.0 };
        account.1 |= positive[row];
    }
    let mut detected: HashSet<u32> = HashSet::new();
    let by_day: Vec<Option<f64>> = by_day
        .into_iter()
        .map(|accounts| {
            if accounts.is_empty() {
                return None;
            }
            let mut open: Vec<(u32, f32, bool)> = accounts
                .into_iter()
                .filter(|(account, _)| !detected.contains(account))
                .map(|(account, (score, compromised))| (account, score, compromised))
                .collect();
            open.sort_by(|a, b| b.1.total_cmp(&a.1).then(scattered(a.0).cmp(&scattered(b.0))));
            let found: Vec<u32> =
                open.iter().take(k as usize).filter(|(.., compromised)| *compromised).map(|open| open.0).collect();
            let precision = found.len() as f64 / f64::from(k);
            detected.extend(found);
            Some(precision)
        })
        .collect();
    let told: Vec<f64> = by_day.iter().flatten().copied().collect();
    let mean = if told.is_empty() { 0.0 } else { told.iter().sum::<f64>() / told.len() as f64 };
    CardPrecision { by_day, mean }
}

/// The finaliser of splitmix64: a fixed order without rhyme or reason.
fn scattered(number: u32) -> u64 {
    let mut hash = u64::from(number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detected_are_not_looked_at_again() {
        // Day 0: account 1 (fraud) on top, then 2. Day 1: 1 is blocked, so 3 (fraud) and 4 are looked at.
        let days = [0, 0, 0, 1, 1, 1, 1];
        let accounts = [1, 2, 1, 1, 3, 4, 5];
        let scores = [0.1, 0.5, 0.9, 0.99, 0.8, 0.7, 0.6];
        let positive = [true, false, false, true, true, false, true];
        let found = card_precision(&days, 3, &accounts, &scores, &positive, 2);
        assert_eq!(found.by_day, [Some(0.5), Some(0.5), None]);
        assert_eq!(found.mean, 0.5);
    }

    #[test]
    fn truth_as_a_score_gives_the_highest_value() {
        let days: Vec<u32> = (0..40).map(|row| row / 20).collect();
        let accounts: Vec<u32> = (0..40).map(|row| row % 20).collect();
        let positive: Vec<bool> = (0..40).map(|row| row % 20 < 3 || row == 25).collect();
        let truth: Vec<f32> = positive.iter().map(|&is| f32::from(u8::from(is))).collect();
        let perfect = card_precision(&days, 2, &accounts, &truth, &positive, 5);
        // Day 1: accounts 0–2 were found on day 0, account 5 is new.
        assert_eq!(perfect.by_day, [Some(0.6), Some(0.2)]);
        let blind = card_precision(&days, 2, &accounts, &[0.0; 40], &positive, 5);
        assert!(blind.mean < perfect.mean);
        assert_eq!(card_precision(&[], 0, &[], &[], &[], 5).mean, 0.0);
    }
}
