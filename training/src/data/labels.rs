//! Which label stood when. A label counts from the moment the system accepted it, and a later one replaces it unless
//! its source is weaker, exactly as the live graph treats them.

use fraudnet_graph::LabelSource;
use std::collections::HashMap;

/// One label as it became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    at_ms: i64,
    fraud: bool,
    source: LabelSource,
}

/// Every label of a history, by payment.
#[derive(Debug, Clone, Default)]
pub struct LabelBook {
    by_payment: HashMap<String, Vec<Known>>,
}

impl LabelBook {
    /// Adds a label; calls come in order of `known_at_ms`.
    pub fn add(&mut self, tenant: &str, transaction_id: &str, known_at_ms: i64, fraud: bool, source: LabelSource) {
        self.by_payment.entry(key(tenant, transaction_id)).or_default().push(Known {
            at_ms: known_at_ms,
            fraud,
            source,
        });
    }

    /// The label that stood at `cut_ms` (labels known at the cut or later do not count); `None` where there was none.
    pub fn standing(&self, tenant: &str, transaction_id: &str, cut_ms: i64) -> Option<bool> {
        let labels = self.by_payment.get(&key(tenant, transaction_id))?;
        let mut standing: Option<Known> = None;
        for label in labels.iter().take_while(|label| label.at_ms < cut_ms) {
            if standing.is_none_or(|held| label.source >= held.source) {
                standing = Some(*label);
            }
        }
        standing.map(|label| label.fraud)
    }

    /// When the payment was first reported as fraud, whatever became of that; `None` where it never was.
    pub fn first_report_ms(&self, tenant: &str, transaction_id: &str) -> Option<i64> {
        self.by_payment.get(&key(tenant, transaction_id))?.iter().find(|label| label.fraud).map(|label| label.at_ms)
    }

    /// Payments with any label.
    pub fn payments(&self) -> usize {
        self.by_payment.len()
    }
}

/// A tenant holds no NUL (the door refuses control characters), so the joined key is unambiguous.
fn key(tenant: &str, transaction_id: &str) -> String {
    format!("{tenant}\0{transaction_id}")
}

/// How quickly frauds get reported: the share of all reports that were in within a given age. Estimated from old
/// payments, whose reports are all in; used to give a young positive the weight of those not yet reported.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportDelays {
    /// Delays in milliseconds, ascending.
    delays_ms: Vec<i64>,
}

impl ReportDelays {
    /// Fewest reports that say anything about the shape of the curve.
    const LEAST: usize = 30;

    /// From the delay of every report seen on payments that are old enough.
    pub fn new(mut delays_ms: Vec<i64>) -> ReportDelays {
        delays_ms.sort_unstable();
        ReportDelays { delays_ms }
    }

    /// Share of reports in within `age_ms`, 0.25–1; 1 where too few reports are known to tell. The floor keeps one
    /// early report from standing for more than four.
    pub fn share_in(&self, age_ms: i64) -> f64 {
        if self.delays_ms.len() < ReportDelays::LEAST {
            return 1.0;
        }
        let within = self.delays_ms.partition_point(|&delay| delay <= age_ms);
        (within as f64 / self.delays_ms.len() as f64).max(0.25)
    }

    /// Reports it was estimated from.
    pub fn reports(&self) -> usize {
        self.delays_ms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LabelSource::{Analyst, Chargeback, CustomerReport};

    #[test]
    fn a_label_known_after_the_cut_is_not_seen() {
        let mut book = LabelBook::default();
        book.add("t", "a", 100, true, CustomerReport);
        assert_eq!(book.standing("t", "a", 100), None);
        assert_eq!(book.standing("t", "a", 101), Some(true));
        assert_eq!(book.standing("t", "b", 101), None);
        assert_eq!(book.standing("u", "a", 101), None, "tenants share nothing");
        assert_eq!(book.first_report_ms("t", "a"), Some(100));
    }

    #[test]
    fn a_weaker_label_does_not_replace_a_stronger_one() {
        let mut book = LabelBook::default();
        book.add("t", "a", 1, true, CustomerReport);
        book.add("t", "a", 2, false, Analyst);
        book.add("t", "a", 3, true, CustomerReport);
        book.add("t", "a", 4, true, Chargeback);
        let at = |cut| book.standing("t", "a", cut);
        assert_eq!([at(2), at(3), at(4), at(5)], [Some(true), Some(false), Some(false), Some(true)]);
        assert_eq!(book.payments(), 1);
    }

    #[test]
    fn delays_tell_how_many_reports_are_still_out() {
        let delays = ReportDelays::new((1..=100).rev().collect());
        assert_eq!(delays.share_in(50), 0.5);
        assert_eq!(delays.share_in(1_000), 1.0);
        assert_eq!(delays.share_in(0), 0.25);
        assert_eq!(ReportDelays::new(vec![5]).share_in(1), 1.0, "too few to tell");
        assert_eq!(delays.reports(), 100);
    }
}
