//! What alerts save and what is lost beside them, by amount.

use super::Alerts;

/// Fraudulent money under one set of alerts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Money {
    /// Share of the fraudulent amount that is alerted, 0–1; zero where there is none.
    pub recall: f64,
    /// Fraudulent amount not alerted, in the unit of the amounts.
    pub lost: f64,
}

/// Fraudulent money that `alerts` (drawn on `scores`) catch and miss. Amounts of several currencies are added as they stand.
pub fn money(alerts: &Alerts, scores: &[f32], positive: &[bool], amounts: &[f32]) -> Money {
    assert!(scores.len() == positive.len() && scores.len() == amounts.len(), "one label and one amount a score");
    let (mut caught, mut all) = (0.0, 0.0);
    for row in (0..scores.len()).filter(|&row| positive[row]) {
        let amount = f64::from(amounts[row]);
        caught += amount * alerts.share(scores[row]);
        all += amount;
    }
    Money { recall: if all > 0.0 { caught / all } else { 0.0 }, lost: all - caught }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_follows_amounts_not_counts() {
        let scores = [0.9, 0.8, 0.2, 0.1];
        let positive = [true, false, true, true];
        let amounts = [10.0, 1_000.0, 20.0, 70.0];
        let half = money(&Alerts::at_rate(&scores, 0.5), &scores, &positive, &amounts);
        assert_eq!((half.recall, half.lost), (0.1, 90.0));
        let all = money(&Alerts::at_rate(&scores, 1.0), &scores, &positive, &amounts);
        assert_eq!((all.recall, all.lost), (1.0, 0.0));
        let none = money(&Alerts::at_rate(&scores, 0.5), &scores, &[false; 4], &amounts);
        assert_eq!((none.recall, none.lost), (0.0, 0.0));
    }
}
