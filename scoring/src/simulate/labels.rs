//! How the truth comes to light: late, not always, and sometimes wrong.
//!
//! Customers and the card schemes' early warnings take days, chargebacks weeks (1–35 days all told); about 8 % of frauds are never
//! told. About 3 % of fraud reports speak of honest payments ("friendly fraud"); analysts put half of those right. Analysts also
//! clear some honest payments by hand.

use fraudnet_graph::LabelSource;

use super::config::DAY_MS;
use super::draft::Draft;
use super::sampling::Dice;

/// Share of frauds nobody ever tells.
const NEVER: f64 = 0.08;
/// Share of fraud reports that speak of honest payments.
const WRONG_REPORTS: f64 = 0.03;

/// How one victim's fraud comes to light. Payments of the same victim share it, since the victim reads one statement.
#[derive(Clone, Copy)]
pub(crate) struct Report {
    source: LabelSource,
    delay_ms: i64,
    chargeback_delay_ms: Option<i64>,
}

impl Report {
    /// Draws the report of one victim; `None` where it never comes to light.
    pub(crate) fn draw(dice: &mut Dice) -> Option<Report> {
        if dice.chance(NEVER) {
            return None;
        }
        let source = match dice.unit() {
            u if u < 0.45 => LabelSource::CustomerReport,
            u if u < 0.65 => LabelSource::EarlyFraudWarning,
            u if u < 0.72 => LabelSource::Analyst,
            _ => LabelSource::Chargeback,
        };
        let delay_ms = match source {
            LabelSource::CustomerReport | LabelSource::EarlyFraudWarning => days(dice, 3.0, 0.75),
            LabelSource::Analyst => days(dice, 2.0, 0.5),
            LabelSource::Chargeback => days(dice, 12.0, 0.5),
        };
        // A customer who called often gets the money back through the bank later.
        let follows = source == LabelSource::CustomerReport && dice.chance(0.25);
        let chargeback_delay_ms = follows.then(|| delay_ms.max(days(dice, 14.0, 0.4)).min(35 * DAY_MS));
        Some(Report { source, delay_ms, chargeback_delay_ms })
    }
}

fn days(dice: &mut Dice, median: f64, sigma: f64) -> i64 {
    (dice.log_normal(median, sigma).clamp(1.0, 35.0) * DAY_MS as f64) as i64
}

/// A label to come: when it becomes known, what it says, who says it.
pub(crate) type Told = (i64, bool, LabelSource);

/// Writes the labels of a payment into `told`, cleared first. `wrong_rate` is the share of honest payments reported as fraud.
pub(crate) fn labels_of(draft: &Draft, wrong_rate: f64, dice: &mut Dice, told: &mut Vec<Told>) {
    told.clear();
    if draft.fraud.is_some() {
        let Some(report) = draft.report else { return };
        let slack = dice.below(6 * 3_600_000) as i64;
        told.push((draft.at_ms + report.delay_ms + slack, true, report.source));
        if let Some(delay) = report.chargeback_delay_ms {
            told.push((draft.at_ms + delay.max(report.delay_ms) + slack + 3_600_000, true, LabelSource::Chargeback));
        }
        return;
    }
    if dice.chance(wrong_rate) {
        if dice.chance(0.25) {
            told.push((draft.at_ms + days(dice, 12.0, 0.5), true, LabelSource::Chargeback));
            return;
        }
        let known = draft.at_ms + days(dice, 3.0, 0.7);
        told.push((known, true, LabelSource::CustomerReport));
        if dice.chance(0.65) {
            told.push((known + days(dice, 5.0, 0.5), false, LabelSource::Analyst));
        }
        return;
    }
    if dice.chance(if draft.odd { 0.05 } else { 0.003 }) {
        let delay = dice.log_normal(0.8, 0.6).clamp(0.1, 10.0) * DAY_MS as f64;
        told.push((draft.at_ms + delay as i64, false, LabelSource::Analyst));
    }
}

/// Share of honest payments to be reported as fraud, so that [`WRONG_REPORTS`] of all fraud reports are wrong.
pub(crate) fn wrong_rate(fraud_share: f64) -> f64 {
    fraud_share * (1.0 - NEVER) * WRONG_REPORTS / (1.0 - WRONG_REPORTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_late_and_some_never_come() {
        let mut dice = Dice::new(3, 1);
        let reports: Vec<Option<Report>> = (0..20_000).map(|_| Report::draw(&mut dice)).collect();
        let never = reports.iter().filter(|report| report.is_none()).count() as f64 / 20_000.0;
        assert!((never - NEVER).abs() < 0.01, "never told: {never}");
        let median = |source| {
            let mut delays: Vec<i64> = reports
                .iter()
                .flatten()
                .filter(|report| report.source == source)
                .map(|report| report.delay_ms)
                .collect();
            assert!(delays.iter().all(|&delay| (DAY_MS..=35 * DAY_MS).contains(&delay)));
            delays.sort_unstable();
            delays[delays.len() / 2] as f64 / DAY_MS as f64
        };
        assert!((median(LabelSource::CustomerReport) - 3.0).abs() < 0.3);
        assert!((median(LabelSource::Chargeback) - 12.0).abs() < 0.6);
    }
}
