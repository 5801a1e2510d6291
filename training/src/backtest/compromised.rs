//! Accounts known to be compromised: whoever was reported is being looked after and is no longer for a model to find.
//!
//! The book keeps a set of customers with a fraud in the fit window and, as test days go by, adds those whose frauds became known: on test
//! day `i` the frauds of the day `delay + 1` days before it. Said in labels: an account is removed on a day if a payment it made since the
//! fit window began is known to be fraud when that day begins. With every label known after exactly the delay the two are the same.

use super::period::Period;
use crate::data::labels::LabelBook;
use crate::data::split::DAY_MS;
use std::collections::HashMap;

/// Payments ever reported, by account.
#[derive(Debug, Clone, Default)]
pub struct Reported {
    by_account: HashMap<String, Vec<ReportedPayment>>,
}

#[derive(Debug, Clone)]
struct ReportedPayment {
    paid_ms: i64,
    transaction_id: String,
}

impl Reported {
    /// Adds a payment that was reported at some time.
    pub fn add(&mut self, tenant: &str, account: &str, transaction_id: &str, paid_ms: i64) {
        self.by_account
            .entry(format!("{tenant}\0{account}"))
            .or_default()
            .push(ReportedPayment { paid_ms, transaction_id: transaction_id.to_owned() });
    }

    /// Whether a payment the account made at `since_ms` or later stood as fraud at `at_ms` (labels known at `at_ms` or later do not
    /// count).
    pub fn known(&self, labels: &LabelBook, tenant: &str, account: &str, since_ms: i64, at_ms: i64) -> bool {
        self.by_account.get(&format!("{tenant}\0{account}")).is_some_and(|payments| {
            payments.iter().any(|payment| {
                payment.paid_ms >= since_ms && labels.standing(tenant, &payment.transaction_id, at_ms) == Some(true)
            })
        })
    }
}

/// The rule of one period.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// Who was reported.
    pub reported: &'a Reported,
    /// When that became known.
    pub labels: &'a LabelBook,
    /// The period.
    pub period: Period,
    /// Days before the test from which a payment counts; `None` removes nothing.
    pub since_days: Option<u32>,
}

impl Removal<'_> {
    /// Whether a payment of the account at `at_ms` is removed. Before the test the rule goes with the day: so many days before it.
    pub fn removes(&self, tenant: &str, account: &str, at_ms: i64) -> bool {
        let Some(days) = self.since_days else { return false };
        let day = self.period.day(at_ms);
        let day_ms = self.period.day_ms(day);
        let since_ms = self.period.day_ms(day.min(0)) - i64::from(days) * DAY_MS;
        self.reported.known(self.labels, tenant, account, since_ms, day_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_graph::LabelSource::Chargeback;
    use std::collections::BTreeSet;

    /// Fit on days 0–6, delay of days 7–13, test on days 14–20, as in the book.
    fn period() -> Period {
        Period {
            fit_ms: 0,
            validation_ms: 5 * DAY_MS,
            fit_end_ms: 7 * DAY_MS,
            test_ms: 14 * DAY_MS,
            end_ms: 21 * DAY_MS,
        }
    }

    #[test]
    fn the_rule_is_that_of_the_book() {
        // One fraud each of 21 accounts, account `n` on day `n - 3` at some time of the day (days -3 to -1 lie before the fit window).
        let hour = DAY_MS / 24;
        let (mut reported, mut labels) = (Reported::default(), LabelBook::default());
        let frauds: Vec<(String, i64)> =
            (0..21i64).map(|n| (format!("account-{n}"), (n - 3) * DAY_MS + (n % 24) * hour)).collect();
        for (account, paid_ms) in &frauds {
            let id = format!("tx-{account}");
            reported.add("t", account, &id, *paid_ms);
            labels.add("t", &id, paid_ms + 7 * DAY_MS, true, Chargeback);
        }
        let removal = Removal { reported: &reported, labels: &labels, period: period(), since_days: Some(14) };

        // The book, word by word: the frauds of the fit window, then for test day i those of day fit end + i - 1.
        let of_day = |day: i64| -> BTreeSet<&str> {
            let on = |paid_ms: &i64| paid_ms.div_euclid(DAY_MS) == day;
            frauds.iter().filter(|(_, paid_ms)| on(paid_ms)).map(|(account, _)| account.as_str()).collect()
        };
        let mut known: BTreeSet<&str> = (0..7).flat_map(of_day).collect();
        for day in 0..7 {
            known.extend(of_day(7 + day - 1));
            for (account, _) in &frauds {
                let removed = removal.removes("t", account, (14 + day) * DAY_MS + 5 * hour);
                assert_eq!(removed, known.contains(account.as_str()), "{account} on test day {day}");
            }
        }
        assert!(!removal.removes("u", "account-5", 15 * DAY_MS), "tenants share nothing");
        assert!(!Removal { since_days: None, ..removal }.removes("t", "account-5", 15 * DAY_MS));
    }

    #[test]
    fn before_the_test_the_rule_goes_with_the_day() {
        let (mut reported, mut labels) = (Reported::default(), LabelBook::default());
        reported.add("t", "a", "x", -3 * DAY_MS);
        labels.add("t", "x", 4 * DAY_MS, true, Chargeback);
        let removal = Removal { reported: &reported, labels: &labels, period: period(), since_days: Some(14) };
        assert!(!removal.removes("t", "a", 4 * DAY_MS + 5), "not known when day 4 began");
        assert!(removal.removes("t", "a", 5 * DAY_MS));
        assert!(removal.removes("t", "a", 11 * DAY_MS + 5), "14 days after");
        assert!(!removal.removes("t", "a", 12 * DAY_MS));
    }
}
